"""Class lists: ``id,name`` tables, their hash, and joining two of them by name."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

from bench.data.official.annotations.base import read_text
from bench.ground.errors import DataError


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read an ``id,name`` table.

    Args:
        path: A csv file; names may be quoted, line ends may be CRLF.

    Returns:
        The names in the order of the file.

    Raises:
        DataError: No such columns, ids that are not 0 to n-1 in order, empty or repeated names.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), skipinitialspace=True)
    columns = [column.strip() for column in reader.fieldnames or ()]
    if columns[:2] != ["id", "name"]:
        raise DataError(
            f"{path.name} is no class list", got=",".join(columns), allowed="the columns id,name"
        )
    reader.fieldnames = columns
    names: list[str] = []
    for row in reader:
        name = (row["name"] or "").strip()
        if row["id"].strip() != str(len(names)):
            raise DataError(
                f"{path.name}, line {reader.line_num}: ids must count up from 0",
                got=row["id"],
                allowed=str(len(names)),
            )
        if not name:
            raise DataError(f"{path.name}, line {reader.line_num}: class {row['id']} has no name")
        names.append(name)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(f"{path.name} names a class twice", got=", ".join(repeated))
    if not names:
        raise DataError(f"{path.name} holds no class", got=str(path))
    return tuple(names)


def class_table(names: Sequence[str]) -> bytes:
    """The ``id,name`` table of a class list, as ``read_class_names`` reads it."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("id", "name"))
    writer.writerows(enumerate(names))
    return table.getvalue().encode("utf-8", errors="surrogateescape")


def names_sha256(names: Sequence[str]) -> str:
    """Hash of the names in their order, whatever the quotes and line ends of the file."""
    return hashlib.sha256(json.dumps(list(names)).encode()).hexdigest()


def name_key(name: str) -> str:
    """What two spellings of a class have in common: letters and digits, without case.

    ``kick_ball`` and ``kick ball``, ``ApplyEyeMakeup`` and ``apply eye makeup`` are the same.
    """
    return "".join(character for character in name.casefold() if character.isalnum())


def join_names(
    names: Sequence[str], official: Sequence[str], *, list_name: str, dataset: str
) -> dict[int, int]:
    """Where the classes of a list stand among a manifest's, by name.

    Args:
        names: The class list.
        official: The manifest's class names.
        list_name: What the class list is called, for the error.
        dataset: Name of the dataset, for the error.

    Returns:
        Official class id -> row of the class list, for the classes in the list.

    Raises:
        DataError: A class of the list is not in the manifest, or two spellings coincide.
    """
    places: dict[str, int] = {}
    for index, name in enumerate(official):
        if places.setdefault(name_key(name), index) != index:
            raise DataError(
                f"two classes of {dataset} differ in punctuation or case only",
                got=f"'{official[places[name_key(name)]]}' and '{name}'",
            )
    strangers = [name for name in names if name_key(name) not in places]
    if strangers:
        first = ", ".join(f"'{name}'" for name in strangers[:3])
        raise DataError(
            f"class list '{list_name}' does not fit the manifest of {dataset}: "
            f"{len(strangers)} of its {len(names)} classes are not among the manifest's "
            f"{len(official)}",
            got=first + (", …" if len(strangers) > 3 else ""),
            allowed="names of the official annotations, in any case and punctuation",
            next_step=f"check 'labels.{list_name}' and 'annotations' of {dataset} "
            "in the configuration",
        )
    return {places[name_key(name)]: row for row, name in enumerate(names)}
