"""Clips like those of Kinetics at a short side of 256, made on the fly: 10 s, 300 frames, H.264.

Moving texture with noise, so that the decoder has residuals and motion to work on. Used by the
other files of this folder.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import cv2
import numpy as np

RATE = 30


def make_clip(
    path: Path, *, seed: int, frames: int = 300, size: tuple[int, int] = (340, 256)
) -> Path:
    """Encode one clip; ``size`` is (width, height)."""
    rng = np.random.default_rng(seed)
    width, height = size
    coarse = rng.integers(0, 256, (height // 8 + 40, width // 8 + 40, 3), dtype=np.uint8)
    texture = cv2.resize(coarse, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "23"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        for number in range(frames):
            x, y = int(100 + 100 * np.sin(number / 40)), int(80 + 60 * np.cos(number / 30))
            picture = texture[y : y + height, x : x + width].astype(np.int16)
            picture += rng.integers(-6, 7, picture.shape, dtype=np.int16)
            shown = np.clip(picture, 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def make_clips(
    folder: Path, count: int, *, distinct: int = 6, size: tuple[int, int] = (340, 256)
) -> list[Path]:
    """``count`` files, copies of a few distinct clips; those that are there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [folder / f"source_{seed}.mp4" for seed in range(distinct)]
    for seed, path in enumerate(sources):
        if not path.exists():
            make_clip(path, seed=seed, size=size)
    copies = [folder / f"clip_{number}.mp4" for number in range(count)]
    for number, path in enumerate(copies):
        if not path.exists():
            shutil.copyfile(sources[number % distinct], path)
    return copies
