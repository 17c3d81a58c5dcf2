"""What `bench data check --frames all` says of damaged files: a table of reasons by damage.

    python benchmarks/damaged_files.py [--count 500] [--seed 0] [--jobs N]

Every file gets a verdict, none hangs the check and none ends it. Of the files found well, the
frames are compared with those of the undamaged video: damage that changes no pixel (in an index, in
padding) is none, and damage that changes pixels without a decoder noticing is counted as such.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from damage import CODECS, SPOILERS, DamagedFile, damaged_files

from bench.data.video.decode import open_video
from bench.upkeep.checking.check import check
from bench.upkeep.checking.report import CheckReport
from bench.upkeep.checking.sweep import SweepOptions
from bench.upkeep.checking.targets import folder_target
from bench.upkeep.checking.verdict_cache import Limits


def verdicts(report: CheckReport) -> dict[str, str]:
    """Relative path -> reason code, or ``well``."""
    found = dict.fromkeys((clip.id for clip in report.target.clips), "well")
    found.update({item.clip.id: item.verdict.reason for item in report.findings})
    return found


def unnoticed(folder: Path, files: list[DamagedFile], reasons: dict[str, str]) -> Counter[str]:
    """Of the files found well: how many show the undamaged pixels, how many others."""
    whole = {}
    for suffix in CODECS:
        video = open_video(folder / "whole" / f"good{suffix}")
        whole[suffix] = video.get_frames(range(len(video)))
    found: Counter[str] = Counter()
    for file in files:
        if reasons[file.name] != "well":
            continue
        video = open_video(folder / "damaged" / file.name)
        frames = video.get_frames(range(len(video)))
        same = np.array_equal(frames, whole[file.original])
        found["the undamaged pixels" if same else f"other pixels ({file.original})"] += 1
    return found


def main() -> None:
    """Make the files, check them, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = damaged_files(folder, args.count, seed=args.seed)
        options = SweepOptions("all", args.jobs, Limits(20.0, 1 << 30))
        started = time.monotonic()
        report = check(folder_target(folder / "damaged"), folder / "cache", options)
        seconds = time.monotonic() - started
        reasons = verdicts(report)
        kinds = {file.name: file.kind for file in files}
        table = Counter((reason, kinds[name]) for name, reason in reasons.items())
        codes = sorted(Counter(reasons.values()).items(), key=lambda item: -item[1])
        width = max(map(len, SPOILERS))
        print(" " * 22 + "  ".join(f"{kind:>{width}}" for kind in SPOILERS) + "  all")
        for code, count in codes:
            cells = "  ".join(f"{table[code, kind] or '':>{width}}" for kind in SPOILERS)
            print(f"{code:<22}{cells}  {count:>3}")
        print(f"\n{len(files)} files, {len(reasons)} verdicts, {seconds:.1f} s")
        for what, count in sorted(unnoticed(folder, files, reasons).items()):
            print(f"found well, with {what}: {count}")


if __name__ == "__main__":
    main()
