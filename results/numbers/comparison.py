"""Who is ahead in a column, and who cannot be told from the best.

Only complete cells with the same fingerprint are ranked together. The rest keep their numbers and
say in which facts they differ.

Two cells are tied when the 95 % interval of their difference contains 0. The difference is taken
clip by clip and seed by seed where scores are kept; else the two intervals are compared as if the
cells were independent, which as a rule calls more pairs tied. Several comparisons with the best are
not corrected for one another.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from results.numbers import statistics
from results.numbers.aggregate import Cell, CellKey, Member
from results.numbers.protocol import differences
from results.run.contents import ClipHits


@dataclass(frozen=True)
class Difference:
    """One cell minus another, in percentage points.

    Attributes:
        value: Difference of the means.
        half_width: Half the 95 % interval around it.
        paired: Whether it was taken clip by clip.
    """

    value: float
    half_width: float
    paired: bool

    @property
    def tie(self) -> bool:
        """Whether the interval contains 0."""
        return abs(self.value) <= self.half_width


@dataclass(frozen=True)
class Standing:
    """A cell's place in its column.

    Attributes:
        rank: 1 for the highest mean; None for a cell that is not ranked.
        tied_with_best: Cannot be told from the best (the best itself is not tied).
        to_best: The best minus this cell, where both are ranked.
        differs: Facts in which it differs from the ranked cells: name -> (its, theirs).
    """

    rank: int | None
    tied_with_best: bool = False
    to_best: Difference | None = None
    differs: dict[str, tuple[str, str]] = field(default_factory=dict)


def standings(cells: Sequence[Cell], metric: str) -> dict[CellKey, Standing]:
    """The places of a column's cells.

    The cells that are ranked are those of the commonest fingerprint (of equally common ones, the
    first). The order of the cells does not change any place.
    """
    complete = [c for c in cells if c.state == "complete" and metric in c.estimates]
    if not complete:
        return {cell.key: Standing(None) for cell in cells}
    common = _commonest(cell.fingerprint for cell in complete)
    ranked = [cell for cell in complete if cell.fingerprint == common]
    best = max(ranked, key=lambda cell: (cell.estimates[metric].mean, cell.key.row))
    places: dict[CellKey, Standing] = {}
    for cell in cells:
        if cell in ranked:
            places[cell.key] = _place(cell, ranked, best, metric)
        elif cell in complete:
            places[cell.key] = Standing(None, differs=differences(cell.records, best.records))
        else:
            places[cell.key] = Standing(None)
    return places


def _commonest(fingerprints: Iterable[str]) -> str:
    counts = Counter(fingerprints)
    return max(sorted(counts), key=counts.__getitem__)


def _place(cell: Cell, ranked: Sequence[Cell], best: Cell, metric: str) -> Standing:
    mean = cell.estimates[metric].mean
    rank = 1 + sum(other.estimates[metric].mean > mean for other in ranked)
    if cell.key == best.key:
        return Standing(rank)
    gap = difference(best, cell, metric)
    return Standing(rank, tied_with_best=gap.tie, to_best=gap)


def difference(left: Cell, right: Cell, metric: str) -> Difference:
    """``left - right`` with its 95 % interval.

    Args:
        left: A cell with that metric.
        right: Another cell of the same column.
        metric: ``top1``, ``top5``, ``hm``, …
    """
    value = left.estimates[metric].mean - right.estimates[metric].mean
    parts = _parts(left, right, metric)
    if parts is None:
        return Difference(value, _independent(left, right, metric), paired=False)
    variance = 0.0
    per_seed: NDArray[np.float64] = np.zeros(len(parts[0].per_seed))
    for part in parts:
        variance += part.error**2
        per_seed = per_seed + part.per_seed if len(part.per_seed) == len(per_seed) else per_seed
    seeds = statistics.member_half_width(per_seed.tolist()) if left.over == "seeds" else 0.0
    return Difference(value, math.hypot(statistics.Z95 * math.sqrt(variance), seeds), paired=True)


@dataclass(frozen=True)
class _Part:
    """A weighted paired difference over one clip list: its error and its value a seed."""

    error: float
    per_seed: NDArray[np.float64]


def _parts(left: Cell, right: Cell, metric: str) -> list[_Part] | None:
    if metric != "hm":
        part = _part(left.done, right.done, metric, 1.0, 1.0)
        return None if part is None else [part]
    parts = []
    for half in ("base", "novel"):
        ours = [member for member in left.done if member.trial.split == half]
        others = [member for member in right.done if member.trial.split == half]
        part = _part(ours, others, "top1", _slope(left, half), _slope(right, half))
        if part is None:
            return None
        parts.append(part)
    return parts


def _slope(cell: Cell, half: str) -> float:
    """Weight of one half in the harmonic mean, to first order."""
    means = [
        statistics.mean(
            [m.record.metrics["top1"] for m in cell.done if m.record and m.trial.split == h]
        )
        for h in ("base", "novel")
    ]
    return statistics.harmonic_slopes(means[0], means[1])[0 if half == "base" else 1]


def _part(
    left: Sequence[Member], right: Sequence[Member], metric: str, weight: float, other: float
) -> _Part | None:
    """Paired by member name; a method that is not trained has one number for every seed."""
    pairs = _pairs(left, right)
    ids: list[NDArray[np.str_]] = []
    values: list[NDArray[np.float64]] = []
    for ours, theirs in pairs:
        one, two = ours.hits(metric), theirs.hits(metric)
        aligned = None if one is None or two is None else _aligned(one, two)
        if aligned is None:
            return None
        shared, first, second = aligned
        ids.append(shared)
        values.append(weight * first - other * second)
    if not pairs:
        return None
    return _Part(statistics.clip_error(ids, values), np.array([v.mean() for v in values]))


def _pairs(left: Sequence[Member], right: Sequence[Member]) -> list[tuple[Member, Member]]:
    if len(left) == 1 or len(right) == 1:
        return [(one, two) for one in left for two in right]
    by_name = {member.trial.member: member for member in right}
    pairs = [(m, by_name[m.trial.member]) for m in left if m.trial.member in by_name]
    return pairs if len(pairs) == len(left) == len(right) else []


def _aligned(
    one: ClipHits, two: ClipHits
) -> tuple[NDArray[np.str_], NDArray[np.float64], NDArray[np.float64]] | None:
    """Both by clip id; None unless they are about the same clips."""
    first, second = np.argsort(one.ids), np.argsort(two.ids)
    ids = one.ids[first]
    if len(one.ids) != len(two.ids) or not np.array_equal(ids, two.ids[second]):
        return None
    return ids, one.values[first], two.values[second]


def _independent(left: Cell, right: Cell, metric: str) -> float:
    """Half width of a difference from the two intervals alone; infinite without intervals."""
    widths = []
    for cell in (left, right):
        estimate = cell.estimates[metric]
        if estimate.low is None or estimate.high is None:
            return math.inf
        widths.append((estimate.high - estimate.low) / 2)
    return math.hypot(*widths)
