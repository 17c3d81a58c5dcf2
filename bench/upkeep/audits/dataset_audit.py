"""Every check on one dataset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import settings as settings_room
from bench.data.datasets import stems_name_clips
from bench.data.datasets.base import NamedList
from bench.data.lists.class_names import read_class_names
from bench.data.lists.clip_lists import read_list
from bench.data.lists.named_lists import named_lists, trained_pairs
from bench.data.lists.sources import DatasetSource, MissingDataError
from bench.ground.errors import DataError
from bench.planning.dataset_sources import source_of
from bench.upkeep.audits import balance, names, overlaps
from bench.upkeep.audits.clip_classes import ClipClasses, by_annotations, by_clip_names, by_folders
from bench.upkeep.audits.findings import SEVERITIES, Finding, LoadedList, Severity, told
from bench.upkeep.audits.source_classes import known_classes

if TYPE_CHECKING:
    from bench.planning.config import RunConfig


@dataclass(frozen=True)
class ListFacts:
    """One row of an audit's table.

    Attributes:
        name: The list.
        classes: Its class list.
        clips: Lines.
        per_class: Fewest, median and most clips a class.
        classes_count: Classes.
        misnamed: Clips with another class's name; None where nothing tells.
        sha256: Of the list file.
    """

    name: str
    classes: str
    clips: int
    per_class: tuple[int, int, int]
    classes_count: int
    misnamed: int | None
    sha256: str


@dataclass(frozen=True)
class DatasetAudit:
    """What the checks found on one dataset.

    Attributes:
        dataset: Its name.
        labels: Whose class names were used: ``paper`` or ``official``.
        named_by: What the names were compared with; None: nothing.
        lists: The lists that are there.
        findings: Errors first.
    """

    dataset: str
    labels: str
    named_by: str | None
    lists: tuple[ListFacts, ...]
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        """Whether there is an error among the findings."""
        return any(finding.severity == "error" for finding in self.findings)


def audit_dataset(config: RunConfig, dataset: str, *, content: bool = False) -> DatasetAudit:
    """Check a dataset's lists and labels against each other, its clips and its source set.

    Args:
        config: Says where they lie.
        dataset: Its name.
        content: Also look for files of equal content.

    Raises:
        UsageError: The configuration lacks the dataset.
    """
    source = source_of(config, dataset)
    lists, findings = _loaded(source)
    by_name = {item.name: item for item in lists}
    class_lists = _class_lists(source, lists)
    classes, unusable = _clip_classes(source, lists, class_lists)
    findings += unusable
    if classes is None:
        if lists:
            findings.append(_names_unchecked(dataset))
    else:
        findings += names.name_conflicts(lists, classes)
    findings += names.contradictions(lists, classes) + names.halves(lists, class_lists)
    pairs = trained_pairs(source.spec)
    findings += overlaps.leaks(by_name, pairs) + overlaps.nestedness(by_name)
    for item in lists:
        findings += balance.shots(item) + balance.size(dataset, item)
        findings += balance.partitions(item) + balance.repeated_names(item)
    findings += _against_source(config, source, lists, class_lists)
    if content:
        trained: dict[str, set[str]] = defaultdict(set)
        for pair in pairs:
            trained[pair.evaluate.clips].add(pair.train.clips)
        findings += _content(source, lists, trained)
    return DatasetAudit(
        dataset,
        source.config.class_names or config.labels,
        None if classes is None else classes.origin,
        tuple(_facts(item, classes) for item in lists),
        tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))),
    )


def _loaded(source: DatasetSource) -> tuple[list[LoadedList], list[Finding]]:
    lists: list[LoadedList] = []
    absent: list[NamedList] = []
    findings: list[Finding] = []
    for item in named_lists(source.spec, source.config):
        try:
            lists.append(_load(source, item))
        except MissingDataError:
            absent.append(item)
        except DataError as error:
            what = f"{item.clips} cannot be used: {told(error)}"
            # What a rule cannot draw from these clips is lacking, not wrong.
            given = item.clips in source.config.lists
            severity: Severity = "error" if given else "warning"
            findings.append(Finding(severity, "lists", what, (item.clips,)))
    if absent:
        names_told = ", ".join(item.clips for item in absent)
        what = f"not there, and not to be made without the official annotations: {names_told}"
        findings.append(Finding("note", "lists", what, tuple(item.clips for item in absent)))
    return lists, findings


def _load(source: DatasetSource, item: NamedList) -> LoadedList:
    ref = source.clips(item.clips, item.classes, required=True)
    entries = read_list(Path(ref.list_file)).entries
    by_stem = stems_name_clips(source.spec.name)
    return LoadedList(item, ref, entries, read_class_names(Path(ref.class_file)), by_stem)


def _class_lists(source: DatasetSource, lists: Sequence[LoadedList]) -> dict[str, Sequence[str]]:
    found: dict[str, Sequence[str]] = {item.item.classes: item.names for item in lists}
    for name in ("all", *source.config.labels):
        try:
            found.setdefault(name, source.class_names(name))
        except DataError:
            continue  # said of every list that needs it
    return found


def _clip_classes(
    source: DatasetSource,
    lists: Sequence[LoadedList],
    class_lists: Mapping[str, Sequence[str]],
) -> tuple[ClipClasses | None, list[Finding]]:
    """The best source of classes there is: annotations, else clip names, else folders."""
    findings: list[Finding] = []
    try:
        return by_annotations(source.manifest), findings
    except MissingDataError:
        pass  # lists are audited without annotations and videos too
    except DataError as error:
        what = f"the official annotations cannot be used: {told(error)}"
        findings.append(Finding("error", "names", what))
    every = [name for chosen in class_lists.values() for name in chosen]
    by_name = by_clip_names(source.config.format, every)
    if by_name is not None:
        return by_name, findings
    folders = by_folders(every)
    tell = any(folders.of(entry.path) for item in lists for entry in item.entries)
    return (folders if tell else None), findings


def _names_unchecked(dataset: str) -> Finding:
    what = (
        "names are compared between the lists only: these clips' names tell no class, and the "
        f"official annotations are not there (bench data prepare {dataset})"
    )
    return Finding("note", "names", what)


def _against_source(
    config: RunConfig,
    source: DatasetSource,
    lists: Sequence[LoadedList],
    class_lists: Mapping[str, Sequence[str]],
) -> list[Finding]:
    """Zero-shot: what the source set has of this dataset's classes and clips."""
    findings: list[Finding] = []
    for setting, protocol in source.spec.settings.items():
        if protocol.train is not None:
            continue
        origin = _source_option(config, setting, "source")
        if origin not in config.datasets or origin == source.spec.name:
            continue
        known = source_of(config, origin)
        evaluated = {item.clips: item for part in protocol.evaluate.values() for item in part}
        try:
            source_names = known.class_names("all")
        except DataError:
            what = f"not compared with {origin}: its classes are not there"
            findings.append(Finding("note", "source-classes", what))
            continue
        for classes in dict.fromkeys(item.classes for item in evaluated.values()):
            if classes in class_lists:
                findings += known_classes(
                    class_lists[classes],
                    source_names,
                    source=origin,
                    classes=classes,
                    unseen=classes.startswith("zero_shot"),
                )
        trained = [item for item in _loaded(known)[0] if item.role == "train"]
        wanted = _source_option(config, setting, "source_list")
        if wanted not in {item.name for item in trained}:
            what = f"clips not compared with {wanted} of {origin}, which is not there"
            findings.append(Finding("note", "leak", what))
        if not (stems_name_clips(origin) and stems_name_clips(source.spec.name)):
            continue  # equal names of clips in two datasets say nothing
        findings += overlaps.source_leaks(
            trained,
            [item for item in lists if item.name in evaluated],
            origin,
            youtube=source.config.format == known.config.format == "kinetics"
            and not source.spec.synthetic,
        )
    return findings


def _source_option(config: RunConfig, setting: str, option: str) -> str | None:
    if setting in config.settings:
        chosen = config.setting_options(setting).get(option)
    else:
        chosen = settings_room.get(setting).options.get(option)
    return None if chosen is None else str(chosen)


def _content(
    source: DatasetSource, lists: Sequence[LoadedList], trained: Mapping[str, set[str]]
) -> list[Finding]:
    root = source.root
    if root is None or not root.is_dir():
        return [Finding("note", "duplicates", f"content not compared: there is no folder {root}")]
    return balance.repeated_content(root, lists, trained)


def _facts(item: LoadedList, classes: ClipClasses | None) -> ListFacts:
    counts = sorted(item.counts)
    assert item.ref.list_sha256 is not None
    return ListFacts(
        item.name,
        item.item.classes,
        len(item.entries),
        (counts[0], counts[len(counts) // 2], counts[-1]),
        len(item.names),
        None if classes is None else sum(names.conflicts_in(item, classes).values()),
        item.ref.list_sha256,
    )
