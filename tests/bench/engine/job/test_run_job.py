"""Jobs as a launcher sees them: exit codes and the files that are left."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
from pathlib import Path

import pytest
import torch

from bench.data.lists.clip_lists import ListEntry
from bench.engine.job.run_job import Exit, classify, is_done, read_result, run_job
from bench.engine.training.train import TrainingError
from bench.ground.errors import DataError
from bench.planning.jobs import EvaluateJob, TrainJob
from results.run.records import EvaluationRecord, Failure, TrainRecord
from tests.bench.engine.world import World


def place(job: TrainJob | EvaluateJob, jobs: Path) -> Path:
    folder = jobs / job.key
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(job.model_dump_json())
    return folder


def failure(folder: Path) -> Failure:
    return Failure.model_validate_json((folder / "failure.json").read_bytes())


def test_a_training_and_its_evaluation(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = world.train_job()
    folder = place(job, tmp_path)
    assert run_job(folder / "job.json") == Exit.DONE
    record = read_result(folder / "result.json")
    assert isinstance(record, TrainRecord)
    assert record.key == job.key
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoint.safetensors",
        "job.json",
        "lock",
        "result.json",
    ]
    scoring = world.evaluate_job(parent=job.key)
    scores = place(scoring, tmp_path)
    assert run_job(scores / "job.json") == Exit.DONE
    result = read_result(scores / "result.json")
    assert isinstance(result, EvaluationRecord)
    assert result.training == job.key
    recorded = result.provenance.packages["torch"].partition("+")[0]
    assert recorded == torch.__version__.partition("+")[0]
    before = (scores / "result.json").stat().st_mtime_ns
    capsys.readouterr()
    assert run_job(scores / "job.json") == Exit.DONE
    assert (scores / "result.json").stat().st_mtime_ns == before
    assert capsys.readouterr().out == "evaluate vifi-clip squares/all: done already\n"
    # Without its product a result is no result.
    (scores / "scores.npz").unlink()
    assert not is_done(scores, scoring)
    assert run_job(scores / "job.json") == Exit.DONE
    assert is_done(scores, scoring)


def test_a_broken_result_is_made_again(world: World, tmp_path: Path) -> None:
    folder = place(world.evaluate_job("vanilla-clip"), tmp_path)
    (folder / "result.json").write_text('{"schema_version": 1, "kind": "eval')
    assert run_job(folder / "job.json") == Exit.DONE
    assert read_result(folder / "result.json") is not None


def test_a_users_mistake_is_told_without_a_traceback(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [ListEntry("0_0.mp4", 0), ListEntry("1_0.mp4", 1), ListEntry("2_0.mp4", 2)]
    world.add_list("short", entries)
    folder = place(world.train_job(clips=world.clips("short")), tmp_path)
    (folder / "attempts" / "3").mkdir(parents=True)
    assert run_job(folder / "job.json") == Exit.USER
    told = failure(folder)
    assert (told.reason, told.attempt, told.log) == ("user", 3, "attempts/3/log.txt")
    assert told.message.startswith("the clip list is too short for one update an epoch\n")
    assert told.message in capsys.readouterr().err
    assert not (folder / "result.json").exists()


def test_a_failure_is_gone_after_success(world: World, tmp_path: Path) -> None:
    folder = place(world.evaluate_job("vanilla-clip"), tmp_path)
    (folder / "failure.json").write_text("{}")
    assert run_job(folder / "job.json") == Exit.DONE
    assert not (folder / "failure.json").exists()


def test_a_job_file_that_cannot_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "k"
    folder.mkdir()
    (folder / "job.json").write_text('{"kind": "train"}')
    assert run_job(folder / "job.json") == Exit.USER
    assert failure(folder).key == "k"
    assert failure(folder).message.startswith("ValidationError: ")


def test_a_folder_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_job(tmp_path / "absent" / "job.json") == Exit.USER
    assert capsys.readouterr().err == (
        "the job folder cannot be written to: [Errno 2] No such file or directory: "
        f"'{tmp_path / 'absent' / 'lock'}'\n"
    )


def test_two_processes_do_not_run_one_job(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = place(world.evaluate_job("vanilla-clip"), tmp_path)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run_job(folder / "job.json") == Exit.BUSY
    assert capsys.readouterr().err == f"another process is running {folder.name}\n"
    assert run_job(folder / "job.json") == Exit.DONE


@pytest.mark.parametrize("kind", ["train", "evaluate"])
def test_a_full_disk(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    job = world.train_job(recipe={"epochs": 1}) if kind == "train" else world.evaluate_job()
    folder = place(job, tmp_path)
    sync, calls = os.fsync, 0

    def full_once(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    monkeypatch.setattr(os, "fsync", full_once)
    assert run_job(folder / "job.json") == Exit.DISK_FULL
    assert failure(folder).reason == "disk_full"
    assert failure(folder).message == (
        "the disk is full: [Errno 28] No space left on device; free some space and run again"
    )
    left = {path.name for path in folder.iterdir()}
    assert left == {"failure.json", "job.json", "lock"}
    assert run_job(folder / "job.json") == Exit.DONE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_a_training_which_then_goes_on(
    world: World, tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = world.train_job()
    reference = place(job, tmp_path / "reference")
    assert run_job(reference / "job.json") == Exit.DONE
    folder = place(job, tmp_path / "jobs")
    beats = 0

    def beat(self: object, clips: int, **facts: object) -> None:
        nonlocal beats
        beats += 1
        if beats == 3:
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        patch.setattr("bench.engine.heartbeat.Heartbeat.beat", beat)
        handlers = signal.getsignal(number)
        assert run_job(folder / "job.json") == Exit.STOPPED
        assert signal.getsignal(number) == handlers
    assert (folder / "state.safetensors").exists()
    assert not (folder / "failure.json").exists()
    assert not (folder / "result.json").exists()
    assert run_job(folder / "job.json") == Exit.DONE
    assert not (folder / "state.safetensors").exists()
    found, expected = read_result(folder / "result.json"), read_result(reference / "result.json")
    assert isinstance(found, TrainRecord)
    assert isinstance(expected, TrainRecord)
    assert found.checkpoint_sha256 == expected.checkpoint_sha256


def test_a_second_interrupt_does_not_wait(world: World, tmp_path: Path) -> None:
    folder = place(world.evaluate_job("vanilla-clip"), tmp_path)
    child = os.fork()
    if child == 0:
        from bench.engine.scoring import evaluate

        def twice(*_: object, **__: object) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

        evaluate.load_clips = twice  # type: ignore[assignment]
        os._exit(run_job(folder / "job.json"))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == Exit.STOPPED


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DataError("missing"), Exit.USER),
        (TrainingError("diverged"), Exit.USER),
        (ValueError("x"), Exit.USER),
        (torch.cuda.OutOfMemoryError("CUDA out of memory"), Exit.CUDA_OOM),
        (RuntimeError("CUDA error: out of memory"), Exit.CUDA_OOM),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling x"), Exit.CUDA_OOM),
        (MemoryError(), Exit.OOM),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), Exit.OOM),
        (OSError(errno.ENOSPC, "No space left on device"), Exit.DISK_FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), Exit.DISK_FULL),
        (OSError(errno.EACCES, "Permission denied"), Exit.USER),
    ],
)
def test_kinds_of_failure(error: Exception, expected: Exit) -> None:
    assert classify(error) == expected
    wrapped = RuntimeError("outer")
    wrapped.__cause__ = error
    assert classify(wrapped) == expected


@pytest.mark.parametrize(
    ("error", "code", "reason", "message"),
    [
        (
            torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
            Exit.CUDA_OOM,
            "cuda_oom",
            "not enough memory on the GPU: CUDA out of memory. Tried to allocate 2.00 GiB.; free "
            "it of other programs, let fewer jobs share it (--jobs-per-gpu 1), or use a larger "
            "one, and run again",
        ),
        (
            MemoryError("cannot allocate"),
            Exit.OOM,
            "oom",
            "not enough memory: cannot allocate; run again with fewer jobs at once (--jobs N)",
        ),
    ],
)
def test_a_lack_of_memory_says_what_to_do(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: Exit,
    reason: str,
    message: str,
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("bench.engine.scoring.evaluate.load_clips", fails)
    folder = place(world.evaluate_job(), tmp_path)
    assert run_job(folder / "job.json") == code
    assert (failure(folder).reason, failure(folder).message) == (reason, message)


def test_records_hold_no_address(world: World, tmp_path: Path) -> None:
    folder = place(world.evaluate_job("vanilla-clip"), tmp_path)
    assert run_job(folder / "job.json") == Exit.DONE
    text = (folder / "result.json").read_text()
    assert "://" not in text
    assert str(tmp_path) not in text
    assert json.loads(text)["provenance"]["git_commit"] is None or "git_dirty" in text
