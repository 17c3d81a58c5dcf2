"""A5's pipeline: windows of neighbouring frames at a random rate, centre crop, no augmentation.

Sampling is equal, draw by draw, to the released code (github.com/ju-chen/Efficient-Prompt, commit
1f69a18, ``src/data.py``), in training and for several test views, which are random draws too. Order
of the draws: ``random`` for the rate, then numpy for the first frame and the start of the window.
A window is 0.5 to 2 seconds long with 16 frames at 30 frames per second; its rates are shares of
the video's own, as the original resamples nothing. Geometry is that of ``feat/visfeat.py``, on RGB
frames (the original's are BGR, which its network was not trained for).

This project's choices: a single test view is not random but has the middle frames of equal segments
(how the ViFi-CLIP paper tests); three crops are taken along the longer side, in the order of
ViFi-CLIP's pipeline; colour jitter, grey and flips, which the original does not have, are those of
ViFi-CLIP and happen only where the recipe asks for them.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
from mmaction.datasets.transforms import Flip, SampleFrames, ThreeCrop
from numpy.typing import NDArray
from PIL import Image
from torchvision import transforms as tv

from bench.data.pipelines.base import ClipFrames, Opener, PipelineSpec
from bench.data.transforms.frames import ClipGrayScale, FrameColorJitter

_RATIOS = (1, 1 / 2, 1 / 3, 1 / 3, 1 / 3, 1 / 4)
"""Shares of the video's frame rate, drawn with equal chances."""


class A5Pipeline:
    """Frames as A5 sees them."""

    def __init__(self, spec: PipelineSpec, open_video: Opener) -> None:
        self.spec = spec
        self._open_video = open_video
        self._middles = SampleFrames(
            clip_len=1, frame_interval=1, num_clips=spec.num_frames, test_mode=True
        )
        self._resize = tv.Resize(spec.image_size, interpolation=tv.InterpolationMode.BICUBIC)
        self._centre = tv.CenterCrop(spec.image_size)
        self._three = ThreeCrop(spec.image_size)
        self._augment = (
            (
                Flip(flip_ratio=spec.flip),
                FrameColorJitter(spec.color_jitter),
                ClipGrayScale(spec.gray_scale),
            )
            if spec.flip or spec.color_jitter or spec.gray_scale
            else ()
        )

    def __call__(self, path: Path) -> ClipFrames:
        """Decode and transform one video.

        Raises:
            DecodeError: The file gives no usable frames.
        """
        video = self._open_video(path)
        frame_inds = self.sample(len(video))
        unique, inverse = np.unique(frame_inds, return_inverse=True)
        shown = self._cut(video.get_frames(unique.tolist()))
        images = np.concatenate([crop[inverse] for crop in shown])
        if self._augment:
            # The images are rows of one array of their own, as flipping works in place.
            results: dict[str, Any] = {"imgs": list(images), "modality": "RGB"}
            for transform in self._augment:
                results = transform(results)
            images = np.stack(results["imgs"])
        frames = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        return ClipFrames(frames=frames, frame_inds=frame_inds, decoder=video.decoder)

    def sample(self, total_frames: int) -> NDArray[np.int64]:
        """Indices of the frames of one video, int64 [clips * T]; all of them in mode ``every``."""
        spec = self.spec
        if spec.mode == "every":
            return np.arange(total_frames)
        if not spec.random:
            made = self._middles({"total_frames": total_frames, "start_index": 0})
            middles: NDArray[np.int64] = made["frame_inds"].astype(np.int64)
            return middles
        draws = [draw_window(total_frames, spec.num_frames) for _ in range(spec.clips)]
        return np.concatenate(draws)

    def _cut(self, frames: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        """The crops of frames [n,H,W,3], each uint8 [n,S,S,3]."""
        small = [self._resize(Image.fromarray(frame)) for frame in frames]
        if self.spec.crops == 1:
            return [np.stack([np.asarray(self._centre(image)) for image in small])]
        images = [np.asarray(image) for image in small]
        made = self._three({"imgs": images, "img_shape": images[0].shape[:2]})["imgs"]
        return list(np.stack(made).reshape(3, len(images), *made[0].shape))


def draw_window(total_frames: int, count: int) -> NDArray[np.int64]:
    """Neighbouring frames of a video thinned out to a random rate, int64 [count].

    The last window is never drawn: the original leaves it out. A video without more than ``count``
    frames is shown whole, its last frame repeated.
    """
    if total_frames <= count:
        return np.minimum(np.arange(count), total_frames - 1)
    ratio = random.choice(_RATIOS)
    first = np.random.randint(round(1 / ratio))
    thinned = np.linspace(first, total_frames - 1, num=round(ratio * total_frames), dtype=np.int64)
    if len(thinned) <= count:
        thinned = np.arange(total_frames)
    start = np.random.randint(len(thinned) - count)
    return thinned[start : start + count]
