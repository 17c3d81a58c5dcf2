"""A cache folder that several processes fill at once, within a limit.

Entries are files that appear whole. A ledger beside them holds their bytes, added up under a lock;
when a new one does not fit, those that were not used for longest are deleted. Deleting an entry
that somebody reads is harmless: an opened file stays readable, and whoever comes later computes.

A process never throws out what it has itself used since it began: a list that is longer than the
limit would otherwise push out each clip shortly before its turn comes again, and nothing would ever
be found.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.ground.files import write_atomically

KEEP_FREE = 2**30
"""Bytes of the disk that a cache leaves alone."""

LEDGER = ".used"
_TARGET = 0.9
"""Share of the limit that is left after making room, so that it is not made for every entry."""
_COARSE_NS = 50_000_000
"""Disks keep times in steps of some milliseconds, so that a file may look older than it is."""
_STALE_S = 3600.0
"""Age of a temporary file that nobody will finish any more."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Entry:
    used_ns: int
    path: Path
    size: int


class LimitedFolder:
    """A cache folder with a size limit, as one process sees it.

    Args:
        folder: Root of all entries; made on the first write.
        limit: Bytes of all entries together; None: half of what the disk has left without them.
        what: What the log calls the cache.
        without: What happens where nothing is kept, for the log.
    """

    def __init__(
        self,
        folder: Path,
        limit: int | None,
        *,
        what: str = "frame cache",
        without: str = "frames are decoded again",
    ) -> None:
        self.closed = False
        self._what, self._without = what, without
        self._folder = folder
        self._limit = limit
        self._began_ns = time.time_ns() - _COARSE_NS
        self._synchronised = False

    def used(self, entry: Path) -> None:
        """Note that an entry was read, once per process."""
        try:
            if entry.stat().st_mtime_ns < self._began_ns:
                os.utime(entry)
        except OSError:
            return  # gone meanwhile, or not ours to touch: only its place in the queue is lost

    def put(self, entry: Path, data: bytes) -> None:
        """Keep an entry if there is room for it or room can be made."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._synchronise()
            entry.parent.mkdir(parents=True, exist_ok=True)
            if not self._reserve(len(data)):
                return
            replaced = entry.exists()
            try:
                write_atomically(entry, data, durable=False)
            except BaseException:
                self._release(len(data))
                raise
            if replaced:  # another process was faster
                self._release(len(data))
        except OSError as error:
            self._close(f"cannot be written ({errno.errorcode.get(error.errno or 0, error)})")

    def _synchronise(self) -> None:
        """Take the time from the disk that the entries lie on, whose clock may be another."""
        if self._synchronised:
            return
        late_ns = time.time_ns() - self._began_ns
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".clock")
        os.close(handle)
        self._began_ns = Path(name).stat().st_mtime_ns - late_ns
        Path(name).unlink()
        self._synchronised = True

    def _reserve(self, size: int) -> bool:
        """Enter an entry into the ledger, making room if need be."""
        with self._ledger() as ledger:
            used = _read_number(ledger)
            if used is None:
                used = sum(entry.size for entry in self._entries())
            limit = self._limit_now(used)
            if used + size > limit:
                used = self._evict(limit, size)
            _write_number(ledger, used)
            if used + size > limit:
                self._close(f"has reached its limit of {limit / 2**30:.3g} GiB")
                return False
            if shutil.disk_usage(self._folder).free < size + KEEP_FREE:
                self._close(f"has less than {KEEP_FREE / 2**30:.3g} GiB of disk left")
                return False
            _write_number(ledger, used + size)
            return True

    def _release(self, size: int) -> None:
        with self._ledger() as ledger:
            used = _read_number(ledger)
            if used is not None:
                _write_number(ledger, max(0, used - size))

    def _limit_now(self, used: int) -> int:
        if self._limit is not None:
            return self._limit
        return (shutil.disk_usage(self._folder).free + used) // 2

    def _evict(self, limit: int, size: int) -> int:
        """Delete what was not used for longest; gives the bytes that are left."""
        entries = self._entries()
        used = sum(entry.size for entry in entries)
        goal = min(int(limit * _TARGET), limit - size)
        for entry in entries:
            if used <= goal or entry.used_ns >= self._began_ns:
                break
            entry.path.unlink(missing_ok=True)
            used -= entry.size
        return used

    def _entries(self) -> list[_Entry]:
        """All entries, the one that was not used for longest first."""
        found: list[_Entry] = []
        for base, _, names in os.walk(self._folder):
            for name in names:
                path = Path(base) / name
                try:
                    facts = path.stat()
                    if name.endswith(".tmp") and facts.st_mtime < time.time() - _STALE_S:
                        path.unlink()
                        continue
                except FileNotFoundError:
                    continue
                if not name.startswith("."):
                    found.append(_Entry(facts.st_mtime_ns, path, facts.st_size))
        return sorted(found, key=lambda entry: (entry.used_ns, entry.path))

    @contextmanager
    def _ledger(self) -> Iterator[int]:
        handle = os.open(self._folder / LEDGER, os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)

    def _close(self, why: str) -> None:
        """Stop adding and say so, once."""
        self.closed = True
        _log.warning("the %s %s %s; %s from now on", self._what, self._folder, why, self._without)


def _read_number(handle: int) -> int | None:
    """What the ledger says; None for a new or damaged one: it is added up again."""
    text = os.pread(handle, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _write_number(handle: int, number: int) -> None:
    # Of one width, so that a killed writer leaves no digits of an older number behind.
    os.pwrite(handle, b"%020d" % number, 0)
