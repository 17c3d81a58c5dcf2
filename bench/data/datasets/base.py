"""The contract of a dataset: which lists it has in each setting, and what is known of it.

A dataset is one file of this folder (or a package, or a plug-in file) with a constant ``DATASET``.
Its clips, lists and label files lie where the configuration says; a dataset only holds names. Clip
lists: ``train``, ``val``, ``val1`` … ``val3``, ``few_shot_<K>``, ``base_train_s<n>``, ``base_val``,
``novel_val``, ``zero_shot_<n>``. Class lists: ``all``, ``base``, ``novel``, ``zero_shot_<n>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

HALVES_FOLDER = "base2novel_splits"
SHOTS, DRAWS = (2, 4, 8, 16), (1, 2, 3)


@dataclass(frozen=True)
class NamedList:
    """A clip list scored against (or trained with) a class list."""

    clips: str
    classes: str = "all"


@dataclass(frozen=True)
class SettingLists:
    """Which lists one setting uses on one dataset.

    Attributes:
        train: What is trained on; ``{shots}`` and ``{repeat}`` are filled in. None: the setting
            trains on its source set.
        evaluate: What is scored: ``-`` -> one or several lists averaged, or ``base``/``novel``.
        shots: The numbers of clips a class, for settings that have them.
        repeats: How many draws of the training list there are.
    """

    train: NamedList | None
    evaluate: MappingProxyType[str, tuple[NamedList, ...]]
    shots: tuple[int, ...] = ()
    repeats: int = 1


@dataclass(frozen=True)
class OfficialCount:
    """A number of annotated clips.

    Attributes:
        clips: How many.
        source: Whose version, and where the number is stated.
    """

    clips: int
    source: str


@dataclass(frozen=True)
class ReleasedFiles:
    """What the release holds of one dataset.

    Attributes:
        lists: Clip list -> path below ``datasets_splits``.
        labels: Class list -> path below ``labels``.
        optional: Lists that the release names without holding them; used where they are.
    """

    lists: MappingProxyType[str, str]
    labels: MappingProxyType[str, str]
    optional: MappingProxyType[str, str]


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset of the benchmark.

    Attributes:
        name: Identifier on the command line, for example ``hmdb51``.
        title: Name in the tables, for example ``HMDB-51``.
        settings: Setting name -> lists it uses.
        synthetic: True for the mini world; its numbers never stand beside published ones.
        summary: One line for ``bench datasets``.
        published: True: its publishers named the clips, so a clip's file name is its own whatever
            folder it lies in, and equal lists mean equal videos. In a dataset of somebody's own the
            clips of each folder may be called ``0001.mp4`` and so on.
        format: Format of its official annotations (``bench/data/official/annotations``); None:
            ``bench data prepare`` does not know it.
        draws_without: Dataset whose classes its zero-shot draws leave out.
        classes: How many classes it has.
        official: Official split -> the counts of clips that are in circulation. Versions differ,
            because clips disappear from the net.
        clips_per_class: Official split -> clips of every class, where all have as many.
        listed: Clip list -> how many clips it has, for plans made without the data.
        released: What the ViFi-CLIP release holds of it.
    """

    name: str
    title: str
    settings: MappingProxyType[str, SettingLists] = field(
        default_factory=lambda: MappingProxyType({})
    )
    synthetic: bool = False
    summary: str = ""
    published: bool = False
    format: str | None = None
    draws_without: str | None = None
    classes: int | None = None
    official: Mapping[str, tuple[OfficialCount, ...]] = field(default_factory=dict)
    clips_per_class: Mapping[str, int] = field(default_factory=dict)
    listed: Mapping[str, int] = field(default_factory=dict)
    released: ReleasedFiles | None = None


def named(*clips: str, classes: str = "all") -> tuple[NamedList, ...]:
    """Clip lists that share a class list."""
    return tuple(NamedList(name, classes) for name in clips)


def evaluated(**parts: tuple[NamedList, ...]) -> MappingProxyType[str, tuple[NamedList, ...]]:
    """What is scored: ``whole`` stands for ``-``."""
    return MappingProxyType(
        {("-" if key == "whole" else key): value for key, value in parts.items()}
    )


def base_to_novel() -> SettingLists:
    """16 shots of the base classes, three draws."""
    return SettingLists(
        train=NamedList("base_train_s{repeat}", "base"),
        evaluate=evaluated(
            base=named("base_val", classes="base"), novel=named("novel_val", classes="novel")
        ),
        shots=(16,),
        repeats=3,
    )


def few_shot(scored: str) -> SettingLists:
    """2, 4, 8 and 16 shots of training split 1."""
    return SettingLists(
        train=NamedList("few_shot_{shots}"),
        evaluate=evaluated(whole=named(scored)),
        shots=SHOTS,
    )


def three_splits() -> SettingLists:
    """Three official splits, averaged."""
    return SettingLists(train=None, evaluate=evaluated(whole=named("val1", "val2", "val3")))


def three_class_draws() -> SettingLists:
    """Three draws of classes, averaged."""
    draws = tuple(NamedList(f"zero_shot_{n}", f"zero_shot_{n}") for n in DRAWS)
    return SettingLists(train=None, evaluate=evaluated(whole=draws))


def full() -> SettingLists:
    """The whole training set."""
    return SettingLists(train=NamedList("train"), evaluate=evaluated(whole=named("val")))


def released_files(
    folder: str,
    lists: dict[str, str],
    labels: dict[str, str],
    *,
    few_shot: bool = False,
    halves: bool = True,
    base_train: bool = False,
    optional: dict[str, str] | None = None,
) -> ReleasedFiles:
    """The files of a dataset in the release, by the scheme that most of them follow."""
    found = {name: f"{folder}/{file}" for name, file in lists.items()}
    if few_shot:
        found |= {f"few_shot_{k}": f"{folder}/train1_few_shot_{k}.txt" for k in SHOTS}
    if halves:
        below = f"{HALVES_FOLDER}/{folder}"
        found |= {f"base_train_s{n}": f"{below}/fs_base_s{n}_train.txt" for n in DRAWS}
        found |= {f"{half}_val": f"{below}/{half}_val.txt" for half in ("base", "novel")}
        if base_train:
            found["base_train"] = f"{below}/base_train.txt"
    return ReleasedFiles(
        MappingProxyType(found),
        MappingProxyType(labels),
        MappingProxyType({k: f"{folder}/{v}" for k, v in (optional or {}).items()}),
    )


def protocols(**lists: SettingLists) -> MappingProxyType[str, SettingLists]:
    """Setting -> lists, with underscores for hyphens: ``base_to_novel=…``."""
    return MappingProxyType({name.replace("_", "-"): value for name, value in lists.items()})


def mini_counterpart(dataset: DatasetSpec) -> DatasetSpec:
    """The dataset of the mini world that has the same part in the protocol."""
    return DatasetSpec(
        name=f"mini-{dataset.name}",
        title=f"mini-{dataset.title}",
        settings=dataset.settings,
        synthetic=True,
        summary=dataset.summary,
        published=True,
    )


def own_dataset(name: str, title: str) -> DatasetSpec:
    """A dataset that a configuration brings along: every setting, one evaluation list ``val``.

    Args:
        name: Its name in the configuration.
        title: Its name in the tables.
    """
    return DatasetSpec(
        name=name,
        title=title,
        settings=MappingProxyType(
            {
                "zero-shot": SettingLists(train=None, evaluate=evaluated(whole=named("val"))),
                "base-to-novel": base_to_novel(),
                "few-shot": few_shot("val"),
                "fully-supervised": full(),
            }
        ),
        summary="a dataset of the configuration",
    )
