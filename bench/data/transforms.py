"""Colour augmentation of ViFi-CLIP in the form of mmaction2's transforms.

mmaction2's own ``ColorJitter`` draws once a clip with numpy and is another transform. Here the gate
is drawn once a clip with ``random`` and the parameters once a *frame* with torch, on PIL images, as
in the released code (github.com/muzairkhattak/ViFi-CLIP, commit e2d1948, datasets/pipeline.py).
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
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
