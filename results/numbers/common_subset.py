"""Two methods on the clips that both have scored, where their own numbers rest on different ones.

Clips that gave no frames are in neither, whatever became of them in the methods' own numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results.numbers import statistics
from results.numbers.aggregate import Cell, Member
from results.numbers.comparison import Difference
from results.run.contents import scored_hits

_HALVES = ("base", "novel")


@dataclass(frozen=True)
class CommonSubset:
    """Two cells of one column on their common clips.

    Attributes:
        metric: ``top1``, ``top5`` or ``hm``.
        left: Mean of the first, percent.
        right: Mean of the second, percent.
        difference: First minus second.
        clips: Distinct clips that both have scored.
        only_left: Distinct clips that only the first has scored.
        only_right: Distinct clips that only the second has scored.
        pairs: Pairs of members that were compared.
    """

    metric: str
    left: float
    right: float
    difference: Difference
    clips: int
    only_left: int
    only_right: int
    pairs: int


@dataclass(frozen=True)
class _Paired:
    """Members of one clip list, clip by clip: ids [n] and hits [n] of both, a pair each."""

    ids: list[NDArray[np.str_]]
    left: list[NDArray[np.float64]]
    right: list[NDArray[np.float64]]
    only_left: set[str]
    only_right: set[str]

    def means(self) -> tuple[float, float]:
        """Both sides' means over pairs of means over clips."""
        return (
            statistics.mean([float(values.mean()) for values in self.left]),
            statistics.mean([float(values.mean()) for values in self.right]),
        )

    def weighted(self, left: float, right: float) -> list[NDArray[np.float64]]:
        """``left`` times the first's hits less ``right`` times the second's, a pair each."""
        both = zip(self.left, self.right, strict=True)
        return [left * ours - right * theirs for ours, theirs in both]

    @property
    def common(self) -> set[str]:
        """Ids of the clips in any pair."""
        return set(np.concatenate(self.ids).tolist())


def compare_on_common(left: Cell, right: Cell, metric: str) -> CommonSubset | None:
    """Compare two cells on the clips that both have scored.

    Args:
        left: A cell.
        right: Another one of the same column.
        metric: ``top1``, ``top5``, or ``hm`` for the harmonic mean of base and novel.

    Returns:
        None where per-clip scores are not kept, or there is no common clip or member.
    """
    halves: tuple[str | None, ...] = _HALVES if metric == "hm" else (None,)
    parts = []
    for half in halves:
        part = _paired(_members(left, half), _members(right, half), metric)
        if part is None:
            return None
        parts.append(part)
    means = [part.means() for part in parts]
    ours, slopes_left = _combined([mean[0] for mean in means])
    theirs, slopes_right = _combined([mean[1] for mean in means])
    variance = 0.0
    per_pair: NDArray[np.float64] = np.zeros(len(parts[0].ids))
    for part, one, two in zip(parts, slopes_left, slopes_right, strict=True):
        values = part.weighted(one, two)
        variance += statistics.clip_error(part.ids, values) ** 2
        if len(values) == len(per_pair):
            per_pair = per_pair + np.array([value.mean() for value in values])
    seeds = statistics.member_half_width(per_pair.tolist()) if left.over == "seeds" else 0.0
    half_width = math.hypot(statistics.Z95 * math.sqrt(variance), seeds)
    return CommonSubset(
        metric=metric,
        left=ours,
        right=theirs,
        difference=Difference(ours - theirs, half_width, paired=True),
        clips=sum(len(part.common) for part in parts),
        only_left=sum(len(part.only_left) for part in parts),
        only_right=sum(len(part.only_right) for part in parts),
        pairs=len(parts[0].ids),
    )


def _combined(means: Sequence[float]) -> tuple[float, tuple[float, ...]]:
    """The number, and how fast it moves with each of its means."""
    if len(means) == 1:
        return means[0], (1.0,)
    return statistics.harmonic_mean(*means), statistics.harmonic_slopes(*means)


def _members(cell: Cell, half: str | None) -> list[Member]:
    return [member for member in cell.done if half is None or member.trial.split == half]


def _paired(left: Sequence[Member], right: Sequence[Member], metric: str) -> _Paired | None:
    """Members of one name side by side; a method that is not trained stands beside each."""
    pairs = [(one, two) for one in left for two in right if _belong_together(one, two)]
    found = _Paired([], [], [], set(), set())
    for one, two in pairs:
        mine, yours = _hits(one, metric), _hits(two, metric)
        if mine is None or yours is None:
            return None
        shared, first, second = np.intersect1d(mine[0], yours[0], return_indices=True)
        if not len(shared):
            return None
        found.ids.append(shared)
        found.left.append(mine[1][first])
        found.right.append(yours[1][second])
        found.only_left.update(set(mine[0].tolist()) - set(shared.tolist()))
        found.only_right.update(set(yours[0].tolist()) - set(shared.tolist()))
    return found if pairs else None


def _belong_together(one: Member, two: Member) -> bool:
    if one.trial.member == two.trial.member:
        return True
    untrained = one.trial.training is None or two.trial.training is None
    return untrained and one.trial.clip_list == two.trial.clip_list


def _hits(member: Member, metric: str) -> tuple[NDArray[np.str_], NDArray[np.float64]] | None:
    if member.record is None:
        return None
    hits = scored_hits(member.record, member.folder, "top1" if metric == "hm" else metric)
    return None if hits is None else (hits.ids, hits.values)
