"""Missing and damaged clips, labels and overlaps: flags, jobs on real files, reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.cli import main
from bench.data.lists.clip_lists import ListEntry
from bench.engine.job.run_job import Exit, run_job
from bench.planning.load_config import load_config
from bench.planning.plan import Plan, make_plan
from bench.planning.selection import Selection
from reports.render import write_report
from results.run.records import EvaluationRecord, TrainRecord
from results.run.store import RunStore
from tests.bench.commands.test_eval import CONFIG, RECIPE
from tests.bench.engine.world import World, make_world

ROW = ["--method", "vifi-clip", "--setting", "few-shot", "--dataset", "hmdb51"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Half of the clips are trained on; one of each half is damaged, a scored one is missing."""
    made = make_world(tmp_path_factory.mktemp("world"))
    names = sorted(path.name for path in (made.root / "videos").iterdir())
    entries = [ListEntry(name, int(name[0])) for name in names]
    made.add_list("trained", [*entries[1::2], ListEntry("spoilt.mp4", 1)])
    made.add_list("evaluated", [*entries[::2], ListEntry("cut.mp4", 0), ListEntry("lost.mp4", 2)])
    made.add_list("overlapping", [*entries[::2], *entries[1:4:2]])
    (made.root / "videos" / "spoilt.mp4").write_bytes(b"no video" * 40)
    whole = (made.root / "videos" / "0_0.mp4").read_bytes()
    (made.root / "videos" / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    return made


def configuration(world: World, evaluated: str) -> str:
    root = world.root
    path = root / f"{evaluated}.py"
    path.write_text(
        CONFIG.format(
            model=str(root / "tiny.json"),
            weights=str(root / "tiny.safetensors"),
            root=str(root / "videos"),
            clips=str(root / f"{evaluated}.txt"),
            train=str(root / "trained.txt"),
            classes=str(root / "classes.csv"),
            cache=str(root / "cache"),
            recipe=RECIPE,
        )
        + 'settings["few-shot"]["options"] = dict(shots=[2])\n'
    )
    return str(path)


def run_one(plan: Plan, key: str, run: Path) -> int:
    """A job of a plan, in this process."""
    folder = run / "jobs" / key
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(plan.jobs[key].model_dump_json())
    return run_job(folder / "job.json")


def planned(config: str, **changes: object) -> Plan:
    return make_plan(load_config(config, changes), Selection(("vifi-clip",), ("few-shot",)))


def run_all(plan: Plan, run: Path) -> None:
    """What ``bench run`` does, without processes of its own: plan, jobs, report."""
    RunStore(run).write_plan(plan.file)
    for key in plan.jobs:
        assert run_one(plan, key, run) == Exit.DONE
    write_report([run], run / "report")


def records(run: Path) -> tuple[TrainRecord, EvaluationRecord]:
    store = RunStore(run)
    (trial,) = store.plan().trials
    training, evaluation = store.record(trial.training or ""), store.record(trial.evaluation)
    assert isinstance(training, TrainRecord)
    assert isinstance(evaluation, EvaluationRecord)
    return training, evaluation


def test_bad_clips_stop_a_run_unless_it_says_what_becomes_of_them(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configuration(world, "evaluated")
    strict = planned(config)
    (training_key, _) = strict.jobs
    assert run_one(strict, training_key, tmp_path / "strict") == Exit.USER
    failure = (tmp_path / "strict" / "jobs" / training_key / "failure.json").read_text()
    assert "1 clip of hmdb51/few_shot_2 cannot be used" in json.loads(failure)["message"]

    out = tmp_path / "told"
    run_all(planned(config, policy="exclude", train_policy="replace-within-class"), out)
    training, evaluation = records(out)
    assert (training.policy, training.left_out) == ("replace-within-class", 0)
    assert training.replaced > 0
    assert evaluation.counts.model_dump() == {
        "listed": 11,
        "present": 10,
        "decoded": 9,
        "scored": 9,
    }
    assert evaluation.protocol.labels == "paper"
    top1 = evaluation.metrics["top1"]
    low, high = top1 * 9 / 11, (top1 * 9 + 200) / 11

    assert main(["why", "hmdb51/few-shot/vifi-clip", "--run", str(out)]) == 0
    said = capsys.readouterr().out
    assert (
        f"top1 {top1:.2f}, top5 100.00 over 9 clips; 2 of 11 listed gave no frames (partial "
        f"data); from all of them wrong to all right, top1 {low:.2f} to {high:.2f}, top5 81.82 to "
        "100.00"
    ) in said
    assert f"bad clips: replace-within-class: replaced {training.replaced} times" in said
    assert "skipped: lost.mp4: missing" in said
    tables = (out / "report" / "tables.md").read_text()
    assert "◔ [1]" in tables
    assert "- [1] partial data: 2 of 11 listed clips gave no frames and are left out; " in tables
    page = (out / "report" / "index.html").read_text()
    assert '<span class="mark" aria-hidden="true">◔</span>' in page
    assert ", partial data</span>" in page
    assert "partial data: 2 of 11 listed" in (out / "report" / "results.csv").read_text()


def test_a_number_is_computed_again_when_its_missing_clip_has_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = make_world(tmp_path / "world")
    names = sorted(path.name for path in (own.root / "videos").iterdir())
    entries = [ListEntry(name, int(name[0])) for name in names]
    own.add_list("trained", [*entries[1::2], ListEntry("never.mp4", 0)])
    own.add_list("evaluated", [*entries[::2], ListEntry("lost.mp4", 2)])
    config, out = configuration(own, "evaluated"), tmp_path / "run"
    flags = ["--policy", "exclude", "--train-policy", "skip", "--out", str(out)]
    run_all(planned(config, policy="exclude", train_policy="skip"), out)
    before, partial = records(out)
    assert main(["plan", "--config", config, *ROW, *flags]) == 0
    assert "2 jobs (1 training, 1 evaluation) for 1 number" in capsys.readouterr().out

    videos = own.root / "videos"
    for lost in ("lost.mp4", "never.mp4"):
        (videos / lost).write_bytes((videos / "2_0.mp4").read_bytes())
    assert main(["plan", "--config", config, *ROW, *flags]) == 0
    said = capsys.readouterr().out
    assert "to run: 1 clip that was missing when it ran can be read now" in said
    assert main(["run", "--config", config, *ROW, *flags, "--jobs", "1"]) == 0
    after, complete = records(out)
    assert after == before
    assert (partial.counts.present, complete.counts.present) == (9, 10)
    assert complete.bad_clips == ()
    assert main(["run", "--config", config, *ROW, *flags, "--rerun", "missing"]) == 0
    assert "0 jobs done in 0.0 s, 2 were there" in capsys.readouterr().out


def test_policies_make_other_jobs_and_the_default_is_the_configurations(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configuration(world, "evaluated")

    def keys(*flags: str) -> dict[str, str]:
        assert main(["plan", "--config", config, *ROW, "--json", *flags]) == 0
        document = json.loads(capsys.readouterr().out)
        return {job["kind"]: job["key"] for job in document["jobs"]}

    usual = keys()
    assert keys("--policy", "error", "--train-policy", "error", "--labels", "paper") == usual
    scored = keys("--policy", "exclude")
    assert scored["train"] == usual["train"]
    assert scored["evaluate"] != usual["evaluate"]
    trained = keys("--train-policy", "skip")
    assert trained["train"] != usual["train"]
    assert trained["evaluate"] != usual["evaluate"]
    assert keys("--set", "policy='exclude'") == scored
    chosen = planned(config, policy="exclude", train_policy="skip")
    flags = ["--policy", "exclude", "--train-policy", "skip"]
    assert sorted(keys(*flags).values()) == sorted(chosen.jobs)


@pytest.mark.parametrize(
    ("flag", "allowed"),
    [
        ("--policy", "'error', 'count-as-wrong', 'exclude'"),
        ("--train-policy", "'error', 'replace-within-class', 'skip'"),
        ("--labels", "'paper', 'official'"),
    ],
)
def test_an_unknown_choice_is_refused(
    flag: str, allowed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", "--all", flag, "drop"])
    assert caught.value.code == 2
    error = capsys.readouterr().err.replace(", ", ", ")
    assert f"argument {flag}: invalid choice: 'drop'" in error
    assert all(choice.strip("'") in error for choice in allowed.split(", "))


def test_overlapping_lists_are_refused_unless_it_is_said_and_then_recorded(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configuration(world, "overlapping")
    assert main(["run", "--config", config, *ROW]) == 1
    error = capsys.readouterr().err
    assert error.startswith(
        "bench: 2 of 11 clips of hmdb51/val1 are also in the training list few_shot_2\n"
    )
    assert "or say --allow-overlap: the number is then marked" in error
    assert main(["plan", "--config", config, *ROW, "--allow-overlap"]) == 0
    out = tmp_path / "out"
    run_all(planned(config, allow_overlap=True, train_policy="skip"), out)
    training, evaluation = records(out)
    assert training.left_out > 0
    assert evaluation.protocol.overlap == 2
    page = (out / "report" / "index.html").read_text()
    assert "2 scored clips had been trained on." in page
    assert "scored clips that were trained on" in page


def test_official_labels_ask_for_the_annotations(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configuration(world, "evaluated")
    assert main(["plan", "--config", config, *ROW, "--labels", "official"]) == 0
    said = capsys.readouterr().out
    assert "needed    the format of the annotations of hmdb51 is not known" in said
