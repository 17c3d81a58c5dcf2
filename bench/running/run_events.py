"""What a run tells while it goes on, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

Verdict = Literal["done", "failed", "again", "stopped"]


@dataclass(frozen=True)
class AttemptLimits:
    """When an attempt is given up.

    Attributes:
        timeout_s: Wall-clock seconds of an attempt, or None.
        stall_s: Seconds without a line of log or a sign of progress, or None.
    """

    timeout_s: float | None = None
    stall_s: float | None = None


@dataclass(frozen=True)
class RunProgress:
    """How far the run is.

    Attributes:
        total: Jobs that this run set out to execute.
        done: Of these, finished.
        failed: Of these, failed or not runnable.
        running: Keys running now.
        seconds_left: Forecast, or None while nothing was measured.
    """

    total: int
    done: int
    failed: int
    running: tuple[str, ...]
    seconds_left: float | None


class Listener(Protocol):
    """Is told what happens; see ``bench.running.progress``."""

    def started(self, key: str, attempt: int, standing: RunProgress) -> None:
        """A job was started, or found running."""
        ...

    def ended(self, key: str, verdict: Verdict, detail: str, standing: RunProgress) -> None:
        """A job ended; ``detail`` is its time, or its reason in one line."""
        ...

    def tick(self, standing: RunProgress) -> None:
        """Time has passed."""
        ...


@dataclass(frozen=True)
class RunOutcome:
    """What a run came to.

    Attributes:
        done: Keys finished in this run.
        cached: Number of jobs whose result was there before.
        failed: Key -> reason in one line, of every job without a result that was to have one.
        stopped: Whether the run was stopped before its end.
        halted: Why it stopped by itself (a full disk), or empty.
        seconds: Wall-clock time.
    """

    done: tuple[str, ...]
    cached: int
    failed: Mapping[str, str]
    stopped: bool
    halted: str
    seconds: float
