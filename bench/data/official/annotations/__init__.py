"""Readers of official annotation files, chosen by the name of their format."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

from bench.data.official.annotations import hmdb, kinetics, msrvtt, own, ssv2, ucf
from bench.data.official.annotations.base import (
    NO_CLASS,
    AnnotatedClip,
    Annotations,
    annotation_files,
)
from bench.ground.errors import DataError, unknown_name

READERS: MappingProxyType[str, Callable[[Path], Annotations]] = MappingProxyType(
    {
        "csv": own.read_csv,
        "folders": own.read_folders,
        "hmdb": hmdb.read,
        "kinetics": kinetics.read,
        "msrvtt": msrvtt.read,
        "ssv2": ssv2.read,
        "ucf": ucf.read,
    }
)

_NAMES = {
    "Something-Something version 1": re.compile(r"something-something-v1-.*"),
    "hmdb": re.compile(r".+_test_split\d+\.txt"),
    "msrvtt": re.compile(r".*(msr-?vtt|jsfusion|train_[79]k).*\.(csv|json)"),
    "ssv2": re.compile(r"(something-something-v2-)?(labels|train|validation)\.json"),
    "ucf": re.compile(r"(classind|(train|test)list\d+)\.txt"),
    "kinetics": re.compile(r"(.*[^a-z])?(train|val|validate|test)([^a-z].*)?\.csv"),
}

__all__ = [
    "NO_CLASS",
    "READERS",
    "AnnotatedClip",
    "Annotations",
    "annotation_files",
    "looks_like",
    "read_annotations",
]


def read_annotations(format_name: str, folder: Path) -> Annotations:
    """Read the official annotation files in a folder or below it.

    Args:
        format_name: ``hmdb``, ``kinetics``, ``msrvtt``, ``ssv2`` or ``ucf``; of datasets of your
            own ``csv`` or ``folders``.
        folder: Where the files lie; of ``csv`` also the file itself.

    Raises:
        UsageError: There is no such format.
        DataError: Files are missing, or a line does not follow the format.
    """
    if format_name not in READERS:
        raise unknown_name("annotation format", format_name, READERS)
    if not folder.is_dir() and not (format_name == "csv" and folder.is_file()):
        raise DataError("the folder of the annotations does not exist", got=str(folder))
    return READERS[format_name](folder)


def looks_like(folder: Path) -> tuple[str, ...]:
    """Formats that the names of the files below a folder look like; for error messages."""
    names = [path.name.lower() for path in annotation_files(folder)]
    found = dict.fromkeys(
        next((what for what, pattern in _NAMES.items() if pattern.fullmatch(name)), "")
        for name in names
    )
    return tuple(what for what in found if what)
