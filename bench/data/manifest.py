"""A dataset's manifest: one row a clip, indexed videos joined with official annotations by name.

The join never goes by position: a clip is found by its stem, whatever folder it lies in and
whatever its extension. Clips of the annotations that are not there stay in the manifest without
a size, so that what is missing can be counted.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.data.annotations.base import Annotations, read_text
from bench.data.atomic import write_atomically
from bench.data.folder_index import FolderIndex
from bench.errors import DataError

COLUMNS = ("id", "path", "class_id", "class_name", "splits", "bytes")


@dataclass(frozen=True)
class ManifestRow:
    """One clip.

    Attributes:
        id: Stem of the file, or the relative path without extension where stems repeat.
        path: Relative to the folder of the videos.
        class_id: 0-based, official order.
        class_name: As in the annotations.
        splits: Official memberships, for example ``("train1", "val2")``.
        bytes: Size of the file; None when it is not there.
    """

    id: str
    path: str
    class_id: int
    class_name: str
    splits: tuple[str, ...]
    bytes: int | None

    @property
    def present(self) -> bool:
        """Whether the file was there when the folder was indexed."""
        return self.bytes is not None


@dataclass(frozen=True)
class Manifest:
    """All clips of a dataset, sorted by path."""

    dataset: str
    rows: tuple[ManifestRow, ...]

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Names in the official order.

        Raises:
            DataError: A class in between has no clip.
        """
        names = {row.class_id: row.class_name for row in self.rows}
        gaps = [index for index in range(max(names, default=-1) + 1) if index not in names]
        if gaps or not names:
            raise DataError(
                f"the manifest of {self.dataset} has no clip of {len(gaps)} classes",
                got=f"no clip of class {gaps[0]}" if gaps else "no clip at all",
                allowed="class ids 0 to n-1, each with a clip",
            )
        return tuple(names[index] for index in range(len(names)))

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """Names of the official splits that hold at least one clip."""
        return tuple(sorted({split for row in self.rows for split in row.splits}))

    @cached_property
    def sha256(self) -> str:
        """Hash of the manifest as it is written."""
        return hashlib.sha256(self.to_csv()).hexdigest()

    def to_csv(self) -> bytes:
        """The file's content; equal manifests give equal bytes."""
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in self.rows:
            size = "" if row.bytes is None else row.bytes
            splits = " ".join(row.splits)
            writer.writerow((row.id, row.path, row.class_id, row.class_name, splits, size))
        return table.getvalue().encode("utf-8", errors="surrogateescape")


@dataclass(frozen=True)
class ManifestReport:
    """What building a manifest found; nothing of it is silently mended.

    Attributes:
        annotated: Clips in the annotations.
        present: Those whose file is there.
        missing: Official paths of the others.
        unlisted: Files that no annotation speaks of; they are left out.
        ambiguous: Clips of which there are several files; the best match was taken.
        conflicts: Clips that the annotations list with two classes; the first was kept.
        unlabelled: Clips whose class is held out; they are left out.
    """

    annotated: int
    present: int
    missing: tuple[str, ...]
    unlisted: tuple[str, ...]
    ambiguous: tuple[str, ...]
    conflicts: tuple[str, ...]
    unlabelled: int

    def summary(self) -> str:
        """One line for people."""
        parts = [f"{self.present} of {self.annotated} annotated clips present"]
        counts = {
            "missing": len(self.missing),
            "files in no annotation": len(self.unlisted),
            "with several files": len(self.ambiguous),
            "with two classes": len(self.conflicts),
            "without a class": self.unlabelled,
        }
        parts += [f"{count} {words}" for words, count in counts.items() if count]
        return ", ".join(parts)


def build_manifest(
    dataset: str, annotations: Annotations, index: FolderIndex
) -> tuple[Manifest, ManifestReport]:
    """Join official annotations with the files that are there.

    Args:
        dataset: Name of the dataset.
        annotations: What the official files say.
        index: The files below the folder of the videos.

    Returns:
        The manifest and what is missing, left over or unclear.

    Raises:
        DataError: Not a single annotated clip is there.
    """
    sizes = dict(index.files())
    stems = Counter(clip.stem for clip in annotations.clips)
    rows: list[ManifestRow] = []
    claimed: set[str] = set()
    ambiguous: list[str] = []
    for clip in annotations.clips:
        candidates = [file for file in index.find(clip.path) if file not in claimed]
        path = candidates[0] if candidates else clip.path
        if candidates:
            claimed.add(path)
        if len(candidates) > 1 and stems[clip.stem] == 1:
            ambiguous.append(clip.path)
        unique_id = clip.stem if stems[clip.stem] == 1 else clip.path.rsplit(".", 1)[0]
        name = annotations.class_names[clip.class_id]
        size = sizes[path] if candidates else None
        rows.append(ManifestRow(unique_id, path, clip.class_id, name, clip.splits, size))
    if not claimed:
        raise _nothing_found(dataset, annotations, index, len(sizes))
    rows.sort(key=lambda row: row.path)
    report = ManifestReport(
        annotated=len(rows),
        present=len(claimed),
        missing=tuple(row.path for row in rows if not row.present),
        unlisted=tuple(file for file in sizes if file not in claimed),
        ambiguous=tuple(ambiguous),
        conflicts=annotations.conflicts,
        unlabelled=annotations.unlabelled,
    )
    return Manifest(dataset, tuple(rows)), report


def _nothing_found(
    dataset: str, annotations: Annotations, index: FolderIndex, files: int
) -> DataError:
    example = annotations.clips[0].path if annotations.clips else "(none)"
    return DataError(
        f"none of the {len(annotations.clips)} annotated clips of {dataset} is in the video folder",
        got=f"{index.root} with {files} video files",
        allowed=f"files named like {example}, in any sub-folder",
        next_step="check 'root' and 'annotations' of the dataset in the configuration",
    )


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest; the file is whole or not there.

    Raises:
        DataError: The folder cannot be written to.
    """
    write_atomically(path, manifest.to_csv())


def read_manifest(path: Path, dataset: str) -> Manifest:
    """Read a manifest.

    Raises:
        DataError: The file cannot be read, a column is missing or a row is wrong.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    absent = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if absent:
        raise DataError(
            f"{path.name} is no manifest: it lacks the columns {', '.join(absent)}",
            got=str(path),
            allowed=",".join(COLUMNS),
        )
    rows: list[ManifestRow] = []
    names: dict[int, str] = {}
    for values in reader:
        try:
            row = _parse(values)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{path.name}, line {reader.line_num}: no manifest row", got=str(error)
            ) from error
        if names.setdefault(row.class_id, row.class_name) != row.class_name:
            raise DataError(
                f"{path.name}, line {reader.line_num}: class {row.class_id} has two names",
                got=f"'{names[row.class_id]}' and '{row.class_name}'",
            )
        rows.append(row)
    return Manifest(dataset, tuple(sorted(rows, key=lambda row: row.path)))


def _parse(values: dict[str, str]) -> ManifestRow:
    return ManifestRow(
        id=values["id"],
        path=values["path"],
        class_id=int(values["class_id"]),
        class_name=values["class_name"],
        splits=tuple(values["splits"].split()),
        bytes=int(values["bytes"]) if values["bytes"] else None,
    )
