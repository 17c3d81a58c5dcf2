"""Datasets of your own: a folder a class, or a table ``clip,label``.

``folders``: ``<class>/<clip>``, or ``train/<class>/<clip>`` and ``val/<class>/<clip>``; the name of
the folder is the class. ``csv``: a table with the columns ``clip`` (relative path) and ``label``
(class name), and, if the split is given, ``split`` (``train``, ``val``, ``test``).

Classes are numbered in the order of their names. Where no split is given, every fifth clip of a
class is held out for evaluation: the clips of a class are ranked by a hash of their paths, and the
first fifth of them (one at least, where there are two) is ``val``.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.data.official.annotations.base import (
    AnnotatedClip,
    Annotations,
    bad_line,
    find_files,
    no_files,
    read_text,
)
from bench.data.video.folder_index import index_folder
from bench.data.video.storage import broken_shards
from bench.ground.errors import DataError

HELD_OUT = 5
"""One clip of so many is held out where no split is given."""

SPLITS = {"train": "train", "val": "val", "validation": "val", "valid": "val", "test": "test"}


def read_folders(root: Path) -> Annotations:
    """Classes and clips from the names of folders.

    Raises:
        DataError: The folder cannot be listed, or a video lies in no class folder.
    """
    broken = broken_shards(root)
    if broken:
        # A list made of what is left would be another one, without a word.
        raise DataError(
            f"{len(broken)} shards of the videos are not whole",
            got="; ".join(f"{root / name}: {what}" for name, what in list(broken.items())[:3]),
            next_step="copy them again",
        )
    try:
        paths = [path for path, _ in index_folder(root).files()]
    except OSError as error:
        raise DataError(
            "cannot list the video folder", got=f"{error.filename}: {error.strerror}"
        ) from error
    tops = {path.split("/")[0].casefold() for path in paths}
    given = bool(paths) and tops <= SPLITS.keys()
    depth = 2 if given else 1
    stray = [path for path in paths if path.count("/") < depth]
    if stray or not paths:
        noun = "video lies" if len(stray) == 1 else "videos lie"
        raise DataError(
            f"{len(stray)} {noun} in no class folder" if stray else "there are no videos",
            got=f"{root / stray[0]}" if stray else str(root),
            allowed="<class>/<clip>, or train/<class>/<clip> and val/<class>/<clip>",
            next_step="move them, or name the clips in a table: format = 'csv'" if stray else None,
        )
    # Names are texts: blanks around them are not kept by class lists.
    classes = {path: path.split("/")[depth - 1].strip() for path in paths}
    splits = (
        {path: (SPLITS[path.split("/")[0].casefold()],) for path in paths}
        if given
        else held_out(classes)
    )
    return _annotations(classes, splits, ())


def read_csv(place: Path) -> Annotations:
    """Classes and clips from a table.

    Args:
        place: The table, or a folder with one csv file.

    Raises:
        DataError: There is not one table, a column is missing, or a row is wrong.
    """
    file = place if place.is_file() else _only_table(place)
    reader = csv.DictReader(io.StringIO(read_text(file), newline=""))
    columns = tuple(reader.fieldnames or ())
    if not {"clip", "label"} <= set(columns):
        raise bad_line(
            file,
            1,
            "no table of clips",
            got=",".join(columns),
            allowed="clip,label or clip,label,split",
        )
    classes: dict[str, str] = {}
    splits: dict[str, tuple[str, ...]] = {}
    conflicts: list[str] = []
    for row in reader:
        clip, label, split = _row(file, reader.line_num, row, "split" in columns)
        if classes.setdefault(clip, label) != label:
            conflicts.append(clip)
        elif "split" in columns:
            splits[clip] = tuple(dict.fromkeys((*splits.get(clip, ()), *split)))
    if not classes:
        raise DataError(f"{file.name} names no clip", got=str(file))
    if "split" not in columns:
        splits = held_out(classes)
    return _annotations(classes, splits, (file,), tuple(conflicts))


def _only_table(folder: Path) -> Path:
    tables = find_files(folder, ".csv")
    if not tables:
        no_files(folder, "a csv file with the columns clip,label")
    if len(tables) > 1:
        raise DataError(
            f"there are {len(tables)} csv files",
            got=", ".join(table.name for table in tables[:5]),
            allowed="one",
            next_step="name the file itself in 'annotations'",
        )
    return tables[0]


def _row(
    file: Path, number: int, row: Mapping[str, str | None], with_split: bool
) -> tuple[str, str, tuple[str, ...]]:
    clip = (row["clip"] or "").strip().replace("\\", "/").removeprefix("./")
    label = (row["label"] or "").strip()
    if not clip or not label or clip.startswith("/") or ".." in clip.split("/"):
        raise bad_line(
            file,
            number,
            "no clip with a label",
            got=",".join(value or "" for value in row.values() if not isinstance(value, list)),
            allowed="a path relative to 'root', and the name of a class",
        )
    if not with_split:
        return clip, label, ()
    words = (row["split"] or "").split()
    unknown = [word for word in words if word.casefold() not in SPLITS]
    if unknown:
        raise bad_line(
            file, number, "no such split", got=unknown[0], allowed="train, val, test, or nothing"
        )
    return clip, label, tuple(SPLITS[word.casefold()] for word in words)


def held_out(classes: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Clip -> ``train`` or ``val`` by the rule above.

    Args:
        classes: Clip -> class.
    """
    by_class: dict[str, list[str]] = defaultdict(list)
    for path, name in classes.items():
        by_class[name].append(path)
    splits: dict[str, tuple[str, ...]] = {}
    for paths in by_class.values():
        count = 0 if len(paths) < 2 else max(1, len(paths) // HELD_OUT)
        for rank, path in enumerate(sorted(paths, key=_digest)):
            splits[path] = ("val",) if rank < count else ("train",)
    return splits


def _digest(path: str) -> bytes:
    return hashlib.sha256(path.encode(errors="surrogateescape")).digest()


def _annotations(
    classes: Mapping[str, str],
    splits: Mapping[str, tuple[str, ...]],
    files: Iterable[Path],
    conflicts: tuple[str, ...] = (),
) -> Annotations:
    broken = [path for path in classes if "\n" in path or "\r" in path]
    if broken:
        raise DataError(
            f"{len(broken)} {'clip has' if len(broken) == 1 else 'clips have'} a line break in the "
            "name, and lists hold a clip a line",
            got=repr(broken[0]),
            next_step="rename the file",
        )
    names = sorted(set(classes.values()))
    ids = {name: number for number, name in enumerate(names)}
    clips = tuple(
        AnnotatedClip(path, ids[name], splits.get(path, ())) for path, name in classes.items()
    )
    return Annotations(tuple(names), clips, tuple(files), 0, conflicts, in_place=True)
