from __future__ import annotations

import csv
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from bench.engine.training.schedule import UpdateSchedule, build_schedule
from bench.engine.training.stepped_schedule import SteppedSchedule
from bench.planning.recipe import Recipe
from tests.places import GOLDENS

TRACE = GOLDENS / "actionclip" / "lr_trace.csv"
RATES = {"lr_clip": 5e-6, "lr_fusion": 5e-5}


def recipe(**changes: Any) -> Recipe:
    values = {
        "num_frames": 1,
        "image_size": 8,
        "epochs": 50,
        "warmup_epochs": 5,
        "lr": 5e-6,
        "schedule": "actionclip",
        "lr_min_ratio": 0,
    }
    return Recipe(**{**values, **changes})


def optimiser() -> torch.optim.AdamW:
    return torch.optim.AdamW(
        [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in RATES.values()]
    )


def rates(adam: torch.optim.AdamW) -> dict[str, float]:
    return {name: group["lr"] for name, group in zip(RATES, adam.param_groups, strict=True)}


@pytest.mark.parametrize("updates", [1, 7, 25, 1828])
def test_rates_equal_the_original(updates: int) -> None:
    with TRACE.open() as file:
        rows = [row for row in csv.DictReader(file) if int(row["iters_per_epoch"]) == updates]
    assert len(rows) >= 50
    adam = optimiser()
    schedule = build_schedule(adam, recipe(accumulation=2), 2 * updates)
    assert isinstance(schedule, SteppedSchedule)
    for row in rows:
        epoch, update = int(row["epoch"]), int(row["iter"])
        if epoch or update:
            # The state depends on the place alone, so a resumed training sees the same rate.
            schedule.after_update(*divmod(epoch * updates + update - 1, updates))
        for name, rate in rates(adam).items():
            assert rate == pytest.approx(float(row[name]), rel=1e-9, abs=1e-20)


def test_the_first_nine_updates_stand_still() -> None:
    adam = optimiser()
    schedule = build_schedule(adam, recipe(accumulation=1), 100)
    seen = [rates(adam)["lr_clip"]]
    for update in range(29):
        schedule.after_update(0, update)
        seen.append(rates(adam)["lr_clip"])
    assert seen[:9] == [0.0] * 9
    assert [len(set(seen[start : start + 10])) for start in (9, 19)] == [1, 1]
    assert 0 < seen[9] < seen[19] < seen[29]


def test_without_a_warm_up_the_first_update_has_the_peak() -> None:
    adam = optimiser()
    build_schedule(adam, recipe(warmup_epochs=0), 100)
    assert rates(adam) == RATES


def test_recipes_choose_the_schedule() -> None:
    plain = recipe(schedule="vificlip", lr_min_ratio=0.01)
    assert isinstance(build_schedule(optimiser(), plain, 100), UpdateSchedule)
    with pytest.raises(ValidationError, match="lr_min_ratio must be 0 with schedule 'actionclip'"):
        recipe(lr_min_ratio=0.01)
