"""Does `bench data check` decode as fast as the machine can? Prints both rates and their ratio.

    python benchmarks/check_rate.py [--clips 120] [--rounds 5] [--frames ends|all] [--jobs N]

The plain rate is decord in a loop over the same frames of the same files, on as many processes,
with nothing around it. Rounds of both take turns; the ratio is that of the medians. Starting the
processes is in neither: `bench data check` starts its own once for a whole dataset.

decord decodes with threads of its own, so on a machine that does other work too it gets more than
its share of the cores. The processor time of a clip, printed as well, does not depend on that.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import decord
import numpy as np
from realistic_clips import make_clips

from bench.upkeep.checking.inspection import InspectTask, inspect_clip
from bench.upkeep.checking.sweep import SweepOptions, look_up, sweep
from bench.upkeep.checking.verdict import Inspection
from bench.upkeep.checking.verdict_cache import VerdictCache

BLOCK = 32
"""Frames a call, where every frame is decoded."""


def plain_ends(path: Path) -> int:
    """First, middle and last frame."""
    reader = decord.VideoReader(str(path), num_threads=1)
    count = len(reader)
    return len(reader.get_batch([0, count // 2, count - 1]).asnumpy())


def plain_all(path: Path) -> int:
    """Every frame."""
    reader = decord.VideoReader(str(path), num_threads=1)
    blocks = np.array_split(np.arange(len(reader)), max(1, len(reader) // BLOCK))
    return sum(len(reader.get_batch(block.tolist()).asnumpy()) for block in blocks)


@dataclass(frozen=True)
class Rate:
    """Clips per second, and processor seconds a clip."""

    clips: float
    processor: float


@dataclass(frozen=True)
class Timed:
    """Calls decord and says how much processor time that took."""

    function: Callable[[Path], int]

    def __call__(self, path: Path) -> float:
        started = time.process_time()
        self.function(path)
        return time.process_time() - started


def timed_inspection(task: InspectTask) -> Inspection:
    """What a worker of the check does, with its processor time in place of a detail."""
    started = time.process_time()
    seen = inspect_clip(task)
    return replace(seen, detail=str(time.process_time() - started))


def plain_rate(paths: list[Path], jobs: int, function: Callable[[Path], int]) -> Rate:
    """Only decord."""
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        pool.map(function, paths[:jobs], chunksize=1)
        started, own = time.monotonic(), time.process_time()
        used = sum(pool.imap_unordered(Timed(function), paths, chunksize=1))
        used += time.process_time() - own
        return Rate(len(paths) / (time.monotonic() - started), used / len(paths))


def check_rate(paths: list[Path], options: SweepOptions, folder: Path) -> Rate:
    """The check, verdicts written; counted from when all workers run."""
    file = folder / "verdicts.jsonl"
    file.unlink(missing_ok=True)
    with closing(VerdictCache(file)) as cache:
        warm = paths[: options.jobs]
        _, pending = look_up([*warm, *paths], cache, options)
        results = sweep(pending, cache, options, timed_inspection)
        for _ in warm:
            next(results)
        started, own = time.monotonic(), time.process_time()
        seen = [item for _, item in results]
        elapsed, used = time.monotonic() - started, time.process_time() - own
    assert not any(item.reason for item in seen)
    return Rate(
        len(paths) / elapsed, (used + sum(float(item.detail) for item in seen)) / len(paths)
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", choices=("ends", "all"), default="ends")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "check_rate")
    args = parser.parse_args()
    paths = make_clips(args.folder, args.clips)
    options = SweepOptions(depth=args.frames, jobs=args.jobs, again=True)
    function = plain_ends if args.frames == "ends" else plain_all
    plain: list[Rate] = []
    checked: list[Rate] = []
    for number in range(args.rounds):
        plain.append(plain_rate(paths, args.jobs, function))
        checked.append(check_rate(paths, options, args.folder))
        one, other = plain[-1], checked[-1]
        print(f"round {number + 1}: plain {one.clips:6.1f}, check {other.clips:6.1f} clips/s")
    one, other = median(plain), median(checked)
    print(
        f"plain {one.clips:.1f}, check {other.clips:.1f} clips/s on {args.jobs} processes: "
        f"{other.clips / one.clips:.3f}"
    )
    print(
        f"plain {1e3 * one.processor:.1f}, check {1e3 * other.processor:.1f} ms of processor time "
        f"a clip: {one.processor / other.processor:.3f}"
    )


def median(rates: list[Rate]) -> Rate:
    """Of each number by itself."""
    return Rate(
        statistics.median(rate.clips for rate in rates),
        statistics.median(rate.processor for rate in rates),
    )


if __name__ == "__main__":
    main()
