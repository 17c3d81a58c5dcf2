from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.evaluation import top_k_accuracy

from results.run.ranks import ranks


def test_of_equal_scores_the_lower_class_comes_first() -> None:
    scores = np.array([[5, 5, 5, 1], [5, 5, 5, 1], [5, 5, 5, 1], [5, 5, 5, 1]], dtype=np.float32)
    assert ranks(scores, np.arange(4)).tolist() == [0, 1, 2, 3]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 999))
def test_top_k_is_that_of_mmaction_where_no_scores_are_equal(
    clips: int, classes: int, seed: int
) -> None:
    rng = np.random.RandomState(seed)
    scores = np.stack([rng.permutation(classes) for _ in range(clips)]).astype(np.float32)
    labels = rng.randint(0, classes, clips)
    expected = top_k_accuracy(scores, labels, range(1, classes + 1))
    found = [(ranks(scores, labels) < k).mean() for k in range(1, classes + 1)]
    assert np.allclose(found, expected)
