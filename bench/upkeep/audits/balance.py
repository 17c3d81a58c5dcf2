"""How many clips each class has, where they come from, and clips under two names."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.data.lists.class_names import name_key
from bench.data.lists.clip_lists import locate_clips, read_list
from bench.data.lists.derive import BASE_SHOTS
from bench.data.lists.expected_counts import expected_clips
from bench.data.video.storage import locate
from bench.ground.words import plural
from bench.upkeep.audits.findings import Finding, LoadedList, some

_SHOTS = re.compile(r"few_shot_(\d+)")
_DRAW = re.compile(r"base_train_s\d+")


def shots(item: LoadedList) -> list[Finding]:
    """Every class of a K-shot list must have K clips."""
    match = _SHOTS.fullmatch(item.name)
    wanted = int(match[1]) if match else BASE_SHOTS if _DRAW.fullmatch(item.name) else None
    if wanted is None:
        return []
    wrong = [
        f"'{name}' has {count}"
        for name, count in zip(item.names, item.counts, strict=True)
        if count != wanted
    ]
    if not wrong:
        return []
    what = f"{item.name} does not have {wanted} clips a class: {some(wrong)}"
    return [Finding("error", "balance", what, (item.name,), None)]


def size(dataset: str, item: LoadedList) -> list[Finding]:
    """A list should be as long as that of the published protocol."""
    wanted = expected_clips(dataset, item.name, item.item.classes)
    # K400's training list is the only one of which no exact length is known.
    if wanted is None or wanted == len(item.entries) or (dataset, item.name) in _ROUND:
        return []
    what = f"{item.name} has {len(item.entries)} clips, the published list {wanted}"
    return [Finding("warning", "balance", what, (item.name,), abs(wanted - len(item.entries)))]


_ROUND = frozenset({("kinetics400", "train")})


def partitions(item: LoadedList) -> list[Finding]:
    """An evaluation list that draws on several partitions of a dataset."""
    folders = Counter(entry.path.split("/")[0] for entry in item.entries if "/" in entry.path)
    official = {name: count for name, count in folders.items() if name in _PARTITIONS}
    if item.role != "evaluate" or len(official) < 2:
        return []
    told = ", ".join(f"{name}/ {count}" for name, count in sorted(official.items()))
    what = f"{item.name} takes its clips from several partitions: {told}"
    return [Finding("note", "partitions", what, (item.name,), None)]


_PARTITIONS = frozenset({"train", "val", "validate", "validation", "test"})


def repeated_names(item: LoadedList) -> list[Finding]:
    """A clip under two paths of one list."""
    paths: dict[str, list[int]] = defaultdict(list)
    for position, entry in enumerate(item.entries):
        paths[item.clip_name(entry.path)].append(position)
    doubles = [places for places in paths.values() if len(places) > 1]
    if not doubles:
        return []
    labels = [{item.entries[place].label for place in places} for places in doubles]
    told = [" and ".join(item.entries[place].path for place in places) for places in doubles]
    different = sum(len(found) > 1 for found in labels)
    what = f"{plural(len(doubles), 'clip')} of {item.name} are listed under two paths"
    if different:
        what += f", {different} of them with two labels"
    severity = "error" if different else "warning"
    return [
        Finding(severity, "duplicates", what, (item.name,), len(doubles), tuple(told[:3]))  # type: ignore[arg-type]
    ]


def repeated_content(
    root: Path, lists: Sequence[LoadedList], trained: Mapping[str, set[str]]
) -> list[Finding]:
    """Files of equal content under different names.

    Files of the same size are read whole; of the others nothing is read.

    Args:
        root: Folder of the videos.
        lists: The lists.
        trained: Evaluation list -> training lists that settings use with it.
    """
    places: dict[str, dict[str, str]] = defaultdict(dict)
    for item in lists:
        clip_list = read_list(Path(item.ref.list_file))
        found = locate_clips(root, clip_list, in_place=not item.by_stem)
        for entry in item.entries:
            if entry.path in found:
                places[found[entry.path]][item.name] = item.names[entry.label]
    return [
        finding
        for group in _equal_files(root, list(places))
        for finding in _judged(group, places, trained)
    ]


def _equal_files(root: Path, paths: Sequence[str]) -> list[list[str]]:
    by_size: dict[int, list[str]] = defaultdict(list)
    for path in paths:
        by_size[locate(root / path).size].append(path)
    groups = []
    for length, same in by_size.items():
        by_hash: dict[str, list[str]] = defaultdict(list)
        for path in same if len(same) > 1 and length else ():
            by_hash[hashlib.sha256(locate(root / path).read()).hexdigest()].append(path)
        groups += [sorted(equal) for equal in by_hash.values() if len(equal) > 1]
    return sorted(groups)


def _judged(
    group: Sequence[str],
    places: Mapping[str, Mapping[str, str]],
    trained: Mapping[str, set[str]],
) -> list[Finding]:
    names = {name_key(name) for path in group for name in places[path].values()}
    told = "files of equal content: " + " = ".join(group)
    lists = tuple(sorted({name for path in group for name in places[path]}))
    classes = sorted({name for path in group for name in places[path].values()})
    if len(names) > 1:
        what = f"{told}, of different classes: {', '.join(classes)}"
        return [Finding("error", "duplicates", what, lists, len(group))]
    for test in lists:
        for train in sorted(trained.get(test, set()) & set(lists)):
            what = f"{told}; one is trained on in {train} and one scored in {test}"
            return [Finding("error", "duplicates", what, (train, test), len(group))]
    return [Finding("warning", "duplicates", told, lists, len(group))]
