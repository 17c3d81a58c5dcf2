"""Writes report files whole: a reader sees the old file or the new one, never a part."""

from __future__ import annotations

from pathlib import Path

from bench.ground.errors import BenchError
from bench.ground.files import write_atomically


def write_whole(target: Path, content: str | bytes) -> Path:
    """Write a file by renaming a finished draft over it.

    Args:
        target: The file; its folder is made if missing.
        content: Text (written as UTF-8) or bytes.

    Raises:
        BenchError: The folder cannot be written to, or the disk is full.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, content)
    except OSError as error:
        raise BenchError(
            f"cannot write the report {target}: {error.strerror or error}",
            next_step="free space or choose another folder with --out",
        ) from error
    return target
