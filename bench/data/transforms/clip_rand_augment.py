"""RandAugment for a whole clip: operations are drawn once and change all its frames alike.

Operations and ranges are timm's "increasing" ones, after which Vita-CLIP's were made. Order of the
draws: numpy for the operations; then for each ``random``: whether it acts, strength, sign.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image
from timm.data.auto_augment import rand_augment_ops

STRONGEST = 10
"""Magnitude at which an operation reaches the upper end of its range."""

_DEVIATION = 0.5
_GREY = (128, 128, 128)
_OPERATIONS = (
    *("AutoContrast", "Equalize", "Invert", "Rotate", "PosterizeIncreasing"),
    *("SolarizeIncreasing", "SolarizeAdd", "ColorIncreasing", "ContrastIncreasing"),
    *("BrightnessIncreasing", "SharpnessIncreasing", "ShearX", "ShearY"),
    *("TranslateXRel", "TranslateYRel"),
)


class ClipRandAugment:
    """Applies operations, chosen with replacement, each of which acts every second time.

    Args:
        operations: How many.
        magnitude: Mean of their strength, 0 to ``STRONGEST``; its deviation is 0.5.
    """

    def __init__(self, operations: int, magnitude: float) -> None:
        self._count = operations
        self._operations: Any = rand_augment_ops(
            magnitude=magnitude,
            hparams={
                "magnitude_std": _DEVIATION,
                "img_mean": _GREY,
                "interpolation": Image.Resampling.BICUBIC,
            },
            transforms=list(_OPERATIONS),
        )

    def __call__(self, images: Sequence[Image.Image]) -> list[Image.Image]:
        """The changed frames, RGB and of the same size."""
        changed = list(images)
        for operation in np.random.choice(self._operations, self._count):
            changed = _apply(operation, changed)
        return changed


def _apply(operation: Any, images: list[Image.Image]) -> list[Image.Image]:
    """One operation of timm with one draw for all frames (timm itself draws for every image)."""
    if random.random() > operation.prob:
        return images
    drawn = random.gauss(operation.magnitude, operation.magnitude_std)
    strength = min(max(drawn, 0.0), STRONGEST)
    level = () if operation.level_fn is None else operation.level_fn(strength, operation.hparams)
    return [operation.aug_fn(image, *level, **operation.kwargs) for image in images]
