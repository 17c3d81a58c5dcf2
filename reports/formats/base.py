"""The contract of a report format: a board of numbers to files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from results.numbers.aggregate import Board


@dataclass(frozen=True)
class ReportFormat:
    """A format that can be chosen by name.

    Attributes:
        name: As in ``bench report --formats NAME``.
        summary: One line for ``bench report --help``.
        write: Writes its files into a folder and gives their paths, the main one first.
            ``reports.tables.build_tables(board)`` gives the tables,
            ``bench.ground.files.write_whole`` writes a file.
    """

    name: str
    summary: str
    write: Callable[[Board, Path], list[Path]]
