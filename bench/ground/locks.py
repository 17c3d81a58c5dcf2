"""Locks that a process holds while it lives: whoever is killed lets go of them.

A lock is an ``flock`` on a file, and the file says who holds it. Processes that a holder forks
share the lock; so ``Holder.alive`` tells the holder itself from what it left behind.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PAUSE_S = 0.05


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes:
        pid: Process id.
        born: When the process started, in clock ticks since boot; tells a reused id from the
            process that was meant.
        attempt: Number of the job's attempt; 0 for the lock of a whole run.
    """

    pid: int
    born: int
    attempt: int = 0

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        return born(self.pid) == self.born


def born(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot; None if there is none or it is dead.

    Source: proc(5), field 22 of ``/proc/<pid>/stat``; a zombie counts as dead.
    """
    try:
        facts = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = after_name(facts)
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def after_name(stat: bytes) -> list[bytes]:
    """The fields of a ``/proc/<pid>/stat`` from the third on.

    The second is the program's name in brackets: any bytes, brackets and blanks among them, and
    cut off after fifteen, so that it need not be text.
    """
    return stat[stat.rindex(b")") + 2 :].split()


def take(path: Path, *, attempt: int = 0, wait_s: float = 0.0) -> int | None:
    """Take a lock for as long as this process lives.

    Args:
        path: The lock file; its folder exists.
        attempt: Written into the file, see ``Holder``.
        wait_s: How long to wait for whoever holds it now.

    Returns:
        The open descriptor (close it to let go), or None when somebody else holds the lock.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return None
            time.sleep(_PAUSE_S)
    mine = {"pid": os.getpid(), "born": born(os.getpid()) or 0, "attempt": attempt}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(mine).encode(), 0)
    return descriptor


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold a lock inside ``with``; gives False when another process holds it.

    A process that holds the lock already (it was launched with it) keeps it afterwards.
    """
    descriptor = take(path)
    try:
        yield descriptor is not None or _is_mine(path)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _is_mine(path: Path) -> bool:
    other = holder(path)
    return other is not None and (other.pid, other.born) == (os.getpid(), born(os.getpid()))


def holder(path: Path) -> Holder | None:
    """Who holds a lock, or None when it is free."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        # Shared, so that two who only look do not see each other.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _written(descriptor: int) -> Holder | None:
    # The holder writes its name right after it gets the lock; a reader may come in between.
    for _ in range(20):
        try:
            return Holder(**json.loads(os.pread(descriptor, 4096, 0)))
        except (ValueError, TypeError):
            time.sleep(_PAUSE_S / 5)
    return Holder(pid=0, born=-1)
