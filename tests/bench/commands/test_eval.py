"""Released weights through ``bench eval``, and trainings that start from them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bench.cli import main
from bench.engine.job.run_job import Exit, run_job
from bench.planning.config import RunConfig
from bench.planning.jobs import EvaluateJob, TrainJob
from bench.planning.load_config import load_config
from bench.planning.plan import Plan, make_plan
from bench.planning.selection import Selection
from results.run.records import EvaluationRecord, RecordAdapter, TrainRecord
from results.run.store import RunStore
from tests.bench.engine.world import World, make_world

CONFIG = """
name = "squares"
backbone = dict(model={model!r}, weights={weights!r}, pretraining="none")
methods = {{
    "vifi-clip": dict(adapter="vifi-clip"),
    "vl-prompting": dict(adapter="vl-prompting", options=dict(n_ctx_vision=2, n_ctx_text=2)),
}}
_lists = dict.fromkeys(("val1", "val2", "val3"), {clips!r})
_lists["few_shot_2"] = {train!r}
datasets = {{
    "hmdb51": dict(root={root!r}, lists=_lists, labels=dict(all={classes!r})),
    "kinetics400": dict(),
}}
settings = {{"zero-shot": dict(datasets=["hmdb51"]), "few-shot": dict(datasets=["hmdb51"])}}
recipes = dict(all=dict(values={recipe!r}))
cache = {cache!r}
"""

RECIPE = {
    "num_frames": 2,
    "image_size": 32,
    "epochs": 1,
    "warmup_epochs": 0,
    "lr": 1e-3,
    "micro_batch": 2,
    "accumulation": 1,
    "replicas": 1,
    "precision": "fp32",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = make_world(tmp_path_factory.mktemp("world"))
    rows = (made.root / "all.txt").read_text().splitlines(keepends=True)
    (made.root / "evaluated.txt").write_text("".join(rows[::2]))
    (made.root / "trained.txt").write_text("".join(rows[1::2]))
    return made


@pytest.fixture(scope="module")
def config(world: World) -> Path:
    root = world.root
    path = root / "squares.py"
    path.write_text(
        CONFIG.format(
            model=str(root / "tiny.json"),
            weights=str(root / "tiny.safetensors"),
            root=str(root / "videos"),
            clips=str(root / "evaluated.txt"),
            train=str(root / "trained.txt"),
            classes=str(root / "classes.csv"),
            cache=str(root / "cache"),
            recipe=RECIPE,
        )
    )
    return path


@pytest.fixture(scope="module")
def trained(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished ViFi-CLIP training."""
    job = world.train_job(recipe=RECIPE)
    folder = tmp_path_factory.mktemp("jobs") / job.key
    folder.mkdir()
    (folder / "job.json").write_text(job.model_dump_json())
    assert run_job(folder / "job.json") == Exit.DONE
    return folder


@pytest.fixture(scope="module")
def released(trained: Path) -> Path:
    """The same weights as ViFi-CLIP's authors lay them out."""
    tensors = load_file(trained / "checkpoint.safetensors")
    buffer = {"module.prompt_learner.token_prefix": torch.zeros(3, 1, 32)}
    content = {f"module.{name}": value for name, value in tensors.items()} | buffer
    path = trained.parent / "k400_vifi.pth"
    torch.save({"model": content, "epoch": 9, "max_accuracy": 70.0}, path)
    return path


def planned(config: Path, row: str, setting: str, **method: str) -> tuple[RunConfig, Plan]:
    changes = {f"methods.{row}.{key}": value for key, value in method.items()}
    loaded = load_config(config, {"settings.few-shot.options.shots": [2], **changes})
    return loaded, make_plan(loaded, Selection((row,), (setting,), (), ()))


def run_all(plan: Plan, runs: Path) -> dict[str, TrainRecord | EvaluationRecord]:
    """Every job of a plan in this process."""
    records = {}
    for key, job in plan.jobs.items():
        folder = runs / "jobs" / key
        folder.mkdir(parents=True)
        (folder / "job.json").write_text(job.model_dump_json())
        assert run_job(folder / "job.json") == Exit.DONE, (folder / "failure.json").read_text()
        records[key] = RecordAdapter.validate_json((folder / "result.json").read_bytes())
    return records


def test_the_command_scores_all_lists_of_a_setting(
    config: Path,
    released: Path,
    trained: Path,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = ["--config", str(config), "--setting", "zero-shot", "--dataset", "hmdb51"]
    named = ["--method", "vifi-clip", "--checkpoint", str(released)]
    assert main(["eval", *flags, *named, "--gpus", "0", "--jobs", "1", "--plain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (folder,) = (tmp_path / "runs").glob("eval-vifi-clip-k400_vifi-*")
    assert (folder / "report" / "index.html").is_file()
    store = RunStore(folder)
    (key,) = {trial.evaluation for trial in store.plan().trials}
    record = store.record(key)
    assert isinstance(record, EvaluationRecord)
    assert (record.training, record.protocol.checkpoint) == (None, "released")
    top1, top5 = record.metrics["top1"], record.metrics["top5"]
    for name in ("val1", "val2", "val3"):
        line = f"hmdb51/zero-shot {name}  top1 {top1:5.1f}  top5 {top5:5.1f}  (9 clips)"
        assert line in lines
    assert {trial.train_data for trial in store.plan().trials} == {"released: k400_vifi.pth"}
    assert record.metrics == scored_from_the_training(world, trained)


def scored_from_the_training(world: World, trained: Path) -> dict[str, float]:
    """What the usual way gives: an evaluation whose parent is the training."""
    clips = world.clips("evaluated")
    job = world.evaluate_job(recipe=RECIPE, clips=clips, parent=trained.name)
    folder = trained.parent / job.key
    folder.mkdir()
    (folder / "job.json").write_text(job.model_dump_json())
    assert run_job(folder / "job.json") == Exit.DONE
    record = RecordAdapter.validate_json((folder / "result.json").read_bytes())
    assert isinstance(record, EvaluationRecord)
    return record.metrics


def test_the_content_of_the_file_is_part_of_the_key(config: Path, released: Path) -> None:
    _, plan = planned(config, "vifi-clip", "zero-shot", released=str(released))
    (job,) = plan.jobs.values()
    assert isinstance(job, EvaluateJob)
    assert job.released is not None
    moved = released.with_name("elsewhere.pth")
    moved.write_bytes(released.read_bytes())
    _, again = planned(config, "vifi-clip", "zero-shot", released=str(moved))
    assert set(again.jobs) == set(plan.jobs)
    moved.write_bytes(released.read_bytes() + b"\0")
    _, other = planned(config, "vifi-clip", "zero-shot", released=str(moved))
    assert set(other.jobs) != set(plan.jobs)
    assert job.model_copy(update={"released": None}).key != job.key


def test_a_released_file_feeds_the_bridge(config: Path, released: Path, tmp_path: Path) -> None:
    """Prompts are trained on it; their checkpoint holds the towers too."""
    changes = {"starts_from_released": str(released)}
    _, plan = planned(config, "vl-prompting", "few-shot", **changes)
    training, evaluation = plan.jobs.values()
    assert isinstance(training, TrainJob)
    assert training.parent is None
    assert training.starts_from == f"sha256 {training.released.sha256}"  # type: ignore[union-attr]
    assert evaluation.released is None
    records = run_all(plan, tmp_path)
    record = records[training.key]
    assert isinstance(record, TrainRecord)
    assert record.initialised_from == training.starts_from
    kept = load_file(tmp_path / "jobs" / training.key / "checkpoint.safetensors")
    given = torch.load(released, weights_only=True)["model"]
    for name in ("image_encoder.proj", "text_encoder.ln_final.weight"):
        assert torch.equal(kept[name], given[f"module.{name}"])
    assert "prompt_learner.ctx" in kept


def test_a_file_without_prompts_is_no_prompting_checkpoint(
    config: Path, released: Path, tmp_path: Path
) -> None:
    _, plan = planned(config, "vl-prompting", "few-shot", released=str(released))
    (job,) = plan.jobs.values()
    folder = tmp_path / job.key
    folder.mkdir()
    (folder / "job.json").write_text(job.model_dump_json())
    assert run_job(folder / "job.json") == Exit.USER
    failure = (folder / "failure.json").read_text()
    assert "k400_vifi.pth lacks what ViFi-CLIP + VL prompting trains" in failure


def test_a_checkpoint_of_our_own_training_is_known_by_its_note(
    config: Path, trained: Path, tmp_path: Path
) -> None:
    own = trained / "checkpoint.safetensors"
    _, plan = planned(config, "vifi-clip", "zero-shot", released=str(own))
    (record,) = run_all(plan, tmp_path).values()
    assert isinstance(record, EvaluationRecord)
    _, wrong = planned(config, "vl-prompting", "few-shot", released=str(own))
    (job,) = wrong.jobs.values()
    folder = tmp_path / "wrong" / job.key
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(job.model_dump_json())
    assert run_job(folder / "job.json") == Exit.USER
    text = "checkpoint.safetensors is a checkpoint of vifi-clip, not of vl-prompting"
    assert text in (folder / "failure.json").read_text()


def test_an_absent_file_is_something_that_is_needed(config: Path, tmp_path: Path) -> None:
    absent = tmp_path / "absent.pth"
    _, plan = planned(config, "vifi-clip", "zero-shot", released=str(absent))
    assert list(plan.needs.values()) == [(f"released checkpoint: no file {absent}",)]


def test_contradictions_in_a_configuration(config: Path, released: Path) -> None:
    with pytest.raises(Exception, match=r"released and starts_from_released contradict each other"):
        planned(
            config,
            "vifi-clip",
            "zero-shot",
            released=str(released),
            starts_from_released=str(released),
        )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--setting", "zero-shot"],
            "bench: a checkpoint belongs to one method\n  got:     no --method\n"
            "  next:    --method NAME; bench checkpoint FILE says which one it looks like\n",
        ),
        (
            ["--method", "vifi-clip", "--setting", "few-shot"],
            "bench: the few-shot table has a column for each number of shots; which one is it?\n"
            "  next:    --shots K, or another --setting\n",
        ),
        (
            ["--method", "vl-prompting", "--setting", "zero-shot"],
            "bench: vl-prompting has no number in zero-shot on hmdb51\n"
            "  got:     it adapts a source-set ViFi-CLIP to a target set; the authors have no such "
            "row\n",
        ),
    ],
)
def test_what_cannot_be_scored(
    flags: list[str],
    message: str,
    config: Path,
    released: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["eval", "--config", str(config), "--checkpoint", str(released), *flags]
    assert main(command) == 2
    assert capsys.readouterr().err == message


def test_no_such_file(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--config", str(config), "--method", "vifi-clip", "--setting", "zero-shot"]
    assert main(["eval", *flags, "--checkpoint", "nowhere.pth"]) == 1
    assert capsys.readouterr().err == (
        "bench: no such checkpoint\n  got:     nowhere.pth\n  next:    check the path\n"
    )
