"""A run folder: its plan, its jobs' records and failures, and what is running in it now.

``runs/<name>/jobs/<key>/`` holds ``job.json``, then ``result.json`` or ``failure.json``, the lock
of whoever runs it, and ``attempts/<n>/`` with ``log.txt`` and ``exit.json``. A result is valid when
it reads as a record of that very key; nothing else makes a job done.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.ground import locks
from bench.ground.errors import BenchError
from bench.ground.files import write_atomically
from results.run.plan_file import PLAN_NAME, PlanFile, load_plan, write_plan
from results.run.records import EvaluationRecord, Failure, RecordAdapter, TrainRecord

JOB = "job.json"
RESULT = "result.json"
FAILURE = "failure.json"
LOCK = "lock"
LOG = "log.txt"
EXIT = "exit.json"
HANDLE = "handle.json"
_KEPT = (JOB, LOCK, "attempts", "result.previous.json")


@dataclass(frozen=True)
class LaunchHandle:
    """How a launcher finds an attempt again.

    Attributes:
        launcher: Name of the launcher.
        content: What it gave when it started the attempt.
    """

    launcher: str
    content: Mapping[str, Any]


class RunStore:
    """Reads and writes one run folder.

    Args:
        folder: The run folder; need not exist for reading.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs = folder / "jobs"

    def job_folder(self, key: str) -> Path:
        """Where everything about a job lies."""
        return self.jobs / key

    def has_plan(self) -> bool:
        """Whether anything was ever planned here."""
        return (self.folder / PLAN_NAME).is_file()

    def plan(self) -> PlanFile:
        """The plan of the run.

        Raises:
            DataError: There is none, or it cannot be read.
        """
        return load_plan(self.folder)

    def write_plan(self, plan: PlanFile) -> None:
        """Write ``plan.json``; makes the folder.

        Raises:
            BenchError: The folder cannot be written to, or the disk is full.
        """
        with writing(self.folder):
            self.jobs.mkdir(parents=True, exist_ok=True)
            write_plan(plan, self.folder)

    def write_job(self, key: str, content: str) -> Path:
        """Write a job's ``job.json`` unless it is there with the same content."""
        path = self.job_folder(key) / JOB
        with writing(self.folder):
            if not (path.is_file() and path.read_text(encoding="utf-8") == content):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, content)
        return path

    def record(self, key: str) -> TrainRecord | EvaluationRecord | None:
        """The record of a finished job; None if it is missing, damaged or another job's."""
        try:
            record = RecordAdapter.validate_json((self.job_folder(key) / RESULT).read_bytes())
        except (OSError, ValidationError):
            return None
        return record if record.key == key else None

    def failure(self, key: str) -> Failure | None:
        """Why a job did not finish, or None."""
        try:
            return Failure.model_validate_json((self.job_folder(key) / FAILURE).read_bytes())
        except (OSError, ValidationError):
            return None

    def write_failure(self, failure: Failure) -> None:
        """Keep why a job did not finish."""
        with writing(self.folder):
            path = self.job_folder(failure.key) / FAILURE
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, failure.model_dump_json(indent=1))

    def clear_failure(self, key: str) -> None:
        """Forget an earlier failure: the job is about to be tried again."""
        (self.job_folder(key) / FAILURE).unlink(missing_ok=True)

    def checkpoint_there(self, record: TrainRecord) -> bool:
        """Whether a finished training still has its weights."""
        return (self.job_folder(record.key) / record.checkpoint).is_file()

    def forget(self, key: str) -> None:
        """Take back a job's result and half-finished state, so that it runs from the start.

        The old record stays beside it as ``result.previous.json``; logs stay.
        """
        folder = self.job_folder(key)
        if not folder.is_dir():
            return
        with writing(self.folder):
            if (folder / RESULT).is_file():
                (folder / RESULT).replace(folder / "result.previous.json")
            for item in folder.iterdir():
                if item.name in _KEPT:
                    continue
                if item.is_dir():
                    shutil.rmtree(item)
                else:
                    item.unlink()

    def holder(self, key: str) -> locks.Holder | None:
        """Who runs a job now, or None."""
        return locks.holder(self.job_folder(key) / LOCK)

    def attempts(self, key: str) -> list[Path]:
        """Folders of a job's attempts, the first one first."""
        folder = self.job_folder(key) / "attempts"
        if not folder.is_dir():
            return []
        return sorted(
            (item for item in folder.iterdir() if item.name.isdigit()),
            key=lambda item: int(item.name),
        )

    def new_attempt(self, key: str) -> Path:
        """Make the folder of a job's next attempt."""
        earlier = self.attempts(key)
        number = int(earlier[-1].name) + 1 if earlier else 1
        folder = self.job_folder(key) / "attempts" / str(number)
        with writing(self.folder):
            folder.mkdir(parents=True)
        return folder

    def write_handle(self, attempt: Path, handle: LaunchHandle) -> None:
        """Keep what the launcher needs to find an attempt again."""
        with writing(self.folder):
            write_atomically(attempt / HANDLE, json.dumps(asdict(handle)), durable=False)

    def handle(self, attempt: Path) -> LaunchHandle | None:
        """What ``write_handle`` kept of an attempt that has not ended, or None."""
        if (attempt / EXIT).exists():
            return None
        try:
            content = json.loads((attempt / HANDLE).read_bytes())
            return LaunchHandle(str(content["launcher"]), dict(content["content"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def may_run(self, key: str) -> bool:
        """Whether a job may be running: somebody holds its lock, or no end of it is known."""
        attempts = self.attempts(key)
        return self.holder(key) is not None or (
            bool(attempts) and self.handle(attempts[-1]) is not None
        )

    def exit_of(self, attempt: Path) -> dict[str, Any] | None:
        """How an attempt ended (``rc``, ``signal``, ``seconds``), or None."""
        try:
            content: dict[str, Any] = json.loads((attempt / EXIT).read_bytes())
        except (OSError, ValueError):
            return None
        return content

    def scheduler(self) -> locks.Holder | None:
        """Who runs jobs in this folder now, or None."""
        return locks.holder(self.folder / ".scheduler.lock")

    @contextmanager
    def only_scheduler(self) -> Iterator[None]:
        """Be the one who runs jobs in this folder.

        Raises:
            BenchError: Somebody else does, or the folder cannot be written to.
        """
        path = self.folder / ".scheduler.lock"
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = locks.take(path)
        if descriptor is None:
            other = locks.holder(path)
            raise BenchError(
                f"another bench run is at work in {self.folder}"
                + (f" (process {other.pid})" if other is not None else ""),
                next_step="look at it with: bench status; or use another folder: --out DIR",
            )
        try:
            yield
        finally:
            os.close(descriptor)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn a refused or failed write below ``folder`` into an error that says what to do.

    Raises:
        BenchError: Anything that the operating system refuses inside ``with``.
    """
    try:
        yield
    except OSError as error:
        raise BenchError(
            f"cannot write into the run folder {folder}: {error.strerror or error}",
            got=error.filename,
            next_step="make room or give write permission and run the same command again, "
            "or use another folder: --out DIR",
        ) from error
