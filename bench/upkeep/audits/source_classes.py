"""Classes of a target set that the source set knows already."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.data.lists.class_names import name_key
from bench.upkeep.audits.findings import Finding

_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_FILLERS = frozenset({"a", "an", "the", "of", "on", "in", "with", "and", "something"})


def word_stems(name: str) -> frozenset[str]:
    """The words of a class name without endings: ``RideBike`` and ``riding a bike`` are equal."""
    words = (word.lower() for word in _WORD.findall(name))
    return frozenset(_stem(word) for word in words if word not in _FILLERS)


def _stem(word: str) -> str:
    if word.endswith("ing") and len(word) > 5:
        word = word[:-3]
        if len(word) > 2 and word[-1] == word[-2] and word[-1] not in "aeiousl":
            word = word[:-1]
    elif word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        word = word[:-1]
    return word.removesuffix("e")


def known_classes(
    names: Sequence[str], source_names: Sequence[str], *, source: str, classes: str, unseen: bool
) -> list[Finding]:
    """Target classes whose name, or the words of whose name, a class of the source set has.

    Args:
        names: The target's class list.
        source_names: The source set's.
        source: Name of the source set.
        classes: Name of the target's class list.
        unseen: The protocol says that these classes are new to the source set.
    """
    by_key = {name_key(name): name for name in source_names}
    by_words: dict[frozenset[str], str] = {}
    for name in source_names:
        by_words.setdefault(word_stems(name), name)
    same = [name for name in names if name_key(name) in by_key]
    alike = [
        (name, by_words[word_stems(name)])
        for name in names
        if name_key(name) not in by_key and word_stems(name) in by_words
    ]
    findings = []
    if same:
        what = f"{len(same)} of {len(names)} classes of '{classes}' are classes of {source} by name"
        severity = "error" if unseen else "note"
        findings.append(
            Finding(severity, "source-classes", what, details=(", ".join(same),))  # type: ignore[arg-type]
        )
    if alike:
        what = (
            f"{len(alike)} more of {len(names)} classes of '{classes}' are classes of {source} "
            "but for endings and small words"
        )
        told = ", ".join(f"{name} = {other}" for name, other in alike)
        findings.append(
            Finding("warning" if unseen else "note", "source-classes", what, details=(told,))
        )
    return findings
