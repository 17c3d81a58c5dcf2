"""Means, spreads, harmonic means and intervals. Numbers are percentages unless said otherwise.

The ± of a cell is the sample standard deviation over its members (divisor n - 1); ``std`` gives
the population form (divisor n) on request. An interval covers 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959964


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean of at least one value, correctly rounded, whatever their order."""
    return fmean(values)


def std(values: Sequence[float], *, ddof: int = 1) -> float | None:
    """Standard deviation; None where too few values are there to have one.

    Args:
        values: The members' numbers.
        ddof: 1 for the sample form (the default everywhere), 0 for the population form.
    """
    if len(values) <= ddof:
        return None
    centre = fmean(values)
    return math.sqrt(math.fsum((v - centre) ** 2 for v in values) / (len(values) - ddof))


def harmonic_mean(base: float, novel: float) -> float:
    """Harmonic mean of two percentages; 0 if either is 0.

    Raises:
        ValueError: One is negative.
    """
    if base < 0 or novel < 0:
        raise ValueError(f"harmonic mean of a negative number: {base}, {novel}")
    if base == 0 or novel == 0:
        return 0.0
    return 2 / (1 / base + 1 / novel)


def harmonic_slopes(base: float, novel: float) -> tuple[float, float]:
    """How fast the harmonic mean moves with base and with novel, at these values."""
    if base == 0 or novel == 0:
        return (2.0 if base == 0 < novel else 0.0, 2.0 if novel == 0 < base else 0.0)
    total = base + novel
    return 2 * (novel / total) ** 2, 2 * (base / total) ** 2


def wilson(percent: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % score interval of a proportion.

    Args:
        percent: The observed proportion, 0..100.
        n: How many clips it rests on; may be an effective number.

    Returns:
        Lower and upper end in percent; they lie in 0..100 and contain ``percent``.

    Source: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209-212.
    """
    if n <= 0:
        raise ValueError(f"an interval over {n} clips")
    p = percent / 100
    shrink = 1 + Z95**2 / n
    centre = (p + Z95**2 / (2 * n)) / shrink
    half = Z95 / shrink * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n * n))
    low, high = 100 * (centre - half), 100 * (centre + half)
    return max(0.0, min(low, percent)), min(100.0, max(high, percent))


@cache
def _t95(degrees: int) -> float:
    """Two-sided 95 % point of Student's t."""
    from scipy.stats import t

    return float(t.ppf(0.975, degrees))


def member_half_width(values: Sequence[float]) -> float:
    """Half the 95 % interval of a mean over members (Student's t); 0 for a single one."""
    spread = std(values)
    if spread is None:
        return 0.0
    return _t95(len(values) - 1) * spread / math.sqrt(len(values))


def clip_error(
    ids: Sequence[NDArray[np.str_]], values: Sequence[NDArray[np.float64]], weight: float = 1.0
) -> float:
    """Standard error over clips of a mean over members.

    A clip that several members share is drawn once: its effect on all of them is added before it
    is squared.

    Args:
        ids: Clip ids, one array [n] a member.
        values: Per-clip numbers in percent (100 for a hit), one array [n] a member.
        weight: Factor on the result.

    Returns:
        The standard error in percentage points.
    """
    parts = [
        (v - v.mean()) / (len(v) * len(values)) for v in (np.asarray(x, float) for x in values)
    ]
    _, position = np.unique(np.concatenate(list(ids)), return_inverse=True)
    influence = np.bincount(position.ravel(), weights=np.concatenate(parts))
    n = len(influence)
    correction = n / (n - 1) if n > 1 else 1.0
    return abs(weight) * math.sqrt(correction * float(np.sum(influence**2)))


def interval(percent: float, error: float, n: int, seeds: float = 0.0) -> tuple[float, float]:
    """A 95 % interval over clips, widened by the members' half width.

    Args:
        percent: The mean.
        error: Its standard error over clips; it sets the effective number of clips.
        n: Distinct clips.
        seeds: ``member_half_width`` over training seeds, or 0 where nothing was trained anew.

    Returns:
        Lower and upper end in percent, within 0..100, around ``percent``.
    """
    p = percent / 100
    variance = (error / 100) ** 2
    effective = p * (1 - p) / variance if variance > 0 and 0 < p < 1 else float(n)
    low, high = wilson(percent, effective)
    return (
        max(0.0, percent - math.hypot(percent - low, seeds)),
        min(100.0, percent + math.hypot(high - percent, seeds)),
    )
