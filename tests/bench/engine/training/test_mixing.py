from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from bench.engine.training.mixing import draw_mix, mix_, mixes, soft_targets
from bench.planning.recipe import Recipe
from tests.places import GOLDENS

ENGINE_GOLDENS = GOLDENS / "engine"
CASES = json.loads((ENGINE_GOLDENS / "blending.json").read_text())["cases"]
TENSORS = load_file(ENGINE_GOLDENS / "blending.safetensors")


def recipe(**changes: Any) -> Recipe:
    return Recipe(num_frames=1, image_size=24, epochs=5, lr=1e-3, **changes)


@pytest.mark.parametrize("case", CASES, ids=[f"seed{case['seed']}" for case in CASES])
def test_draws_and_pixels_are_those_of_the_original(case: dict[str, Any]) -> None:
    draw = draw_mix(4, 24, 20, recipe(), seed=case["seed"])
    assert draw.kind == case["branch"]
    assert draw.ratio == case["lam_drawn"]
    assert list(draw.partners) == case["perm"]
    box = draw.box
    assert case["box_x1_y1_x2_y2"] == (
        None if box is None else [box.left, box.top, box.right, box.bottom]
    )
    video = TENSORS[f"s{case['seed']}.in"].clone()
    targets = soft_targets(torch.tensor([1, 3, 0, 2]), 5, 0.1)
    mix_(video, targets, draw)
    assert torch.equal(video, TENSORS[f"s{case['seed']}.out"])
    assert torch.allclose(targets, TENSORS[f"s{case['seed']}.labels"], rtol=0, atol=1e-7)


def test_a_draw_leaves_the_callers_generators_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    draw_mix(4, 24, 24, recipe(), seed=1)
    assert torch.equal(torch.rand(3), expected)


@settings(max_examples=100, deadline=None)
@given(size=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_targets_stay_distributions_and_shares_follow_the_pixels(size: int, seed: int) -> None:
    draw = draw_mix(size, 20, 20, recipe(), seed=seed)
    video = torch.arange(size, dtype=torch.float32).view(-1, 1, 1, 1, 1).expand(-1, 2, 3, 20, 20)
    mixed = video.clone()
    targets = soft_targets(torch.arange(size) % 3, 3, 0.1)
    mix_(mixed, targets, draw)
    assert torch.allclose(targets.sum(dim=1), torch.ones(size), atol=1e-6)
    own, other = torch.arange(size, dtype=torch.float32), torch.tensor(draw.partners).float()
    expected = own * draw.own_share + other * (1 - draw.own_share)
    assert torch.allclose(mixed.mean(dim=(1, 2, 3, 4)), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"cutmix_alpha": 0.0}, {"mixup"}),
        ({"mixup_alpha": 0.0}, {"cutmix"}),
        ({"cutmix_prob": 1.0}, {"cutmix"}),
        ({}, {"mixup", "cutmix"}),
    ],
)
def test_an_alpha_of_zero_switches_a_kind_off(changes: dict[str, float], kinds: set[str]) -> None:
    found = {draw_mix(4, 24, 24, recipe(**changes), seed=seed).kind for seed in range(20)}
    assert found == kinds


def test_no_mixing_without_alphas() -> None:
    assert not mixes(recipe(mixup_alpha=0.0, cutmix_alpha=0.0))
    assert mixes(recipe(mixup_alpha=0.0))


def test_smoothed_targets() -> None:
    rows = soft_targets(torch.tensor([2]), 4, 0.1)
    assert rows.tolist() == [pytest.approx([0.025, 0.025, 0.925, 0.025])]
