"""Clip lists and class lists by documented rule, for data without released lists.

Draws rank the clips (or classes) by a hash of the list's seed and the clip's id and take the
first ones. A clip that is missing on one machine therefore changes only the draws it is in.

Rules:
    train, val, test, val1 …  the official split; ``train`` and ``val`` mean split 1 where there
        are three.
    few_shot_K  K clips a class of the training split 1.
    base, novel (classes)  classes in ascending order of their training clips, equal ones in the
        official order; the lower floor(n/2) are novel, the rest base; each half is renumbered
        from 0 in that order (inferred from the ViFi-CLIP release, whose lists all agree with it).
    base_train, base_val, novel_val  the official split filtered by class and relabelled.
    base_train_sN  draw N of 16 clips a base class.
    zero_shot_N (classes)  draw N among the classes that the source set lacks, in the official
        order; their clips come from all partitions.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.data.lists.class_names import join_names, name_key
from bench.data.lists.clip_lists import ListEntry
from bench.data.official.manifest import Manifest, ManifestRow
from bench.ground.errors import DataError, unknown_name
from bench.ground.seeds import derive_seed

VERSION = 1
"""Part of every derived list's sidecar: a change of a rule is a new version."""

BASE_SHOTS = 16
ZERO_SHOT_CLASSES = 160
ZERO_SHOT_NEW_CLASSES = 220
"""K600's protocol draws 160 of 220 new classes; smaller worlds draw the same fraction."""

Role = Literal["train", "val", "test", "any"]


@dataclass(frozen=True)
class ListRule:
    """How one clip list is made.

    Attributes:
        name: The list.
        classes: The class list its labels belong to.
        role: Which official split the clips come from.
        split: Number of the official split, None for the only or the first one.
        shots: Clips drawn a class, None for all.
    """

    name: str
    classes: str
    role: Role
    split: int | None = None
    shots: int | None = None

    @property
    def text(self) -> str:
        """The rule in words."""
        what = "all clips" if self.shots is None else f"{self.shots} clips a class, drawn by hash,"
        where = "all partitions" if self.role == "any" else f"official split {self.official}"
        return f"{what} of {where}, labelled with class list '{self.classes}'"

    @property
    def official(self) -> str:
        """Name of the official split, for example ``val2``."""
        return self.role + ("" if self.split is None else str(self.split))


_OFFICIAL = re.compile(r"(?P<role>train|val|test)(?P<split>[1-9]\d*)?")
_FEW_SHOT = re.compile(r"few_shot_(?P<shots>[1-9]\d*)")
_BASE_DRAW = re.compile(r"base_train_s(?P<draw>[1-9]\d*)")
_ZERO_SHOT = re.compile(r"zero_shot_(?P<draw>[1-9]\d*)")
_FIXED = {
    "base_train": ListRule("base_train", "base", "train"),
    "base_val": ListRule("base_val", "base", "val"),
    "novel_val": ListRule("novel_val", "novel", "val"),
}
_KNOWN = ("train", "val", "val<n>", "few_shot_<K>", "base_train_s<n>", "zero_shot_<n>", *_FIXED)


def rule_for(name: str) -> ListRule:
    """The rule that makes a list.

    Raises:
        UsageError: No rule makes a list of this name.
    """
    if name in _FIXED:
        return _FIXED[name]
    if match := _OFFICIAL.fullmatch(name):
        split = int(match["split"]) if match["split"] else None
        return ListRule(name, "all", match["role"], split)  # type: ignore[arg-type]
    if match := _FEW_SHOT.fullmatch(name):
        return ListRule(name, "all", "train", shots=int(match["shots"]))
    if _BASE_DRAW.fullmatch(name):
        return ListRule(name, "base", "train", shots=BASE_SHOTS)
    if _ZERO_SHOT.fullmatch(name):
        return ListRule(name, name, "any")
    raise unknown_name("clip list", name, _KNOWN)


def class_rule(name: str) -> str:
    """How a class list is made, in words."""
    if name.startswith("zero_shot_"):
        return "classes that the source set lacks, drawn by hash, in the official order"
    return {
        "all": "all classes in the official order",
        "base": "the half with more training clips, in ascending order of them",
        "novel": "the half with fewer training clips, in ascending order of them",
    }.get(name, f"the classes '{name}'")


def list_seed(dataset: str, name: str) -> int:
    """The seed of a list's draw; it depends on nothing but the two names."""
    return derive_seed(dataset=dataset, list=name)


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode(errors="surrogateescape")).digest()


def members(manifest: Manifest, rule: ListRule) -> list[ManifestRow]:
    """The clips of the official split a rule draws from.

    Raises:
        DataError: The dataset has no such split.
    """
    if rule.role == "any":
        return [row for row in manifest.rows if row.splits]
    split = rule.official
    if split not in manifest.splits and rule.split is None:
        split += "1"
    if split not in manifest.splits:
        raise DataError(
            f"no clip of {manifest.dataset} is in the official split '{rule.official}'",
            allowed=", ".join(manifest.splits) or "(the annotations name no split)",
            next_step=f"check the annotations of {manifest.dataset}",
        )
    return [row for row in manifest.rows if split in row.splits]


def base_and_novel(manifest: Manifest) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The base and the novel classes, each in ascending order of their training clips.

    Missing files are counted too, so that the halves are those of the annotations.

    Raises:
        DataError: The dataset has no training split.
    """
    counts = Counter(row.class_id for row in members(manifest, _FIXED["base_train"]))
    names = manifest.class_names
    order = sorted(range(len(names)), key=lambda index: (counts[index], index))
    half = len(names) // 2
    return tuple(names[i] for i in order[half:]), tuple(names[i] for i in order[:half])


def zero_shot_size(new_classes: int) -> int:
    """How many classes a zero-shot draw takes: 160, or the same fraction of a smaller world."""
    if new_classes >= ZERO_SHOT_NEW_CLASSES:
        return ZERO_SHOT_CLASSES
    return max(1, int(new_classes * ZERO_SHOT_CLASSES / ZERO_SHOT_NEW_CLASSES + 0.5))


def zero_shot_classes(
    dataset: str,
    names: Sequence[str],
    source_classes: Sequence[str],
    list_name: str,
    size: int | None = None,
) -> tuple[str, ...]:
    """Draw classes that the source set lacks.

    Args:
        dataset: The superset data set.
        names: Its class names.
        source_classes: Names of the source set; compared without case and punctuation.
        list_name: For example ``zero_shot_1``; the seed follows from it.
        size: Classes to draw; None for ``zero_shot_size``.

    Returns:
        The drawn names in the order of ``names``.

    Raises:
        DataError: There are fewer new classes than are to be drawn.
    """
    known = {name_key(name) for name in source_classes}
    new = [name for name in names if name_key(name) not in known]
    wanted = zero_shot_size(len(new)) if size is None else size
    if len(new) < wanted or not new:
        raise DataError(
            f"{list_name} of {dataset} needs {wanted} classes that the source set lacks",
            got=f"{len(new)} of its {len(names)} classes are new",
            allowed=f"at most {len(new)} classes a draw",
        )
    seed = list_seed(dataset, list_name)
    drawn = set(sorted(new, key=lambda name: _rank(seed, name))[:wanted])
    return tuple(name for name in names if name in drawn)


def derive_list(
    manifest: Manifest, rule: ListRule, class_names: Sequence[str]
) -> tuple[ListEntry, ...]:
    """Make a clip list by its rule.

    Evaluation lists hold all clips of the annotations, so that a missing file is counted where
    it is scored. Training lists hold the clips that are there.

    Args:
        manifest: The dataset's clips.
        rule: What to take.
        class_names: Names in the order of the labels; joined with the manifest by name.

    Returns:
        Entries sorted by path.

    Raises:
        DataError: The class list does not fit the manifest, the split does not exist, or a class
            has too few clips.
    """
    labels = join_names(
        class_names, manifest.class_names, list_name=rule.classes, dataset=manifest.dataset
    )
    pool = [row for row in members(manifest, rule) if row.class_id in labels]
    if rule.role == "train":
        pool = [row for row in pool if row.present]
    if rule.shots is not None:
        pool = _draw(manifest, rule, pool, labels)
    if rule.classes == "all" and len(labels) != len(manifest.class_names):
        raise _too_narrow(manifest, rule, len(labels))
    return tuple(ListEntry(row.path, labels[row.class_id]) for row in pool)


def _draw(
    manifest: Manifest, rule: ListRule, pool: Sequence[ManifestRow], labels: dict[int, int]
) -> list[ManifestRow]:
    assert rule.shots is not None
    seed = list_seed(manifest.dataset, rule.name)
    by_class: dict[int, list[ManifestRow]] = {class_id: [] for class_id in labels}
    for row in pool:
        by_class[row.class_id].append(row)
    short = {index: rows for index, rows in by_class.items() if len(rows) < rule.shots}
    if short:
        named = ", ".join(
            f"'{manifest.class_names[index]}' has {len(rows)}"
            for index, rows in sorted(short.items())[:3]
        )
        raise DataError(
            f"{rule.name} of {manifest.dataset} needs {rule.shots} training clips a class; "
            f"{len(short)} of {len(labels)} classes have fewer",
            got=named + (", …" if len(short) > 3 else ""),
            allowed=f"at most {min(len(rows) for rows in short.values())} shots with these clips",
            next_step=f"get the missing clips of {manifest.dataset}, or ask for fewer shots",
        )
    drawn: list[ManifestRow] = []
    for rows in by_class.values():
        drawn += sorted(rows, key=lambda row: _rank(seed, row.id))[: rule.shots]
    return sorted(drawn, key=lambda row: row.path)


def _too_narrow(manifest: Manifest, rule: ListRule, joined: int) -> DataError:
    total = len(manifest.class_names)
    return DataError(
        f"class list 'all' of {manifest.dataset} does not fit its manifest: "
        f"{total - joined} of the manifest's {total} classes are not in it",
        got=f"{joined} classes",
        allowed=f"the {total} classes of the official annotations",
        next_step=f"check 'labels.all' of {manifest.dataset} in the configuration",
    )
