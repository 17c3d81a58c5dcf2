"""Which video files lie in a folder: listed once, found by name whatever the layout.

The layouts in circulation differ (flat, one folder a class, one folder a partition) and so do
the extensions of re-encoded copies, so a clip is looked up by its stem, and its folders only
decide between several files of that stem. That holds where publishers named the clips, each in its
own way. In a dataset of somebody's own ``wave/0001.mp4`` and ``clap/0001.mp4`` are different clips:
there a file must lie where its path says.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.data.video.storage import broken_shards, shard_index

VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")
UNFINISHED_SUFFIXES = (".aria2", ".crdownload", ".part", ".partial", ".tmp", ".ytdl")
"""What downloaders leave beside or instead of a file that is not complete."""

REPLACEMENTS = "replacement"
"""CVDF ships mended copies of corrupted clips in folders whose names begin so."""

_TIMES = re.compile(r"(?P<id>.{11})_(?P<start>\d{1,5})_(?P<end>\d{1,5})")


@dataclass(frozen=True)
class FolderListing:
    """One folder's own entries, as they were when ``mtime_ns`` was its time."""

    mtime_ns: int
    files: dict[str, int]
    """Video file name -> bytes."""
    folders: tuple[str, ...]
    links: tuple[str, ...] = ()
    """Links to folders; looked into after all real folders."""
    unusable: tuple[str, ...] = ()
    """Unfinished downloads and links that lead nowhere."""


@dataclass
class FolderIndex:
    """The video files below a root.

    Attributes:
        root: The folder that was listed.
        listings: Relative folder (``""`` is the root) -> what lies in it.
        relisted: How many folders had to be read from the disk.
        packed: Relative folder -> files that tar shards hold -> bytes.
        unreadable: Relative folders that could not be read.
    """

    root: Path
    listings: dict[str, FolderListing] = field(default_factory=dict)
    relisted: int = 0
    packed: dict[str, dict[str, int]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    _by_stem: dict[str, list[str]] = field(default_factory=dict)
    _by_folded_stem: dict[str, list[str]] = field(default_factory=dict)
    _by_place: dict[str, list[str]] = field(default_factory=dict)

    def files(self) -> Iterator[tuple[str, int]]:
        """Relative path and bytes of every video file, sorted by folder and name."""
        for folder in sorted({*self.listings, *self.packed}):
            listing = self.listings.get(folder)
            names = {**self.packed.get(folder, {}), **({} if listing is None else listing.files)}
            for name, size in sorted(names.items()):
                yield _join(folder, name), size

    def unusable(self) -> list[str]:
        """Relative paths of unfinished downloads and of links that lead nowhere."""
        return [
            _join(folder, name)
            for folder in sorted(self.listings)
            for name in self.listings[folder].unusable
        ]

    def find(self, path: str, *, in_place: bool = False) -> list[str]:
        """Files that may be the clip a list or an annotation calls ``path``, the best first.

        The stem decides, as it is written if there is such a file, else without regard to case,
        to how accents are encoded and to leading zeros of a Kinetics clip's seconds. Of several
        files a mended copy (``replacement…/``) comes first, then a shared end of the folders,
        then the order of the paths.

        Args:
            path: Relative path, with ``/``; its folders and extension need not be those here.
            in_place: The stem alone names no clip. A file counts in the folder that the path names,
                or, if there is but one, where one of the two paths is the end of the other.

        Returns:
            Relative paths of files with this stem; empty when there is none.
        """
        if not self._by_stem:
            for file, _ in self.files():
                self._by_stem.setdefault(stem_of(file), []).append(file)
                self._by_place.setdefault(place_of(file), []).append(file)
        if in_place:
            return self._in_place(path)
        found = self._by_stem.get(stem_of(path)) or self._folded(path)
        if len(found) < 2:
            return list(found)
        return sorted(
            found,
            key=lambda file: (not is_mended(file), -_shared_end(file, path), file != path, file),
        )

    def _in_place(self, path: str) -> list[str]:
        place = place_of(path)
        there = self._by_place.get(place, [])
        if there:
            return sorted(there, key=lambda file: (file != path, file))
        found = self._by_stem.get(stem_of(path), [])
        ends = [file for file in found if one_ends_other(place_of(file), place)]
        return ends if len(ends) == 1 else []

    def _folded(self, path: str) -> list[str]:
        if not self._by_folded_stem:
            for stem, files in self._by_stem.items():
                self._by_folded_stem.setdefault(_fold(stem), []).extend(files)
        return self._by_folded_stem.get(_fold(stem_of(path)), [])


def stem_of(path: str) -> str:
    """File name of a relative path without its extension."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def is_mended(file: str) -> bool:
    """Whether a relative path lies in a folder of mended copies."""
    return any(folder.lower().startswith(REPLACEMENTS) for folder in file.split("/")[:-1])


def mended_copies(root: Path) -> dict[str, str]:
    """Stem -> relative path of the mended copies directly below a folder of videos.

    Empty where there are none, or where the folder cannot be read.
    """
    try:
        names = [name for name in os.listdir(root) if name.lower().startswith(REPLACEMENTS)]  # noqa: PTH208 - names only
    except OSError:
        return {}
    folders = [name for name in sorted(names) if (root / name).is_dir()]
    return {
        stem_of(file): f"{name}/{file}"
        for name in folders
        for file, _ in index_folder(root / name).files()
    }


def index_folder(root: Path, known: FolderIndex | None = None) -> FolderIndex:
    """List the video files below a folder.

    Names that begin with a dot are left out: they belong to file systems and to programs that
    copy. Links to folders are followed, each real folder is listed once.

    Args:
        root: Where to look.
        known: An earlier listing; folders whose time has not changed are not read again.

    Raises:
        OSError: The folder itself cannot be read. Those below are in ``unreadable``.
    """
    index = FolderIndex(root)
    seen: set[tuple[int, int]] = set()
    pending, links = deque([""]), deque[str]()
    while pending or links:
        folder = pending.popleft() if pending else links.popleft()
        try:
            status = (root / folder).stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            listing = None if known is None else known.listings.get(folder)
            if listing is None or listing.mtime_ns != status.st_mtime_ns:
                listing = _list(root / folder, status.st_mtime_ns)
                index.relisted += 1
        except OSError:
            if not folder:
                raise
            index.unreadable.append(folder)
            continue
        index.listings[folder] = listing
        _add_shards(index, folder)
        pending.extend(_join(folder, name) for name in listing.folders)
        links.extend(_join(folder, name) for name in listing.links)
    return index


def _list(folder: Path, mtime_ns: int) -> FolderListing:
    files: dict[str, int] = {}
    folders: list[str] = []
    links: list[str] = []
    unusable: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith("."):
                continue
            suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a name, 450,000 times
            if suffix in UNFINISHED_SUFFIXES:
                unusable.append(name)
                continue
            try:
                if entry.is_dir():
                    (links if entry.is_symlink() else folders).append(name)
                elif suffix in VIDEO_SUFFIXES:
                    if not entry.is_file():
                        raise FileNotFoundError(name)
                    files[name] = entry.stat().st_size
            except OSError:
                # A link in a loop or to nothing, or gone since the folder was read.
                unusable.append(name)
    return FolderListing(
        mtime_ns, files, tuple(sorted(folders)), tuple(sorted(links)), tuple(sorted(unusable))
    )


def _fold(stem: str) -> str:
    """What spellings of one name have in common."""
    if not stem.isascii():
        raw = stem.encode("utf-8", errors="surrogateescape")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
        stem = unicodedata.normalize("NFC", text)
    if match := _TIMES.fullmatch(stem):
        stem = f"{match['id']}_{int(match['start']):06d}_{int(match['end']):06d}"
    return stem.casefold()


def _add_shards(index: FolderIndex, folder: str) -> None:
    """The clips that whole shards of a folder hold, as if they lay below it."""
    place = index.root / folder
    entries = shard_index(place)
    if entries is None:
        return
    broken = broken_shards(place)
    for path, entry in entries.items():
        if entry.shard not in broken:
            above, _, name = _join(folder, path).rpartition("/")
            packed = index.packed.setdefault(above, {})
            packed[name] = entry.size


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _shared_end(first: str, second: str) -> int:
    """How many folders above the file are equal, counted from the file upwards."""
    count = 0
    folders = zip(first.split("/")[-2::-1], second.split("/")[-2::-1], strict=False)
    for one, other in folders:
        if one.casefold() != other.casefold():
            break
        count += 1
    return count


def place_of(path: str) -> str:
    """A relative path without its extension."""
    return _join(path.rpartition("/")[0], stem_of(path))


def one_ends_other(one: str, other: str) -> bool:
    """Whether the shorter of two relative paths is the end of the longer one."""
    short, long = sorted((f"/{one}", f"/{other}"), key=len)
    return long.endswith(short)
