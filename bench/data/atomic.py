"""Files of the cache folder, whole or absent; what the disk refuses is said in words."""

from __future__ import annotations

from pathlib import Path

from bench.ground import files as atomic
from bench.ground.errors import DataError


def write_atomically(path: Path, content: bytes, *, flag: str = "") -> None:
    """Write a file through a temporary one beside it.

    Args:
        path: The file; its folder is made.
        content: What it holds afterwards.
        flag: What names the folder, for example ``--out DIR``; without it the configuration's cache
            folder is meant.

    Raises:
        DataError: The folder cannot be written to, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_atomically(path, content)
    except OSError as error:
        raise DataError(
            f"cannot write {path.name}" + ("" if flag else " into the cache folder"),
            got=f"{path.parent}: {error.strerror or error}",
            allowed="a folder with write permission and free space",
            next_step=f"name another folder: {flag}"
            if flag
            else "name another cache folder in the configuration: cache = '<folder>'",
        ) from error
