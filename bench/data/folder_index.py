"""Which video files lie in a folder: listed once, found by name whatever the layout.

The layouts in circulation differ (flat, one folder a class, one folder a partition) and so do
the extensions of re-encoded copies, so a clip is looked up by its stem, and its folders only
decide between several files of that stem.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")


@dataclass(frozen=True)
class FolderListing:
    """One folder's own entries, as they were when ``mtime_ns`` was its time."""

    mtime_ns: int
    files: dict[str, int]
    """Video file name -> bytes."""
    folders: tuple[str, ...]


@dataclass
class FolderIndex:
    """The video files below a root.

    Attributes:
        root: The folder that was listed.
        listings: Relative folder (``""`` is the root) -> what lies in it.
        relisted: How many folders had to be read from the disk.
    """

    root: Path
    listings: dict[str, FolderListing] = field(default_factory=dict)
    relisted: int = 0
    _by_stem: dict[str, list[str]] = field(default_factory=dict)
    _by_folded_stem: dict[str, list[str]] = field(default_factory=dict)

    def files(self) -> Iterator[tuple[str, int]]:
        """Relative path and bytes of every video file, sorted by folder and name."""
        for folder in sorted(self.listings):
            for name, size in sorted(self.listings[folder].files.items()):
                yield _join(folder, name), size

    def find(self, path: str) -> list[str]:
        """Files that may be the clip a list or an annotation calls ``path``, the best first.

        The stem decides, in its exact case if there is such a file; a shared end of the folders
        comes next; then the order of the paths.

        Args:
            path: Relative path, with ``/``; its folders and extension need not be those here.

        Returns:
            Relative paths of files with this stem; empty when there is none.
        """
        if not self._by_stem:
            self._fill()
        stem = PurePosixPath(path).stem
        found = self._by_stem.get(stem) or self._by_folded_stem.get(stem.casefold(), [])
        if len(found) < 2:
            return list(found)
        return sorted(found, key=lambda file: (-_shared_end(file, path), file))

    def _fill(self) -> None:
        for path, _ in self.files():
            stem = PurePosixPath(path).stem
            self._by_stem.setdefault(stem, []).append(path)
            self._by_folded_stem.setdefault(stem.casefold(), []).append(path)


def index_folder(root: Path, known: FolderIndex | None = None) -> FolderIndex:
    """List the video files below a folder.

    Args:
        root: Where to look; links to folders are followed, each real folder once.
        known: An earlier listing; folders whose time has not changed are not read again.

    Raises:
        OSError: A folder cannot be read.
    """
    index = FolderIndex(root)
    seen: set[tuple[int, int]] = set()
    pending = [""]
    while pending:
        folder = pending.pop()
        status = (root / folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        listing = known.listings.get(folder) if known is not None else None
        if listing is None or listing.mtime_ns != status.st_mtime_ns:
            listing = _list(root / folder, status.st_mtime_ns)
            index.relisted += 1
        index.listings[folder] = listing
        pending.extend(_join(folder, name) for name in listing.folders)
    return index


def _list(folder: Path, mtime_ns: int) -> FolderListing:
    files: dict[str, int] = {}
    folders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                folders.append(entry.name)
            elif os.path.splitext(entry.name)[1].lower() in VIDEO_SUFFIXES and entry.is_file():  # noqa: PTH122
                files[entry.name] = entry.stat().st_size
    return FolderListing(mtime_ns, files, tuple(sorted(folders)))


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
