from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

import methods
from bench.engine.scoring.evaluate import run_evaluation
from bench.engine.shortcuts import Shortcuts
from bench.engine.training.train import run_training
from bench.ground.errors import UsageError
from bench.ground.extensions import BUILT_IN
from results.run.layout import CHECKPOINT
from tests.bench.engine.world import World, frames_of
from tests.tiny_clip import tiny_clip

UNMIXED = {"label_smoothing": 0.0, "mixup_alpha": 0.0, "cutmix_alpha": 0.0}
UNCHANGED = {"color_jitter": 0.0, "gray_scale": 0.0, "flip": 0.0}
RECIPES: dict[str, dict[str, Any]] = {
    "actionclip": UNMIXED,
    "a5": {**UNMIXED, **UNCHANGED},
    "vita-clip": {**UNMIXED, **UNCHANGED, "pipeline_options": {"frame_stride": 1}},
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, Shortcuts()),
        ("on", Shortcuts()),
        ("off", Shortcuts.none()),
        (
            "frame_cache, text_once_per_list",
            Shortcuts(
                text_once_per_update=False,
                text_once_per_list=True,
                shared_features=False,
                features_once=False,
                frame_cache=True,
                cut_text=False,
                exact_forms=False,
            ),
        ),
    ],
)
def test_the_environment_chooses(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: Shortcuts
) -> None:
    monkeypatch.delenv("BENCH_SHORTCUTS", raising=False)
    if value is not None:
        monkeypatch.setenv("BENCH_SHORTCUTS", value)
    assert Shortcuts.from_environment() == expected


def test_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_SHORTCUTS", "frame_cache,magic")
    with pytest.raises(UsageError) as caught:
        Shortcuts.from_environment()
    assert str(caught.value) == (
        "unknown shortcut in BENCH_SHORTCUTS\n"
        "  got:     magic\n"
        "  allowed: on, off, or some of text_once_per_update, text_once_per_list, shared_features, "
        "features_once, frame_cache, cut_text, exact_forms"
    )


@pytest.mark.parametrize("taken", [True, False])
def test_the_switches_of_adapters_and_of_their_parts_follow(taken: bool) -> None:
    method = methods.create("xclip", clip=tiny_clip(), class_names=["a"], num_frames=2)
    (Shortcuts() if taken else Shortcuts.none()).set_switches(method)
    switches = [
        getattr(module, name)
        for module in method.modules()
        for name in ("cut_text", "shortcuts")
        if hasattr(module, name)
    ]
    # The method, its prompt generator, and both blocks of the image tower.
    assert switches == [taken] * 5


def _trained_and_scored(
    world: World, adapter: str, folder: Path, *, cache: Path | None, shortcuts: Shortcuts
) -> tuple[dict[str, Tensor], NDArray[np.float32], str]:
    """Weights of a training, scores of all clips with them, and what decoded these clips."""
    # With a large eps AdamW moves in proportion to the gradient, so that rounding stays rounding.
    recipe = {"eps": 1e-2, "lr": 1e-2, "epochs": 2, **RECIPES.get(adapter, {})}
    common: dict[str, Any] = {
        "preprocessing": frames_of(adapter, recipe),
        "cache": str(cache) if cache else "",
        "recipe": recipe,
    }
    parents, weights = {}, {}
    if methods.facts(adapter).trains:
        job = world.train_job(adapter, **common)
        (folder / "train").mkdir(parents=True)
        run_training(job, folder / "train", {}, shortcuts=shortcuts)
        weights = load_file(folder / "train" / CHECKPOINT)
        parents = {job.key: folder / "train"}
    test = world.evaluate_job(adapter, parent=next(iter(parents), None), **common)
    (folder / "test").mkdir(parents=True)
    record = run_evaluation(test, folder / "test", parents, shortcuts=shortcuts)
    with np.load(folder / "test" / record.scores) as stored:
        scores = stored["scores"].astype(np.float32) + stored["best"][:, None]
    return weights, scores, record.provenance.decoder


BUILT_IN_METHODS = [
    name for name, entry in methods.EXTENSIONS.entries().items() if entry.origin == BUILT_IN
]


@pytest.mark.parametrize("adapter", BUILT_IN_METHODS)
def test_all_shortcuts_together_change_no_weight_and_no_score_of_any_method(
    world: World, tmp_path: Path, adapter: str
) -> None:
    """Twice with shortcuts: the second time frames and features are those that were kept."""
    plain, wanted, _ = _trained_and_scored(
        world, adapter, tmp_path / "long", cache=None, shortcuts=Shortcuts.none()
    )
    for name in ("first", "again"):
        weights, scores, decoder = _trained_and_scored(
            world, adapter, tmp_path / name, cache=tmp_path / "cache", shortcuts=Shortcuts()
        )
        assert weights.keys() == plain.keys()
        for key, value in plain.items():
            torch.testing.assert_close(weights[key], value, rtol=1e-4, atol=1e-5, msg=key)
        # Scores are kept as half floats.
        np.testing.assert_allclose(scores, wanted, rtol=2e-3, atol=2e-3)
    shares = methods.facts(adapter).frozen_image_tower
    assert (decoder == "none: features from the cache") == shares
