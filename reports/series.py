"""Few-shot curves as data: one line a method, one panel a dataset."""

from __future__ import annotations

from dataclasses import dataclass

from reports.tables import Table


@dataclass(frozen=True)
class Point:
    """One number of a curve.

    Attributes:
        shots: K.
        value: Percent.
        low: Lower end of the 95 % interval, or ``value``.
        high: Its upper end, or ``value``.
        whole: False where members are missing.
    """

    shots: int
    value: float
    low: float
    high: float
    whole: bool


@dataclass(frozen=True)
class Line:
    """A method's curve; ``index`` gives its colour and mark, the same in every panel."""

    row: str
    title: str
    index: int
    trained: bool
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Panel:
    """The curves of one dataset; ``shots`` are all K on its axis."""

    dataset: str
    title: str
    shots: tuple[int, ...]
    lines: tuple[Line, ...]


def few_shot_panels(table: Table, untrained: frozenset[str] = frozenset()) -> list[Panel]:
    """The panels of a few-shot table; a number that is not there leaves a gap.

    Args:
        table: A table with columns that differ in K.
        untrained: Names of rows that are not trained (drawn as reference lines).
    """
    panels = []
    for dataset in dict.fromkeys(column.dataset for column in table.columns):
        columns = [c for c in table.columns if c.dataset == dataset and c.shots and c.split == "-"]
        if not columns:
            continue
        rows = [row for row in table.rows if row.kind == "run"]
        lines = []
        for index, row in enumerate(rows):
            points = []
            for column in columns:
                slot = row.slots[column.id]
                if slot.value is None or slot.cell is None or column.shots is None:
                    continue
                estimate = slot.cell.estimates[column.metric]
                low = slot.value if estimate.low is None else estimate.low
                high = slot.value if estimate.high is None else estimate.high
                whole = slot.state == "complete"
                points.append(Point(column.shots, slot.value, low, high, whole))
            lines.append(Line(row.name, row.title, index, row.name not in untrained, tuple(points)))
        shots = tuple(c.shots for c in columns if c.shots is not None)
        panels.append(Panel(dataset, columns[0].group, shots, tuple(lines)))
    return panels
