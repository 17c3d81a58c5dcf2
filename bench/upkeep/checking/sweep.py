"""Looking into many clips at once: known ones from the cache, the others in worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.ground.worker_pool import Lost, WorkerPool
from bench.upkeep.checking.inspection import InspectTask, inspect_clip
from bench.upkeep.checking.verdict import Depth, Inspection
from bench.upkeep.checking.verdict_cache import FileState, Limits, VerdictCache

Inspect = Callable[[InspectTask], Inspection]

DEFAULT_LIMITS = Limits(seconds=60.0, memory=2 << 30)


@dataclass(frozen=True)
class SweepOptions:
    """How clips are looked into.

    Attributes:
        depth: Which frames are decoded.
        jobs: Worker processes.
        limits: For one clip.
        again: Do not use what is known.
    """

    depth: Depth = "ends"
    jobs: int = 1
    limits: Limits = DEFAULT_LIMITS
    again: bool = False


@dataclass(frozen=True)
class Pending:
    """A clip that must be decoded: its position and the file as it is now."""

    position: int
    path: Path
    state: FileState | None


def look_up(
    paths: Sequence[Path], cache: VerdictCache, options: SweepOptions
) -> tuple[dict[int, Inspection], list[Pending]]:
    """What is known of clips already, and those that are left.

    Returns:
        Position -> inspection for unchanged files, and the others in order.
    """
    known: dict[int, Inspection] = {}
    pending: list[Pending] = []
    for position, path in enumerate(paths):
        state = FileState.of(path)
        seen = None
        if state is not None and not options.again:
            seen = cache.find(path, state, options.depth, options.limits)
        if seen is None:
            pending.append(Pending(position, path, state))
        else:
            known[position] = seen
    return known, pending


def sweep(
    pending: Sequence[Pending],
    cache: VerdictCache,
    options: SweepOptions,
    inspect: Inspect = inspect_clip,
) -> Iterator[tuple[int, Inspection]]:
    """Decode clips in workers and keep what is seen of each at once.

    Args:
        pending: The clips.
        cache: Is added to.
        options: How.
        inspect: What a worker does with a clip; picklable.

    Yields:
        Position and inspection, in the order in which they come.
    """
    pool: WorkerPool[InspectTask, Inspection] = WorkerPool(
        inspect,
        max(1, min(options.jobs, len(pending))),
        time_limit=options.limits.seconds,
        memory_limit=options.limits.memory,
        # Workers hold nothing but the decoders, and no thread of the progress display.
        start_method="forkserver",
        preload=["bench.upkeep.checking.inspection"],
    )
    with closing(pool):
        tasks = (InspectTask(item.path, options.depth) for item in pending)
        for index, result in pool.run_as_completed(tasks):
            item = pending[index]
            seen = result
            if isinstance(seen, Lost):
                seen = Inspection(seen.reason, seen.detail)
            if item.state is not None and not seen.reason and FileState.of(item.path) != item.state:
                seen = Inspection("changed", "it was written to while it was checked")
            if item.state is not None:
                cache.add(item.path, item.state, options.depth, options.limits, seen)
            yield item.position, seen
