"""Class names as people keep them: one name per line, or a table of numbers and names.

Tables may have commas, semicolons or tabs, their columns in either order, with or without a header,
or blanks as in UCF-101's ``classInd.txt``. What is neither a list nor such a table is refused: a
header or a number must never become part of a class name.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from bench.data.lists.class_names import read_class_names
from bench.data.official.annotations.base import numbered_lines, read_text
from bench.ground.errors import DataError

_FORMS = (
    "one name per line, or a table of two columns, number and name (commas, semicolons or tabs; "
    "numbers from 0 or 1)"
)
Rows = Sequence[Sequence[str]]


def read_class_file(path: Path) -> tuple[str, ...]:
    """The names in a file, in the order of their numbers.

    Raises:
        DataError: It cannot be read, is neither a list nor a table, or its numbers do not count up.
    """
    lines = [line for _, line in numbered_lines(path)]
    if not lines:
        raise DataError(f"{path.name} holds no class", got=str(path), allowed=_FORMS)
    if lines[0][0] in "{[":
        raise _refused(path, lines[0], "it looks like JSON")
    if [cell.strip() for cell in lines[0].split(",")][:2] == ["id", "name"]:
        return read_class_names(path)
    for delimiter in ";\t,":
        rows = _rows(path, delimiter)
        if min(map(len, rows)) >= 2 and (names := _of_table(path, rows)) is not None:
            return names
    numbered = [line.split(maxsplit=1) for line in lines]
    if all(len(cells) == 2 and cells[0].isdecimal() for cells in numbered):
        names = _of_table(path, numbered)
        if names is not None:
            return names
    return _of_lines(path, lines)


def _rows(path: Path, delimiter: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=delimiter)
    try:
        rows = [[cell.strip() for cell in cells] for cells in reader]
    except csv.Error as error:
        raise DataError(f"{path.name}: no table", got=str(error), allowed=_FORMS) from error
    return [cells for cells in rows if any(cells)]


def _of_table(path: Path, rows: Rows) -> tuple[str, ...] | None:
    """The names of a table; None where no column holds a number in every row."""
    widest = max(map(len, rows))
    headed = len(rows) > 1 and not any(cell.isdecimal() for cell in rows[0])
    body = rows[1:] if headed else rows
    for place in (0, 1):
        if not all(cells[place].isdecimal() for cells in body):
            continue
        if widest != 2:
            raise _refused(path, " | ".join(rows[0]), f"its rows have {widest} columns")
        return _counted(path, [(int(cells[place]), cells[1 - place]) for cells in body])
    return None


def _counted(path: Path, numbered: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    """The names by their numbers, which have to count up from 0 or 1 without a gap."""
    ordered = sorted(numbered)
    numbers = [number for number, _ in ordered]
    first = numbers[0] if numbers[0] in (0, 1) else 0
    if numbers != list(range(first, first + len(numbers))):
        raise DataError(
            f"{path.name}: its numbers do not count up from 0 or 1",
            got=", ".join(map(str, numbers[:8])) + (", …" if len(numbers) > 8 else ""),
            allowed="each number once, without a gap",
        )
    nameless = [number for number, name in ordered if not name]
    if nameless:
        raise DataError(f"{path.name}: class {nameless[0]} has no name")
    return tuple(name for _, name in ordered)


def _of_lines(path: Path, lines: Sequence[str]) -> tuple[str, ...]:
    for line in lines:
        if ";" in line or "\t" in line:
            raise _refused(path, line, "a line has several columns, and none is a number")
    if lines[0].casefold() in ("name", "names", "class", "classes", "label", "labels"):
        lines = lines[1:]
    header = lines and {cell.strip().casefold() for cell in lines[0].split(",")}
    if header and len(header) > 1 and header <= {"id", "name", "class", "label", "index"}:
        raise _refused(path, lines[0], "its first line is a header, and no column holds numbers")
    cells = _rows(path, ",")[-len(lines) :] if lines else []
    if len(cells) == len(lines) and all(len(row) == 1 for row in cells):
        return tuple(row[0] for row in cells)
    return tuple(lines)


def _refused(path: Path, line: str, why: str) -> DataError:
    return DataError(
        f"{path.name} is neither a list of class names nor a table of them: {why}",
        got=line,
        allowed=_FORMS,
        next_step="give one name per line, nothing else",
    )
