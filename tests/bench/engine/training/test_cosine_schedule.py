from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from bench.engine.training.schedule import build_schedule
from bench.planning.recipe import Recipe


def recipe(**values: object) -> Recipe:
    return Recipe(
        **{
            "num_frames": 1,
            "image_size": 8,
            "epochs": 3,
            "warmup_epochs": 0,
            "schedule": "cosine",
            "lr": 1e-3,
            **values,
        }
    )


def rates(chosen: Recipe, *, micro_steps: int, updates: int) -> list[float]:
    """The rate of each update, as the optimiser has it when the update is made."""
    adam = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=chosen.lr)
    schedule = build_schedule(adam, chosen, micro_steps)
    an_epoch = micro_steps // chosen.accumulation
    found = []
    for number in range(updates):
        found.append(adam.param_groups[0]["lr"])
        schedule.after_update(*divmod(number, an_epoch))
    return found


@pytest.mark.parametrize("floor", [0.0, 0.01])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_equals_torchs_cosine_annealing_stepped_once_an_update(
    floor: float, accumulation: int
) -> None:
    chosen = recipe(lr_min_ratio=floor, accumulation=accumulation)
    count = chosen.updates_in_all(7 // accumulation)
    adam = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=chosen.lr)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(
        adam, T_max=count, eta_min=chosen.lr * floor
    )
    expected = []
    for _ in range(count):
        expected.append(adam.param_groups[0]["lr"])
        adam.step()
        reference.step()
    assert rates(chosen, micro_steps=7, updates=count) == pytest.approx(expected, rel=1e-9)


def test_a_training_may_stop_early_on_a_long_cosine() -> None:
    chosen = recipe(lr=1e-4, lr_min_ratio=0.01, updates=1100, cosine_updates=200_000)
    found = rates(chosen, micro_steps=55, updates=1100)
    assert found[0] == 1e-4
    assert found[-1] == pytest.approx(1e-4, rel=1e-4)
    assert found[-1] < found[0]


def test_what_belongs_to_the_plain_cosine_is_refused_elsewhere() -> None:
    with pytest.raises(ValidationError, match="warmup_epochs must be 0 with schedule 'cosine'"):
        recipe(warmup_epochs=1)
    with pytest.raises(ValidationError, match="cosine_updates needs schedule 'cosine'"):
        recipe(schedule="vificlip", cosine_updates=5)
    with pytest.raises(ValidationError, match="updates needs schedule 'cosine'"):
        recipe(schedule="vificlip", updates=5)
