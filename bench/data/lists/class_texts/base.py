"""The contract of a source of class texts: what a method reads in place of a class's name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ClassTexts:
    """A source that can be chosen by name (``class_texts`` of a dataset's configuration).

    The texts are part of a job's key by their content, so that a change of a text makes its numbers
    anew; the name stands in the record.

    Attributes:
        name: As in the configuration.
        summary: One line about it.
        texts: Dataset and class names of a label file, in its order -> as many texts.
    """

    name: str
    summary: str
    texts: Callable[[str, Sequence[str]], tuple[str, ...]]
