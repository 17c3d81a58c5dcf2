"""RandAugment as ActionCLIP uses it: random operations on one frame at a fixed strength.

Operations, ranges and order of draws are those of ildoonet/pytorch-randaugment at commit 3778c77,
which ActionCLIP's repository asks for; torchvision's RandAugment has other operations and ranges.
Choices and signs are drawn from ``random``, the place of a cut-out from numpy.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

STRONGEST = 30
"""Magnitude at which an operation reaches the upper end of its range."""

_CUT_COLOUR = (125, 123, 114)
_SOLARIZE_FROM = 128

Operation = Callable[[Image.Image, float], Image.Image]


class RandAugment:
    """Applies operations, chosen with replacement, one after the other.

    Args:
        operations: How many.
        magnitude: Their strength, 0 to ``STRONGEST``.
    """

    def __init__(self, operations: int, magnitude: float) -> None:
        self._operations = operations
        self._share = float(magnitude) / STRONGEST

    def __call__(self, image: Image.Image) -> Image.Image:
        """The changed image, RGB and of the same size."""
        for operation, low, high in random.choices(_OPERATIONS, k=self._operations):
            image = operation(image, self._share * float(high - low) + low)
        return image


def _signed(value: float) -> float:
    return -value if random.random() > 0.5 else value


def _affine(image: Image.Image, *matrix: float) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix)


def _shear_x(image: Image.Image, value: float) -> Image.Image:
    return _affine(image, 1, _signed(value), 0, 0, 1, 0)


def _shear_y(image: Image.Image, value: float) -> Image.Image:
    return _affine(image, 1, 0, 0, _signed(value), 1, 0)


def _translate_x(image: Image.Image, value: float) -> Image.Image:
    return _affine(image, 1, 0, _signed(value), 0, 1, 0)


def _translate_y(image: Image.Image, value: float) -> Image.Image:
    return _affine(image, 1, 0, 0, 0, 1, _signed(value))


def _rotate(image: Image.Image, value: float) -> Image.Image:
    return image.rotate(_signed(value))


def _auto_contrast(image: Image.Image, _: float) -> Image.Image:
    return ImageOps.autocontrast(image)


def _equalize(image: Image.Image, _: float) -> Image.Image:
    return ImageOps.equalize(image)


def _invert(image: Image.Image, _: float) -> Image.Image:
    return ImageOps.invert(image)


def _posterize(image: Image.Image, value: float) -> Image.Image:
    # Not ``ImageOps.posterize``: with 0 bits it used to give black and is an error today.
    mask = 256 - 2 ** (8 - int(value))
    return image.point([level & mask for level in range(256)] * 3)


def _solarize(image: Image.Image, value: float) -> Image.Image:
    return image.point([i if i < value else 255 - i for i in range(256)] * 3)


def _brighten_and_solarize(image: Image.Image, value: float) -> Image.Image:
    brighter = np.clip(np.asarray(image).astype(np.int64) + value, 0, 255).astype(np.uint8)
    return _solarize(Image.fromarray(brighter), _SOLARIZE_FROM)


def _colour(image: Image.Image, value: float) -> Image.Image:
    return ImageEnhance.Color(image).enhance(value)


def _contrast(image: Image.Image, value: float) -> Image.Image:
    return ImageEnhance.Contrast(image).enhance(value)


def _brightness(image: Image.Image, value: float) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(value)


def _sharpness(image: Image.Image, value: float) -> Image.Image:
    return ImageEnhance.Sharpness(image).enhance(value)


def _cut_out(image: Image.Image, value: float) -> Image.Image:
    width, height = image.size
    # With one argument numpy takes it for the lower end; the upper one stays 1.
    x, y = np.random.uniform(width), np.random.uniform(height)
    left, top = int(max(0, x - value / 2.0)), int(max(0, y - value / 2.0))
    cut = image.copy()
    box = (left, top, min(width, left + value), min(height, top + value))
    ImageDraw.Draw(cut).rectangle(box, _CUT_COLOUR)
    return cut


_OPERATIONS: tuple[tuple[Operation, float, float], ...] = (
    (_auto_contrast, 0, 1),
    (_equalize, 0, 1),
    (_invert, 0, 1),
    (_rotate, 0, 30),
    (_posterize, 0, 4),
    (_solarize, 0, 256),
    (_brighten_and_solarize, 0, 110),
    (_colour, 0.1, 1.9),
    (_contrast, 0.1, 1.9),
    (_brightness, 0.1, 1.9),
    (_sharpness, 0.1, 1.9),
    (_shear_x, 0.0, 0.3),
    (_shear_y, 0.0, 0.3),
    (_cut_out, 0, 40),
    (_translate_x, 0.0, 100),
    (_translate_y, 0.0, 100),
)
