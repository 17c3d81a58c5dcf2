"""Loss scaling through whole trainings, on the CPU: what CUDA does in fp16, with fp32 arithmetic.

Scales are powers of two, so that scaled gradients are unscaled without rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.engine.precision import Precision
from bench.engine.stopping import Interrupted
from bench.engine.training import train
from bench.engine.training.train import TrainingError, TrainingRun, run_training
from bench.planning.jobs import TrainJob
from tests.bench.engine.training.test_train import SMOOTH, StopAt, assert_close, weights
from tests.bench.engine.world import World

FIRST_SCALE = 2.0**10


class ScaledOnCpu(Precision):
    """fp16 as the records have it: a real scaler around fp32 passes."""

    def autocast(self) -> Any:
        return nullcontext()

    def scaler(self) -> torch.amp.GradScaler:
        return torch.amp.GradScaler("cpu", init_scale=FIRST_SCALE, growth_interval=2)


@pytest.fixture
def scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    made = ScaledOnCpu("amp-fp16", "amp-fp16", torch.device("cpu"))
    monkeypatch.setattr(train, "resolve_precision", lambda *_: made)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[TrainingRun]]:
    """Every training that is made."""
    made: list[TrainingRun] = []
    finish = TrainingRun.finish

    def noted(self: TrainingRun) -> Any:
        made.append(self)
        return finish(self)

    monkeypatch.setattr(TrainingRun, "finish", noted)
    yield made


def jobs(world: World, adapter: str) -> TrainJob:
    plain = {"label_smoothing": 0, "mixup_alpha": 0, "cutmix_alpha": 0}
    recipe = {**SMOOTH, **(plain if adapter == "actionclip" else {})}
    return world.train_job(adapter, recipe=recipe)


@pytest.mark.parametrize("adapter", ["vifi-clip", "actionclip"])
def test_a_scaled_loss_gives_the_same_weights(
    world: World, tmp_path: Path, adapter: str, request: pytest.FixtureRequest
) -> None:
    job = jobs(world, adapter)
    for name in ("plain", "scaled"):
        (tmp_path / name).mkdir()
    run_training(job, tmp_path / "plain", {})
    request.getfixturevalue("scaled")
    record = run_training(job, tmp_path / "scaled", {})
    assert_close(weights(tmp_path / "scaled"), weights(tmp_path / "plain"), 2e-6)
    assert record.recipe["precision_used"] == "amp-fp16"


@pytest.mark.usefixtures("scaled")
def test_the_scale_is_taken_up_again(world: World, folder: Path, runs: list[TrainingRun]) -> None:
    job = jobs(world, "vifi-clip")
    with pytest.raises(Interrupted):
        run_training(job, folder, {}, stop=StopAt(9))
    run_training(job, folder, {})
    # Six updates, and it doubles after every second one.
    assert [run.scaler.get_scale() for run in runs] == [FIRST_SCALE * 8]


@pytest.mark.usefixtures("scaled")
def test_an_update_whose_loss_overflows_is_passed_over_and_the_scale_halved(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch, runs: list[TrainingRun]
) -> None:
    overflows(monkeypatch, {0})
    record = run_training(jobs(world, "vifi-clip"), folder, {})
    assert record.updates == 6
    assert all(value.isfinite().all() for value in weights(folder).values())
    assert [run.scaler.get_scale() for run in runs] == [FIRST_SCALE / 2 * 4]


@pytest.mark.usefixtures("scaled")
def test_a_loss_that_never_becomes_finite_is_given_up(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overflows(monkeypatch, set(range(1000)))
    job = jobs(world, "vifi-clip").model_copy(
        update={"recipe": jobs(world, "vifi-clip").recipe.model_copy(update={"epochs": 20})}
    )
    with pytest.raises(TrainingError) as caught:
        run_training(job, folder, {})
    assert str(caught.value.got).startswith("inf at update 26 of 40 (epoch 13), lr ")


def overflows(monkeypatch: pytest.MonkeyPatch, updates: set[int]) -> None:
    """Make the loss of some updates infinite, as fp16 does."""
    micro_step = TrainingRun._micro_step

    def infinite(self: TrainingRun, *given: Any) -> Any:
        loss, kept = self.loss, self.at.updates
        if kept in updates:
            self.loss = lambda *inputs: loss(*inputs) * float("inf")
        try:
            return micro_step(self, *given)
        finally:
            self.loss = loss

    monkeypatch.setattr(TrainingRun, "_micro_step", infinite)
