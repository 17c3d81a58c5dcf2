"""Readers of official annotation files, chosen by the name of their format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

from bench.data.annotations import hmdb, kinetics, ssv2, ucf
from bench.data.annotations.base import AnnotatedClip, Annotations
from bench.errors import DataError, unknown_name

READERS: MappingProxyType[str, Callable[[Path], Annotations]] = MappingProxyType(
    {"hmdb": hmdb.read, "kinetics": kinetics.read, "ssv2": ssv2.read, "ucf": ucf.read}
)

__all__ = ["READERS", "AnnotatedClip", "Annotations", "read_annotations"]


def read_annotations(format_name: str, folder: Path) -> Annotations:
    """Read the official annotation files in a folder or below it.

    Args:
        format_name: ``hmdb``, ``kinetics``, ``ssv2`` or ``ucf``.
        folder: Where the files lie.

    Raises:
        UsageError: There is no such format.
        DataError: Files are missing, or a line does not follow the format.
    """
    if format_name not in READERS:
        raise unknown_name("annotation format", format_name, READERS)
    if not folder.is_dir():
        raise DataError("the folder of the annotations does not exist", got=str(folder))
    return READERS[format_name](folder)
