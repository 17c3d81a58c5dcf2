"""Where the true class of a clip stands among all classes; one rule for records and comparisons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ranks(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many classes come before the true one; a clip is a top-k hit if fewer than k do.

    Of equal scores the class with the lower id comes first. Half precision makes equal scores
    common: near 25 its numbers are 1/64 apart.

    Args:
        scores: [n,C], finite.
        labels: [n], each below C.

    Returns:
        [n], 0 for the best class.
    """
    true = scores[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(scores.shape[1])[None, :] < labels[:, None]
    before = (scores > true) | ((scores == true) & earlier)
    counted: NDArray[np.int64] = before.sum(axis=1)
    return counted
