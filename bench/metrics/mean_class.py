"""``mean_class``: the mean over classes of the share of their clips that are classified right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.metrics.base import Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray


class MeanClass(Metric):
    """Of the classes that occur."""

    name = "mean_class"
    summary = "mean over the classes of the share of their clips that are classified right"

    def compute(
        self,
        name: str,
        scores: NDArray[np.float32],
        labels: NDArray[np.int64],
        wrong: NDArray[np.int64],
    ) -> float:
        """Over the classes that occur, those of clips without scores included."""
        classes = scores.shape[1]
        right = labels[scores.argmax(axis=1) == labels] if len(labels) else labels
        occurring = np.bincount(np.concatenate([labels, wrong]), minlength=classes)
        correct = np.bincount(right, minlength=classes)
        present = occurring > 0
        return 100.0 * float(np.mean(correct[present] / occurring[present]))


METRIC = MeanClass()
