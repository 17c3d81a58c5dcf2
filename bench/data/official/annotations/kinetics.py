"""Kinetics: ``label,youtube_id,time_start,time_end,split,is_cc`` tables, one a partition.

A clip's file is ``<youtube id>_<start, 6 digits>_<end, 6 digits>.mp4``. Ids may begin with ``-``
and hold ``_``. Class ids are the ranks of the labels, sorted as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.data.official.annotations.base import (
    Annotations,
    ClipCollector,
    annotation_files,
    bad_line,
    no_files,
    table_rows,
)

COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split", "is_cc")
_ID = "youtube_id"
_PARTITIONS = {
    "train": "train",
    "val": "val",
    "validate": "val",
    "validation": "val",
    "test": "test",
}


class _Row(NamedTuple):
    label: str
    stem: str
    split: str


def read(folder: Path) -> Annotations:
    """Read every table of a folder.

    Tables of something else (lists of labels, for example) are passed over: theirs is a header
    without ``youtube_id``, or no header and no name of a partition.

    Raises:
        DataError: There is none, or a line does not follow the format.
    """
    files = [file for file in annotation_files(folder) if _is_table(file)]
    if not files:
        no_files(folder, "train.csv, val.csv or validate.csv, test.csv")
    rows = [row for file in files for row in _rows(file)]
    names = sorted({row.label for row in rows if row.label})
    ids = {name: index for index, name in enumerate(names)}
    collector = ClipCollector()
    for label, stem, split in rows:
        if not label:
            collector.unlabelled += 1
            continue
        collector.add(stem, f"{split}/{stem}.mp4", ids[label], split)
    return collector.finish(names, files)


def _is_table(file: Path) -> bool:
    suffix = file.suffix.lower()
    if suffix not in (".csv", ".txt"):
        return False
    with file.open("rb") as content:
        first = content.readline(4096)
    if _ID.encode() in first:
        return True
    return suffix == ".csv" and _partition_of_file(file) is not None


def _rows(file: Path) -> Iterator[_Row]:
    columns: Sequence[str] = COLUMNS
    by_file = _partition_of_file(file)
    for number, values in table_rows(file):
        if _ID in values:
            columns = values
            continue
        yield _row(file, number, dict(zip(columns, values, strict=False)), by_file)


def _row(file: Path, number: int, values: dict[str, str], by_file: str | None) -> _Row:
    try:
        start, end = _seconds(values["time_start"]), _seconds(values["time_end"])
        youtube_id = values[_ID]
        if not youtube_id or "/" in youtube_id:
            raise ValueError(youtube_id)
    except (KeyError, ValueError, OverflowError) as error:
        raise bad_line(
            file, number, "no clip", got=",".join(values.values()), allowed=",".join(COLUMNS)
        ) from error
    split = _PARTITIONS.get(values.get("split", "").lower(), by_file)
    if split is None:
        raise bad_line(
            file,
            number,
            "unknown partition",
            got=values.get("split", ""),
            allowed="train, val, validate, test",
        )
    return _Row(values.get("label", ""), f"{youtube_id}_{start:06d}_{end:06d}", split)


def _seconds(text: str) -> int:
    return int(text) if text.isdecimal() else int(float(text))


def _partition_of_file(file: Path) -> str | None:
    for word in re.split(r"[^a-z]+", file.stem.lower()):
        if word in _PARTITIONS:
            return _PARTITIONS[word]
    return None
