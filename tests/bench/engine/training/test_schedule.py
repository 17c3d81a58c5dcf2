from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from bench.engine.training.schedule import UpdateSchedule
from bench.planning.recipe import Recipe
from tests.places import GOLDENS

CASES = json.loads((GOLDENS / "engine" / "lr_schedule.json").read_text())


def optimiser(*rates: float) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    )


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_every_update_has_the_rate_of_the_original(case: dict[str, Any]) -> None:
    recipe = Recipe(
        num_frames=1,
        image_size=8,
        epochs=case["epochs"],
        warmup_epochs=case["warmup_epochs"],
        lr=case["lr"],
        accumulation=case["accumulation"],
    )
    adam = optimiser(case["lr"])
    schedule = UpdateSchedule(adam, recipe, case["micro_steps"])
    updates = case["micro_steps"] // case["accumulation"]
    expected = case["updates"]
    assert len(expected) == updates * case["epochs"]
    for number, (epoch, last_micro_step, rate) in enumerate(expected):
        assert divmod(number, updates) == (epoch, last_micro_step // case["accumulation"])
        assert adam.param_groups[0]["lr"] == pytest.approx(rate, rel=1e-12, abs=0)
        schedule.after_update(epoch, number % updates)


def test_groups_keep_their_ratio_in_warm_up_and_share_the_floor() -> None:
    recipe = Recipe(num_frames=1, image_size=8, epochs=10, warmup_epochs=5, lr=1e-3)
    adam = optimiser(1e-3, 1e-2)
    schedule = UpdateSchedule(adam, recipe, micro_steps=4)
    assert [group["lr"] for group in adam.param_groups] == [0.0, 0.0]
    schedule.after_update(epoch=2, update=1)
    first, second = (group["lr"] for group in adam.param_groups)
    assert first == pytest.approx(1e-3 * 9 / 20)
    assert second == pytest.approx(10 * first)
    schedule.after_update(epoch=10, update=0)
    assert [group["lr"] for group in adam.param_groups] == [1e-5, 1e-5]
