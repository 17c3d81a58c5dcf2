"""``top<k>``: the share of clips whose label is among the k highest scores."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.metrics.base import Metric
from results.run.ranks import ranks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAME = re.compile(r"top([1-9][0-9]*)")


class Top(Metric):
    """See ``results.run.ranks`` for ties; 100 where there are no more than k classes."""

    name = "top<k>"
    summary = "clips whose label is among the k highest scores"

    def answers_to(self, name: str) -> bool:
        """``top1``, ``top2``, ..."""
        return _NAME.fullmatch(name) is not None

    def compute(
        self,
        name: str,
        scores: NDArray[np.float32],
        labels: NDArray[np.int64],
        wrong: NDArray[np.int64],
    ) -> float:
        """Over all clips, those without scores included."""
        found = int((ranks(scores, labels) < int(name.removeprefix("top"))).sum())
        return 100.0 * (found / (len(labels) + len(wrong)))


METRIC = Top()
