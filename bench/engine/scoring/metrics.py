"""Metrics of scores against labels, in percent."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from bench.ground.errors import UsageError
from results.run.ranks import ranks

_TOP = re.compile(r"top([1-9][0-9]*)")
MEAN_CLASS = "mean_class"


def check_metrics(names: tuple[str, ...]) -> None:
    """Refuse a name that ``compute_metrics`` does not know.

    Raises:
        UsageError: With the allowed names.
    """
    for name in names:
        if name != MEAN_CLASS and not _TOP.fullmatch(name):
            raise UsageError(
                f"unknown metric '{name}'", allowed=f"top1, top5, top<k>, {MEAN_CLASS}"
            )


def compute_metrics(
    names: tuple[str, ...],
    scores: NDArray[np.float32],
    labels: NDArray[np.int64],
    wrong: NDArray[np.int64] | None = None,
) -> dict[str, float]:
    """The named metrics.

    Args:
        names: ``top<k>`` (share of clips whose label is among the k highest scores, see
            ``results.run.ranks``; 100 when there are no more than k classes) and ``mean_class``
            (mean over the classes that occur of the share of their clips that are classified
            right).
        scores: [n,C], finite.
        labels: [n].
        wrong: Labels of clips without scores that count as classified wrong.

    Returns:
        Name -> percentage.

    Raises:
        UsageError: A metric is unknown.
        ValueError: There is nothing to score, or a score is not finite.
    """
    check_metrics(names)
    missed = np.empty(0, np.int64) if wrong is None else wrong
    total = len(labels) + len(missed)
    if total == 0:
        raise ValueError("there is no clip to compute metrics over")
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).any(axis=1).sum())
        raise ValueError(f"the scores of {bad} of {len(scores)} clips are not finite")
    found = {}
    for name in names:
        if match := _TOP.fullmatch(name):
            share = int((ranks(scores, labels) < int(match[1])).sum()) / total
        else:
            share = _mean_class(scores, labels, missed)
        found[name] = 100.0 * share
    return found


def _mean_class(
    scores: NDArray[np.float32], labels: NDArray[np.int64], missed: NDArray[np.int64]
) -> float:
    classes = scores.shape[1]
    right = labels[scores.argmax(axis=1) == labels] if len(labels) else labels
    occurring = np.bincount(np.concatenate([labels, missed]), minlength=classes)
    correct = np.bincount(right, minlength=classes)
    present = occurring > 0
    return float(np.mean(correct[present] / occurring[present]))
