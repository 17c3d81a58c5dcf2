"""A small file that says how far a job is, for the live display."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

from bench.ground.files import write_atomically
from results.run.layout import PROGRESS

INTERVAL = 1.0
"""Seconds between two writes, at least."""

_log = logging.getLogger(__name__)


class Heartbeat:
    """Writes ``progress.json`` into the job's folder, at most once a second.

    A folder that cannot be written to does not stop the job here; writing the result will.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / PROGRESS
        self._started = time.monotonic()
        self._next = 0.0
        self._broken = False

    def beat(self, clips: int, **facts: int | float | None) -> None:
        """Say where the job is.

        Args:
            clips: Clips done since this process started the job.
            **facts: For example ``update=3, updates=60, loss=1.2`` or ``done=40, of=300``.
        """
        now = time.monotonic()
        if now < self._next or self._broken:
            return
        self._next = now + INTERVAL
        elapsed = max(now - self._started, 1e-9)
        note = {**facts, "clips_per_second": round(clips / elapsed, 2), "time": time.time()}
        try:
            write_atomically(self._path, json.dumps(note).encode(), durable=False)
        except OSError as error:
            self._broken = True
            _log.warning("%s cannot be written: %s", self._path, error)

    def end(self) -> None:
        """Remove the file; the result speaks from now on."""
        self._path.unlink(missing_ok=True)
