"""ViFi-CLIP's pipeline: sparse sampling, multi-scale crop, per-frame colour jitter.

Equal, pixel by pixel and draw by draw, to the released code (github.com/muzairkhattak/ViFi-CLIP,
commit e2d1948, datasets/build.py); goldens in ``tests/goldens/pipeline``. Order of the draws:
numpy for frame offsets, then the flip; ``random`` for crop size, crop position, jitter gate, grey
gate; torch for the jitter of each frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmaction.datasets.transforms import Flip, MultiScaleCrop, Resize, SampleFrames
from numpy.typing import NDArray

from bench.data.pipelines.base import ClipFrames, Opener, PipelineSpec
from bench.data.transforms.frames import (
    ClipGrayScale,
    FrameColorJitter,
    ResizeAndCrop,
    channels_first,
)
from bench.data.video.decode import Video

Transform = Callable[[dict[str, Any]], dict[str, Any]]

_CROP_SCALES = (1, 0.875, 0.75, 0.66)


class VifiClipPipeline:
    """Frames as ViFi-CLIP sees them."""

    def __init__(self, spec: PipelineSpec, open_video: Opener) -> None:
        self.spec = spec
        self._open_video = open_video
        self._sample = SampleFrames(
            clip_len=1,
            frame_interval=1,
            num_clips=spec.num_frames,
            # Several test clips are random draws of the training sampler, as in the release.
            test_mode=not spec.random,
        )
        self._draws = spec.mode == "train"
        self._train_geometry = train_geometry(spec) if self._draws else ()
        self._val_geometry = val_geometry(spec)
        self._colour: Sequence[Transform] = (
            (FrameColorJitter(spec.color_jitter), ClipGrayScale(spec.gray_scale))
            if self._draws
            else ()
        )

    def __call__(self, path: Path) -> ClipFrames:
        """Decode and transform one video.

        Raises:
            DecodeError: The file gives no usable frames.
        """
        video = self._open_video(path)
        frame_inds = self.sample(len(video))
        frames = self._train(video, frame_inds) if self._draws else self._val(video, frame_inds)
        return ClipFrames(frames=frames, frame_inds=frame_inds, decoder=video.decoder)

    def sample(self, total_frames: int) -> NDArray[np.int64]:
        """Indices of the frames of one video, int64 [clips * T]."""
        count = self.spec.clips if self.spec.mode == "val" else 1
        draws = [
            self._sample({"total_frames": total_frames, "start_index": 0})["frame_inds"]
            for _ in range(count)
        ]
        return np.concatenate(draws).astype(np.int64)

    def _val(self, video: Video, frame_inds: NDArray[np.int64]) -> NDArray[np.uint8]:
        if np.all(frame_inds[1:] > frame_inds[:-1]):
            return self._val_geometry(video.get_frames(frame_inds.tolist()))
        unique, inverse = np.unique(frame_inds, return_inverse=True)
        made = self._val_geometry(video.get_frames(unique.tolist()))
        by_crop = made.reshape(-1, len(unique), *made.shape[1:])
        return by_crop[:, inverse].reshape(-1, *made.shape[1:])

    def _train(self, video: Video, frame_inds: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Geometry treats all frames alike, so each decoded frame goes through it once."""
        unique, inverse = np.unique(frame_inds, return_inverse=True)
        decoded = video.get_frames(unique.tolist())
        results: dict[str, Any] = {
            "imgs": list(decoded),
            "img_shape": decoded.shape[1:3],
            "modality": "RGB",
        }
        for transform in self._train_geometry:
            results = transform(results)
        results["imgs"] = [results["imgs"][position] for position in inverse]
        for transform in self._colour:
            results = transform(results)
        return channels_first(results["imgs"])


def _short_side(size: int) -> int:
    """256 for a crop of 224."""
    return int(256 / 224 * size)


def train_geometry(spec: PipelineSpec) -> Sequence[Transform]:
    """Resize, multi-scale crop, resize to the square, flip; drawn once per clip."""
    size = spec.image_size
    return (
        Resize(scale=(-1, _short_side(size))),
        MultiScaleCrop(
            input_size=size,
            scales=_CROP_SCALES,
            random_crop=False,
            max_wh_scale_gap=1,
            num_fixed_crops=5,
        ),
        Resize(scale=(size, size), keep_ratio=False),
        Flip(flip_ratio=spec.flip),
    )


def val_geometry(spec: PipelineSpec) -> ResizeAndCrop:
    """Resize and centre crop, or resize to the crop's side and three crops."""
    size = spec.image_size
    return ResizeAndCrop(size if spec.crops == 3 else _short_side(size), size, spec.crops)
