"""Whole decoded clips in memory, for trainings that see small clips in every epoch.

What is kept is what the decoder gave, so that a pipeline in front of it draws and computes exactly
as without: only the time to decode is saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.video.decode import DecodeError, Video, open_video
from bench.data.video.storage import locate

DEFAULT_BUDGET = 512 * 2**20


@dataclass
class KeptVideo:
    """A decoded video, all frames uint8 [n,H,W,3], read-only."""

    frames: NDArray[np.uint8]
    decoder: str

    def __len__(self) -> int:
        return len(self.frames)

    def get_frames(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """RGB frames, uint8 [n,H,W,3]."""
        wanted: NDArray[np.uint8] = self.frames[np.asarray(indices, dtype=np.int64)]
        return wanted


class DecodedClips:
    """A ``pipelines.base.Opener`` that decodes a small clip once and keeps it.

    Clips are kept until the budget is used up and stay: an epoch visits every clip once, so that
    throwing old ones out to make room would lose each just before it is needed again.

    Args:
        budget: Bytes of all kept clips together.
        largest: Bytes of one clip; of a larger one only the sampled frames are decoded, each time.
            None: a 64th of the budget.
    """

    def __init__(self, budget: int = DEFAULT_BUDGET, largest: int | None = None) -> None:
        self.budget = budget
        self.largest = budget // 64 if largest is None else largest
        self.used = 0
        self._kept: dict[tuple[str, int, int], KeptVideo] = {}
        self._too_large: set[tuple[str, int, int]] = set()

    def __len__(self) -> int:
        return len(self._kept)

    def __call__(self, path: Path) -> Video:
        """Open a video, from memory where it is kept.

        Raises:
            DecodeError: The file gives no usable frames.
        """
        try:
            file = locate(path)
        except OSError:
            return open_video(path)
        key = (str(path), file.size, file.mtime_ns)
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        video = open_video(path)
        # A coded clip is smaller than its frames, so this needs no look into the file.
        if key in self._too_large or file.size > self.largest or self.used >= self.budget:
            return video
        return self._keep(key, video)

    def _keep(self, key: tuple[str, int, int], video: Video) -> Video:
        try:
            size = len(video) * video.get_frames([0]).nbytes
            if size > self.largest or self.used + size > self.budget:
                self._too_large.add(key)
                return video
            frames = video.get_frames(range(len(video)))
        except DecodeError:
            # One bad frame does not matter to a pipeline that never asks for it.
            self._too_large.add(key)
            return video
        frames.setflags(write=False)
        kept = KeptVideo(frames, video.decoder)
        self._kept[key] = kept
        self.used += frames.nbytes
        return kept
