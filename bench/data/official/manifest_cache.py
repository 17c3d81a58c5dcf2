"""Manifests built from official annotations, kept in the cache and rebuilt when something changed.

Folders whose time of change is as before are not listed again; a file that changes its size in
place is therefore noticed only when its folder changes too.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.data.official.annotations import Annotations, annotation_files, read_annotations
from bench.data.official.manifest import Manifest, ManifestReport, build_manifest, read_manifest
from bench.data.video.folder_index import FolderIndex, FolderListing, index_folder
from bench.ground.errors import DataError
from bench.ground.files import write_whole

VERSION = 3
UNSETTLED_NS = 2_000_000_000
"""A folder that changed this shortly before it was listed may change again at the same time."""


@dataclass(frozen=True)
class OfficialData:
    """Where a dataset's videos and official annotations lie.

    Attributes:
        dataset: Name of the dataset.
        root: Folder of the videos.
        annotations: Folder of the official annotation files.
        format: Name of their format, see ``bench.data.official.annotations``.
    """

    dataset: str
    root: Path
    annotations: Path
    format: str

    @property
    def name(self) -> str:
        """File name in the cache: other folders or another format are another manifest."""
        where = f"{self.root.absolute()}\n{self.annotations.absolute()}\n{self.format}"
        return f"{self.dataset}-{hashlib.sha256(where.encode()).hexdigest()[:8]}"


def prepare_manifest(data: OfficialData) -> tuple[Manifest, ManifestReport]:
    """Read the annotations, list the videos and join them.

    Raises:
        DataError: A folder cannot be read, or the two do not fit.
    """
    return build_manifest(
        data.dataset, read_annotations(data.format, data.annotations), _index(data.root, None)
    )


@dataclass(frozen=True)
class Refreshed:
    """What looking at the data again found.

    Attributes:
        sha256: Of the manifest.
        manifest: The manifest; None where nothing has changed and it was not read.
        report: What building it found; None where nothing has changed.
        annotations: What was read for it; None where nothing has changed.
    """

    sha256: str
    manifest: Manifest | None = None
    report: ManifestReport | None = None
    annotations: Annotations | None = None

    @property
    def rebuilt(self) -> bool:
        """Whether anything had changed."""
        return self.manifest is not None


def refresh_manifest(
    data: OfficialData,
    table: Path,
    state_file: Path,
    check: Callable[[Annotations], None] = lambda annotations: None,
    *,
    flag: str = "",
) -> Refreshed:
    """Bring a manifest's file up to date; folders that have not changed are not read again.

    Args:
        data: Where the videos and the annotations lie; neither is written to.
        table: The manifest.
        state_file: What was known of the folders when it was written.
        check: Refuses annotations before anything is written.
        flag: What names the folder that is written to; see ``write_atomically``.

    Raises:
        DataError: A folder cannot be read or written, or the data do not fit.
    """
    state = _read_state(state_file, data)
    index = _index(data.root, _known(data.root, state))
    annotated = _annotation_state(data.annotations)
    kept = state is not None and _sha256(table) == state["sha256"]
    if state is not None and kept and state["annotations"] == annotated and not index.relisted:
        return Refreshed(state["sha256"])
    annotations = read_annotations(data.format, data.annotations)
    check(annotations)
    manifest, report = build_manifest(data.dataset, annotations, index)
    if state is None or not kept or manifest.sha256 != state["sha256"]:
        write_whole(table, manifest.to_csv(), flag=flag)
    new_state = {
        "version": VERSION,
        "of": data.name,
        "sha256": manifest.sha256,
        "annotations": annotated,
        "folders": _folder_state(index),
    }
    write_whole(state_file, json.dumps(new_state).encode(), flag=flag)
    return Refreshed(manifest.sha256, manifest, report, annotations)


def cached_manifest(data: OfficialData, cache: Path) -> Manifest:
    """The manifest of official data, from the cache where nothing has changed.

    Args:
        data: Where the videos and the annotations lie; neither is written to.
        cache: Folder that is written to (``manifests/`` below it).

    Raises:
        DataError: A folder cannot be read or written, or the data do not fit.
    """
    table = cache / "manifests" / f"{data.name}.csv"
    found = refresh_manifest(data, table, table.with_suffix(".json")).manifest
    return read_manifest(table, data.dataset) if found is None else found


def _index(root: Path, known: FolderIndex | None) -> FolderIndex:
    try:
        return index_folder(root, known)
    except OSError as error:
        raise DataError(
            "cannot list the video folder", got=f"{error.filename}: {error.strerror}"
        ) from error


def _read_state(file: Path, data: OfficialData) -> dict[str, Any] | None:
    try:
        state = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None  # no state, or a damaged one: the manifest is built anew
    known = isinstance(state, dict) and state.get("version") == VERSION
    return state if known and state["of"] == data.name else None


def _known(root: Path, state: dict[str, Any] | None) -> FolderIndex | None:
    if state is None:
        return None
    listings = {
        folder: FolderListing(mtime_ns, files, *map(tuple, names))
        for folder, (mtime_ns, files, *names) in state["folders"].items()
    }
    return FolderIndex(root, listings)


def _folder_state(index: FolderIndex) -> dict[str, Any]:
    settled = time.time_ns() - UNSETTLED_NS
    return {
        folder: (
            listing.mtime_ns if listing.mtime_ns < settled else 0,
            listing.files,
            listing.folders,
            listing.links,
            listing.unusable,
        )
        for folder, listing in index.listings.items()
    }


def _annotation_state(folder: Path) -> list[list[Any]]:
    if not folder.is_dir():
        return []  # whoever reads the annotations says so
    statuses = [(str(path.relative_to(folder)), path.stat()) for path in annotation_files(folder)]
    return [[name, status.st_size, status.st_mtime_ns] for name, status in statuses]


def _sha256(table: Path) -> str | None:
    try:
        return hashlib.sha256(table.read_bytes()).hexdigest()
    except OSError:
        return None  # not there any more: it is built anew
