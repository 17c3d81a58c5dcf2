"""Files that are either whole or absent, whoever kills the process that writes them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bench.ground.errors import DataError

_UMASK = os.umask(0)
os.umask(_UMASK)  # the only way to read it is to set it


def write_atomically(path: Path, content: bytes | str, *, durable: bool = True) -> None:
    """Write beside ``path``, then rename: a reader sees the old file or the whole new one.

    Args:
        path: Its folder exists.
        content: All of it; text is written as UTF-8.
        durable: Whether the content must survive a power cut (``fsync``).

    Raises:
        OSError: Also on a full disk; the old file stays, and nothing half-written beside it.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_UMASK)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(path.parent)


def write_whole(path: Path, content: bytes | str, *, flag: str = "") -> Path:
    """``write_atomically`` for files that a user asked for, with a refusal in words.

    Args:
        path: The file; its folder is made.
        content: What it holds afterwards; text is written as UTF-8.
        flag: What names the folder, for example ``--out DIR``; without it the configuration's cache
            folder is meant.

    Returns:
        The file.

    Raises:
        DataError: The folder cannot be written to, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        cache = "name another cache folder in the configuration: cache = '<folder>'"
        raise DataError(
            f"cannot write {path.name}" + ("" if flag else " into the cache folder"),
            got=f"{path.parent}: {error.strerror or error}",
            allowed="a folder with write permission and free space",
            next_step=f"name another folder: {flag}" if flag else cache,
        ) from error
    return path


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
