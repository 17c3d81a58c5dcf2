"""Files that are whole or absent, whoever kills the process that writes them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bench.errors import DataError


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
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DataError(
            f"cannot write {path.name}" + ("" if flag else " into the cache folder"),
            got=f"{path.parent}: {error.strerror or error}",
            allowed="a folder with write permission and free space",
            next_step=f"name another folder: {flag}"
            if flag
            else "name another cache folder in the configuration: cache = '<folder>'",
        ) from error
