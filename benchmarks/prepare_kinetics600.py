"""How long ``bench data prepare`` takes for a dataset of the size of Kinetics-600.

Makes 450,000 annotation rows in the official format and as many empty files (the command looks at
names and sizes only) in the flat layout of CVDF, ``train/``, ``val/``, ``test/``; then runs the
command as a user would, each time in a process of its own: from nothing, again without a change,
and again after one clip has been added. Prints seconds and peak memory, and exits with 1 where a
limit is missed.

    python benchmarks/prepare_kinetics600.py [--folder DIR] [--clips 450000]

The folder (default: a temporary one) takes 110 MB and 450,000 inodes; it is removed afterwards
unless it was named.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLASSES = 600
SHARES = {"train": 0.8, "val": 0.07, "test": 0.13}
MISSING_EVERY = 47
FIRST_S, AGAIN_S, PEAK_GB = 60.0, 10.0, 2.0
SETTLE_S = 3.0
"""Folders that were written to just before are listed again, to be on the safe side."""


def make(folder: Path, clips: int) -> None:
    """Write annotations and empty files; one clip in 47 is left out."""
    annotations = folder / "annotations"
    annotations.mkdir(parents=True)
    number = 0
    for part, share in SHARES.items():
        place = folder / "videos" / part
        place.mkdir(parents=True)
        descriptor = os.open(place, os.O_RDONLY)
        with (annotations / f"{part}.csv").open("w", newline="") as table:
            writer = csv.writer(table)
            writer.writerow(("label", "youtube_id", "time_start", "time_end", "split", "is_cc"))
            for _ in range(round(clips * share)):
                number += 1
                digest = hashlib.sha256(str(number).encode()).digest()
                name, start = base64.urlsafe_b64encode(digest)[:11].decode(), digest[-1]
                label = f"class {number % CLASSES:03d}, acted (outdoors)"
                writer.writerow((label, name, start, start + 10, part, 0))
                if number % MISSING_EVERY:
                    file = f"{name}_{start:06d}_{start + 10:06d}.mp4"
                    os.close(os.open(file, os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
        os.close(descriptor)


def measure(folder: Path) -> tuple[float, float]:
    """Run the command in a process of its own; gives seconds and peak memory in GB."""
    command = [sys.executable, "-m", "bench.cli", "data", "prepare", "kinetics600"]
    command += ["--videos", str(folder / "videos"), "--annotations", str(folder / "annotations")]
    command += ["--data", str(folder / "data")]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    taken = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"bench data prepare failed with {process.returncode}")
    return taken, usage.ru_maxrss / 2**20


def run(folder: Path, clips: int) -> bool:
    """Make, measure three times, print; gives whether the limits are kept."""
    started = time.perf_counter()
    make(folder, clips)
    print(f"made {clips:,} rows and files in {time.perf_counter() - started:.0f} s")
    time.sleep(SETTLE_S)
    kept = True
    for name, limit in (("first", FIRST_S), ("again", AGAIN_S), ("one added", FIRST_S)):
        if name == "one added":
            (folder / "videos" / "val" / "-new_clip-_0_000001_000011.mp4").touch()
        seconds, memory = measure(folder)
        kept = kept and seconds < limit and memory < PEAK_GB
        print(
            f"{name:<10} {seconds:6.1f} s (limit {limit:.0f})  "
            f"{memory:.2f} GB peak (limit {PEAK_GB:.0f})"
        )
    return kept


def main() -> int:
    """Parse, run, clean up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--clips", type=int, default=450_000)
    args = parser.parse_args()
    if args.folder is not None:
        return 0 if run(args.folder, args.clips) else 1
    with tempfile.TemporaryDirectory() as folder:
        return 0 if run(Path(folder), args.clips) else 1


if __name__ == "__main__":
    sys.exit(main())
