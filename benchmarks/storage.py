"""What smaller copies and tar shards do to the time that a run waits for frames.

    python benchmarks/storage.py [--clips 6] [--rounds 3] [--size 1280x720]

Three roots with the same clips: large originals, `bench data resize` of them, `bench data shard` of
those. Printed are bytes, CPU time to resize, and clips per CPU-second through the evaluation
pipeline (16 frames, 224 pixels), rounds of the three in turns, the median of each. On a local disk;
on a network disk the shards save one look-up and one open a clip besides.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from realistic_clips import make_clip

from bench.data.pipelines import build
from bench.data.pipelines.base import Pipeline, PipelineSpec
from bench.data.video.folder_index import index_folder
from bench.ground.byte_sizes import format_bytes
from bench.upkeep.resize import ResizeOptions, resize_videos
from bench.upkeep.shards import write_shards


def clips_a_second(pipeline: Pipeline, root: Path) -> float:
    """Clips per second of CPU time."""
    paths = [root / path for path, _ in index_folder(root).files()]
    started = time.process_time()
    for path in paths:
        pipeline(path)
    return len(paths) / (time.process_time() - started)


def main() -> None:
    """Make the roots, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", default="1280x720")
    args = parser.parse_args()
    width, height = (int(part) for part in args.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        roots = {name: Path(folder) / name for name in ("originals", "resized", "shards")}
        roots["originals"].mkdir()
        for seed in range(args.clips):
            make_clip(roots["originals"] / f"{seed}.mp4", seed=seed, size=(width, height))
        before = os.times()
        report = resize_videos(roots["originals"], roots["resized"], ResizeOptions())
        after = os.times()
        cpu = after.children_user - before.children_user + after.user - before.user
        print(f"resized {report.counts['resized']} clips, {cpu / args.clips:.1f} CPU-seconds each")
        write_shards(roots["resized"], roots["shards"])
        pipeline = build(PipelineSpec("vificlip", "val", 16, 224))
        rates: dict[str, list[float]] = {name: [] for name in roots}
        for _ in range(args.rounds):
            for name, root in roots.items():
                rates[name].append(clips_a_second(pipeline, root))
        base = statistics.median(rates["originals"])
        for name, root in roots.items():
            size = sum(path.stat().st_size for path in root.iterdir())
            rate = statistics.median(rates[name])
            print(
                f"{name:<10} {format_bytes(size):>9}  {rate:6.1f} clips per CPU-second  "
                f"{rate / base:4.1f} x"
            )


if __name__ == "__main__":
    main()
