"""The contract of a metric: scores against labels, to one percentage.

A metric is a module beside this one, an installed package's (entry-point group ``bench.metrics``)
or a plug-in file's, with the constant ``METRIC = Mine()``. A setting asks for it by name in
``Evaluation.metrics``. Shapes: n clips with scores, m clips without, C classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Metric(ABC):
    """One metric, or a family such as ``top<k>``."""

    name: ClassVar[str]
    """How it is asked for; of a family, a name with ``<...>`` where they differ."""
    summary: ClassVar[str]
    """One line."""

    def answers_to(self, name: str) -> bool:
        """Whether it is meant by a name in ``Evaluation.metrics``."""
        return name == self.name

    @abstractmethod
    def compute(
        self,
        name: str,
        scores: NDArray[np.float32],
        labels: NDArray[np.int64],
        wrong: NDArray[np.int64],
    ) -> float:
        """The metric in percent.

        Args:
            name: As it was asked for.
            scores: [n,C], finite.
            labels: [n].
            wrong: Labels [m] of clips without scores that count as classified wrong; n + m >= 1.
        """
