"""What a run shows while it works: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bench.planning.jobs import EvaluateJob, TrainJob, job_name
from bench.planning.plan import Plan
from bench.running.run_events import Listener, RunProgress, Verdict

if TYPE_CHECKING:
    from rich.progress import Progress

Jobs = Mapping[str, TrainJob | EvaluateJob]
SHOWN = 8
"""Running jobs that the live display names."""


class Display(Listener, Protocol):
    """A listener that can also say something of its own."""

    def note(self, text: str) -> None:
        """Say a line."""
        ...


class PlainLines:
    """One line a finished job, for logs and pipes.

    Args:
        jobs: The plan's jobs, for their names.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def note(self, text: str) -> None:
        """Say a line."""
        print(text, flush=True)

    def started(self, key: str, attempt: int, standing: RunProgress) -> None:
        """A first start is not worth a line, a further one is."""
        if attempt > 1:
            self.note(f"{_count(standing)} attempt {attempt}  {job_name(self._jobs[key])}")

    def ended(self, key: str, verdict: Verdict, detail: str, standing: RunProgress) -> None:
        """Say how a job ended."""
        left = left_text(standing.seconds_left)
        self.note(
            f"{_count(standing)} {_WORDS[verdict]:<7} {job_name(self._jobs[key])}  {detail}"
            + (f"  ({left} left)" if verdict == "done" and left else "")
        )

    def tick(self, standing: RunProgress) -> None:
        """Nothing: lines come with events."""


class LiveDisplay:
    """A bar with counts and the forecast, and the jobs that run now.

    Args:
        jobs: The plan's jobs, for their names.
        progress: The rich display, already started.
    """

    def __init__(self, jobs: Jobs, progress: Progress) -> None:
        self._jobs, self._progress = jobs, progress
        self._bar = progress.add_task("jobs", total=None)
        self._lines: dict[str, Any] = {}

    def note(self, text: str) -> None:
        """Say a line above the bar."""
        self._progress.console.print(text, highlight=False, markup=False)

    def started(self, key: str, attempt: int, standing: RunProgress) -> None:
        """Name the job below the bar."""
        if len(self._lines) < SHOWN:
            again = f" (attempt {attempt})" if attempt > 1 else ""
            name = f"  {job_name(self._jobs[key])}{again}"
            self._lines[key] = self._progress.add_task(name, total=None)
        self.tick(standing)

    def ended(self, key: str, verdict: Verdict, detail: str, standing: RunProgress) -> None:
        """Take the job's line away; what did not go well gets a line that stays."""
        if key in self._lines:
            self._progress.remove_task(self._lines.pop(key))
        if verdict != "done":
            self.note(f"{_WORDS[verdict]}: {job_name(self._jobs[key])}: {detail}")
        self.tick(standing)

    def tick(self, standing: RunProgress) -> None:
        """Bring the bar up to date."""
        left = left_text(standing.seconds_left)
        failed = f", {standing.failed} failed" if standing.failed else ""
        self._progress.update(
            self._bar,
            total=standing.total,
            completed=standing.done + standing.failed,
            description=f"jobs: {standing.done} of {standing.total} done, "
            f"{len(standing.running)} running{failed}" + (f", {left} left" if left else ""),
        )


_WORDS = {"done": "done", "failed": "FAILED", "again": "retry", "stopped": "stopped"}


def _count(standing: RunProgress) -> str:
    width = len(str(standing.total))
    return f"[{standing.done + standing.failed:>{width}}/{standing.total}]"


def left_text(seconds: float | None) -> str:
    """A forecast for people: ``2 min 05 s``; empty when there is none."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def heartbeat(job_folder: Path) -> str:
    """How far a running job is, from the ``progress.json`` that it writes; may be empty."""
    try:
        facts = json.loads((job_folder / "progress.json").read_bytes())
    except (OSError, ValueError):
        return ""
    age = time.time() - facts.pop("time", time.time())
    said = ", ".join(
        f"{name.replace('_', ' ')} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in facts.items()
        if value is not None
    )
    return f"{said} ({age:.0f} s ago)"


@contextmanager
def display(plan: Plan, *, plain: bool) -> Iterator[Display]:
    """The display that fits where the output goes.

    Args:
        plan: What is run.
        plain: Lines, also on a terminal.
    """
    if plain or not sys.stdout.isatty():
        yield PlainLines(plan.jobs)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True, refresh_per_second=4) as progress:
        yield LiveDisplay(plan.jobs, progress)
