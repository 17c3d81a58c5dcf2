"""Verdicts that outlive a stopped check: one line a clip, appended as they come.

A line is valid for the file's size and time of change and for the decoders that gave it. What
cannot be read (the torn last line of a machine that lost its power) is checked again.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from bench.data.video.decode import versions
from bench.data.video.storage import locate
from bench.ground.errors import DataError
from bench.upkeep.checking.verdict import Depth, Inspection

FORMAT = 1
NOT_KEPT = ("missing", "not_readable", "changed", "directory")
"""Reasons that say nothing about the content, which may be another one next time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may use for one clip.

    Attributes:
        seconds: Time.
        memory: Bytes.
    """

    seconds: float
    memory: int


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells one content of a file from another without reading it."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> FileState | None:
        """The state of a file, or None where there is none to be had."""
        try:
            clip = locate(path)
        except OSError:
            return None  # the worker meets the same error and says which
        return cls(clip.size, clip.mtime_ns)


class _Known(NamedTuple):
    state: FileState
    limits: Limits
    seen: Inspection


@dataclass
class VerdictCache:
    """The inspections of the files below one folder.

    Args:
        file: Where the lines are kept.

    Attributes:
        unreadable: Lines that could not be read.
    """

    file: Path
    unreadable: int = 0
    _known: dict[tuple[str, Depth], _Known] = field(default_factory=dict)
    _handle: int | None = None

    def __post_init__(self) -> None:
        try:
            content = self.file.read_bytes()
        except FileNotFoundError:
            return
        for line in content.split(b"\n"):
            if line:
                self._learn(line)

    def _learn(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            valid = entry["format"] == FORMAT and entry["decoders"] == versions()
            known = _Known(
                FileState(entry["size"], entry["mtime_ns"]),
                Limits(entry["limit_seconds"], entry["limit_memory"]),
                Inspection(**entry["seen"]),
            )
            key = (str(entry["path"]), entry["depth"])
        except (ValueError, KeyError, TypeError):
            self.unreadable += 1
            return
        if valid:
            self._known[key] = known

    def find(self, path: Path, state: FileState, depth: Depth, limits: Limits) -> Inspection | None:
        """What was seen of an unchanged file at this depth or a greater one."""
        depths: tuple[Depth, ...] = (depth, "all")
        for looked_for in depths:
            known = self._known.get((str(path), looked_for))
            if known is None or known.state != state:
                continue
            if known.seen.reason == "timeout" and known.limits.seconds < limits.seconds:
                continue
            if known.seen.reason == "memory" and known.limits.memory < limits.memory:
                continue
            return known.seen
        return None

    def add(
        self, path: Path, state: FileState, depth: Depth, limits: Limits, seen: Inspection
    ) -> None:
        """Keep an inspection; it is on its way to the disk when this returns.

        Raises:
            DataError: The cache folder cannot be written to.
        """
        if seen.reason in NOT_KEPT:
            return
        entry = {
            "format": FORMAT,
            "path": str(path),
            "size": state.size,
            "mtime_ns": state.mtime_ns,
            "depth": depth,
            "limit_seconds": limits.seconds,
            "limit_memory": limits.memory,
            "decoders": versions(),
            "seen": asdict(seen),
        }
        self._known[str(path), depth] = _Known(state, limits, seen)
        try:
            # One write, so that checks side by side do not mix their lines.
            os.write(self._open(), json.dumps(entry).encode() + b"\n")
        except OSError as error:
            raise DataError(
                "cannot write the verdicts",
                got=f"{self.file}: {error.strerror}",
                allowed="a folder with write permission and free space",
                next_step="name another folder: --cache DIR",
            ) from error

    def _open(self) -> int:
        if self._handle is None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            size = os.fstat(self._handle).st_size
            if size and os.pread(self._handle, 1, size - 1) != b"\n":
                os.write(self._handle, b"\n")
        return self._handle

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def verdict_file(cache: Path, root: Path) -> Path:
    """Where the verdicts on the files below ``root`` are kept."""
    whole = str(root.absolute())
    digest = hashlib.sha256(whole.encode(errors="surrogateescape")).hexdigest()[:8]
    return cache / "checked" / f"{root.absolute().name or 'root'}-{digest}.jsonl"
