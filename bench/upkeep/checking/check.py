"""A whole check with its progress: what ``bench data check`` does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from bench.upkeep.checking.inspection import inspect_clip
from bench.upkeep.checking.report import CheckReport, make_report
from bench.upkeep.checking.sweep import Inspect, SweepOptions, look_up, sweep
from bench.upkeep.checking.targets import CheckTarget
from bench.upkeep.checking.verdict import Inspection
from bench.upkeep.checking.verdict_cache import VerdictCache, verdict_file

LINE_SECONDS = 60.0
"""Time between two lines of progress where there is no terminal."""

Advance = Callable[[int, int], None]
"""Called with the clips decoded so far and those of them without frames."""


def check(
    target: CheckTarget,
    cache: Path,
    options: SweepOptions,
    *,
    min_frames: int = 8,
    inspect: Inspect = inspect_clip,
) -> CheckReport:
    """Check all clips of a target; a stopped check goes on where it was.

    Args:
        target: The clips.
        cache: Folder in which verdicts are kept.
        options: How clips are decoded.
        min_frames: Frames that a clip is sampled to.
        inspect: What a worker does with a clip.

    Raises:
        DataError: The cache folder cannot be written to.
    """
    with closing(VerdictCache(verdict_file(cache, target.root))) as verdicts:
        seen = {
            position: Inspection(clip.reason, clip.detail)
            for position, clip in enumerate(target.clips)
            if clip.reason
        }
        positions = [n for n in range(len(target.clips)) if n not in seen]
        paths = [target.clips[n].path for n in positions]
        known, pending = look_up(paths, verdicts, options)
        seen.update({positions[index]: item for index, item in known.items()})
        started = time.monotonic()
        bad = 0
        with _progress(len(pending)) as advance:
            for done, (index, item) in enumerate(sweep(pending, verdicts, options, inspect), 1):
                seen[positions[index]] = item
                bad += bool(item.reason)
                advance(done, bad)
        seconds = time.monotonic() - started
    in_order: Sequence[Inspection] = [seen[n] for n in range(len(target.clips))]
    return make_report(
        target,
        in_order,
        options,
        min_frames=min_frames,
        decoded=len(pending),
        known=len(known),
        seconds=seconds,
    )


@contextmanager
def _progress(total: int) -> Iterator[Advance]:
    """A live bar on a terminal, a line a minute elsewhere; both on standard error.

    A check that is stopped says that nothing is lost.
    """
    show = _bar if sys.stderr.isatty() else _lines
    done = 0

    try:
        with show(total) as draw:

            def advance(decoded: int, bad: int) -> None:
                nonlocal done
                done = decoded
                draw(decoded, bad)

            yield advance
    except KeyboardInterrupt:
        print(
            f"\nstopped after {done} of {total} clips; the same command goes on from there",
            file=sys.stderr,
        )
        raise


@contextmanager
def _bar(total: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    text = "{task.fields[rate]:.1f} clips/s, {task.fields[bad]} bad"
    columns = (TextColumn("check"), BarColumn(), MofNCompleteColumn(), TimeLeft(), TextColumn(text))
    started = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("check", total=total, rate=0.0, bad=0)

        def advance(done: int, bad: int) -> None:
            rate = done / max(time.monotonic() - started, 1e-9)
            progress.update(task, completed=done, rate=rate, bad=bad)

        yield advance


@contextmanager
def _lines(total: int) -> Iterator[Advance]:
    started = said = time.monotonic()

    def advance(done: int, bad: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said < LINE_SECONDS:
            return
        said = now
        rate = done / (now - started)
        left = (total - done) / rate / 60
        print(
            f"{done} of {total} clips, {rate:.1f} clips/s, {left:.0f} min left, {bad} bad",
            file=sys.stderr,
            flush=True,
        )

    yield advance
