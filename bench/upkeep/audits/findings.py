"""What an audit says, and the lists that it looks at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from bench.data.datasets.base import NamedList
from bench.data.lists.clip_lists import ListEntry
from bench.data.lists.clips_ref import ClipsRef
from bench.data.lists.derive import rule_for
from bench.data.video.folder_index import place_of, stem_of
from bench.ground.errors import DataError, UsageError

Severity = Literal["error", "warning", "note"]
Role = Literal["train", "evaluate"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
_SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes:
        severity: ``error``: numbers are wrong or leak; ``warning``: they are if lists are used in
            another way than the settings do; ``note``: worth knowing.
        check: Which check found it.
        what: One sentence.
        lists: The lists it is about.
        clips: How many clips it concerns, where it is about clips.
        details: More lines, the most important first.
    """

    severity: Severity
    check: str
    what: str
    lists: tuple[str, ...] = ()
    clips: int | None = None
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadedList:
    """A clip list with the names of its labels.

    Attributes:
        item: Its name, and that of its class list.
        ref: Where it is from.
        entries: Its lines.
        names: Class names, by label.
        by_stem: Whether the file name alone names a clip, whatever its folder.
    """

    item: NamedList
    ref: ClipsRef
    entries: tuple[ListEntry, ...]
    names: tuple[str, ...]
    by_stem: bool = True

    def clip_name(self, path: str) -> str:
        """What the clip of a path is called, in any layout and without regard to case."""
        return (stem_of(path) if self.by_stem else place_of(path)).casefold()

    @property
    def name(self) -> str:
        """What the list is called."""
        return self.item.clips

    @cached_property
    def stems(self) -> dict[str, ListEntry]:
        """Name of a clip -> line."""
        return {self.clip_name(entry.path): entry for entry in self.entries}

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Clips of each class."""
        counts = Counter(entry.label for entry in self.entries)
        return tuple(counts[label] for label in range(len(self.names)))

    @property
    def role(self) -> Role:
        """What a list of this name is for."""
        try:
            return "train" if rule_for(self.name).role == "train" else "evaluate"
        except UsageError:
            return "train" if "train" in self.name else "evaluate"


def some(items: Sequence[str], shown: int = _SHOWN) -> str:
    """The first of several things, and that there are more."""
    return ", ".join(items[:shown]) + (f", … ({len(items)})" if len(items) > shown else "")


def told(error: DataError) -> str:
    """An error in one line."""
    return error.what + ("" if error.got is None else f" (got {error.got})")
