"""Recipes of the methods that ViFi-CLIP is compared with: every value, and where it comes from.

The expected values are those of the authors' own files and code (X-CLIP's yaml files, ActionCLIP at
31c34df, Efficient-Prompt at 1f69a18, Vita-CLIP at c858299) and of the paper; ViFi-CLIP's own 67
files are in ``test_released_configurations.py``.
"""

from __future__ import annotations

from typing import Any

import pytest

from bench.planning.config import RunConfig
from bench.planning.load_config import load_config
from bench.planning.recipe import Recipe

CELLS = (
    ("zero-shot", "kinetics400"),
    ("base-to-novel", "kinetics400"),
    ("base-to-novel", "hmdb51"),
    ("base-to-novel", "ssv2"),
    ("few-shot", "ucf101"),
    ("few-shot", "ssv2"),
    ("fully-supervised", "kinetics400"),
)
NO_MIXING = {"label_smoothing": 0.0, "mixup_alpha": 0.0, "cutmix_alpha": 0.0}
NO_COLOUR = {"color_jitter": 0.0, "gray_scale": 0.0, "flip": 0.0}
TORCH_BETAS = {"betas": (0.9, 0.999), "eps": 1e-8}
CLIP_BETAS = {"betas": (0.9, 0.98), "eps": 1e-8}
ONE_VIEW = {"views_clips": 1, "views_crops": 1}

XCLIP = {
    **CLIP_BETAS,
    "weight_decay": 0.001,
    "warmup_epochs": 5,
    "schedule": "vificlip",
    "lr_min_ratio": 0.01,
    "label_smoothing": 0.1,
    "mixup_alpha": 0.8,
    "cutmix_alpha": 1.0,
    "cutmix_prob": 0.5,
    "color_jitter": 0.8,
    "gray_scale": 0.2,
    "flip": 0.5,
    "precision": "amp-fp16",
}
XCLIP_LOW_SHOT = {**XCLIP, **ONE_VIEW, "num_frames": 32, "lr": 2e-6, "clips_an_update": 64}
ACTIONCLIP = {
    **CLIP_BETAS,
    **NO_MIXING,
    "num_frames": 32,
    "lr": 5e-6,
    "weight_decay": 0.2,
    "epochs": 50,
    "warmup_epochs": 5,
    "schedule": "actionclip",
    "lr_min_ratio": 0.0,
    "replicas": 1,
    "accumulation": 1,
    "color_jitter": 0.8,
    "gray_scale": 0.2,
    "flip": 0.5,
}
ACTIONCLIP_KINETICS = {
    **ACTIONCLIP,
    "clips_an_update": 128,
    "pipeline_options": {"randaug_ops": 2, "randaug_magnitude": 9},
}
ACTIONCLIP_LOW_SHOT = {**ACTIONCLIP, **ONE_VIEW, "clips_an_update": 64, "pipeline_options": {}}
A5 = {
    **TORCH_BETAS,
    **NO_MIXING,
    **NO_COLOUR,
    "num_frames": 32,
    "lr": 1e-4,
    "weight_decay": 0.01,
    "warmup_epochs": 0,
    "schedule": "cosine",
    "lr_min_ratio": 0.01,
    "cosine_updates": 200_000,
    "clips_an_update": 64,
    "replicas": 1,
    "accumulation": 1,
    "precision": "fp32",
    "views_clips": 5,
    "views_crops": 1,
}
VITA = {
    **TORCH_BETAS,
    **NO_MIXING,
    **NO_COLOUR,
    "num_frames": 8,
    "lr": 4e-4,
    "weight_decay": 0.05,
    "warmup_epochs": 0,
    "schedule": "cosine",
    "lr_min_ratio": 0.0,
    "cosine_updates": None,
    "pipeline_options": {"randaug_ops": 4, "randaug_magnitude": 7},
    "precision": "fp32",
}
VITA_KINETICS = {
    **VITA,
    "updates": 30_000,
    "micro_batch": 16,
    "clips_an_update": 256,
    "views_clips": 3,
    "views_crops": 1,
}
VITA_LOW_SHOT = {**VITA, **ONE_VIEW, "updates": None, "clips_an_update": 64}

EXPECTED: dict[tuple[str, str], dict[str, Any]] = {
    ("xclip", "zero-shot"): {
        **XCLIP,
        **ONE_VIEW,
        "num_frames": 32,
        "epochs": 10,
        "lr": 8e-6,
        "clips_an_update": 256,
    },
    ("xclip", "base-to-novel"): {**XCLIP_LOW_SHOT, "epochs": 11},
    ("xclip", "few-shot"): {**XCLIP_LOW_SHOT, "epochs": 50},
    ("xclip", "fully-supervised"): {
        **XCLIP,
        "num_frames": 16,
        "epochs": 30,
        "lr": 8e-6,
        "clips_an_update": 256,
        "views_clips": 4,
        "views_crops": 3,
    },
    ("actionclip", "zero-shot"): {**ACTIONCLIP_KINETICS, **ONE_VIEW},
    ("actionclip-meanp", "zero-shot"): {**ACTIONCLIP_KINETICS, **ONE_VIEW},
    ("actionclip", "base-to-novel"): ACTIONCLIP_LOW_SHOT,
    ("actionclip", "few-shot"): ACTIONCLIP_LOW_SHOT,
    ("actionclip", "fully-supervised"): {
        **ACTIONCLIP_KINETICS,
        "views_clips": 10,
        "views_crops": 3,
    },
    ("a5", "zero-shot"): {**A5, "updates": 100_000},
    ("a5", "base-to-novel"): {**A5, "updates": 1100},
    ("a5", "few-shot"): {**A5, "updates": 1100},
    ("a6", "fully-supervised"): {**A5, "num_frames": 16, "updates": 100_000},
    ("vita-clip", "zero-shot"): VITA_KINETICS,
    ("vita-clip", "base-to-novel"): {**VITA_LOW_SHOT, "epochs": 11},
    ("vita-clip", "few-shot"): {**VITA_LOW_SHOT, "epochs": 50},
    ("vita-clip", "fully-supervised"): VITA_KINETICS,
}

UNSTATED = {"cosine_updates"}
"""A value that a method does not have: its schedule decides."""


@pytest.fixture(scope="module")
def paper() -> RunConfig:
    return load_config("paper")


def recipes(paper: RunConfig) -> list[tuple[str, str, str, Recipe]]:
    """Row, setting, dataset and recipe of every kind of training cell."""
    return [
        (row, setting, dataset, paper.recipe_for(row, setting, dataset))
        for setting, dataset in CELLS
        for row in paper.rows(setting)
    ]


@pytest.mark.parametrize(("row", "setting"), EXPECTED)
def test_values_are_those_of_the_authors(paper: RunConfig, row: str, setting: str) -> None:
    for _, dataset in (cell for cell in CELLS if cell[0] == setting):
        expected = dict(EXPECTED[row, setting])
        if row.startswith("actionclip") and dataset == "ssv2":
            expected["flip"] = 0.0
        recipe = paper.recipe_for(row, setting, dataset)
        assert {name: getattr(recipe, name) for name in expected} == expected
        assert recipe.image_size == 224


def test_every_row_of_the_other_methods_is_held_against_its_authors_values(
    paper: RunConfig,
) -> None:
    family = {"vanilla-clip", "clip-image-ft", "clip-text-ft", "vifi-clip", "vl-prompting"}
    peers = {(row, setting) for row, setting, _, _ in recipes(paper) if row not in family}
    assert peers == set(EXPECTED)


def test_every_value_that_is_used_says_where_it_comes_from(paper: RunConfig) -> None:
    for row, setting, dataset, recipe in recipes(paper):
        unused = UNSTATED | ({"updates"} if recipe.updates is None else {"epochs"})
        used = set(recipe.identity()) - unused
        lacking = used - set(recipe.sources)
        assert not lacking, (row, setting, dataset, lacking)


def test_no_value_of_another_method_is_said_to_be_vifi_clips_own(paper: RunConfig) -> None:
    """What a row takes over from ViFi-CLIP's files, its authors having none, is inferred."""
    for row, setting in EXPECTED:
        for _, dataset in (cell for cell in CELLS if cell[0] == setting):
            recipe = paper.recipe_for(row, setting, dataset)
            unused = set() if recipe.updates is None else {"epochs"}
            # Without mixing nothing reads its odds.
            unused |= set() if recipe.mixup_alpha else {"cutmix_prob"}
            foreign = {
                name: source
                for name, source in recipe.sources.items()
                if source.startswith("ViFi-CLIP release") and name not in unused
            }
            assert foreign == {}, (row, setting, dataset)
