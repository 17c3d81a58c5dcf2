"""One process at a time in a folder that is being filled."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.ground.errors import DataError, UsageError

LOCK = ".lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make a folder if need be and hold it; a killed holder lets go of it.

    Raises:
        UsageError: Another process holds it.
        DataError: It cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise DataError("cannot write to the folder", got=f"{folder}: {error.strerror}") from error
    try:
        try:
            # Not flock: workers would inherit it and hold the folder after this process was killed.
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            raise UsageError(
                "another process is filling this folder",
                got=str(folder),
                next_step="wait for it, or stop it",
            ) from error
        yield
    finally:
        os.close(handle)
