"""Metrics from outside the project: one file is enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.engine.job.run_job import Exit, run_job
from bench.ground.errors import UsageError
from bench.ground.extensions import load_plugins
from bench.metrics import EXTENSIONS, metrics_code_sha256
from results.run.records import EvaluationRecord, RecordAdapter
from tests.bench.engine.world import make_world

SOURCE = """
import numpy as np

from bench.metrics.base import Metric


class Margin(Metric):
    name = "margin_<name>"
    summary = "clips that are classified right by a margin"

    def answers_to(self, name):
        return name == "margin_NAME"

    def compute(self, name, scores, labels, wrong):
        return 12.5


METRIC = Margin()
"""


def test_one_file_brings_a_metric_to_a_record(tmp_path: Path) -> None:
    plugin = tmp_path / "margin.py"
    plugin.write_text(SOURCE.replace("NAME", "run").replace("<name>", "run"))
    names = ("top1", "margin_run")
    job = make_world(tmp_path / "world").evaluate_job(
        "vanilla-clip", metrics=names, plugins=(str(plugin),)
    )
    folder = tmp_path / "jobs" / job.key
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(job.model_dump_json())
    assert run_job(folder / "job.json") == Exit.DONE
    record = RecordAdapter.validate_json((folder / "result.json").read_bytes())
    assert isinstance(record, EvaluationRecord)
    assert (tuple(record.metrics), record.metrics["margin_run"]) == (names, 12.5)
    before = metrics_code_sha256(names)
    plugin.write_text(plugin.read_text().replace("12.5", "13.5"))
    after = metrics_code_sha256(names)
    assert (before["top1"] == after["top1"], before["margin_run"] == after["margin_run"]) == (
        True,
        False,
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("METRIC = Margin()", "METRIC = Margin"), "METRIC is <class "),
        (("    summary", "    title"), "its METRIC lacks summary"),
        (("margin_<name>", "top"), "its metric 'top' has the name of one that is already there"),
        (("def compute", "def score"), "TypeError: Can't instantiate abstract class Margin"),
    ],
)
def test_an_incomplete_metric_is_named_with_its_file(
    change: tuple[str, str], reason: str, tmp_path: Path
) -> None:
    plugin = tmp_path / "margin.py"
    plugin.write_text(SOURCE.replace(*change))
    (broken,) = load_plugins([plugin])
    assert str(broken).startswith(f"plug-in {plugin} was left out: {reason}")
    assert "margin_<name>" not in EXTENSIONS.names()


def test_an_installed_metric_that_cannot_be_used_leaves_the_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "absent_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: absent\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench.metrics]\nabsent = no_such_module:METRIC\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert metrics_code_sha256(("top5", "mean_class")).keys() == {"top5", "mean_class"}
    with pytest.raises(UsageError, match="unknown metric 'absent'"):
        metrics_code_sha256(("absent",))
