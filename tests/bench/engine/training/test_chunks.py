from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
import torch

import methods
from bench.engine.precision import Precision, resolve_precision
from bench.engine.training.chunks import choose_chunk, split
from bench.planning.recipe import Recipe
from methods.base import Method
from tests.tiny_clip import tiny_clip

CPU = resolve_precision("fp32", torch.device("cpu"))


@pytest.fixture
def method() -> Method:
    return methods.create("vifi-clip", clip=tiny_clip(), class_names=("a", "b"), num_frames=2)


def test_parts_cover_the_micro_step(method: Method) -> None:
    assert split(method, 4, [3, 3, 3]) == [slice(0, 4), slice(4, 8), slice(8, 9)]
    assert split(method, 99, [2, 2]) == [slice(0, 4)]


def test_a_loss_that_couples_clips_gets_its_groups(method: Method) -> None:
    method.loss_couples_clips = True
    assert split(method, 99, [2, 1, 3]) == [slice(0, 2), slice(2, 3), slice(3, 6)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"image_size": 32, "num_frames": 8}, 32),
        ({"image_size": 224, "num_frames": 32}, 2),
        ({"image_size": 336, "num_frames": 64}, 1),
        ({"image_size": 32, "num_frames": 8, "replicas": 1, "micro_batch": 3}, 3),
    ],
)
def test_the_cpu_takes_what_memory_allows(
    method: Method, changes: dict[str, Any], expected: int
) -> None:
    recipe = Recipe(**{"epochs": 5, "lr": 1.0, **changes})
    assert choose_chunk(method, recipe, CPU, num_classes=2) == expected


class NoAutocast(Precision):
    """fp32 on a device that has no autocast."""

    def autocast(self) -> Any:
        return nullcontext()


@pytest.mark.parametrize(("room", "expected"), [(99, 32), (16, 16), (9, 8), (3, 2), (0, 1)])
def test_elsewhere_it_is_halved_until_a_pass_fits(
    method: Method, monkeypatch: pytest.MonkeyPatch, room: int, expected: int
) -> None:
    device = torch.device("meta")
    method.to(device)
    loss, tried = method.loss, []

    def within_room(video: torch.Tensor, *others: Any) -> torch.Tensor:
        assert video.device == device
        tried.append(len(video))
        if len(video) > room:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return loss(video, *others)

    monkeypatch.setattr(method, "loss", within_room)
    recipe = Recipe(epochs=5, lr=1.0, image_size=32, num_frames=2)
    precision = NoAutocast("fp32", "fp32", device)
    assert choose_chunk(method, recipe, precision, num_classes=2) == expected
    assert tried == [size for size in (32, 16, 8, 4, 2) if size >= max(2, expected)]
    assert all(value.grad is None for value in method.parameters())
    assert method.training
