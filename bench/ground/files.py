"""Files that are either whole or absent, whoever kills the process that writes them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


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
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
