"""Trainings and scorings where the model lies on another device: nothing is left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from bench.conformance.pretended_device import ELSEWHERE, move, pretended_device
from bench.engine.scoring import evaluate
from bench.engine.scoring.evaluate import run_evaluation
from bench.engine.shortcuts import Shortcuts
from bench.engine.stopping import Interrupted
from bench.engine.training import optimiser, train
from bench.engine.training.train import run_training
from bench.planning.jobs import EvaluateJob, PreprocessingRef, TrainJob
from methods.facts import CLIP
from results.run.layout import CHECKPOINT, SCORES
from tests.bench.engine.training.test_feature_training import PLAIN
from tests.bench.engine.training.test_train import SMOOTH, StopAt
from tests.bench.engine.world import World

PLAIN_MIX = {"mixup_alpha": 0.8, "cutmix_alpha": 1.0, "label_smoothing": 0.1}
MATCHING = {**SMOOTH, "mixup_alpha": 0.0, "cutmix_alpha": 0.0, "label_smoothing": 0.0}
OF_A5 = PreprocessingRef(pipeline="a5", mean=CLIP[0], std=CLIP[1])


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The engine finds a device that is not the CPU."""
    to = nn.Module.to

    def move_or(module: nn.Module, *target: Any, **more: Any) -> nn.Module:
        if target != (ELSEWHERE,):
            return to(module, *target, **more)
        move(module)
        return module

    def unfused(*args: Any, fused: bool, **more: Any) -> torch.optim.AdamW:
        # torch has fused steps for devices that it knows; the plain steps are the same formula.
        assert fused
        return torch.optim.AdamW(*args, **more)

    def there() -> Any:
        monkeypatch.setattr(optimiser, "AdamW", unfused)
        monkeypatch.setattr(nn.Module, "to", move_or)
        for module in (train, evaluate):
            monkeypatch.setattr(module, "pick_device", lambda: ELSEWHERE)
        return pretended_device()

    return there


def trained(job: TrainJob, folder: Path, **more: Any) -> dict[str, torch.Tensor]:
    folder.mkdir(exist_ok=True)
    run_training(job, folder, {}, **more)
    return load_file(folder / CHECKPOINT)


def assert_equal(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        assert torch.allclose(found[name], value, rtol=0, atol=2e-6), name


@pytest.mark.parametrize("shortcuts", [Shortcuts(), Shortcuts.none()])
@pytest.mark.parametrize(
    ("adapter", "changes"),
    [
        ("vifi-clip", {"recipe": {**SMOOTH, **PLAIN_MIX}}),
        ("vl-prompting", {"recipe": SMOOTH}),
        ("xclip", {"recipe": SMOOTH}),
        ("actionclip", {"recipe": MATCHING}),
        ("a5", {"recipe": PLAIN, "preprocessing": OF_A5}),
        ("vita-clip", {"recipe": SMOOTH}),
    ],
)
def test_a_training_gives_the_weights_it_gives_on_the_cpu(
    world: World,
    tmp_path: Path,
    elsewhere: Any,
    adapter: str,
    changes: dict[str, Any],
    shortcuts: Shortcuts,
) -> None:
    changes["recipe"] = {**changes["recipe"], "epochs": 2}
    job = world.train_job(adapter, cache=str(tmp_path / "cache"), **changes)
    wanted = trained(job, tmp_path / "here", shortcuts=shortcuts)
    with elsewhere():
        found = trained(job, tmp_path / "there", shortcuts=shortcuts)
    assert_equal(found, wanted)


def test_a_stopped_training_goes_on(world: World, tmp_path: Path, elsewhere: Any) -> None:
    job = world.train_job(recipe={**SMOOTH, **PLAIN_MIX})
    wanted = trained(job, tmp_path / "here")
    with elsewhere():
        with pytest.raises(Interrupted):
            trained(job, tmp_path / "there", stop=StopAt(7))
        assert_equal(trained(job, tmp_path / "there"), wanted)


@pytest.mark.parametrize("adapter", ["vanilla-clip", "xclip", "actionclip", "a5", "vita-clip"])
def test_scores_are_those_of_the_cpu(
    world: World, tmp_path: Path, elsewhere: Any, adapter: str
) -> None:
    def scored(name: str) -> Any:
        job: EvaluateJob = world.evaluate_job(
            adapter, cache=str(tmp_path / f"cache of {name}"), recipe={"views_clips": 2}
        )
        (tmp_path / name).mkdir()
        run_evaluation(job, tmp_path / name, {})
        with np.load(tmp_path / name / SCORES) as kept:
            return kept["best"], kept["scores"]

    wanted = scored("here")
    with elsewhere():
        found = scored("there")
    for own, right in zip(found, wanted, strict=True):
        np.testing.assert_allclose(own, right, atol=1e-3)
