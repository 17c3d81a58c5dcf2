"""Does `bench data check` decode as fast as the machine can? Prints both rates and their ratio.

    python benchmarks/check_rate.py [--clips 120] [--rounds 5] [--frames ends|all] [--jobs N]

The plain rate is decord in a loop over the same frames of the same files, on as many processes,
with nothing around it. Rounds of both take turns; the ratio is that of the medians. Starting the
processes is in neither: `bench data check` starts its own once for a whole dataset.
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
from pathlib import Path

import decord
import numpy as np
from realistic_clips import make_clips

from bench.data.checking.sweep import SweepOptions, look_up, sweep
from bench.data.checking.verdict_cache import VerdictCache

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


def plain_rate(paths: list[Path], jobs: int, function: Callable[[Path], int]) -> float:
    """Clips per second of decord alone."""
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        pool.map(function, paths[:jobs], chunksize=1)
        started = time.monotonic()
        for _ in pool.imap_unordered(function, paths, chunksize=1):
            pass
        return len(paths) / (time.monotonic() - started)


def check_rate(paths: list[Path], options: SweepOptions, folder: Path) -> float:
    """Clips per second of the check, verdicts written; counted from the first ones."""
    file = folder / "verdicts.jsonl"
    file.unlink(missing_ok=True)
    with closing(VerdictCache(file)) as cache:
        warm = paths[: options.jobs]
        _, pending = look_up([*warm, *paths], cache, options)
        results = sweep(pending, cache, options)
        for _ in warm:
            next(results)
        started = time.monotonic()
        bad = sum(bool(seen.reason) for _, seen in results)
        elapsed = time.monotonic() - started
    assert bad == 0
    return len(paths) / elapsed


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
    plain, checked = [], []
    for number in range(args.rounds):
        plain.append(plain_rate(paths, args.jobs, function))
        checked.append(check_rate(paths, options, args.folder))
        print(f"round {number + 1}: plain {plain[-1]:6.1f}, check {checked[-1]:6.1f} clips/s")
    one, other = statistics.median(plain), statistics.median(checked)
    print(f"plain {one:.1f}, check {other:.1f} clips/s on {args.jobs} processes: {other / one:.3f}")


if __name__ == "__main__":
    main()
