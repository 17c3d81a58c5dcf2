"""Which class a clip is of, by something other than a list: annotations, its name or its folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.data.lists.class_names import name_key
from bench.data.official.manifest import Manifest
from bench.data.video.folder_index import stem_of

_HMDB = re.compile(
    r"(?P<title>.+)_(?P<view>[fulh])_(?P<camera>cm|nm)_np\d+_(?P<side>fr|ba|le|ri)"
    r"_(?P<quality>goo|med|bad)_\d+"
)
"""HMDB-51's clip names: a film's title, the class, then five properties."""
_UCF = re.compile(r"v_(?P<name>.+)_g\d+_c\d+")
"""UCF-101's clip names: class, group, clip. One class differs from its folder in case."""


@dataclass(frozen=True)
class ClipClasses:
    """A source of classes that no list has a part in.

    Attributes:
        origin: What it is, in words.
        of: Relative path of a clip -> name of its class, None where it does not tell.
    """

    origin: str
    of: Callable[[str], str | None]


def by_annotations(manifest: Manifest) -> ClipClasses:
    """Classes of the official annotations, joined by the clips' names."""
    return ClipClasses("official annotations", manifest.class_of)


def by_clip_names(dataset_format: str | None, names: Sequence[str]) -> ClipClasses | None:
    """Classes by the grammar of the clips' own names; None for formats whose names have none.

    Args:
        dataset_format: Of the annotations, for example ``hmdb``.
        names: All class names of the dataset, in any order.
    """
    if dataset_format == "hmdb":
        return ClipClasses("clip names", _HmdbNames(names))
    if dataset_format == "ucf":
        by_key = {name_key(name): name for name in names}

        def of(path: str) -> str | None:
            match = _UCF.fullmatch(stem_of(path))
            return None if match is None else by_key.get(name_key(match["name"]), match["name"])

        return ClipClasses("clip names", of)
    return None


class _HmdbNames:
    """Class names end the title; the longest that fits is taken, so that none hides another."""

    def __init__(self, names: Iterable[str]) -> None:
        endings = {"_" + name.replace(" ", "_").casefold(): name for name in names}
        self._longest_first = sorted(endings.items(), key=lambda item: -len(item[0]))

    def __call__(self, path: str) -> str | None:
        match = _HMDB.fullmatch(stem_of(path))
        if match is None:
            return None
        title = "_" + match["title"].casefold()
        return next((name for end, name in self._longest_first if title.endswith(end)), None)


def by_folders(names: Sequence[str]) -> ClipClasses:
    """Classes by the folder that a clip lies in, where that is called like a class."""
    by_key = {name_key(name): name for name in names}

    def of(path: str) -> str | None:
        folders = path.split("/")[:-1]
        return by_key.get(name_key(folders[-1])) if folders else None

    return ClipClasses("folder names", of)
