"""Released files as the engine takes them up; see ``tests/bench/commands/test_eval.py`` too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.clip.weights import file_sha256
from bench.engine.build import build_method
from bench.engine.initial_weights import fill_for_scoring
from bench.ground.errors import WeightsError
from bench.planning.jobs import EvaluateJob, ReleasedRef
from tests.bench.engine.world import CLASSES, World

SOURCE_CLASSES = ("jumping", "falling", "turning around", "standing")


@pytest.fixture
def released(world: World, tmp_path: Path) -> Path:
    """A Vita-CLIP with contexts of each of its four classes, in the original's layout."""
    trained = build_method(world.evaluate_job("vita-clip"), SOURCE_CLASSES).method
    file = tmp_path / "released.pth"
    state = {f"module.{name}": value for name, value in trained.state_dict().items()}
    torch.save({"model": state}, file)
    return file


def scoring(world: World, file: Path) -> EvaluateJob:
    reference = ReleasedRef(path=str(file), sha256=file_sha256(file))
    return world.evaluate_job("vita-clip", released=reference)


def test_contexts_of_other_classes_are_done_without(world: World, released: Path) -> None:
    job = scoring(world, released)
    method = build_method(job, CLASSES).method
    fill_for_scoring(method, job, {})
    assert method.prompts == CLASSES
    saved = torch.load(released, weights_only=True)["model"]
    assert torch.equal(method.state_dict()["logit_scale"], saved["module.logit_scale"])


def test_a_file_that_lacks_what_is_trained_is_refused(world: World, released: Path) -> None:
    content = torch.load(released, weights_only=True)
    del content["model"]["module.prompt_learner.ctx"]
    torch.save(content, released)
    job = scoring(world, released)
    method = build_method(job, SOURCE_CLASSES).method
    with pytest.raises(WeightsError, match=r"1 missing: prompt_learner\.ctx"):
        fill_for_scoring(method, job, {})


def test_another_file_than_was_planned_with_is_refused(world: World, released: Path) -> None:
    job = scoring(world, released)
    planned = file_sha256(released)
    content = torch.load(released, weights_only=True)
    content["epoch"] = 1
    torch.save(content, released)
    method = build_method(job, SOURCE_CLASSES).method
    with pytest.raises(WeightsError) as caught:
        fill_for_scoring(method, job, {})
    assert str(caught.value) == (
        "released.pth is not the file that was planned with\n"
        f"  got:     sha256 {file_sha256(released)}\n"
        f"  allowed: sha256 {planned}\n"
        "  next:    put the planned file back, or plan again"
    )
