"""Which lists share clips: training with evaluation, fewer shots with more, draws."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

from bench.data.lists.clip_lists import check_disjoint
from bench.data.lists.named_lists import TrainedPair
from bench.ground.words import plural
from bench.upkeep.audits.findings import Finding, LoadedList

_SHOTS = re.compile(r"few_shot_(\d+)")
_DRAW = re.compile(r"base_train_s(\d+)")
_YOUTUBE_ID = 11


def leaks(lists: Mapping[str, LoadedList], pairs: Sequence[TrainedPair]) -> list[Finding]:
    """Evaluation clips that are trained on.

    Args:
        lists: Name -> list.
        pairs: What settings train on and then score; an overlap there is an error, elsewhere a
            warning.
    """
    used = {(pair.train.clips, pair.evaluate.clips) for pair in pairs}
    trains = {name for name, _ in used} | {n for n, item in lists.items() if item.role == "train"}
    tests = {name for _, name in used} | {n for n, item in lists.items() if n not in trains}
    findings: list[Finding] = []
    unused: list[tuple[str, str, int]] = []
    for train, item in lists.items():
        for test, other in lists.items():
            if train not in trains or test not in tests:
                continue
            common = check_disjoint(item.ref, other.ref, allow_overlap=True)
            if common and (train, test) in used:
                what = (
                    f"{len(common)} of {len(other.entries)} clips of {test} are also trained on, "
                    f"in {train}"
                )
                findings.append(
                    Finding("error", "leak", what, (train, test), len(common), common[:3])
                )
            elif common:
                unused.append((train, test, len(common)))
    return findings + _unused(unused, lists)


def _unused(found: list[tuple[str, str, int]], lists: Mapping[str, LoadedList]) -> list[Finding]:
    if not found:
        return []
    by_train: dict[str, list[str]] = {}
    for train, test, count in found:
        by_train.setdefault(train, []).append(f"{test} {count}")
    sizes = {name: len(lists[name].entries) for name in by_train}
    details = [
        f"{train}, {plural(sizes[train], 'clip')}: " + ", ".join(told)
        for train, told in by_train.items()
    ]
    tests = sorted({test for _, test, _ in found})
    return [
        Finding(
            "warning",
            "leak",
            "training lists share clips with evaluation lists that no setting scores after them: "
            f"never average over {', '.join(tests)} after such a training",
            (*by_train, *tests),
            None,
            tuple(details),
        )
    ]


def nestedness(lists: Mapping[str, LoadedList]) -> list[Finding]:
    """Whether fewer shots are part of more, and how much draws have in common."""
    shots = sorted((int(m[1]), name) for name in lists if (m := _SHOTS.fullmatch(name)))
    draws = sorted((int(m[1]), name) for name in lists if (m := _DRAW.fullmatch(name)))
    findings = []
    told, nested = [], True
    for (_, fewer), (_, more) in pairwise(shots):
        count = len(set(lists[fewer].stems) & set(lists[more].stems))
        nested &= count == len(lists[fewer].entries)
        told.append(f"{count} of the {len(lists[fewer].entries)} clips of {fewer} are in {more}")
    if told and not nested:
        what = "few-shot lists are separate draws: fewer shots are not part of more"
        names = tuple(name for _, name in shots)
        findings.append(Finding("note", "nestedness", what, names, None, tuple(told)))
    told = []
    for (_, one), (_, other) in combinations(draws, 2):
        count = len(set(lists[one].stems) & set(lists[other].stems))
        told.append(f"{one} and {other} share {count} of {len(lists[one].entries)} clips")
    if told:
        what = "how much the draws of base training clips have in common"
        names = tuple(name for _, name in draws)
        findings.append(Finding("note", "nestedness", what, names, None, tuple(told)))
    return findings


def source_leaks(
    trained: Sequence[LoadedList],
    evaluated: Sequence[LoadedList],
    source: str,
    *,
    youtube: bool,
) -> list[Finding]:
    """Clips scored zero-shot that the source set's training lists hold.

    Args:
        trained: Training lists of the source set.
        evaluated: What is scored.
        source: Name of the source set.
        youtube: Both name their clips by YouTube's identifier and seconds, so that another part
            of the same video shows.
    """
    findings = []
    for train in trained:
        videos = {stem[:_YOUTUBE_ID] for stem in train.stems}
        for test in evaluated:
            same = [stem for stem in test.stems if stem in train.stems]
            if same:
                what = (
                    f"{len(same)} of {len(test.entries)} clips of {test.name} are also in "
                    f"{train.name} of the source set {source}"
                )
                findings.append(
                    Finding("error", "leak", what, (test.name,), len(same), tuple(same[:3]))
                )
            other = [stem for stem in test.stems if stem[:_YOUTUBE_ID] in videos]
            if youtube and len(other) > len(same):
                what = (
                    f"{len(other) - len(same)} of {len(test.entries)} clips of {test.name} are "
                    f"other parts of videos in {train.name} of the source set {source}"
                )
                count = len(other) - len(same)
                findings.append(
                    Finding("warning", "leak", what, (test.name,), count, tuple(other[:3]))
                )
    return findings
