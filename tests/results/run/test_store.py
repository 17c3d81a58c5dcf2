"""Run folders: what counts as a result, locks, and clear errors where nothing can be written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.ground import locks
from bench.ground.errors import BenchError
from results.run.records import Counts, Failure, Provenance, TrainRecord
from results.run.store import RunStore

KEY = "a" * 32


def record(key: str = KEY) -> TrainRecord:
    return TrainRecord(
        key=key,
        method="vifi-clip",
        adapter="vifi-clip",
        checkpoint="checkpoint.safetensors",
        checkpoint_sha256="0",
        epochs=1,
        updates=1,
        clips_seen=1,
        final_loss=None,
        trainable_parameters=1,
        total_parameters=1,
        initialised_from=None,
        counts=Counts(listed=1, present=1, decoded=1, scored=1),
        recipe={},
        provenance=Provenance(started="2026-01-01T00:00:00Z", seconds=1.0),
    )


def failure(reason: str = "user") -> Failure:
    return Failure(key=KEY, reason=reason, message="no good", attempt=1, log="")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    made = RunStore(tmp_path / "run")
    made.write_job(KEY, "{}")
    return made


def test_only_a_whole_record_of_that_key_is_a_result(store: RunStore) -> None:
    result = store.job_folder(KEY) / "result.json"
    assert store.record(KEY) is None
    for text in ("", "{}", record().model_dump_json()[:-20], record("b" * 32).model_dump_json()):
        result.write_text(text)
        assert store.record(KEY) is None
    result.write_text(record().model_dump_json())
    assert store.record(KEY) == record()


def test_a_failure_is_kept_until_the_job_is_tried_again(store: RunStore) -> None:
    store.write_failure(failure())
    assert store.failure(KEY) == failure()
    store.clear_failure(KEY)
    store.clear_failure(KEY)
    assert store.failure(KEY) is None


def test_attempts_are_numbered_on(store: RunStore) -> None:
    assert store.attempts(KEY) == []
    numbers = [int(store.new_attempt(KEY).name) for _ in range(11)]
    assert numbers == list(range(1, 12))
    assert [int(folder.name) for folder in store.attempts(KEY)] == numbers


def test_forgetting_keeps_logs_and_the_old_record(store: RunStore) -> None:
    folder = store.job_folder(KEY)
    attempt = store.new_attempt(KEY)
    (attempt / "log.txt").write_text("log")
    (folder / "result.json").write_text(record().model_dump_json())
    (folder / "state.safetensors").write_text("half")
    (folder / "scratch").mkdir()
    store.write_failure(failure())
    store.forget(KEY)
    assert sorted(item.name for item in folder.iterdir()) == [
        "attempts",
        "job.json",
        "result.previous.json",
    ]
    assert (attempt / "log.txt").read_text() == "log"
    store.forget("b" * 32)


def test_a_full_disk_is_said_in_words(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BenchError) as caught:
        store.write_failure(failure())
    assert str(caught.value) == (
        f"cannot write into the run folder {store.folder}: No space left on device\n"
        "  next:    make room or give write permission and run the same command again, "
        "or use another folder: --out DIR"
    )


def test_a_lock_is_let_go_when_its_holder_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    script = (
        "import sys, time; from pathlib import Path; from bench.ground import locks;"
        "locks.take(Path(sys.argv[1]), attempt=3); print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, path], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    holder = locks.holder(path)
    assert holder is not None
    assert (holder.pid, holder.attempt, holder.alive) == (process.pid, 3, True)
    assert locks.take(path) is None
    process.kill()
    process.wait()
    assert not holder.alive
    assert locks.holder(path) is None
    mine = locks.take(path)
    assert mine is not None
    os.close(mine)


def test_a_reused_process_id_is_not_the_holder() -> None:
    since = locks.born(os.getpid())
    assert since is not None
    assert locks.Holder(os.getpid(), since).alive
    assert not locks.Holder(os.getpid(), since + 1).alive


def test_nobody_holds_a_lock_that_was_never_taken(tmp_path: Path) -> None:
    assert locks.holder(tmp_path / "lock") is None
