"""Where a clip's bytes lie: in a file of its own, or in a tar shard of the video folder.

A folder with a shard index is a video folder like any other: ``<root>/train/x.mp4`` names the clip
that lay at ``train/x.mp4`` when the shards were written. Lists, manifests and the keys of jobs are
therefore those of the unpacked folder. Shards are plain, uncompressed tar files, so that a clip is
one contiguous read.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from bench.ground.errors import DataError
from bench.ground.files import write_whole

INDEX = "shards.csv"
"""Name of the index beside the shards."""

COLUMNS = ("path", "shard", "offset", "size", "mtime_ns")

VARIANT = "resized.json"
"""Says of a folder's videos that they are not the originals, and what was made of them."""


class ShardError(OSError):
    """A shard does not hold what its index says.

    Args:
        what: ``missing``, ``truncated`` or ``changed``.
        detail: One line that names the shard.
    """

    def __init__(self, what: Literal["missing", "truncated", "changed"], detail: str) -> None:
        super().__init__(detail)
        self.what = what
        self.detail = detail
        self.strerror = detail

    def __reduce__(self) -> tuple[object, ...]:
        return (ShardError, (self.what, self.detail))


@dataclass(frozen=True)
class ShardEntry:
    """One clip of an index.

    Attributes:
        shard: File name of the shard, beside the index.
        offset: Where the clip's own bytes start.
        size: How many there are.
        mtime_ns: Time of the file that was packed.
    """

    shard: str
    offset: int
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class ClipFile:
    """The bytes of one clip, wherever they lie.

    Attributes:
        path: Name of the clip: the root of the videos joined with its relative path.
        size: Bytes.
        mtime_ns: Time of the last change of the clip's own file.
        shard: The tar file that holds it; None for a file of its own.
        offset: Where it starts in the shard.
    """

    path: Path
    size: int
    mtime_ns: int
    shard: Path | None = None
    offset: int = 0

    def read(self) -> bytes:
        """All its bytes.

        Raises:
            ShardError: The shard is missing, too short, or another one than the index speaks of.
            OSError: The file cannot be read.
        """
        if self.shard is None:
            return self.path.read_bytes()
        try:
            with self.shard.open("rb") as file:
                file.seek(self.offset - tarfile.BLOCKSIZE)
                content = file.read(tarfile.BLOCKSIZE + self.size)
        except FileNotFoundError as error:
            raise ShardError("missing", f"its shard {self.shard.name} is missing") from error
        lacking = tarfile.BLOCKSIZE + self.size - len(content)
        if lacking > 0:
            detail = f"its shard {self.shard.name} ends {lacking} bytes before the clip does"
            raise ShardError("truncated", detail)
        self._check_header(self.shard, content[: tarfile.BLOCKSIZE])
        return content[tarfile.BLOCKSIZE :]

    def _check_header(self, shard: Path, header: bytes) -> None:
        """The block before a clip names it; another one stands there if the shard was replaced."""
        try:
            found = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            found = None
        # Of a long name the block holds the first hundred bytes.
        name = None if found is None else found.name.encode("utf-8", "surrogateescape")
        wanted = self.path.as_posix().encode("utf-8", "surrogateescape")
        if found is None or found.size != self.size or not _may_be(name or b"", wanted):
            detail = f"its shard {shard.name} is not the one that {INDEX} speaks of"
            raise ShardError("changed", detail)


def _may_be(name: bytes, path: bytes) -> bool:
    """Whether a tar header's name can be that of a clip at this path."""
    limit = tarfile.LENGTH_NAME
    if len(name) < limit:
        return path.endswith(b"/" + name)
    return b"/" + name in path


def locate(path: Path) -> ClipFile:
    """Find the bytes of a clip.

    Args:
        path: The file, or where it would lie in the unpacked folder of the shards.

    Raises:
        IsADirectoryError: It is a folder.
        FileNotFoundError: There is neither a file nor a clip of an index.
        OSError: The file may not be read, or is none.
        DataError: The index of the shards cannot be read.
    """
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        found = in_shard(path)
        if found is None:
            raise
        return found
    return ClipFile(path, facts.st_size, facts.st_mtime_ns)


def in_shard(path: Path) -> ClipFile | None:
    """The clip of a shard index that a path names, or None."""
    for folder in path.parents:
        index = shard_index(folder)
        if index is not None:
            name = path.relative_to(folder).as_posix()
            entry = index.get(name)
            if entry is None:
                return None
            shard = folder / entry.shard
            return ClipFile(path, entry.size, entry.mtime_ns, shard, entry.offset)
    return None


def shard_index(folder: Path) -> Mapping[str, ShardEntry] | None:
    """Relative clip path -> where it lies, or None for a folder without shards.

    Raises:
        DataError: The index cannot be read, or a row of it is wrong.
    """
    file = folder / INDEX
    try:
        facts = file.stat()
    except OSError:
        return None  # no such folder, or one of plain files
    return _read_index(file, facts.st_mtime_ns, facts.st_size)


def broken_shards(folder: Path) -> dict[str, str]:
    """Shards that their index speaks of and that are missing or too short -> what is wrong."""
    index = shard_index(folder) or {}
    ends: dict[str, int] = {}
    for entry in index.values():
        ends[entry.shard] = max(ends.get(entry.shard, 0), entry.offset + entry.size)
    broken: dict[str, str] = {}
    for shard, end in sorted(ends.items()):
        try:
            size = (folder / shard).stat().st_size
        except OSError:
            broken[shard] = "missing"
            continue
        if size < end:
            broken[shard] = f"{end - size} bytes are missing at the end"
    return broken


@lru_cache(maxsize=16)
def _read_index(file: Path, mtime_ns: int, size: int) -> dict[str, ShardEntry]:
    try:
        text = file.read_bytes().decode("utf-8", errors="surrogateescape")
    except OSError as error:
        raise DataError(f"cannot read {file.name}", got=f"{file}: {error.strerror}") from error
    rows = csv.reader(io.StringIO(text, newline=""))
    if tuple(next(rows, ())) != COLUMNS:
        raise DataError(
            f"{file.name} is not an index of shards",
            got=str(file),
            allowed="a first line " + ",".join(COLUMNS),
            next_step="bench data shard --videos <folder> --out <folder> writes one",
        )
    entries: dict[str, ShardEntry] = {}
    for row in rows:
        try:
            path, shard, *numbers = row
            offset, length, changed = (int(number) for number in numbers)
        except ValueError as error:
            raise DataError(f"{file.name}, line {rows.line_num}: no row", got=str(row)) from error
        if Path(shard).name != shard or offset < tarfile.BLOCKSIZE:
            raise DataError(
                f"{file.name}, line {rows.line_num}: the shard is not a file beside the index",
                got=str(row),
            )
        entries[path] = ShardEntry(shard, offset, length, changed)
    return entries


def index_text(entries: Iterable[tuple[str, ShardEntry]]) -> bytes:
    """The content of an index file, as it is read."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(
        (path, entry.shard, entry.offset, entry.size, entry.mtime_ns) for path, entry in entries
    )
    return table.getvalue().encode("utf-8", errors="surrogateescape")


def clip_source(path: Path) -> str | io.BytesIO:
    """What a decoder opens for a clip: the name of its file, or its bytes out of a shard.

    Raises:
        OSError: There is no such clip, or its shard is broken (``ShardError``).
        DataError: The index of the shards cannot be read.
    """
    clip = locate(path)
    return str(path) if clip.shard is None else io.BytesIO(clip.read())


def variant_of(root: Path) -> str:
    """What was made of the videos of a folder: ``resized: …``, or "" for originals.

    Other pixels are other numbers, so this is part of every key and protocol that uses them.

    Raises:
        DataError: The note is there and cannot be read.
    """
    file = root / VARIANT
    try:
        return str(json.loads(file.read_bytes())["videos"])
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"cannot read what was made of the videos: {VARIANT}",
            got=f"{file}: {error}",
            next_step="resize or pack them again; without this note their numbers would pass "
            "for those of the originals",
        ) from error


def note_variant(root: Path, variant: str) -> None:
    """Leave the note that ``variant_of`` reads."""
    write_whole(root / VARIANT, json.dumps({"videos": variant}).encode())
