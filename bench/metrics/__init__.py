"""Metrics: by name, scores against labels, in percent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.ground.errors import UsageError
from bench.ground.extensions import Extensions, constant, modules_of
from bench.metrics.base import Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def _complete(value: object) -> Metric:
    """A metric that says all it must say.

    Raises:
        UsageError: It does not.
    """
    if not isinstance(value, Metric):
        raise UsageError(f"METRIC is {value!r}, not a bench.metrics.base.Metric")
    lacking = [name for name in ("name", "summary") if not hasattr(value, name)]
    if lacking:
        raise UsageError(f"its METRIC lacks {', '.join(lacking)}")
    return value


EXTENSIONS = Extensions(
    "metric",
    group="bench.metrics",
    built_in=lambda: modules_of("bench.metrics", "METRIC"),
    check=_complete,
    found_in=constant("METRIC", lambda value: _complete(value).name),
)


def check_metrics(names: tuple[str, ...]) -> None:
    """Refuse a name that no metric answers to.

    Raises:
        UsageError: With the allowed names.
    """
    for name in names:
        _entry(name)


def metrics_code_sha256(names: tuple[str, ...]) -> dict[str, str]:
    """The hash of the code of each named metric, for the keys of jobs.

    Raises:
        UsageError: No metric answers to a name; with the allowed ones.
    """
    return {name: EXTENSIONS.code_sha256(_entry(name)) for name in names}


def compute_metrics(
    names: tuple[str, ...],
    scores: NDArray[np.float32],
    labels: NDArray[np.int64],
    wrong: NDArray[np.int64] | None = None,
) -> dict[str, float]:
    """The named metrics.

    Args:
        names: Each is answered by one of ``EXTENSIONS``.
        scores: [n,C], finite.
        labels: [n].
        wrong: Labels of clips without scores that count as classified wrong.

    Returns:
        Name -> percentage.

    Raises:
        UsageError: A metric is unknown.
        ValueError: There is nothing to score, or a score is not finite.
    """
    import numpy as np

    missed = np.empty(0, np.int64) if wrong is None else wrong
    if len(labels) + len(missed) == 0:
        raise ValueError("there is no clip to compute metrics over")
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).any(axis=1).sum())
        raise ValueError(f"the scores of {bad} of {len(scores)} clips are not finite")
    found = {name: EXTENSIONS.get(_entry(name)) for name in names}
    return {name: metric.compute(name, scores, labels, missed) for name, metric in found.items()}


def _entry(name: str) -> str:
    """The extension that answers to a metric's name.

    Raises:
        UsageError: None does.
    """
    known = EXTENSIONS.usable()
    for entry, metric in known.items():
        if metric.answers_to(name):
            return entry
    allowed = ", ".join(metric.name for metric in known.values())
    raise UsageError(f"unknown metric '{name}'", allowed=allowed)
