"""ActionCLIP's learning rate: warm-up and cosine in epochs, moved only now and then.

Specification: github.com/sallymmx/ActionCLIP, commit 31c34df, ``utils/lr_scheduler.py`` and the
loop of ``train.py``, which asks for a rate before the first update of an epoch and then before
every tenth. The warm-up starts at 0, so the first nine updates of a training have the rate 0; with
fewer than ten updates per epoch the rate stands still within it, and the first epoch is one at 0.
"""

from __future__ import annotations

import math

from torch.optim import Optimizer

from bench.planning.recipe import Recipe

_UPDATES_A_STEP = 10


class SteppedSchedule:
    """Sets the learning rates of an optimiser whose groups hold their peak rates.

    Args:
        optimizer: Groups with ``lr`` at the peak.
        recipe: Epochs and warm-up.
        micro_steps: Micro-steps per epoch, leftovers included.
    """

    def __init__(self, optimizer: Optimizer, recipe: Recipe, micro_steps: int) -> None:
        self._optimizer = optimizer
        self._peaks = [float(group["lr"]) for group in optimizer.param_groups]
        self._epochs, self._warmup = recipe.epochs, recipe.warmup_epochs
        self._updates = micro_steps // recipe.accumulation
        self._set(0, 0)

    def after_update(self, epoch: int, update: int) -> None:
        """Set the rate that the next update uses.

        Args:
            epoch: 0-based.
            update: 0-based number of the update just made, within the epoch.
        """
        self._set(*divmod(epoch * self._updates + update + 1, self._updates))

    def _set(self, epoch: int, update: int) -> None:
        """Set the rate of an update: that of the last one at which the original asked."""
        asked = max(0, (update + 1) // _UPDATES_A_STEP * _UPDATES_A_STEP - 1)
        factor = self._factor(epoch + asked / self._updates)
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * factor

    def _factor(self, epoch: float) -> float:
        """Share of the peak at a point in time, in epochs."""
        if epoch < self._warmup:
            return epoch / self._warmup
        rest = self._epochs - self._warmup
        done = min(1.0, (epoch - self._warmup) / rest) if rest else 1.0
        return (1 + math.cos(math.pi * done)) / 2
