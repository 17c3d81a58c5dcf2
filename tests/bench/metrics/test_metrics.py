from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.evaluation import mean_class_accuracy

from bench.ground.errors import UsageError
from bench.metrics import compute_metrics
from results.run.contents import _ranks

SCORES = np.array([[3, 2, 1], [1, 3, 2], [1, 2, 3], [2, 3, 1]], dtype=np.float32)
LABELS = np.array([0, 1, 0, 0])


def test_top_k_in_percent() -> None:
    found = compute_metrics(("top1", "top2", "top3", "top5"), SCORES, LABELS)
    assert found == {"top1": 50.0, "top2": 75.0, "top3": 100.0, "top5": 100.0}
    assert {type(value) for value in found.values()} == {float}


def test_clips_without_scores_count_as_wrong() -> None:
    found = compute_metrics(("top1", "top5"), SCORES, LABELS, wrong=np.array([2]))
    assert found == {"top1": 40.0, "top5": 80.0}


def test_all_clips_without_scores() -> None:
    nothing = np.empty((0, 3), np.float32)
    found = compute_metrics(
        ("top1", "mean_class"), nothing, np.empty(0, np.int64), wrong=np.array([2])
    )
    assert found == {"top1": 0.0, "mean_class": 0.0}


def test_of_equal_scores_the_lower_class_comes_first() -> None:
    level = np.zeros((4, 4), np.float32)
    found = compute_metrics(("top1", "top2", "mean_class"), level, np.arange(4))
    assert found == {"top1": 25.0, "top2": 50.0, "mean_class": 25.0}
    labels = np.array([0, 1])
    assert compute_metrics(("top1",), level[:2], labels)["top1"] == 50.0
    assert compute_metrics(("top1",), level[:2], labels + 2)["top1"] == 0.0


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.integers(2, 60), st.integers(0, 999))
def test_metrics_are_those_of_the_kept_scores_however_many_are_equal(
    clips: int, classes: int, seed: int
) -> None:
    rng = np.random.RandomState(seed)
    scores = rng.randint(0, 4, (clips, classes)).astype(np.float32)
    labels = rng.randint(0, classes, clips)
    found = compute_metrics(("top1", "top5"), scores, labels)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "scores.npz"
        ids = np.array([f"clip {number}" for number in range(clips)])
        np.savez(path, ids=ids, labels=labels, scores=scores.astype(np.float16))
        _, ranks = _ranks(path, seed)
    assert found == pytest.approx(
        {"top1": 100 * np.mean(ranks < 1), "top5": 100 * np.mean(ranks < 5)}
    )
    assert found["top1"] == pytest.approx(100 * np.mean(scores.argmax(axis=1) == labels))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 7), st.integers(0, 999))
def test_mean_class_agrees_with_mmaction(clips: int, classes: int, seed: int) -> None:
    rng = np.random.RandomState(seed)
    scores = rng.randn(clips, classes).astype(np.float32)
    labels = rng.randint(0, classes, clips)
    found = compute_metrics(("mean_class",), scores, labels)["mean_class"]
    seen = np.flatnonzero(np.bincount(labels, minlength=classes))
    # mmaction2 numbers classes by what occurs, in labels or predictions, and wants all of them.
    expected = np.mean([(scores[labels == c].argmax(1) == c).mean() for c in seen])
    assert found == pytest.approx(100 * expected)
    if len(seen) == classes:
        assert found == pytest.approx(100 * mean_class_accuracy(list(scores), labels.tolist()))


def test_unknown_metric() -> None:
    with pytest.raises(UsageError) as caught:
        compute_metrics(("top0",), SCORES, LABELS)
    assert str(caught.value).startswith("unknown metric 'top0'\n  allowed: mean_class, top<k>")


def test_scores_must_be_finite() -> None:
    bad = SCORES.copy()
    bad[1, 2] = np.nan
    with pytest.raises(ValueError, match="the scores of 1 of 4 clips are not finite"):
        compute_metrics(("top1",), bad, LABELS)
