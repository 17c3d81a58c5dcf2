"""Looking into a run: status, why, logs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bench.cli import main
from bench.commands.why import _print_recipe
from bench.planning.load_config import load_config
from bench.planning.plan import Plan
from results.run.store import RunStore
from tests.bench import scripted_run
from tests.bench.scripted_run import keys_by_name, small_plan, write_scripts


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Plan]:
    """A run in which the training with 2 shots failed."""
    base = tmp_path_factory.mktemp("look")
    plan = small_plan(base / "run")
    write_scripts(base / "scripts", plan, {"train-2": "echo 'ValueError: no good'; exit 1"})
    scripted_run.run(base / "run", base / "scripts", plan)
    return base / "run", plan


def bench(*argv: str | Path) -> int:
    return main([str(part) for part in argv])


def test_status_counts_and_names_what_failed(
    finished: tuple[Path, Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, plan = finished
    keys = keys_by_name(plan)
    assert bench("status", "--run", folder) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        f"{folder}: 5 jobs: 3 done, 0 running, 2 failed, 0 missing; nothing is at work"
    )
    failed = f"  failed   {keys['train-2'][:8]}  train vifi-clip hmdb51/few_shot_2: "
    reason = "exit status 1 without a result, after: ValueError: no good"
    assert f"{failed}user: {reason}" in lines


def test_status_says_so_in_json(
    finished: tuple[Path, Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, plan = finished
    bench("status", "--run", folder, "--json")
    document = json.loads(capsys.readouterr().out)
    states = {job["key"]: (job["state"], job["reason"]) for job in document["jobs"]}
    assert states[keys_by_name(plan)["score-2"]] == ("failed", "parent")
    assert states[keys_by_name(plan)["score-4"]] == ("done", None)


def test_status_of_cells(finished: tuple[Path, Plan], capsys: pytest.CaptureFixture[str]) -> None:
    bench("status", "--run", finished[0], "--cells")
    output = capsys.readouterr().out.splitlines()
    (row,) = [line.split() for line in output if "hmdb51/few-shot/vifi-clip" in line]
    assert sorted(" ".join(row[1:]).split(", ")) == ["1 done", "1 failed"]


def test_why_shows_everything_behind_a_number(
    finished: tuple[Path, Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, plan = finished
    keys = keys_by_name(plan)
    assert bench("why", "hmdb51/few-shot/vifi-clip", "--run", folder) == 0
    output = capsys.readouterr().out
    score = keys["score-4"]
    assert f"  4-shot / seed 1: top1 50.00 over 1 clips   [job {score[:8]}]" in output
    assert "  2-shot / seed 1: failed (parent: its training " in output
    for name in ("train-2", "score-2", "train-4", "score-4"):
        assert f"\njob {keys[name]}: " in output
    assert "    lr = 2e-06  (ViFi-CLIP release e2d1948, yaml files)\n" in output
    assert f"  starts from: {keys['train-4']}\n" in output
    assert f"  seed: {plan.jobs[keys['train-4']].seed}; " in output
    assert "  clips: 1 listed, 1 present, 1 decoded, 1 scored\n" in output


def test_why_says_which_values_nothing_reads(capsys: pytest.CaptureFixture[str]) -> None:
    """A5 counts updates: the epochs of the setting are not A5's, and none of its source's."""
    recipe = load_config("paper").recipe_for("a5", "few-shot", "hmdb51")
    _print_recipe(recipe)
    output = capsys.readouterr().out
    assert "    epochs = 50  (not used: updates counts)\n" in output
    assert "    updates = 1100  (inferred: the authors' HMDB-51 command)\n" in output
    assert "    num_frames = 32  (paper: 32 frames (the release's default is 16))\n" in output


def test_why_can_be_narrowed_down(
    finished: tuple[Path, Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, plan = finished
    assert bench("why", "vifi-clip/hmdb51/4-shot", "--run", folder) == 0
    output = capsys.readouterr().out
    assert keys_by_name(plan)["score-4"] in output
    assert keys_by_name(plan)["score-2"] not in output


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (
            "hmdb5/few-shot/vifi-clip",
            "bench: unknown part 'hmdb5' of cell 'hmdb5/few-shot/vifi-clip'; "
            "did you mean 'hmdb51'?\n",
        ),
        (
            "hmdb51/few-shot/novel",
            "bench: no number of this run is 'hmdb51/few-shot/novel'; "
            "did you mean 'hmdb51/few-shot/vifi-clip'?\n",
        ),
    ],
)
def test_an_unknown_cell_gets_the_nearest_one(
    finished: tuple[Path, Plan], capsys: pytest.CaptureFixture[str], cell: str, message: str
) -> None:
    assert bench("why", cell, "--run", finished[0]) == 2
    assert capsys.readouterr().err.startswith(message)


def test_logs_show_what_the_last_attempt_wrote(
    finished: tuple[Path, Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, plan = finished
    assert bench("logs", keys_by_name(plan)["train-2"][:8], "--run", folder) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first == "ValueError: no good"
    assert last.startswith("-- attempt 1 of 1: rc 1, signal None, seconds ")


def test_a_job_that_never_ran_has_no_log(
    finished: tuple[Path, Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, plan = finished
    key = keys_by_name(plan)["score-2"]
    assert bench("logs", key[:8], "--run", folder) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"bench: job {key[:8]} was never started\n  got:     its training ")


def test_an_unknown_job_is_a_usage_error(
    finished: tuple[Path, Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("logs", "zzzz", "--run", finished[0]) == 2
    assert capsys.readouterr().err == (
        f"bench: no job 'zzzz' in {finished[0]}\n  next:    bench status --jobs lists them\n"
    )


def test_a_folder_without_a_plan_is_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert bench("status") == 1
    assert capsys.readouterr().err == (
        f"bench: no run under {tmp_path}/runs\n"
        "  next:    make one with: bench run --all; or name its folder: --run DIR\n"
    )
    RunStore(tmp_path / "runs" / "mini").write_job("a" * 32, "{}")
    assert bench("status", "--run", "runs/mini") == 1
    assert capsys.readouterr().err == (
        "bench: runs/mini is no run folder: it has no plan.json\n"
        "  next:    make one with: bench run --all\n"
    )
    assert bench("report", "runs/other") == 1
    assert capsys.readouterr().err == (
        "bench: runs/other is no run folder: there is no such folder\n"
        "  next:    make one with: bench run --all\n"
    )
    shutil.rmtree(tmp_path / "runs")
    for verb in (["report"], ["compare", "--methods", "a", "b"]):
        assert bench(*verb) == 1
        assert f"or name its folder: bench {verb[0]} RUN\n" in capsys.readouterr().err
