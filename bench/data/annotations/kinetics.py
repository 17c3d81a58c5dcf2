"""Kinetics: ``label,youtube_id,time_start,time_end,split,is_cc`` tables, one a partition.

A clip's file is ``<youtube id>_<start, 6 digits>_<end, 6 digits>.mp4``. Ids may begin with ``-``
and hold ``_``. Class ids are the ranks of the labels, sorted as they are written.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.data.annotations.base import (
    Annotations,
    ClipCollector,
    bad_line,
    find_files,
    no_files,
    read_text,
)

COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split", "is_cc")
_PARTITIONS = {
    "train": "train",
    "val": "val",
    "validate": "val",
    "validation": "val",
    "test": "test",
}


@dataclass(frozen=True)
class _Row:
    label: str
    stem: str
    split: str


def read(folder: Path) -> Annotations:
    """Read every table of a folder.

    Raises:
        DataError: There is none, or a line does not follow the format.
    """
    files = find_files(folder, ".csv")
    if not files:
        no_files(folder, "train.csv, val.csv or validate.csv, test.csv")
    rows = [row for file in files for row in _rows(file)]
    names = sorted({row.label for row in rows if row.label})
    ids = {name: index for index, name in enumerate(names)}
    collector = ClipCollector()
    for row in rows:
        if not row.label:
            collector.unlabelled += 1
            continue
        collector.add(row.stem, f"{row.split}/{row.stem}.mp4", ids[row.label], row.split)
    return collector.finish(names, files)


def _rows(file: Path) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(read_text(file), newline=""))
    columns = list(COLUMNS)
    for cells in reader:
        values = [cell.strip() for cell in cells]
        if not any(values):
            continue
        if "youtube_id" in values:
            columns = values
            continue
        yield _row(file, reader.line_num, dict(zip(columns, values, strict=False)))


def _row(file: Path, number: int, values: dict[str, str]) -> _Row:
    try:
        start, end = int(float(values["time_start"])), int(float(values["time_end"]))
        youtube_id = values["youtube_id"]
    except (KeyError, ValueError) as error:
        raise bad_line(
            file, number, "no clip", got=",".join(values.values()), allowed=",".join(COLUMNS)
        ) from error
    split = _PARTITIONS.get(values.get("split", "").lower()) or _partition_of_file(file)
    if split is None:
        raise bad_line(
            file,
            number,
            "unknown partition",
            got=values.get("split", ""),
            allowed="train, val, validate, test",
        )
    return _Row(values.get("label", ""), f"{youtube_id}_{start:06d}_{end:06d}", split)


def _partition_of_file(file: Path) -> str | None:
    for word in re.split(r"[^a-z]+", file.stem.lower()):
        if word in _PARTITIONS:
            return _PARTITIONS[word]
    return None
