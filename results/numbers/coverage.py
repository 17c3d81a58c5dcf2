"""How much of its clip lists a number rests on, and how far it could be off for that.

A clip that is missing or damaged was never looked at. Whatever became of it (left out, or counted
as wrong), the whole list's number lies between two bounds: all of these clips wrong, or all right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from results.numbers import statistics
from results.numbers.aggregate import Cell
from results.run.records import Counts, EvaluationRecord

WHOLE_PERCENT = 99.5
"""A cell one of whose lists gave frames for a smaller share of its clips is partial data."""
_SHARE_OF_CLIPS = re.compile(r"top[1-9][0-9]*")

Bounds = tuple[float, float]


@dataclass(frozen=True)
class Coverage:
    """What a cell rests on.

    Attributes:
        listed: Clips of the lists of all its members.
        decoded: Of these, clips that gave frames.
        percent: The smallest share of a member's list that gave frames, 0..100.
        counted_wrong: Whether the others count as wrong (else they are left out).
        bounds: Metric -> percent if all clips without frames were wrong, and if all were right.
    """

    listed: int
    decoded: int
    percent: float
    counted_wrong: bool = False
    bounds: Mapping[str, Bounds] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether every clip gave frames."""
        return self.decoded == self.listed

    @property
    def partial(self) -> bool:
        """Whether the cell is to be marked."""
        return self.percent < WHOLE_PERCENT

    def sentence(self, metric: str) -> str:
        """What to say beside the number of that metric; '' where every clip gave frames."""
        if self.whole:
            return ""
        lost = self.listed - self.decoded
        became = "count as wrong" if self.counted_wrong else "are left out"
        text = (
            f"{'partial data: ' if self.partial else ''}{lost} of {self.listed} listed clips gave "
            f"no frames and {became}"
        )
        if metric not in self.bounds:
            return text
        low, high = self.bounds[metric]
        return f"{text}; {low:.1f} if all of them were wrong, {high:.1f} if all were right"


def share_percent(counts: Counts) -> float:
    """The share of a list that gave frames, 0..100."""
    return 100.0 * counts.decoded / counts.listed if counts.listed else 100.0


def record_bounds(record: EvaluationRecord, metric: str) -> Bounds | None:
    """A metric if all clips without frames were wrong, and if all were right.

    Args:
        record: An evaluation.
        metric: ``top<k>``; others are no shares of clips, and have no bounds.

    Returns:
        Percent; equal where every listed clip gave frames.
    """
    counts = record.counts
    if metric not in record.metrics or not _SHARE_OF_CLIPS.fullmatch(metric) or not counts.listed:
        return None
    hits = record.metrics[metric] * counts.scored
    lost = 100.0 * (counts.listed - counts.decoded)
    return hits / counts.listed, min(100.0, (hits + lost) / counts.listed)


def coverage(cell: Cell) -> Coverage:
    """What a cell rests on; a cell without any record is whole."""
    records = cell.records
    if not records:
        return Coverage(0, 0, 100.0)
    lossy = [record.counts for record in records if record.counts.decoded < record.counts.listed]
    return Coverage(
        listed=sum(record.counts.listed for record in records),
        decoded=sum(record.counts.decoded for record in records),
        percent=min(share_percent(record.counts) for record in records),
        counted_wrong=bool(lossy) and all(counts.scored == counts.listed for counts in lossy),
        bounds={
            metric: found
            for metric in cell.estimates
            if (found := _cell_bounds(cell, metric)) is not None
        },
    )


def _cell_bounds(cell: Cell, metric: str) -> Bounds | None:
    if metric != "hm":
        return _mean_bounds(cell.records, metric)
    halves = [
        _mean_bounds([m.record for m in cell.done if m.record and m.trial.split == half], "top1")
        for half in ("base", "novel")
    ]
    base, novel = halves
    if base is None or novel is None:
        return None
    # It grows with either half.
    return (
        statistics.harmonic_mean(base[0], novel[0]),
        statistics.harmonic_mean(base[1], novel[1]),
    )


def _mean_bounds(records: Sequence[EvaluationRecord], metric: str) -> Bounds | None:
    found = [record_bounds(record, metric) for record in records]
    whole = [bounds for bounds in found if bounds is not None]
    if not whole or len(whole) < len(found):
        return None
    lows, highs = zip(*whole, strict=True)
    return statistics.mean(lows), statistics.mean(highs)
