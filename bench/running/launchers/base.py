"""The contract of a launcher: it says where an attempt at a job runs, and how it ended.

It knows nothing of plans, records or retries. What a job did is read from its folder; a launcher's
word counts only where the folder says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.ground.locks import Holder


@dataclass(frozen=True)
class LaunchOptions:
    """What the command line says about the machine.

    Attributes:
        gpus: Number of GPUs to use; None: all that can be seen; 0: none.
        jobs_per_gpu: Jobs that share a GPU.
        jobs: Jobs at once where there is no GPU; None: one a core.
        preload: Modules that the warm process imports before it forks jobs.
        grace_s: Seconds between asking a job to stop and killing it.
    """

    gpus: int | None = None
    jobs_per_gpu: int = 1
    jobs: int | None = None
    preload: tuple[str, ...] = ()
    grace_s: float = 30.0


@dataclass(frozen=True)
class Attempt:
    """One try at a job.

    Attributes:
        key: The job's key.
        number: 1-based.
        folder: ``attempts/<number>``; it exists.
        argv: The command; ``bench run-job FILE`` may run without a new interpreter.
        env: Variables added to the environment.
    """

    key: str
    number: int
    folder: Path
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def job_folder(self) -> Path:
        """The folder of the job, two levels up."""
        return self.folder.parent.parent


@dataclass(frozen=True)
class Ended:
    """An attempt that is over.

    Attributes:
        key: The job's key.
        rc: Exit status; None where nobody saw it (the job was lost).
        signal: The signal that ended it, or None.
        out_of_memory: Whether the kernel killed a process of ours for memory meanwhile.
    """

    key: str
    rc: int | None
    signal: int | None = None
    out_of_memory: bool = False


class Launcher(Protocol):
    """Runs attempts. Methods are called from one thread."""

    name: str
    slots: int
    """Jobs that run at once."""

    def describe(self) -> str:
        """Where jobs run, for people: ``2 CPU cores, one job each``."""
        ...

    def prepare(self) -> None:
        """Begin what takes long (starting the warm process); returns at once."""
        ...

    @property
    def free(self) -> int:
        """Attempts that could be started now."""
        ...

    def start(self, attempt: Attempt) -> None:
        """Start an attempt; call only while ``free`` is positive."""
        ...

    def adopt(self, key: str, job_folder: Path, holder: Holder) -> None:
        """Watch a job that an earlier scheduler started and that still runs."""
        ...

    def poll(self, timeout_s: float) -> list[Ended]:
        """Wait for attempts to end, at most ``timeout_s`` seconds."""
        ...

    def stop(self, key: str) -> None:
        """Ask an attempt to stop, and kill it after the grace time; ``poll`` reports its end."""
        ...

    def close(self) -> None:
        """Let go of everything; running attempts are killed."""
        ...
