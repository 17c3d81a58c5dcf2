"""The example of docs/adding-a-method.md, done as the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import methods
from bench.conformance import suite as conformance
from bench.engine.job.run_job import Exit, run_job
from bench.ground.extensions import load_plugins
from results.run.records import EvaluationRecord, RecordAdapter
from tests.bench.engine.world import World, make_world
from tests.places import ROOT

PAGE = ROOT / "docs" / "adding-a-method.md"


def code_blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's first block as a file of a user."""
    path = tmp_path_factory.mktemp("mine") / "best_frame.py"
    path.write_text(code_blocks(PAGE)[0])
    assert load_plugins([path]) == []
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


def test_the_page_shows_the_file_of_the_repository() -> None:
    assert code_blocks(PAGE)[0] == (ROOT / "docs" / "examples" / "best_frame.py").read_text()


def test_the_front_page_shows_the_same_class() -> None:
    page = (ROOT / "README.md").read_text()
    example = code_blocks(PAGE)[0].split('"""\n\n', 1)[1]
    assert example in page


def test_the_example_keeps_the_contract(plugin: Path) -> None:
    checks = conformance.run("best-frame")
    assert conformance.passed(checks), conformance.report(checks)


def test_the_example_does_not_inherit_its_base_parity(plugin: Path) -> None:
    assert methods.facts("vifi-clip").parity
    assert methods.facts("best-frame").parity == {}


def test_the_example_trains_and_is_scored(plugin: Path, world: World, tmp_path: Path) -> None:
    changes = {"recipe": {"epochs": 1, "warmup_epochs": 0}}
    training = _with_plugin(world.train_job("best-frame", **changes), plugin)
    scoring = _with_plugin(world.evaluate_job("best-frame", **changes), plugin)
    scoring = scoring.model_copy(update={"parent": training.key})
    for job in (training, scoring):
        folder = tmp_path / "jobs" / job.key
        folder.mkdir(parents=True)
        (folder / "job.json").write_text(job.model_dump_json())
        assert run_job(folder / "job.json") == Exit.DONE
    record = RecordAdapter.validate_json((folder / "result.json").read_bytes())
    assert isinstance(record, EvaluationRecord)
    assert (record.adapter, record.counts.scored) == ("best-frame", 18)
    assert record.protocol.prompts[0] == "a photo of a a red square."


def _with_plugin(job, plugin):  # type: ignore[no-untyped-def]
    return job.model_copy(update={"plugins": (str(plugin),)})


def test_the_test_of_the_page_passes(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(plugin.parent)
    block = next(block for block in code_blocks(PAGE) if "def test_best_frame" in block)
    space: dict[str, object] = {}
    exec(compile(block, str(PAGE), "exec"), space)
    space["test_best_frame"]()  # type: ignore[operator]
