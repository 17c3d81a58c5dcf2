"""Kept features are found again only by what would compute the very same ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.engine.scoring.evaluate import run_evaluation
from bench.planning.jobs import EvaluateJob, PreprocessingRef
from methods.facts import CLIP, IMAGENET
from tests.bench.engine.world import World

KEPT = "none: features from the cache"


def score(job: EvaluateJob, folder: Path) -> tuple[NDArray[np.float32], str]:
    """Scores [n,C], and what decoded the clips."""
    folder.mkdir()
    record = run_evaluation(job, folder, {})
    with np.load(folder / record.scores) as stored:
        scores = stored["scores"].astype(np.float32) + stored["best"][:, None]
    return scores, record.provenance.decoder


@pytest.mark.parametrize(
    "change",
    [
        {"preprocessing": PreprocessingRef(pipeline="vificlip", mean=CLIP[0], std=CLIP[1])},
        {"preprocessing": PreprocessingRef(pipeline="a5", mean=IMAGENET[0], std=IMAGENET[1])},
        {"recipe": {"num_frames": 3}},
        {"recipe": {"views_crops": 3}},
        {"recipe": {"precision": "amp-bf16"}},
    ],
    ids=["normalisation", "pipeline", "frames", "crops", "precision"],
)
def test_other_frames_or_arithmetic_do_not_find_them(
    world: World, tmp_path: Path, change: dict[str, Any]
) -> None:
    cache = str(tmp_path / "cache")
    usual, _ = score(world.evaluate_job("vanilla-clip", cache=cache), tmp_path / "usual")
    beside, decoder = score(
        world.evaluate_job("vanilla-clip", cache=cache, **change), tmp_path / "beside"
    )
    alone, _ = score(world.evaluate_job("vanilla-clip", **change), tmp_path / "alone")
    assert decoder != KEPT
    np.testing.assert_array_equal(beside, alone)
    assert not np.array_equal(alone, usual)


def test_random_views_are_found_by_the_same_seed_only(world: World, tmp_path: Path) -> None:
    cache, views = str(tmp_path / "cache"), {"views_clips": 2}

    def job(**more: Any) -> EvaluateJob:
        return world.evaluate_job("vanilla-clip", recipe=views, **more)

    first, _ = score(job(cache=cache), tmp_path / "first")
    again, decoder = score(job(cache=cache), tmp_path / "again")
    assert decoder == KEPT
    np.testing.assert_array_equal(again, first)
    other, decoder = score(job(cache=cache, seed=8), tmp_path / "other")
    assert decoder != KEPT
    np.testing.assert_array_equal(other, score(job(seed=8), tmp_path / "alone")[0])
    assert not np.array_equal(other, first)


def test_the_limit_is_kept_said_once_and_changes_no_score(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    usual, _ = score(world.evaluate_job("vanilla-clip"), tmp_path / "usual")
    features = tmp_path / "cache" / "features"
    limit = 3000
    job = world.evaluate_job("vanilla-clip", cache=str(tmp_path / "cache"), cache_limit=limit)
    first, _ = score(job, tmp_path / "first")
    second, decoder = score(job, tmp_path / "second")
    np.testing.assert_array_equal(first, usual)
    np.testing.assert_allclose(second, usual, atol=1e-5)
    assert decoder != KEPT
    kept = list(features.rglob("*.safetensors"))
    assert 0 < len(kept) < 18
    assert sum(path.stat().st_size for path in kept) <= limit
    message = (
        f"the feature cache {features} has reached its limit of {limit / 2**30:.3g} GiB; "
        "features are computed again from now on"
    )
    # Once in each of the two runs; the frame cache has the same limit and a line of its own.
    assert [record.message for record in caplog.records].count(message) == 2
