"""Frames on their way to a model: uint8 to the device, normalised there."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.planning.jobs import PreprocessingRef


class Normaliser:
    """Turns uint8 frames into what a method sees.

    Args:
        preprocessing: Mean and standard deviation of RGB values in 0..255.
        device: Where the method lies.
    """

    def __init__(self, preprocessing: PreprocessingRef, device: torch.device) -> None:
        self._device = device
        self._mean = torch.tensor(preprocessing.mean, device=device).view(3, 1, 1)
        # The original multiplies by the reciprocal, taken in double precision.
        reciprocals = [1.0 / value for value in preprocessing.std]
        self._scale = torch.tensor(reciprocals, device=device).view(3, 1, 1)

    def __call__(self, clips: Sequence[Tensor]) -> Tensor:
        """Put the views of clips side by side and normalise them.

        Args:
            clips: Each uint8 [views,T,3,S,S], on the CPU.

        Returns:
            Float [sum of views,T,3,S,S], on the device.
        """
        frames = torch.cat(list(clips))
        if self._device.type == "cuda":
            frames = frames.pin_memory()
        frames = frames.to(self._device, non_blocking=True)
        return frames.float().sub_(self._mean).mul_(self._scale)
