"""A plain cosine, a new rate every update, no warm-up (Efficient-Prompt, Vita-CLIP).

Both originals step torch's cosine annealing once per update: update k (0-based) runs at
``floor + (peak - floor) * (1 + cos(pi * k / length)) / 2``.
"""

from __future__ import annotations

import math

from torch.optim import Optimizer

from bench.planning.recipe import Recipe


class CosineSchedule:
    """Sets the learning rates of an optimiser whose groups hold their peak rates.

    Args:
        optimizer: Groups with ``lr`` at the peak.
        recipe: Peak, floor, and the length of the cosine (``cosine_updates``; without it, the
            whole training).
        micro_steps: Micro-steps per epoch, leftovers included.
    """

    def __init__(self, optimizer: Optimizer, recipe: Recipe, micro_steps: int) -> None:
        self._optimizer = optimizer
        self._peaks = [float(group["lr"]) for group in optimizer.param_groups]
        self._floor = recipe.lr_min_ratio
        self._updates = micro_steps // recipe.accumulation
        self._length = recipe.cosine_updates or recipe.updates_in_all(self._updates)

    def after_update(self, epoch: int, update: int) -> None:
        """Set the rate that the next update uses.

        Args:
            epoch: 0-based.
            update: 0-based number of the update just made, within the epoch.
        """
        made = epoch * self._updates + update + 1
        cosine = (1 + math.cos(math.pi * made / self._length)) / 2
        factor = self._floor + (1 - self._floor) * cosine
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * factor
