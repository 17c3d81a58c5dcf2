"""ViFi-CLIP's colour augmentation in the form of mmaction2's transforms, and fast exact geometry.

mmaction2's own ``ColorJitter`` draws once per clip with numpy and is another transform. Here the
gate is drawn once per clip with ``random`` and the parameters once per *frame* with torch, on PIL
images, as in the released code (github.com/muzairkhattak/ViFi-CLIP, commit e2d1948,
datasets/pipeline.py).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray
from PIL import Image
from torchvision import transforms as tv


class FrameColorJitter(BaseTransform):
    """Change brightness, contrast, saturation and hue of every frame independently.

    Args:
        probability: Of changing a clip at all.
        brightness: Factor drawn from 1 ± this.
        contrast: Factor drawn from 1 ± this.
        saturation: Factor drawn from 1 ± this.
        hue: Shift drawn from ± this, in turns.
    """

    def __init__(
        self,
        probability: float,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.2,
        hue: float = 0.1,
    ) -> None:
        self.probability = probability
        self._jitter = tv.ColorJitter(brightness, contrast, saturation, hue)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Change ``results["imgs"]``, a list of uint8 [H,W,3]."""
        if random.random() < self.probability:
            results["imgs"] = [
                np.asarray(self._jitter(Image.fromarray(frame))) for frame in results["imgs"]
            ]
        return results


class ClipGrayScale(BaseTransform):
    """Make all frames of a clip grey (ITU-R 601 luma, three equal channels).

    Args:
        probability: Of changing a clip.
    """

    def __init__(self, probability: float) -> None:
        self.probability = probability
        self._grey = tv.Grayscale(num_output_channels=3)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Change ``results["imgs"]``, a list of uint8 [H,W,3]."""
        if random.random() < self.probability:
            results["imgs"] = [
                np.asarray(self._grey(Image.fromarray(frame))) for frame in results["imgs"]
            ]
        return results


class ResizeAndCrop:
    """Short side to a length, then one centre crop or three crops along the long side.

    Equal, pixel by pixel, to mmaction2's ``Resize`` with ``CenterCrop`` or ``ThreeCrop``. A frame
    goes the whole way while it is in the processor's cache; one that has the size already is not
    copied; what no crop shows is not computed.

    Args:
        short_side: Length after resizing, at least ``size``; with three crops equal to it.
        size: S, side of the square crop.
        crops: 1 or 3.
    """

    def __init__(self, short_side: int, size: int, crops: int) -> None:
        self._scale = (np.inf, short_side)
        self._size = size
        self._crops = crops

    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Frames uint8 [n,H,W,3] to uint8 [crops*n,3,S,S], all frames of a crop together."""
        count, height, width = frames.shape[:3]
        size = mmcv.rescale_size((width, height), self._scale)
        corners = self._corners(*size)
        made = _aligned((len(corners), count, 3, self._size, self._size))
        resize = _resizer((width, height), size, corners, self._size)
        for position, frame in enumerate(frames):
            image = resize(frame)
            for crop, (left, top) in enumerate(corners):
                view = image[top : top + self._size, left : left + self._size]
                _split(view, made[crop, position])
        return made.reshape(-1, 3, self._size, self._size)

    def _corners(self, width: int, height: int) -> list[tuple[int, int]]:
        """Left and top of each crop."""
        across, down = width - self._size, height - self._size
        if self._crops == 1:
            return [(across // 2, down // 2)]
        across, down = across // 2, down // 2
        return [(0, 0), (2 * across, 2 * down), (across, down)]


def _resizer(
    old: tuple[int, int], new: tuple[int, int], corners: Sequence[tuple[int, int]], size: int
) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    """OpenCV's bilinear resize of frames from ``old`` to ``new`` (width, height).

    What lies right of and below all crops is not computed. Given a scale instead of a size, OpenCV
    weighs the pixels of a part exactly as those of the whole, except for the outermost ones.
    """
    if new == old:
        return lambda frame: frame
    scales = [after / before for after, before in zip(new, old, strict=True)]
    needed = [max(corner[axis] for corner in corners) + size for axis in (0, 1)]
    right, below = (
        min(before, math.ceil(end / scale) + 2)
        for end, scale, before in zip(needed, scales, old, strict=True)
    )
    if round(right * scales[0]) < needed[0] or round(below * scales[1]) < needed[1]:
        return lambda frame: cv2.resize(frame, new)
    return lambda frame: cv2.resize(frame[:below, :right], None, fx=scales[0], fy=scales[1])


def channels_first(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Frames [H,W,3] as one uint8 array [n,3,H,W]."""
    height, width = images[0].shape[:2]
    frames = _aligned((len(images), 3, height, width))
    for planes, image in zip(frames, images, strict=True):
        _split(image, planes)
    return frames


def _split(image: NDArray[np.uint8], planes: NDArray[np.uint8]) -> None:
    """Channels of [H,W,3] into [3,H,W]; OpenCV does it faster than a transposed copy of numpy's."""
    cv2.split(image, [planes[0], planes[1], planes[2]])


def _aligned(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Memory that starts at a multiple of 64 bytes: to any other, OpenCV splits 15 times slower."""
    size = math.prod(shape)
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].reshape(shape)
