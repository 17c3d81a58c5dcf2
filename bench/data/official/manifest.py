"""A dataset's manifest: one row a clip, indexed videos joined with official annotations by name.

The join never goes by position: a clip is found by its stem, whatever folder it lies in and
whatever its extension. Clips of the annotations that are not there stay in the manifest without
a size, so that what is missing can be counted.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.data.datasets import stems_name_clips
from bench.data.official.annotations.base import NO_CLASS, AnnotatedClip, Annotations, read_text
from bench.data.video.folder_index import FolderIndex, is_mended, one_ends_other, place_of, stem_of
from bench.ground.errors import DataError
from bench.ground.files import write_whole

COLUMNS = ("id", "path", "class_id", "class_name", "splits", "bytes")
CAPTIONS = "captions"
"""A further column where clips have captions: a JSON list of sentences."""


_ARCHIVES = {".7z", ".gz", ".rar", ".tar", ".tgz", ".zip"}


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One clip.

    Attributes:
        id: Stem of the file, or the relative path without extension where stems repeat.
        path: Relative to the folder of the videos.
        class_id: 0-based, official order; ``NO_CLASS`` where clips have captions instead.
        class_name: As in the annotations, empty without a class.
        splits: Official memberships, for example ``("train1", "val2")``.
        bytes: Size of the file; None when it is not there.
        captions: Sentences about the clip, for retrieval.
    """

    id: str
    path: str
    class_id: int
    class_name: str
    splits: tuple[str, ...]
    bytes: int | None
    captions: tuple[str, ...] = ()

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
            DataError: A class in between has no clip, or the clips have captions instead.
        """
        if self.captioned:
            raise DataError(
                f"the clips of {self.dataset} have captions, not classes",
                next_step="use another dataset for classification",
            )
        names = {row.class_id: row.class_name for row in self.rows}
        gaps = [index for index in range(max(names, default=-1) + 1) if index not in names]
        if gaps or not names:
            raise DataError(
                f"the manifest of {self.dataset} has no clip of {len(gaps)} classes",
                got=f"no clip of class {gaps[0]}" if gaps else "no clip at all",
                allowed="class ids 0 to n-1, each with a clip",
            )
        return tuple(names[index] for index in range(len(names)))

    @property
    def captioned(self) -> bool:
        """Whether the clips have captions instead of classes."""
        return any(row.class_id == NO_CLASS for row in self.rows)

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """Names of the official splits that hold at least one clip."""
        return tuple(sorted({split for row in self.rows for split in row.splits}))

    def class_of(self, path: str) -> str | None:
        """Official class of the clip that a list calls ``path``; None where nothing tells.

        Where publishers named the clips the stem decides, without regard to case; in a dataset of
        somebody's own the path does, up to its extension and to leading folders. A name that clips
        of two classes share says nothing.
        """
        rows = self._classes_by_stem.get(stem_of(path).casefold(), [])
        if not stems_name_clips(self.dataset):
            place = place_of(path).casefold()
            exact = [row for row in rows if row[0] == place]
            rows = exact or [row for row in rows if one_ends_other(row[0], place)]
        classes = {name for _, name in rows}
        return classes.pop() if len(classes) == 1 else None

    @cached_property
    def _classes_by_stem(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in self.rows:
            place = place_of(row.path).casefold()
            found[stem_of(row.path).casefold()].append((place, row.class_name))
        return dict(found)

    @cached_property
    def sha256(self) -> str:
        """Hash of the manifest as it is written."""
        return hashlib.sha256(self.to_csv()).hexdigest()

    def to_csv(self) -> bytes:
        """The file's content; equal manifests give equal bytes."""
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        captioned = self.captioned
        writer.writerow((*COLUMNS, CAPTIONS) if captioned else COLUMNS)
        for row in self.rows:
            size = "" if row.bytes is None else row.bytes
            splits = " ".join(row.splits)
            cells = (row.id, row.path, row.class_id, row.class_name, splits, size)
            writer.writerow((*cells, json.dumps(row.captions)) if captioned else cells)
        return table.getvalue().encode("utf-8", errors="surrogateescape")


@dataclass(frozen=True)
class ManifestReport:
    """What building a manifest found; nothing of it is silently mended.

    Attributes:
        annotated: Clips in the annotations.
        present: Those whose file is there.
        missing: Official paths of the others.
        unlisted: Files that no annotation speaks of; they are left out.
        ambiguous: Clips of which there are several files of different size; the best match was
            taken.
        conflicts: Clips that the annotations list with two classes; the first was kept.
        unlabelled: Clips whose class is held out; they are left out.
        empty: Clips whose file has no bytes.
        mended: Clips taken from a folder of mended copies.
        unusable: Unfinished downloads and links that lead nowhere.
        unreadable: Folders that could not be read.
    """

    annotated: int
    present: int
    missing: tuple[str, ...]
    unlisted: tuple[str, ...]
    ambiguous: tuple[str, ...]
    conflicts: tuple[str, ...]
    unlabelled: int
    empty: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    unusable: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

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
        stem = clip.stem
        found = index.find(clip.path, in_place=annotations.in_place)
        candidates = [file for file in found if file not in claimed]
        path = candidates[0] if candidates else clip.path
        if candidates:
            claimed.add(path)
        if len(candidates) > 1 and stems[stem] == 1 and _differ(candidates, sizes):
            ambiguous.append(clip.path)
        size = sizes[path] if candidates else None
        rows.append(_row(clip, path, size, annotations, unique=stems[stem] == 1))
    if not claimed:
        raise _nothing_found(dataset, annotations, index, len(sizes))
    rows.sort(key=lambda row: row.path)
    report = ManifestReport(
        annotated=len(rows),
        present=len(claimed),
        missing=tuple(row.path for row in rows if not row.present),
        unlisted=_unlisted(sizes, claimed, stems),
        ambiguous=tuple(ambiguous),
        conflicts=annotations.conflicts,
        unlabelled=annotations.unlabelled,
        empty=tuple(row.path for row in rows if row.bytes == 0),
        mended=tuple(row.path for row in rows if row.present and is_mended(row.path)),
        unusable=tuple(index.unusable()),
        unreadable=tuple(index.unreadable),
    )
    return Manifest(dataset, tuple(rows)), report


def _row(
    clip: AnnotatedClip, path: str, size: int | None, annotations: Annotations, *, unique: bool
) -> ManifestRow:
    """The row of a clip whose file is at ``path``, or would be there (``size`` None)."""
    clip_id = clip.stem if unique else clip.path.rpartition(".")[0]
    name = "" if clip.class_id == NO_CLASS else annotations.class_names[clip.class_id]
    return ManifestRow(clip_id, path, clip.class_id, name, clip.splits, size, clip.captions)


def _differ(files: list[str], sizes: dict[str, int]) -> bool:
    """Whether files of one name are more than copies of each other; mended ones are chosen."""
    return not is_mended(files[0]) and len({sizes[file] for file in files}) > 1


def _unlisted(sizes: dict[str, int], claimed: set[str], stems: Counter[str]) -> tuple[str, ...]:
    """Files of no annotated clip; further copies of one are not among them."""
    return tuple(file for file in sizes if file not in claimed and stem_of(file) not in stems)


def _nothing_found(
    dataset: str, annotations: Annotations, index: FolderIndex, files: int
) -> DataError:
    if not annotations.clips:
        return DataError(
            f"the annotations of {dataset} name no clip",
            got=", ".join(map(str, annotations.files[:3])) or "no file",
            next_step="fetch the annotation files again: these are empty",
        )
    example = annotations.clips[0].path
    archives = sorted(
        path.name for path in index.root.iterdir() if path.suffix.lower() in _ARCHIVES
    )
    if archives:
        step = f"unpack the archives in it: {len(archives)}, for example {archives[0]}"
    else:
        step = f"bench data prepare {dataset} --videos <folder> --annotations <folder>"
    return DataError(
        f"none of the {len(annotations.clips)} annotated clips of {dataset} is in the video folder",
        got=f"{index.root} with {files} video files",
        allowed=f"files named like {example}, in any sub-folder",
        next_step=step,
    )


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest; the file is whole or not there.

    Raises:
        DataError: The folder cannot be written to.
    """
    write_whole(path, manifest.to_csv())


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
    for values in _values(reader, path):
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


def _values(reader: csv.DictReader[str], path: Path) -> Iterator[dict[str, str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise DataError(f"{path.name}, line {reader.line_num}: no table", got=str(error)) from error


def _parse(values: dict[str, str]) -> ManifestRow:
    return ManifestRow(
        id=values["id"],
        path=values["path"],
        class_id=int(values["class_id"]),
        class_name=values["class_name"],
        splits=tuple(values["splits"].split()),
        bytes=int(values["bytes"]) if values["bytes"] else None,
        captions=tuple(json.loads(values.get(CAPTIONS) or "[]")),
    )
