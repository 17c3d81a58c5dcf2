"""A clip list joined with a class list: what a training or an evaluation iterates over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Clip:
    """One video of a list.

    Attributes:
        id: Relative path as the list has it; names the clip in every record.
        path: Where the file lies.
        label: 0-based row of the class list.
    """

    id: str
    path: Path
    label: int


@dataclass(frozen=True)
class ClipSet:
    """A clip list with its class names, checked against each other."""

    dataset: str
    name: str
    clips: tuple[Clip, ...]
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.clips)
