"""The contract of a launcher: it says where an attempt at a job runs, and how it ended.

A launcher is one module of this folder (or a package, or a plug-in file) with a constant
``LAUNCHER``, a ``LauncherDefinition``. It knows nothing of plans, records or retries. What a job
did is read from its folder; a launcher's word counts only where the folder says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import Field

from bench.ground.frozen import Frozen

Handle = Mapping[str, Any]
"""What a launcher needs to find a running attempt again, as JSON; nobody else looks into it."""


class LaunchOptions(Frozen):
    """Options that every launcher has; a launcher's own class adds its own.

    Each field is a flag of ``bench run``: ``jobs_per_gpu`` is ``--jobs-per-gpu``, its description
    the help text.
    """

    grace: float = Field(
        default=30.0, gt=0, allow_inf_nan=False, description="seconds a job has to save and stop"
    )


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

    slots: int
    """Jobs that run at once."""

    def describe(self) -> str:
        """Where jobs run, for people: ``2 at once on the CPU``."""
        ...

    def prepare(self) -> None:
        """Begin what takes long (starting the warm process); returns at once."""
        ...

    @property
    def free(self) -> int:
        """Attempts that could be started now."""
        ...

    def start(self, attempt: Attempt) -> Handle:
        """Start an attempt; called only while ``free`` is positive.

        The handle is kept with the attempt. After the scheduler was killed, the next one hands it
        to ``adopt``.
        """
        ...

    def adopt(self, attempt: Attempt, handle: Handle) -> bool:
        """Watch an attempt that an earlier scheduler started.

        Returns:
            False if it does not run any more; the scheduler then starts the job again.
        """
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


@dataclass(frozen=True)
class LauncherDefinition:
    """A launcher that can be chosen by name.

    Attributes:
        name: As in ``--launcher NAME``.
        summary: One line for ``bench launchers``.
        create: Makes the launcher from its options; raises ``UsageError`` where they do not fit
            this machine.
        options: Its options with their defaults and limits.
    """

    name: str
    summary: str
    create: Callable[[Any], Launcher]
    options: type[LaunchOptions] = LaunchOptions
