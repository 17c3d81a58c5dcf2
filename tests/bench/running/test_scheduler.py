"""The scheduler with real processes: order, retries, failures, kills at any moment, going on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.ground import locks
from bench.ground.errors import BenchError
from bench.planning.plan import Plan
from bench.running.scheduler import AttemptLimits, RunOutcome
from results.run.records import Failure
from results.run.store import LOCK, LOG, RunStore
from tests.bench import scripted_run
from tests.bench.scripted_run import DEFAULT, keys_by_name, small_plan, write_scripts
from tests.places import ROOT

PATIENCE_S = 40.0


class World:
    """A run folder, its plan, and the scripts that its jobs execute."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.scripts = folder / "run", folder / "scripts"
        self.plan: Plan = small_plan(self.folder)
        self.keys = keys_by_name(self.plan)
        self.store = RunStore(self.folder)
        self.write()

    def write(self, **scripts: str) -> None:
        named = {name.replace("_", "-"): script for name, script in scripts.items()}
        write_scripts(self.scripts, self.plan, named)

    def run(self, **options: object) -> RunOutcome:
        return scripted_run.run(self.folder, self.scripts, self.plan, **options)  # type: ignore[arg-type]

    def attempts(self) -> dict[str, int]:
        return {name: len(self.store.attempts(key)) for name, key in self.keys.items()}

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.bench.scripted_run", self.folder, self.scripts],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def holder(self, name: str) -> locks.Holder:
        eventually(lambda: self.store.holder(self.keys[name]))
        found = self.store.holder(self.keys[name])
        assert found is not None
        return found


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


ONCE = {"train-2": 1, "score-2": 1, "train-4": 1, "score-4": 1, "score-none": 1}


def test_everything_runs_once_and_a_second_run_finds_it(world: World) -> None:
    first = world.run()
    assert (len(first.done), first.cached, first.failed, first.stopped) == (5, 0, {}, False)
    place = {key: number for number, key in enumerate(first.done)}
    for key, parents in world.plan.parents.items():
        assert all(place[parent] < place[key] for parent in parents)
    second = world.run()
    assert (second.done, second.cached) == ((), 5)
    assert world.attempts() == ONCE


def test_the_longest_chain_starts_first(world: World) -> None:
    outcome = world.run(slots=1)
    names = {key: name for name, key in world.keys.items()}
    assert [names[key] for key in outcome.done][:2] == ["train-4", "train-2"]


def test_a_failure_stays_a_row_with_its_reason_and_the_rest_is_run(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write(train_2="echo 'ValueError: no good' >&2; exit 1")
    outcome = world.run()
    assert len(outcome.done) == 3
    train, score = world.keys["train-2"], world.keys["score-2"]
    reason = "exit status 1 without a result, after: ValueError: no good"
    assert outcome.failed == {
        train: f"user: {reason}",
        score: f"parent: its training {train[:8]} failed: user: {reason}",
    }
    failure = world.store.failure(train)
    assert failure is not None
    assert (failure.reason, failure.attempt, failure.log) == ("user", 1, "attempts/1/log.txt")
    assert failure.message.splitlines() == [reason, "ValueError: no good"]
    below = world.store.failure(score)
    assert below is not None
    assert (below.reason, below.attempt) == ("parent", 0)
    assert f"FAILED  train vifi-clip hmdb51/few_shot_2  user: {reason}" in (capsys.readouterr().out)


def test_rerun_says_what_becomes_of_failures(world: World) -> None:
    world.write(train_2="exit 1")
    world.run()
    assert list(world.run(rerun="missing").failed) == [world.keys["train-2"], world.keys["score-2"]]
    assert world.attempts()["train-2"] == 1
    world.write()
    assert len(world.run(rerun="never").failed) == 2
    assert world.attempts()["train-2"] == 1
    mended = world.run()
    assert set(mended.done) == {world.keys["train-2"], world.keys["score-2"]}
    assert world.store.failure(world.keys["train-2"]) is None
    assert world.store.failure(world.keys["score-2"]) is None
    again = world.run(rerun="always")
    assert (len(again.done), again.cached) == (5, 0)
    assert world.attempts() == {**dict.fromkeys(ONCE, 2), "train-2": 3}


def test_a_result_of_another_key_or_a_torn_one_does_not_count(world: World) -> None:
    world.run()
    torn = world.store.job_folder(world.keys["score-2"]) / "result.json"
    torn.write_text(torn.read_text()[:40])
    other = world.store.job_folder(world.keys["score-4"]) / "result.json"
    other.write_text(other.read_text().replace(world.keys["score-4"], "0" * 32))
    assert set(world.run().done) == {world.keys["score-2"], world.keys["score-4"]}


def test_a_training_runs_again_only_where_its_checkpoint_is_needed(world: World) -> None:
    world.run()
    weights = world.store.job_folder(world.keys["train-2"]) / "weights"
    weights.unlink()
    assert world.run().done == ()
    (world.store.job_folder(world.keys["score-2"]) / "result.json").unlink()
    assert set(world.run().done) == {world.keys["train-2"], world.keys["score-2"]}


def test_the_record_of_a_lost_checkpoint_does_not_hide_a_failure(world: World) -> None:
    world.run()
    train, score = world.keys["train-2"], world.keys["score-2"]
    (world.store.job_folder(train) / "weights").unlink()
    (world.store.job_folder(score) / "result.json").unlink()
    world.write(train_2="exit 1")
    outcome = world.run()
    assert (outcome.done, list(outcome.failed)) == ((), [train, score])
    assert world.attempts()["score-2"] == 1


def test_a_job_that_is_killed_is_tried_again_and_given_up_in_the_end(world: World) -> None:
    world.write(
        train_2='if [ ! -e "$JOB/met" ]; then touch "$JOB/met"; kill -9 $$; fi; ' + DEFAULT,
        score_none="kill -9 $$",
    )
    outcome = world.run()
    assert outcome.failed == {world.keys["score-none"]: "killed: killed by signal 9"}
    assert world.attempts() == {**ONCE, "train-2": 2, "score-none": 3}


def test_a_job_that_takes_too_long_is_given_up(world: World) -> None:
    world.write(train_2="while :; do echo busy; sleep 0.1; done")
    outcome = world.run(limits=AttemptLimits(timeout_s=4))
    assert outcome.failed == {
        world.keys["train-2"]: "timeout: stopped after 4 s (--timeout)",
        world.keys["score-2"]: f"parent: its training {world.keys['train-2'][:8]} failed: "
        "timeout: stopped after 4 s (--timeout)",
    }


def test_a_job_that_falls_silent_is_given_up(world: World) -> None:
    world.write(score_none="sleep 60")
    outcome = world.run(limits=AttemptLimits(stall_s=4))
    assert outcome.failed == {
        world.keys["score-none"]: "timeout: no sign of progress for 4 s (--stall)",
    }


def test_a_full_disk_stops_the_run_instead_of_failing_every_job(world: World) -> None:
    failure = Failure(
        key=world.keys["train-4"],
        reason="disk_full",
        message="the disk is full",
        attempt=1,
        log="",
    )
    note = world.folder.parent / "failure.json"
    note.write_text(failure.model_dump_json())
    world.write(train_4=f'cp "{note}" "$JOB/failure.json"; exit 74')
    outcome = world.run(slots=1)
    assert (outcome.stopped, outcome.halted) == (True, "the disk is full")
    assert outcome.done == ()
    world.write()
    assert len(world.run().done) == 5


def test_two_schedulers_do_not_share_a_run_folder(world: World) -> None:
    world.write(train_4="sleep 3; " + DEFAULT)
    other = world.start()
    world.holder("train-4")
    with pytest.raises(BenchError) as caught:
        world.run()
    assert caught.value.what == (
        f"another bench run is at work in {world.folder} (process {other.pid})"
    )
    assert caught.value.next_step == (
        "look at it with: bench status; or use another folder: --out DIR"
    )
    output, _ = other.communicate(timeout=PATIENCE_S)
    assert json.loads(output.splitlines()[-1]) == {"done": 5, "stopped": False}


def test_ctrl_c_stops_cleanly_and_the_next_run_goes_on(world: World) -> None:
    saves = "trap 'touch \"$JOB/state\"; exit 75' TERM; sleep 60 & wait; "
    world.write(default=DEFAULT, train_4=saves)
    running = world.start()
    world.holder("train-4")
    eventually(lambda: world.store.record(world.keys["score-2"]))
    os.kill(running.pid, signal.SIGINT)
    output, _ = running.communicate(timeout=PATIENCE_S)
    assert json.loads(output.splitlines()[-1])["stopped"] is True
    assert "stopped train vifi-clip hmdb51/few_shot_4  will go on where it stopped" in output
    assert world.store.failure(world.keys["train-4"]) is None
    assert world.store.holder(world.keys["train-4"]) is None
    world.write(train_4='test -e "$JOB/state" && ' + DEFAULT)
    outcome = world.run()
    assert outcome.failed == {}
    assert {world.keys["train-4"], world.keys["score-4"]} <= set(outcome.done)
    assert all(world.store.record(key) for key in world.plan.jobs)


def test_after_kill_9_of_the_scheduler_its_jobs_end_and_are_adopted(world: World) -> None:
    world.write(train_4="sleep 2; " + DEFAULT)
    running = world.start()
    job = world.holder("train-4")
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert job.alive
    outcome = world.run()
    assert outcome.failed == {}
    assert world.attempts()["train-4"] == 1
    assert all(world.store.record(key) for key in world.plan.jobs)


HOLDER = """
import sys
from pathlib import Path
from bench.ground import locks

assert locks.take(Path(sys.argv[1]), attempt=1) is not None
input()
"""


@pytest.mark.parametrize("held_s", [0, 4])
def test_a_job_that_somebody_else_began_meanwhile_is_waited_for(
    world: World, held_s: float
) -> None:
    world.write(train_4="sleep 2; " + DEFAULT)
    folder = world.store.job_folder(world.keys["score-none"])

    def begin_and_let_go() -> None:
        world.holder("train-4")
        other = subprocess.Popen(
            [sys.executable, "-c", HOLDER, folder / LOCK], stdin=subprocess.PIPE, cwd=ROOT
        )
        log = folder / "attempts" / "1" / LOG
        eventually(lambda: log.exists() and "another process runs this job" in log.read_text())
        time.sleep(held_s)
        other.communicate(b"\n")

    elsewhere = threading.Thread(target=begin_and_let_go)
    elsewhere.start()
    outcome = world.run(slots=1)
    elsewhere.join()
    assert outcome.failed == {}
    assert world.attempts()["score-none"] == 2


def test_after_kill_9_of_everything_the_next_run_starts_the_job_again(world: World) -> None:
    world.write(train_4='if [ ! -e "$JOB/met" ]; then touch "$JOB/met"; sleep 60; fi; ' + DEFAULT)
    running = world.start()
    job = world.holder("train-4")
    eventually((world.store.job_folder(world.keys["train-4"]) / "met").exists)
    os.kill(running.pid, signal.SIGKILL)
    os.killpg(job.pid, signal.SIGKILL)
    running.wait()
    outcome = world.run()
    assert outcome.failed == {}
    assert world.attempts()["train-4"] == 2
