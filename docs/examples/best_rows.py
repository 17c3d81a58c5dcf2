"""A report format of your own: the best row of every column, one line each."""

from __future__ import annotations

from pathlib import Path

from bench.ground.files import write_whole
from reports.formats.base import ReportFormat
from reports.tables import build_tables
from results.numbers.aggregate import Board


def write(board: Board, out: Path) -> list[Path]:
    """Write ``best.txt`` into a folder."""
    lines = []
    for table in build_tables(board):
        for column in table.columns:
            slots = [(row, row.slots[column.id]) for row in table.rows if row.kind == "run"]
            best = max(
                ((slot.value, row.title) for row, slot in slots if slot.value is not None),
                default=None,
            )
            if best is not None:
                lines.append(f"{table.title}, {column.title}: {best[1]} {best[0]:.1f}")
    return [write_whole(out / "best.txt", "\n".join(lines) + "\n", flag="--out DIR")]


REPORT = ReportFormat("best", "the best row of every column", write)
