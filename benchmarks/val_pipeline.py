"""Our validation pipeline against mmaction2's own: decode, resize, crop to T frames.

    python benchmarks/val_pipeline.py [--clips 12] [--rounds 9] [--num-frames 32]

Prints frames per CPU-second of both and their ratio, each as far as one uint8 array [T,3,S,S], for
clips stored at a short side of 256 (as the usual copies of Kinetics) and of 240 (as UCF-101 and
HMDB-51), and refuses to print anything if a single pixel differs. Both take turns at every clip; of
each clip the least time of all rounds counts, which leaves out what else the machine does.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from mmaction.datasets.transforms import (
    CenterCrop,
    DecordDecode,
    DecordInit,
    FormatShape,
    Resize,
    SampleFrames,
)
from numpy.typing import NDArray
from realistic_clips import make_clips

from bench.data.pipelines import build
from bench.data.pipelines.base import PipelineSpec

Result = TypeVar("Result")
Run = Callable[[Path], Result]


def plain_crops(num_frames: int, size: int) -> Run[dict[str, Any]]:
    """What an mmaction2 configuration for validation lists, as far as the crops [S,S,3]."""
    short = int(256 / 224 * size)
    transforms = (
        DecordInit(),
        SampleFrames(clip_len=1, frame_interval=1, num_clips=num_frames, test_mode=True),
        DecordDecode(),
        Resize(scale=(-1, short)),
        CenterCrop(crop_size=size),
    )

    def run(path: Path) -> dict[str, Any]:
        results: dict[str, Any] = {"filename": str(path), "start_index": 0, "modality": "RGB"}
        for transform in transforms:
            results = transform(results)
        return results

    return run


def plain_pipeline(num_frames: int, size: int) -> Run[NDArray[np.uint8]]:
    """The same as far as an array [T,3,S,S] in its own memory, which a loader sends on."""
    crops, shape = plain_crops(num_frames, size), FormatShape(input_format="NCHW")
    return lambda path: np.ascontiguousarray(shape(crops(path))["imgs"])


def our_pipeline(num_frames: int, size: int) -> Run[NDArray[np.uint8]]:
    """What the harness runs: the same array."""
    pipeline = build(PipelineSpec("vificlip", "val", num_frames, size))
    return lambda path: pipeline(path).frames


def seconds(run: Run[Any], path: Path) -> float:
    """CPU time of the whole process for one clip."""
    started = time.process_time()
    run(path)
    return time.process_time() - started


def measure(paths: list[Path], num_frames: int, size: int, rounds: int) -> str:
    """One line: the rates and their ratios.

    Raises:
        AssertionError: A pixel differs.
    """
    runs: tuple[Run[Any], ...] = (
        plain_pipeline(num_frames, size),
        our_pipeline(num_frames, size),
        plain_crops(num_frames, size),
    )
    for path in paths:
        np.testing.assert_array_equal(runs[1](path), runs[0](path))
    best = np.full((len(runs), len(paths)), np.inf)
    for number in range(rounds):
        for column, path in enumerate(paths):
            for row in np.roll(range(len(runs)), number):
                best[row, column] = min(best[row, column], seconds(runs[row], path))
    plain, ours, crops = len(paths) * num_frames / best.sum(axis=1)
    return (
        f"plain {plain:6.1f}, ours {ours:6.1f} frames per CPU-second: {ours / plain:.3f}"
        f"   (plain without the array: {crops:6.1f})"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--num-frames", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "val_pipeline")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    for width, height in ((340, 256), (320, 240)):
        folder = args.folder / f"{width}x{height}"
        paths = make_clips(folder, args.clips, size=(width, height))
        print(f"{width}x{height}  {measure(paths, args.num_frames, args.size, args.rounds)}")


if __name__ == "__main__":
    main()
