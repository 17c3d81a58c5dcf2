"""What a reader of official annotations returns, and how clips are collected."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from bench.data.video.folder_index import VIDEO_SUFFIXES
from bench.ground.errors import DataError

NO_CLASS = -1
"""Class id of clips that have captions instead of a class."""

SUFFIXES = (".csv", ".json", ".txt")
"""What official annotation files end in."""


@dataclass(frozen=True, slots=True)
class AnnotatedClip:
    """One clip of the official annotations, whether its file is there or not.

    Attributes:
        path: Relative path in the official layout, for example ``kick/x_kick_f_0.avi``.
        class_id: 0-based row of ``Annotations.class_names``, or ``NO_CLASS``.
        splits: Official memberships, for example ``("train1", "val2")``; may be empty.
        captions: Sentences about the clip, in datasets that have them.
    """

    path: str
    class_id: int
    splits: tuple[str, ...]
    captions: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """File name without its extension."""
        return self.path.rsplit("/", 1)[-1].rsplit(".", 1)[0]


@dataclass(frozen=True)
class Annotations:
    """Official annotations of one dataset.

    Attributes:
        class_names: Names in the official order; empty where clips have captions instead.
        clips: One entry a clip, in the order of the files.
        files: What was read, for telling whether it changed.
        unlabelled: Clips whose class is held out; they are left out.
        conflicts: Clips that are listed with a second class; the first one is kept.
        in_place: Paths are those of the files: a file of the same name elsewhere is another clip.
    """

    class_names: tuple[str, ...]
    clips: tuple[AnnotatedClip, ...]
    files: tuple[Path, ...]
    unlabelled: int = 0
    conflicts: tuple[str, ...] = ()
    in_place: bool = False


@dataclass
class ClipCollector:
    """Joins the lines that speak of the same clip.

    Clips are told apart by ``key``: what names a clip differs between the formats.
    """

    classes: dict[str, int] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    splits: dict[str, list[str]] = field(default_factory=dict)
    captions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    unlabelled: int = 0

    def add(self, key: str, path: str, class_id: int, split: str | None) -> None:
        """Take in one line; ``split`` None means that the clip is in no split by this line.

        Raises:
            DataError: The path leaves the folder of the videos.
        """
        if path.startswith("/") or (".." in path and ".." in path.split("/")):
            raise DataError(
                "the annotations name a clip outside the folder of the videos",
                got=path,
                allowed="a relative path without '..'",
            )
        known = self.classes.setdefault(key, class_id)
        if known != class_id:
            self.conflicts.append(path)
            return
        self.paths.setdefault(key, path)
        memberships = self.splits.setdefault(key, [])
        if split is not None and split not in memberships:
            memberships.append(split)

    def finish(self, class_names: Sequence[str], files: Iterable[Path]) -> Annotations:
        """The collected annotations."""
        clips = tuple(
            AnnotatedClip(
                self.paths[key], class_id, tuple(self.splits[key]), self.captions.get(key, ())
            )
            for key, class_id in self.classes.items()
        )
        return Annotations(
            tuple(class_names), clips, tuple(files), self.unlabelled, tuple(self.conflicts)
        )


def read_text(path: Path) -> str:
    """A text file; bytes that are no UTF-8 survive, a byte order mark does not.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path.name}", got=f"{path}: {error.strerror}") from error
    return content.decode("utf-8", errors="surrogateescape").removeprefix("\ufeff")


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """The lines that are not blank with their 1-based numbers; CRLF and LF alike."""
    lines = (line.strip() for line in read_text(path).split("\n"))
    return [(number, line) for number, line in enumerate(lines, 1) if line]


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        DataError: It cannot be read, or is no JSON.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path.name} is no JSON", got=f"line {error.lineno}: {error.msg}"
        ) from error
    except RecursionError as error:
        raise DataError(f"{path.name} is no JSON of annotations: it is nested too deep") from error


def table_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a csv table that are not blank, stripped, with the numbers of their last lines.

    Raises:
        DataError: It cannot be read, or is no such table.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    try:
        for cells in reader:
            values = [cell.strip() for cell in cells]
            if any(values):
                yield reader.line_num, values
    except csv.Error as error:
        raise DataError(f"{path.name}, line {reader.line_num}: no table", got=str(error)) from error


def find_files(folder: Path, suffix: str) -> list[Path]:
    """Annotation files with one extension in a folder or below it, sorted."""
    return [path for path in annotation_files(folder) if path.suffix.lower() == suffix]


def annotation_files(folder: Path) -> list[Path]:
    """Everything in a folder or below it that may be an annotation file, sorted.

    The folder may hold the videos too; names that begin with a dot are left out, and each real
    folder is looked into once.
    """
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    pending = [folder]
    while pending:
        place = pending.pop()
        try:
            status = place.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.name.lower().endswith(SUFFIXES):
                        found.append(place / entry.name)
                    elif _is_folder(entry):
                        pending.append(place / entry.name)
        except OSError as error:
            raise DataError(
                "cannot list the folder of the annotations", got=f"{place}: {error.strerror}"
            ) from error
    return sorted(path for path in found if path.is_file())


def _is_folder(entry: os.DirEntry[str]) -> bool:
    if entry.name.lower().endswith(VIDEO_SUFFIXES):
        return False
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link in a loop


def bad_line(path: Path, number: int, what: str, *, got: str, allowed: str) -> DataError:
    """The error about one line of a file."""
    return DataError(f"{path.name}, line {number}: {what}", got=got, allowed=allowed)


def no_files(folder: Path, expected: str) -> NoReturn:
    """Refuse a folder without the files of the format.

    Raises:
        DataError: Always.
    """
    raise DataError(
        "no official annotation files found",
        got=str(folder),
        allowed=expected,
        next_step="name the folder with the official annotation files, and their format",
    )
