"""The learning rate of every update: warm-up and cosine, counted in micro-steps.

The original advanced its schedule after an update, with the number of the update's last
micro-step. So the first update runs at 0 and every later one at the rate that belongs to the
update before it.
"""

from __future__ import annotations

from timm.scheduler.cosine_lr import CosineLRScheduler
from torch.optim import Optimizer

from bench.engine.training.cosine_schedule import CosineSchedule
from bench.engine.training.stepped_schedule import SteppedSchedule
from bench.planning.recipe import Recipe


def build_schedule(
    optimizer: Optimizer, recipe: Recipe, micro_steps: int
) -> UpdateSchedule | SteppedSchedule | CosineSchedule:
    """The schedule that the recipe names; arguments as for ``UpdateSchedule``."""
    return _SCHEDULES[recipe.schedule](optimizer, recipe, micro_steps)


class UpdateSchedule:
    """Sets the learning rates of an optimiser whose groups hold their peak rates.

    Args:
        optimizer: Groups with ``lr`` at the peak.
        recipe: Epochs, warm-up and floor.
        micro_steps: Micro-steps per epoch, leftovers included.
    """

    def __init__(self, optimizer: Optimizer, recipe: Recipe, micro_steps: int) -> None:
        self._micro_steps = micro_steps
        self._accumulation = recipe.accumulation
        self._scheduler = CosineLRScheduler(
            optimizer,
            t_initial=recipe.epochs * micro_steps,
            lr_min=recipe.lr * recipe.lr_min_ratio,
            warmup_t=int(recipe.warmup_epochs * micro_steps),
            warmup_lr_init=0.0,
            cycle_limit=1,
            t_in_epochs=False,
        )

    def after_update(self, epoch: int, update: int) -> None:
        """Set the rate that the next update uses.

        Args:
            epoch: 0-based.
            update: 0-based number of the update just made, within the epoch.
        """
        last_micro_step = (update + 1) * self._accumulation - 1
        self._scheduler.step_update(epoch * self._micro_steps + last_micro_step)


_SCHEDULES: dict[str, type[UpdateSchedule | SteppedSchedule | CosineSchedule]] = {
    "vificlip": UpdateSchedule,
    "actionclip": SteppedSchedule,
    "cosine": CosineSchedule,
}
