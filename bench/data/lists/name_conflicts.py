"""Whether labels, class names and clips agree: joined by clip name, never by position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.data.lists.class_names import name_key
from bench.data.lists.clip_lists import ClipList
from bench.data.official.manifest import Manifest


@dataclass(frozen=True)
class NameConflict:
    """Clips of one class that a list pairs with the name of another.

    Attributes:
        label: Label in the list.
        listed: Name the class list gives to the label.
        official: Name of the clips' class in the manifest.
        clips: How many clips of the list it concerns.
    """

    label: int
    listed: str
    official: str
    clips: int


@dataclass(frozen=True)
class ListAudit:
    """What a comparison of a list with the manifest found.

    Attributes:
        listed: Clips in the list.
        unknown: Those the manifest does not have.
        conflicts: Class names that do not fit, the most frequent first.
    """

    listed: int
    unknown: tuple[str, ...]
    conflicts: tuple[NameConflict, ...]

    @property
    def conflicting(self) -> int:
        """Clips that carry another class's name."""
        return sum(conflict.clips for conflict in self.conflicts)


def audit_list(manifest: Manifest, clip_list: ClipList, class_names: Sequence[str]) -> ListAudit:
    """Compare the names a list gives to its clips with those of the manifest.

    Args:
        manifest: The dataset's clips with their official classes.
        clip_list: Labels below ``len(class_names)`` (see ``check_fit``).
        class_names: The class list the labels belong to.

    Returns:
        Counts and conflicts; an empty ``conflicts`` means that every name fits.
    """
    unknown: list[str] = []
    conflicts: Counter[tuple[int, str]] = Counter()
    for entry in clip_list.entries:
        name = manifest.class_of(entry.path)
        if name is None:
            unknown.append(entry.path)
        elif name_key(name) != name_key(class_names[entry.label]):
            conflicts[entry.label, name] += 1
    found = tuple(
        NameConflict(label, class_names[label], name, count)
        for (label, name), count in conflicts.most_common()
    )
    return ListAudit(len(clip_list.entries), tuple(unknown), found)
