"""Clip lists: ``<relative path> <label>`` lines, joined with class names and files.

Lists and class lists of the public release are read as they are (CRLF, empty lines, no newline
at the end, names of a flat or a nested layout).
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

from bench.data.datasets import stems_name_clips
from bench.data.lists.class_names import names_sha256, read_class_names
from bench.data.lists.clips import Clip, ClipSet
from bench.data.lists.clips_ref import ClipsRef
from bench.data.video.folder_index import index_folder, mended_copies, stem_of
from bench.data.video.storage import broken_shards, locate
from bench.ground.errors import DataError

Policy = Literal["error", "count-as-wrong", "exclude"]


@dataclass(frozen=True)
class ListEntry:
    """One line: a relative path with ``/`` and a 0-based label."""

    path: str
    label: int


@dataclass(frozen=True)
class ClipList:
    """A list file as it was read.

    Attributes:
        name: File name, for messages.
        entries: In the order of the file.
        sha256: Hash of the file's bytes.
    """

    name: str
    entries: tuple[ListEntry, ...]
    sha256: str


def read_list(path: Path) -> ClipList:
    """Read a list file; unchanged files are read once a process.

    Raises:
        DataError: The file cannot be read, a line is no ``<path> <label>``, a path leaves the
            root, or a clip is listed twice.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(
            f"cannot read the list {path.name}", got=f"{path}: {error.strerror}"
        ) from error
    return _read_list(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=512)
def _read_list(path: Path, mtime_ns: int, size: int) -> ClipList:
    content = path.read_bytes()
    text = content.decode("utf-8", errors="surrogateescape").removeprefix("\ufeff")
    entries: list[ListEntry] = []
    seen: set[str] = set()
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped:
            continue
        entry = _entry(path.name, number, stripped)
        if entry.path in seen:
            raise DataError(f"{path.name}, line {number}: the clip is listed twice", got=entry.path)
        seen.add(entry.path)
        entries.append(entry)
    if not entries:
        raise DataError(f"the list {path.name} is empty", got=str(path))
    return ClipList(path.name, tuple(entries), hashlib.sha256(content).hexdigest())


def _entry(name: str, number: int, line: str) -> ListEntry:
    parts = line.rsplit(None, 1)
    if len(parts) != 2 or not (parts[1].isascii() and parts[1].isdigit()):
        raise DataError(
            f"{name}, line {number}: no clip with a label",
            got=line,
            allowed="<relative path> <label from 0>",
        )
    pure = PurePosixPath(parts[0])
    if pure.is_absolute() or ".." in pure.parts:
        raise DataError(
            f"{name}, line {number}: the path leaves the folder of the videos",
            got=parts[0],
            allowed="a path relative to 'root' without '..'",
        )
    return ListEntry(parts[0], int(parts[1]))


def list_text(entries: Sequence[ListEntry]) -> bytes:
    """A list file's content, as ``read_list`` reads it."""
    lines = "".join(f"{entry.path} {entry.label}\n" for entry in entries)
    return lines.encode("utf-8", errors="surrogateescape")


def check_fit(
    clip_list: ClipList, class_names: Sequence[str], *, classes: str, dataset: str
) -> None:
    """Check that a clip list and a class list are made for each other.

    Raises:
        DataError: A label has no class, or a class has no clip.
    """
    used = {entry.label for entry in clip_list.entries}
    count = len(class_names)
    beyond = sum(entry.label >= count for entry in clip_list.entries)
    if beyond:
        raise DataError(
            f"class list '{classes}' of {dataset} does not fit the list {clip_list.name}: "
            f"{beyond} of {len(clip_list.entries)} clips have a label beyond its {count} classes",
            got=f"labels 0 to {max(used)}",
            allowed=f"labels 0 to {count - 1}",
            next_step=f"give the class list that belongs to {clip_list.name}",
        )
    empty = [index for index in range(count) if index not in used]
    if empty:
        named = ", ".join(f"{index} '{class_names[index]}'" for index in empty[:3])
        raise DataError(
            f"class list '{classes}' of {dataset} does not fit the list {clip_list.name}: "
            f"{len(empty)} of its {count} classes have no clip",
            got=f"{len(used)} classes in the list; none for {named}"
            + (", …" if len(empty) > 3 else ""),
            allowed=f"clips for all {count} classes",
            next_step=f"give the class list that belongs to {clip_list.name}",
        )


def load_clips(
    ref: ClipsRef,
    *,
    policy: Policy = "error",
    choices: str = "policy = 'count-as-wrong' or 'exclude'",
) -> ClipSet:
    """The clips a reference names, checked against its class list and the files.

    Args:
        ref: What the plan wrote down.
        policy: ``error`` refuses missing files; otherwise they stay in the set, with the path
            where they were expected, and the loader reports them one by one.
        choices: What the error about missing files offers.

    Returns:
        The clips in the order of the list.

    Raises:
        DataError: Files have changed since the plan, the lists do not fit each other, or clips
            are missing (none there at all is refused under every policy).
    """
    clip_list = read_list(Path(ref.list_file))
    names = read_class_names(Path(ref.class_file))
    _unchanged(f"the list {clip_list.name}", ref.list_sha256, clip_list.sha256)
    _unchanged(f"the class list '{ref.classes}'", ref.classes_sha256, names_sha256(names))
    check_fit(clip_list, names, classes=ref.classes, dataset=ref.dataset)
    root = Path(ref.root)
    found = locate_clips(root, clip_list, in_place=not stems_name_clips(ref.dataset))
    missing = [entry.path for entry in clip_list.entries if entry.path not in found]
    if missing and (policy == "error" or not found):
        raise _missing(ref, clip_list, missing, choices)
    clips = tuple(
        Clip(entry.path, root / found.get(entry.path, entry.path), entry.label)
        for entry in clip_list.entries
    )
    return ClipSet(ref.dataset, ref.clip_list, clips, names)


def _unchanged(what: str, planned: str | None, actual: str) -> None:
    if planned is not None and planned != actual:
        raise DataError(
            f"{what} has changed since the plan was made",
            got=f"sha256 {actual[:12]}…",
            allowed=f"sha256 {planned[:12]}…",
            next_step="plan again: bench run",
        )


def missing_clips(clips: ClipSet) -> tuple[Clip, ...]:
    """The clips of a set whose file is not there."""
    return tuple(clip for clip in clips.clips if not is_there(clip.path))


def is_there(path: Path) -> bool:
    """Whether a clip can be read at a path, as a file or out of a shard."""
    try:
        locate(path)
    except OSError:
        return False
    return True


def locate_clips(root: Path, clip_list: ClipList, *, in_place: bool = False) -> dict[str, str]:
    """Where the clips of a list lie: list path -> relative path, for those that are there.

    Args:
        root: Folder of the videos.
        clip_list: The list.
        in_place: A file of the same name in another folder is another clip
            (``FolderIndex.find``), and there are no folders of mended copies.
    """
    by_folder: dict[str, list[str]] = defaultdict(list)
    for entry in clip_list.entries:
        by_folder[entry.path.rpartition("/")[0]].append(entry.path)
    found: dict[str, str] = {}
    for folder, paths in by_folder.items():
        try:
            names = set(os.listdir(root / folder))  # noqa: PTH208 - names only, twice as fast
        except OSError:
            continue  # the folder may have another name in this layout; looked up below
        found.update({path: path for path in paths if path.rpartition("/")[2] in names})
    mended = {} if in_place else mended_copies(root)
    if mended:
        stems = {path: stem_of(path) for path in found}
        found.update({path: mended[stem] for path, stem in stems.items() if stem in mended})
    if len(found) == len(clip_list.entries) or not root.is_dir():
        return found
    index = index_folder(root)
    for entry in clip_list.entries:
        if entry.path not in found:
            candidates = index.find(entry.path, in_place=in_place)
            if candidates:
                found[entry.path] = candidates[0]
    return found


def _missing(ref: ClipsRef, clip_list: ClipList, missing: Sequence[str], choices: str) -> DataError:
    total = len(clip_list.entries)
    named = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
    root = Path(ref.root)
    shards = [f"{name} ({what})" for name, what in broken_shards(root).items()]
    if shards:
        named += f"; shards: {', '.join(shards[:3])}" + (", …" if len(shards) > 3 else "")
    if len(missing) == total and not shards:
        step = (
            f"check 'root' of {ref.dataset} in the configuration, or: bench data prepare "
            f"{ref.dataset} --videos <folder> --annotations <folder>"
        )
    else:
        step = f"get them, or set {choices} in the configuration"
    return DataError(
        f"{len(missing)} of {total} clips of {ref.dataset}/{ref.clip_list} are missing",
        got=f"below {ref.root} there is no {named}",
        next_step=step,
    )


def check_disjoint(
    train: ClipsRef, evaluate: ClipsRef, *, allow_overlap: bool = False
) -> tuple[str, ...]:
    """Refuse to evaluate on clips that were trained on.

    Two list entries are the same clip if their paths agree up to the extension, or if one is the
    end of the other (a flat and a nested layout). Lists of different datasets are not compared,
    unless they share their root.

    Args:
        train: The training list.
        evaluate: The evaluation list.
        allow_overlap: Return the overlap instead of refusing it.

    Returns:
        Evaluation clips that are trained on.

    Raises:
        DataError: There is an overlap and it was not allowed.
    """
    same = train.dataset == evaluate.dataset or train.root == evaluate.root
    if not same or train.list_sha256 is None or evaluate.list_sha256 is None:
        return ()
    trained = _clip_keys(train)
    listed = read_list(Path(evaluate.list_file)).entries
    overlap = tuple(entry.path for entry in listed if _is_among(entry.path, trained))
    if overlap and not allow_overlap:
        raise DataError(
            f"{len(overlap)} of {len(listed)} clips of {evaluate.dataset}/{evaluate.clip_list} are "
            f"also in the training list {train.clip_list}",
            got=", ".join(overlap[:3]) + (", …" if len(overlap) > 3 else ""),
            allowed="training and evaluation lists without a common clip",
            next_step=_apart(train, evaluate) + "; or say --allow-overlap: the number is then "
            "marked, and never ranked with clean ones",
        )
    return overlap


def _apart(train: ClipsRef, evaluate: ClipsRef) -> str:
    """What keeps two lists apart; one that is given knows nothing of one that is made by rule."""
    made = [ref for ref in (train, evaluate) if ref.list_origin.startswith("made by rule")]
    if len(made) != 1:
        return "evaluate on the split that belongs to the training list"
    given = evaluate if made[0] is train else train
    return (
        f"{made[0].clip_list} is made by rule from the annotations and {given.clip_list} is a list "
        f"of yours: name a list for {made[0].clip_list} too, or let the annotations say the split"
    )


@dataclass(frozen=True)
class _Keys:
    whole: frozenset[str]
    ends: frozenset[str]


def _without_suffix(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return folder + slash + PurePosixPath(name).stem


def _ends(key: str) -> list[str]:
    parts = key.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _clip_keys(ref: ClipsRef) -> _Keys:
    path = Path(ref.list_file)
    return _keys_of(path, read_list(path).sha256)


@lru_cache(maxsize=64)
def _keys_of(path: Path, sha256: str) -> _Keys:
    keys = [_without_suffix(entry.path) for entry in read_list(path).entries]
    return _Keys(frozenset(keys), frozenset(end for key in keys for end in _ends(key)))


def _is_among(path: str, keys: _Keys) -> bool:
    key = _without_suffix(path)
    return key in keys.ends or any(end in keys.whole for end in _ends(key))
