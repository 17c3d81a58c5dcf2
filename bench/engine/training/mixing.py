"""MixUp and CutMix, one draw for a whole group of clips and all their frames.

Draws follow the original: numpy decides between the two, torch gives ratio, partner and box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from bench.planning.recipe import Recipe


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels; the far edges are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        """Pixels inside."""
        return (self.right - self.left) * (self.bottom - self.top)


@dataclass(frozen=True)
class Draw:
    """How a group is mixed.

    Attributes:
        kind: Which of the two.
        ratio: What was drawn from the Beta distribution.
        partners: Position in the group of the clip that each clip is mixed with.
        box: The part that is replaced (``cutmix`` only).
        own_share: Weight of a clip's own label; differs from ``ratio`` in ``cutmix``.
    """

    kind: Literal["mixup", "cutmix"]
    ratio: float
    partners: tuple[int, ...]
    box: Box | None
    own_share: float


def mixes(recipe: Recipe) -> bool:
    """Whether this recipe mixes clips at all."""
    return recipe.mixup_alpha > 0 or recipe.cutmix_alpha > 0


def draw_mix(size: int, height: int, width: int, recipe: Recipe, *, seed: int) -> Draw:
    """Draw for a group of ``size`` clips of ``height`` x ``width`` pixels.

    An ``alpha`` of 0 switches that kind off; the recipe must leave one of them on.
    """
    cut = np.random.RandomState(seed).rand() < recipe.cutmix_prob
    if recipe.mixup_alpha == 0 or recipe.cutmix_alpha == 0:
        cut = recipe.cutmix_alpha > 0
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if cut:
            return _draw_cutmix(size, height, width, recipe.cutmix_alpha)
        ratio = _draw_ratio(recipe.mixup_alpha)
        partners = tuple(torch.randperm(size).tolist())
        return Draw("mixup", ratio, partners, None, own_share=ratio)


def _draw_ratio(alpha: float) -> float:
    return float(torch.distributions.Beta(alpha, alpha).sample())


def _draw_cutmix(size: int, height: int, width: int, alpha: float) -> Draw:
    partners = tuple(torch.randperm(size).tolist())
    ratio = _draw_ratio(alpha)
    # The cut is computed in float32, as the original's ratio is a float32 tensor.
    side = torch.sqrt(1.0 - torch.tensor(ratio, dtype=torch.float32))
    cut_width, cut_height = int(width * side), int(height * side)
    x = int(torch.randint(width, (1,)))
    y = int(torch.randint(height, (1,)))
    box = Box(
        left=max(x - cut_width // 2, 0),
        top=max(y - cut_height // 2, 0),
        right=min(x + cut_width // 2, width),
        bottom=min(y + cut_height // 2, height),
    )
    return Draw("cutmix", ratio, partners, box, own_share=1.0 - box.area / (height * width))


def mix_(video: Tensor, targets: Tensor, draw: Draw) -> None:
    """Mix one group in place.

    Args:
        video: [B,T,3,H,W] float, normalised.
        targets: Soft targets [B,C].
        draw: What ``draw_mix`` gave for B clips.
    """
    partners = torch.tensor(draw.partners, device=video.device)
    if draw.box is None:
        other = video[partners] * (1.0 - draw.ratio)
        video.mul_(draw.ratio).add_(other)
    else:
        box = draw.box
        patch = video[partners, ..., box.top : box.bottom, box.left : box.right]
        video[..., box.top : box.bottom, box.left : box.right] = patch
    other_targets = targets[partners] * (1.0 - draw.own_share)
    targets.mul_(draw.own_share).add_(other_targets)


def soft_targets(labels: Tensor, num_classes: int, smoothing: float) -> Tensor:
    """Smoothed one-hot rows [B,C]: ``smoothing / C`` everywhere, the rest on the label."""
    low = smoothing / num_classes
    rows = torch.full((len(labels), num_classes), low, device=labels.device)
    return rows.scatter_(1, labels[:, None], 1.0 - smoothing + low)
