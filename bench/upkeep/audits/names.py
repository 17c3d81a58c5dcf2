"""Do the names that labels stand for fit the clips?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.data.lists.class_names import name_key
from bench.ground.words import plural
from bench.upkeep.audits.clip_classes import ClipClasses
from bench.upkeep.audits.findings import Finding, LoadedList, some


def name_conflicts(lists: Sequence[LoadedList], classes: ClipClasses) -> list[Finding]:
    """Clips that a list gives another class's name, over all lists of a dataset.

    Args:
        lists: The lists.
        classes: What the clips are by something other than the lists.
    """
    wrong: Counter[tuple[str, str]] = Counter()
    by_list: dict[str, int] = {}
    for item in lists:
        found = conflicts_in(item, classes)
        wrong.update(found)
        if found:
            by_list[item.name] = sum(found.values())
    if not wrong:
        return []
    sizes = {item.name: len(item.entries) for item in lists}
    details = [f"{name}: {count} of {sizes[name]} clips" for name, count in by_list.items()]
    return [
        Finding(
            "error",
            "names",
            f"class names do not fit the clips (by their {classes.origin}): " + _told(wrong),
            tuple(by_list),
            sum(by_list.values()),
            tuple(details),
        )
    ]


def conflicts_in(item: LoadedList, classes: ClipClasses) -> Counter[tuple[str, str]]:
    """(name by the list, name of the class that the clip is of) -> clips."""
    found: Counter[tuple[str, str]] = Counter()
    for entry in item.entries:
        name = classes.of(entry.path)
        if name is not None and name_key(name) != name_key(item.names[entry.label]):
            found[item.names[entry.label], name] += 1
    return found


def _told(wrong: Counter[tuple[str, str]]) -> str:
    """Pairs of names that stand for each other, then the rest."""
    keys = {(name_key(listed), name_key(name)) for listed, name in wrong}
    swapped, others = [], []
    for (listed, name), count in wrong.most_common():
        one, other = name_key(listed), name_key(name)
        if (other, one) not in keys:
            others.append(f"'{listed}' holds {plural(count, 'clip')} of '{name}'")
        elif one < other:
            swapped.append(f"'{listed}' and '{name}'")
    told = []
    if swapped:
        told.append("swapped are " + ", ".join(sorted(swapped)))
    if others:
        told.append(some(others))
    return "; ".join(told)


def contradictions(lists: Sequence[LoadedList], classes: ClipClasses | None) -> list[Finding]:
    """Clips that two lists of a dataset give different names.

    Args:
        lists: The lists.
        classes: What tells the class of some clips; those are left to ``name_conflicts``.
    """
    first: dict[str, tuple[str, str]] = {}
    found: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], str] = {}
    for item in lists:
        for stem, entry in item.stems.items():
            if classes is not None and classes.of(entry.path) is not None:
                continue
            name = item.names[entry.label]
            other, where = first.setdefault(stem, (name, item.name))
            if name_key(other) != name_key(name):
                pair = (where, item.name)
                found[pair] += 1
                examples.setdefault(pair, f"{entry.path} is '{other}' and '{name}'")
    return [
        Finding(
            "error",
            "names",
            f"{plural(count, 'clip')} of {one} and {other} are of different classes in the two",
            (one, other),
            count,
            (examples[one, other],),
        )
        for (one, other), count in found.items()
    ]


def halves(lists: Sequence[LoadedList], names: dict[str, Sequence[str]]) -> list[Finding]:
    """Base and novel classes must not meet, and together be all classes; their lists likewise.

    Args:
        lists: The lists.
        names: Class list -> names.
    """
    if not {"base", "novel"} <= set(names):
        return []
    keys = {part: {name_key(name) for name in chosen} for part, chosen in names.items()}
    findings = []
    common = keys["base"] & keys["novel"]
    if common:
        told = [name for name in names["base"] if name_key(name) in common]
        findings.append(
            Finding("error", "halves", f"classes both base and novel: {some(told)}", clips=None)
        )
    if "all" in keys and (keys["base"] | keys["novel"]) != keys["all"]:
        lacking = [
            name for name in names["all"] if name_key(name) not in keys["base"] | keys["novel"]
        ]
        what = f"base and novel classes are not all classes; missing: {some(lacking) or 'none'}"
        findings.append(Finding("error", "halves", what))
    by_name = {item.name: set(item.stems) for item in lists}
    whole = by_name.get("val1", by_name.get("val"))
    if whole is not None and {"base_val", "novel_val"} <= set(by_name):
        different = (by_name["base_val"] | by_name["novel_val"]) ^ whole
        if different:
            what = f"base_val and novel_val together are not val: {len(different)} clips differ"
            findings.append(Finding("error", "halves", what, ("base_val", "novel_val")))
    return findings
