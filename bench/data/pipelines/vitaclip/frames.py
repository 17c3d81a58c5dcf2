"""Vita-CLIP's pipeline: a window of the video at its own frame rate, no flip.

After the released code (github.com/TalalWasim/Vita-CLIP, commit c858299, ``video_dataset``). Order
of the draws: numpy for frames; RandAugment's, once per clip; torch for the crop, once per clip too.
Frame indices equal the original's for equal draws; RandAugment and the crop have its distributions.

Differences: the original resizes normalised floats; here, as in every pipeline, the result is
rounded to whole grey levels. It breaks on tests of a single view, and on tests of models trained on
random frames of segments: what is done then is this project's choice, see ``segments``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.transforms import RandomResizedCrop

from bench.data.pipelines.base import ClipFrames, Opener, PipelineSpec
from bench.data.pipelines.vitaclip.options import VitaClipOptions
from bench.data.transforms.clip_rand_augment import ClipRandAugment
from bench.data.video.decode import Video

_RATIO = [3 / 4, 4 / 3]


class VitaClipPipeline:
    """Frames as Vita-CLIP sees them."""

    def __init__(self, spec: PipelineSpec, open_video: Opener) -> None:
        self.spec = spec
        self._open_video = open_video
        options = VitaClipOptions(**spec.options)
        self._stride = options.frame_stride
        self._areas = [options.smallest_crop, 1.0]
        self._augment = (
            ClipRandAugment(options.randaug_ops, options.randaug_magnitude)
            if options.randaug_ops
            else None
        )

    def __call__(self, path: Path) -> ClipFrames:
        """Decode and transform one video.

        Raises:
            DecodeError: The file gives no usable frames.
        """
        video = self._open_video(path)
        frame_inds = self.sample(len(video))
        made = self._train(video, frame_inds) if self._training else self._test(video, frame_inds)
        frames = np.ascontiguousarray(made.round().clamp(0, 255).to(torch.uint8).numpy())
        return ClipFrames(frames=frames, frame_inds=frame_inds, decoder=video.decoder)

    @property
    def _training(self) -> bool:
        return self.spec.mode == "train"

    def sample(self, total_frames: int) -> NDArray[np.int64]:
        """Indices of the frames of one video, int64 [clips * T]."""
        count, stride = self.spec.num_frames, self._stride
        if self._training:
            if stride == 0:
                return random_of_segments(total_frames, count)
            return random_window(total_frames, count, stride)
        views = self.spec.clips
        if stride == 0:
            return np.concatenate(
                [segments(total_frames, count, view, views) for view in range(views)]
            )
        return windows(total_frames, count, stride, views)

    def _train(self, video: Video, frame_inds: NDArray[np.int64]) -> Tensor:
        images = [Image.fromarray(frame) for frame in video.get_frames(frame_inds.tolist())]
        if self._augment is not None:
            images = self._augment(images)
        frames = _floats([np.asarray(image) for image in images])
        top, left, height, width = RandomResizedCrop.get_params(frames, self._areas, _RATIO)
        cut = frames[:, :, top : top + height, left : left + width]
        return _resize(cut, (self.spec.image_size, self.spec.image_size))

    def _test(self, video: Video, frame_inds: NDArray[np.int64]) -> Tensor:
        unique, inverse = np.unique(frame_inds, return_inverse=True)
        size = self.spec.image_size
        frames = _floats(video.get_frames(unique.tolist()))
        height, width = short_side(frames.shape[2], frames.shape[3], size)
        frames = _resize(frames, (height, width))
        corners = crop_corners(height, width, size, self.spec.crops)
        views = [frames[:, :, top : top + size, left : left + size] for top, left in corners]
        return torch.cat([view[torch.from_numpy(inverse)] for view in views])


def random_window(total_frames: int, count: int, stride: int) -> NDArray[np.int64]:
    """``count`` frames, ``stride`` apart, from a random start, int64 [count].

    A video that is too short gives what it has from its first frame on; the last one repeats.
    """
    span = stride * (count - 1)
    if span + 1 >= total_frames:
        found = np.arange(count) * stride
        return np.minimum(found, (total_frames - 1) // stride * stride)
    return np.random.randint(0, total_frames - span) + np.arange(count) * stride


def random_of_segments(total_frames: int, count: int) -> NDArray[np.int64]:
    """A random frame of each of ``count`` segments, whose ends overlap, int64 [count]."""
    ends = _segment_ends(total_frames, count)
    return np.array([np.random.randint(low, high + 1) for low, high in ends], dtype=np.int64)


def windows(total_frames: int, count: int, stride: int, views: int) -> NDArray[np.int64]:
    """Windows spread evenly over the video, or the central one, int64 [views * count].

    A video that is too short goes on with its last frame (in training with another one).
    """
    slack = max(0, total_frames - (stride * (count - 1) + 1))
    if views == 1:
        starts = [slack // 2]
    else:
        starts = [round(slack / (views - 1) * view) for view in range(views)]
    found = np.concatenate([start + np.arange(count) * stride for start in starts])
    return np.minimum(found, total_frames - 1)


def segments(total_frames: int, count: int, view: int, views: int) -> NDArray[np.int64]:
    """The frame at the same place of each of ``count`` segments, int64 [count].

    This project's choice for tests of models that were trained on random frames of segments.

    Args:
        total_frames: Frames of the video.
        count: Segments.
        view: 0-based number of the view.
        views: Views; each has its place, spread evenly. A single one has the middle.
    """
    share = (view + 1) / (views + 1)
    ends = _segment_ends(total_frames, count)
    return np.array([low + round((high - low) * share) for low, high in ends], dtype=np.int64)


def _segment_ends(total_frames: int, count: int) -> list[tuple[int, int]]:
    length = (total_frames - 1) / count
    return [(round(length * i), round(length * (i + 1))) for i in range(count)]


def short_side(height: int, width: int, size: int) -> tuple[int, int]:
    """Height and width after the shorter side has become ``size``; the other is rounded down."""
    if height <= width:
        return size, width * size // height
    return height * size // width, size


def crop_corners(height: int, width: int, size: int, crops: int) -> list[tuple[int, int]]:
    """Upper left corners (y, x): the centre, or both ends and the middle of the longer side."""
    down, across = height - size, width - size
    if crops == 1:
        return [(down // 2, across // 2)]
    return [(0, 0), (down // 2, across // 2), (down, across)]


def _floats(frames: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> Tensor:
    """float32 [n,3,H,W] of uint8 [n,H,W,3]."""
    return torch.from_numpy(np.stack(list(frames))).permute(0, 3, 1, 2).float()


def _resize(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear, without antialiasing."""
    return interpolate(frames, size=size, mode="bilinear", align_corners=False)
