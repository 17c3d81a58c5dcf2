"""What is to be checked: the clips of a dataset's lists, of one list, or of a folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bench.data.datasets import stems_name_clips
from bench.data.lists.clip_lists import locate_clips, read_list
from bench.data.lists.named_lists import named_lists
from bench.data.lists.sources import DatasetSource, MissingDataError
from bench.data.official.prepared import formats
from bench.data.video.folder_index import UNFINISHED_SUFFIXES, VIDEO_SUFFIXES, index_folder, stem_of
from bench.ground.errors import DataError, UsageError, nearest
from bench.planning.dataset_sources import source_of

if TYPE_CHECKING:
    from bench.planning.config import RunConfig

_KINETICS = re.compile(r"[\w-]{11}_(?P<start>\d{1,6})_(?P<end>\d{1,6})", re.ASCII)


@dataclass(frozen=True)
class ListedClip:
    """A clip to be checked.

    Attributes:
        id: As its list or its folder calls it.
        path: Where it lies, or was expected.
        lists: Names of the lists that it is in; empty for a folder.
        seconds: Its length by its name, where names tell.
        reason: Why it cannot be decoded, where that shows without trying.
        detail: One line about it.
    """

    id: str
    path: Path
    lists: tuple[str, ...] = ()
    seconds: float | None = None
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True)
class CheckTarget:
    """What is checked.

    Attributes:
        name: Of the dataset, the list or the folder.
        root: Folder of the videos.
        clips: Each file once.
        absent: Lists of the dataset that cannot be checked -> why.
    """

    name: str
    root: Path
    clips: tuple[ListedClip, ...]
    absent: tuple[tuple[str, str], ...] = ()


def annotated_seconds(stem: str) -> float | None:
    """The length of a Kinetics clip by the seconds in its name, None for another name."""
    match = _KINETICS.fullmatch(stem)
    if match is None or int(match["end"]) <= int(match["start"]):
        return None
    return float(int(match["end"]) - int(match["start"]))


def folder_target(folder: Path) -> CheckTarget:
    """Every video below a folder, in tar shards too.

    Raises:
        DataError: The folder cannot be read, or holds no video.
    """
    try:
        index = index_folder(folder)
    except OSError as error:
        raise DataError("cannot list the folder", got=f"{folder}: {error.strerror}") from error
    names = {name: ("", "") for name, _ in index.files()}
    names.update({name: _why_unusable(name) for name in index.unusable()})
    unreadable = ("not_readable", "the folder cannot be listed")
    names.update(dict.fromkeys(index.unreadable, unreadable))
    if not names:
        raise DataError(
            "there is no video in the folder",
            got=str(folder),
            allowed="files that end in " + ", ".join(VIDEO_SUFFIXES),
        )
    clips = (
        ListedClip(name, folder / name, (), annotated_seconds(stem_of(name)), *why)
        for name, why in sorted(names.items())
    )
    return CheckTarget(folder.absolute().name or str(folder), folder, tuple(clips))


def _why_unusable(name: str) -> tuple[str, str]:
    if PurePosixPath(name).suffix.lower() in UNFINISHED_SUFFIXES:
        return "unfinished", ""
    return "missing", "a link that leads nowhere, or in a circle"


def list_target(file: Path, root: Path) -> CheckTarget:
    """The clips of a list file.

    Raises:
        DataError: The list is wrong, a path leaves the root, or the root is no folder.
    """
    _require_folder(root, "name the folder of the videos: --root DIR")
    return CheckTarget(file.stem, root, _listed(root, [(file.stem, file)], timed=True))


def dataset_target(config: RunConfig, dataset: str, only: Sequence[str] = ()) -> CheckTarget:
    """The clips of a dataset's lists.

    Args:
        config: Says where the dataset lies.
        dataset: Its name.
        only: Lists to check; empty: all that settings use or the configuration names.

    Raises:
        UsageError: The configuration lacks the dataset, or there is no such list.
        DataError: The videos are not there, or not a single list is.
    """
    source = source_of(config, dataset)
    lists = named_lists(source.spec, source.config)
    known = [item.clips for item in lists]
    for name in only:
        if name not in known:
            guess = nearest(name, known)
            hint = f"; did you mean '{guess}'?" if guess else ""
            raise UsageError(f"unknown list '{name}' of {dataset}{hint}", allowed=", ".join(known))
    root = source.root
    if root is None:
        raise DataError(
            f"the configuration names no folder for the videos of {dataset}",
            next_step=f"set datasets.{dataset}.root in the configuration",
        )
    step = f"check 'root' of {dataset} in the configuration"
    if dataset in formats():
        step = f"bench data prepare {dataset} --videos <folder> --annotations <folder>; or {step}"
    _require_folder(root, step)
    if not lists:
        return replace(_indexed(source, root), name=dataset)
    found: list[tuple[str, Path]] = []
    absent: list[tuple[str, str]] = []
    for item in lists:
        if only and item.clips not in only:
            continue
        try:
            ref = source.clips(item.clips, item.classes, required=True)
        except DataError as error:
            absent.append((item.clips, error.what))
            continue
        found.append((item.clips, Path(ref.list_file)))
    if not found:
        name, why = absent[0]
        raise DataError(f"no list of {dataset} can be read", got=f"{name}: {why}")
    timed = not source.spec.synthetic
    in_place = not stems_name_clips(dataset)
    clips = _listed(root, found, timed=timed, in_place=in_place)
    return CheckTarget(dataset, root, clips, tuple(absent))


def _indexed(source: DatasetSource, root: Path) -> CheckTarget:
    """Of a dataset without lists: the clips of its annotations, else what lies there."""
    try:
        rows = source.manifest.rows
    except MissingDataError:
        return folder_target(root)
    clips = tuple(ListedClip(row.path, root / row.path, row.splits) for row in rows)
    return CheckTarget(source.spec.name, root, clips)


def _require_folder(root: Path, next_step: str) -> None:
    if not root.is_dir():
        raise DataError(
            "the folder of the videos is missing", got=f"no {root}", next_step=next_step
        )


def _listed(
    root: Path, lists: Iterable[tuple[str, Path]], *, timed: bool, in_place: bool = False
) -> tuple[ListedClip, ...]:
    """The clips of all lists, each file once, in the order of the lists."""
    members: dict[str, tuple[str, list[str]]] = {}
    for name, file in lists:
        clip_list = read_list(file)
        places = locate_clips(root, clip_list, in_place=in_place)
        for entry in clip_list.entries:
            place = places.get(entry.path, entry.path)
            members.setdefault(place, (entry.path, []))[1].append(name)
    return tuple(
        ListedClip(
            identity,
            root / place,
            tuple(names),
            annotated_seconds(stem_of(identity)) if timed else None,
        )
        for place, (identity, names) in members.items()
    )
