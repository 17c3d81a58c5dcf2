"""Packing a folder of videos into a few large tar files with an index.

Shards are written one after the other under another name, read back, compared with the originals
and moved into place; the index follows each of them. Whoever kills the process loses one unfinished
shard. The originals are only read.
"""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from bench.data.video.folder_index import index_folder
from bench.data.video.storage import (
    INDEX,
    ShardEntry,
    broken_shards,
    index_text,
    note_variant,
    shard_index,
    variant_of,
)
from bench.ground.errors import DataError, UsageError
from bench.ground.files import write_whole
from bench.ground.locks import alone_in

DEFAULT_SHARD_SIZE = 2**30
_BLOCK = 1 << 20


@dataclass(frozen=True)
class ShardReport:
    """What packing did.

    Attributes:
        packed: Clips that were written.
        kept: Clips that lay in a whole shard before.
        shards: Shards that were written.
        bytes: Of the clips that were written.
        failures: Relative path -> reason code and detail.
        superseded: Clips whose older version stays behind in a shard, unused.
    """

    packed: int
    kept: int
    shards: int
    bytes: int
    failures: dict[str, tuple[str, str]]
    superseded: int


Progress = Callable[[int, int], None]
"""Called with how many of how many are finished."""


@dataclass
class _Packing:
    """The state of one call."""

    videos: Path
    out: Path
    entries: dict[str, ShardEntry]
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    packed: int = 0
    shards: int = 0
    bytes: int = 0


class _ClipError(Exception):
    """A clip cannot be packed."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def write_shards(
    videos: Path,
    out: Path,
    *,
    shard_size: int = DEFAULT_SHARD_SIZE,
    progress: Progress | None = None,
) -> ShardReport:
    """Pack the videos below a folder; what a shard holds already is not packed again.

    Args:
        videos: Where they lie; nothing is written there.
        out: Folder of the shards and ``shards.csv``; made if need be.
        shard_size: Bytes after which a shard is closed.
        progress: Called after each clip.

    Raises:
        UsageError: The folders contradict each other, or a shard is packed by somebody else now.
        DataError: The videos cannot be listed, or ``out`` cannot be written to.
    """
    _check_folders(videos, out)
    with alone_in(out):
        variant = variant_of(videos)
        if variant:
            note_variant(out, variant)
        return _pack_all(videos, out, shard_size, progress)


def _pack_all(videos: Path, out: Path, shard_size: int, progress: Progress | None) -> ShardReport:
    known = _whole_entries(out)
    present = {path: (videos / path).stat() for path, _ in _listed(videos)}
    kept = {
        path: entry
        for path, entry in known.items()
        if path in present
        and (entry.size, entry.mtime_ns) == (present[path].st_size, present[path].st_mtime_ns)
    }
    todo = [path for path in present if path not in kept]
    # A clip that is gone from the folder stays readable: shards may be all that is left of it.
    work = _Packing(videos, out, dict(known))
    superseded = sum(path in known for path in todo)
    done = 0
    for group in _groups(
        todo, {path: facts.st_size for path, facts in present.items()}, shard_size
    ):
        for _ in _pack(work, group):
            done += 1
            if progress is not None:
                progress(done, len(todo))
    return ShardReport(work.packed, len(kept), work.shards, work.bytes, work.failures, superseded)


def _check_folders(videos: Path, out: Path) -> None:
    if not videos.is_dir():
        raise DataError("the folder of the videos does not exist", got=str(videos))
    if (videos / INDEX).is_file():
        raise UsageError("the folder of the videos holds shards already", got=str(videos / INDEX))
    if videos.resolve() == out.resolve():
        raise UsageError(
            "shards do not go among the videos they are made of",
            got=f"--videos and --out are both {videos}",
            next_step="name another folder with --out",
        )


def _listed(videos: Path) -> list[tuple[str, int]]:
    try:
        found = list(index_folder(videos).files())
    except OSError as error:
        raise DataError(
            "cannot list the video folder", got=f"{error.filename}: {error.strerror}"
        ) from error
    if not found:
        raise DataError("there are no videos to pack", got=str(videos))
    return found


def _whole_entries(out: Path) -> dict[str, ShardEntry]:
    """What the index says of shards that are there and long enough."""
    broken = broken_shards(out)
    return {
        path: entry for path, entry in (shard_index(out) or {}).items() if entry.shard not in broken
    }


def _groups(paths: Sequence[str], sizes: dict[str, int], shard_size: int) -> Iterator[list[str]]:
    group: list[str] = []
    total = 0
    for path in paths:
        if group and total + sizes[path] > shard_size:
            yield group
            group, total = [], 0
        group.append(path)
        total += sizes[path]
    if group:
        yield group


def _pack(work: _Packing, paths: Sequence[str]) -> Iterator[None]:
    """Write one shard, read it back, move it into place; yields once a clip."""
    name = _free_name(work.out, work.entries)
    target = work.out / name
    temporary = work.out / f".{name}.part"
    written: dict[str, tuple[ShardEntry, int]] = {}
    try:
        with temporary.open("wb") as shard:
            for path in paths:
                try:
                    written[path] = _append(shard, work.videos / path, path, name)
                except _ClipError as error:
                    work.failures[path] = (error.reason, error.detail)
                yield
            shard.write(bytes(2 * tarfile.BLOCKSIZE))
            shard.flush()
            os.fsync(shard.fileno())
        _compare(temporary, written)
        if written:
            temporary.replace(target)
    except OSError as error:
        raise DataError(
            f"cannot write {name}", got=f"{work.out}: {error.strerror or error}"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    if written:
        work.entries.update({path: entry for path, (entry, _) in written.items()})
        work.packed += len(written)
        work.bytes += sum(entry.size for entry, _ in written.values())
        work.shards += 1
        _write_index(work)


def _free_name(out: Path, entries: dict[str, ShardEntry]) -> str:
    """The next number; a shard that is spoken of but missing keeps its name to itself."""
    taken = {entry.shard for entry in entries.values()} | {path.name for path in out.glob("*.tar")}
    return next(
        name
        for number in range(len(taken) + 1)
        if (name := f"videos-{number:05d}.tar") not in taken
    )


def _append(shard: BinaryIO, file: Path, path: str, name: str) -> tuple[ShardEntry, int]:
    """Add one clip, or nothing of it; gives its place and the checksum of its bytes."""
    start = shard.tell()
    try:
        with _opened(file) as source:
            facts = os.fstat(source.fileno())
            header = tarfile.TarInfo(path)
            header.size, header.mtime = facts.st_size, int(facts.st_mtime)
            shard.write(header.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
            entry = ShardEntry(name, shard.tell(), facts.st_size, facts.st_mtime_ns)
            checksum = copied = 0
            while block := _block(source):
                checksum = zlib.crc32(block, checksum)
                copied += len(block)
                shard.write(block)
            after = os.fstat(source.fileno())
        planned = (facts.st_size, facts.st_size, facts.st_mtime_ns)
        if (copied, after.st_size, after.st_mtime_ns) != planned:
            raise _ClipError("changed", "it was written to while it was packed")
    except _ClipError:
        shard.seek(start)
        shard.truncate()
        raise
    shard.write(bytes(-facts.st_size % tarfile.BLOCKSIZE))
    return entry, checksum


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise _ClipError("not_readable", error.strerror or str(error)) from error


def _block(source: BinaryIO) -> bytes:
    try:
        return source.read(_BLOCK)
    except OSError as error:
        raise _ClipError("not_readable", error.strerror or str(error)) from error


def _compare(shard: Path, written: dict[str, tuple[ShardEntry, int]]) -> None:
    """Read a shard as any tar program would and compare what it holds.

    Raises:
        DataError: It does not hold what was written: the disk is not to be trusted.
    """
    found: dict[str, tuple[int, int, int]] = {}
    with tarfile.open(shard, "r:", encoding="utf-8", errors="surrogateescape") as archive:
        for member in archive:
            source = archive.extractfile(member)
            assert source is not None
            checksum = 0
            while block := source.read(_BLOCK):
                checksum = zlib.crc32(block, checksum)
            found[member.name] = (member.offset_data, member.size, checksum)
    wanted = {
        path: (entry.offset, entry.size, checksum) for path, (entry, checksum) in written.items()
    }
    if found != wanted:
        raise DataError(
            f"{shard.name.strip('.').removesuffix('.part')} does not hold what was written to it",
            got=f"{sum(found.get(path) != place for path, place in wanted.items())} clips differ",
            next_step="check the disk that --out lies on",
        )


def _write_index(work: _Packing) -> None:
    write_whole(work.out / INDEX, index_text(sorted(work.entries.items())))
