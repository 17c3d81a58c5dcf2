"""ActionCLIP's pipeline: segments, multi-scale crop with 13 places, all of it on PIL images.

Equal to the released code (github.com/sallymmx/ActionCLIP, commit 31c34df, ``datasets`` and
``utils/Augmentation.py``), but for the input: the original reads frames from JPEG files, here they
come from the video. Order of the draws: numpy for frames; for every frame RandAugment's; then
``random`` for crop size, crop place, flip, the jitter's gate and the grey gate; torch for the
jitter of each frame.

The original has one test view: segment centres, centre crop. Further ones are this project's
choice: several temporal clips are draws of the training sampler, three crops are taken along the
longer side of frames whose shorter side has the crop's size, in the order of ViFi-CLIP's pipeline.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torchvision import transforms as tv

from bench.data.pipelines.actionclip.options import ActionClipOptions
from bench.data.pipelines.base import ClipFrames, Opener, PipelineSpec
from bench.data.transforms.frames import ClipGrayScale, FrameColorJitter
from bench.data.transforms.rand_augment import RandAugment

_CROP_SCALES = (1, 0.875, 0.75, 0.66)
_MOST_DISTORTED = 1
_PLACES = (
    *((0, 0), (4, 0), (0, 4), (4, 4), (2, 2), (0, 2), (4, 2), (2, 4), (2, 0)),
    *((1, 1), (3, 1), (1, 3), (3, 3)),
)
"""Quarters of the room that is left, to the right and down."""

Images = list[Image.Image]
Box = tuple[int, int, int, int]


class ActionClipPipeline:
    """Frames as ActionCLIP sees them."""

    def __init__(self, spec: PipelineSpec, open_video: Opener) -> None:
        self.spec = spec
        self._open_video = open_video
        options = ActionClipOptions(**spec.options)
        self._augment = (
            RandAugment(options.randaug_ops, options.randaug_magnitude)
            if options.randaug_ops
            else None
        )
        self._colour = (FrameColorJitter(spec.color_jitter), ClipGrayScale(spec.gray_scale))

    def __call__(self, path: Path) -> ClipFrames:
        """Decode and transform one video.

        Raises:
            DecodeError: The file gives no usable frames.
        """
        video = self._open_video(path)
        frame_inds = self.sample(len(video))
        images = [Image.fromarray(frame) for frame in video.get_frames(frame_inds.tolist())]
        made = self._train(images) if self.spec.mode == "train" else self._test(images)
        frames = np.ascontiguousarray(made.transpose(0, 3, 1, 2))
        return ClipFrames(frames=frames, frame_inds=frame_inds, decoder=video.decoder)

    def sample(self, total_frames: int) -> NDArray[np.int64]:
        """Indices of the frames of one video, int64 [clips * T]."""
        count = self.spec.num_frames
        if not self.spec.random:
            return segment_centres(total_frames, count)
        draws = [random_segments(total_frames, count) for _ in range(self.spec.clips)]
        return np.concatenate(draws)

    def _train(self, images: Images) -> NDArray[np.uint8]:
        if self._augment is not None:
            images = [self._augment(image) for image in images]
        size = self.spec.image_size
        box = draw_crop(images[0].size, size)
        images = [
            image.crop(box).resize((size, size), Image.Resampling.BILINEAR) for image in images
        ]
        if random.random() < self.spec.flip:
            images = [image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for image in images]
        results: dict[str, Any] = {"imgs": [np.asarray(image) for image in images]}
        for transform in self._colour:
            results = transform(results)
        return np.stack(results["imgs"])

    def _test(self, images: Images) -> NDArray[np.uint8]:
        size = self.spec.image_size
        short = size if self.spec.crops == 3 else size * 256 // 224
        resize = tv.Resize(short, interpolation=tv.InterpolationMode.BICUBIC)
        images = [resize(image) for image in images]
        cut: Callable[[Image.Image], Image.Image]
        if self.spec.crops == 1:
            cut = tv.CenterCrop(size)
            return np.stack([np.asarray(cut(image)) for image in images])
        boxes = three_boxes(images[0].size, size)
        return np.stack([np.asarray(image.crop(box)) for box in boxes for image in images])


def segment_centres(total_frames: int, count: int) -> NDArray[np.int64]:
    """The middle frame of each of ``count`` segments, int64 [count]."""
    if count == 1:
        return np.array([total_frames // 2])
    if total_frames <= count:
        return np.arange(count) * total_frames // count
    length = total_frames / count
    offset = (length - 1) / 2.0
    # In this order of operations: another one rounds differently for some lengths.
    return np.array([int(i * total_frames / count + offset) for i in range(count)])


def random_segments(total_frames: int, count: int) -> NDArray[np.int64]:
    """A random frame of each of ``count`` segments, int64 [count].

    A video that is too short gives every frame, and random ones a second time.
    """
    if total_frames <= count:
        repeats = np.random.randint(total_frames, size=count - total_frames)
        return np.sort(np.concatenate([np.arange(total_frames), repeats]))
    ticks = [i * total_frames // count for i in range(count + 1)]
    return np.array([start + np.random.randint(end - start) for start, end in pairwise(ticks)])


def crop_sizes(image: tuple[int, int], size: int) -> list[tuple[int, int]]:
    """The (width, height) a crop may have, in the order that draws number them.

    Args:
        image: Width and height of the frames.
        size: S; a side within 2 pixels of it becomes S.
    """
    sides = [int(min(image) * scale) for scale in _CROP_SCALES]
    sides = [size if abs(side - size) < 3 else side for side in sides]
    return [
        (width, height)
        for row, height in enumerate(sides)
        for column, width in enumerate(sides)
        if abs(row - column) <= _MOST_DISTORTED
    ]


def crop_places(image: tuple[int, int], crop: tuple[int, int]) -> list[tuple[int, int]]:
    """The 13 upper left corners (x, y) that a crop may have, in the order of the draws."""
    across, down = ((whole - part) // 4 for whole, part in zip(image, crop, strict=True))
    return [(across * right, down * lower) for right, lower in _PLACES]


def draw_crop(image: tuple[int, int], size: int) -> Box:
    """A random crop: left, upper, right and lower edge."""
    width, height = random.choice(crop_sizes(image, size))
    left, upper = random.choice(crop_places(image, (width, height)))
    return left, upper, left + width, upper + height


def three_boxes(image: tuple[int, int], size: int) -> Sequence[Box]:
    """Crops at both ends and in the middle of the longer side."""
    right, lower = image[0] - size, image[1] - size
    corners = ((0, 0), (right, lower), (right // 2, lower // 2))
    return [(x, y, x + size, y + size) for x, y in corners]
