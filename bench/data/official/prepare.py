"""Indexing official data: annotations joined with the files that are there, nothing copied.

The work is that of ``bench.data.official.manifest_cache``; here its inputs are checked, its result
is described, and the difference from the annotations is listed class by class.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from bench.data.datasets import CATALOGUE
from bench.data.official.annotations import Annotations, looks_like
from bench.data.official.manifest import Manifest, ManifestReport
from bench.data.official.manifest_cache import OfficialData, Refreshed, refresh_manifest
from bench.data.official.official_counts import OTHER_VERSIONS
from bench.data.official.prepared import (
    FLAG,
    RELEASED_VARIABLE,
    AnnotationFile,
    Difference,
    Prepared,
    SplitCount,
    formats,
    prepared_file,
    read_prepared,
    write_prepared,
)
from bench.data.official.released import find_released
from bench.ground.errors import DataError, UsageError, unknown_name
from bench.ground.files import write_whole

_EXAMPLES = 3


@dataclass(frozen=True)
class PrepareRequest:
    """What somebody asked for.

    Attributes:
        dataset: One of ``formats()``.
        data: Folder that ``prepared/`` is made in.
        videos: Folder of the videos; None: the one of the last time.
        annotations: Folder of the official annotation files; None: the one of the last time.
        released: Folder with the released lists; None: as last time, if there was one.
    """

    dataset: str
    data: Path
    videos: Path | None = None
    annotations: Path | None = None
    released: Path | None = None


@dataclass(frozen=True)
class PrepareResult:
    """What was found.

    Attributes:
        prepared: The description that was written.
        rebuilt: Whether anything had changed since the last time.
    """

    prepared: Prepared
    rebuilt: bool


def prepare(request: PrepareRequest) -> PrepareResult:
    """Index a dataset and write its manifest, its description and the list of what is missing.

    Nothing is written outside ``<data>/prepared``. Folders that have not changed since the last
    time are not read again.

    Raises:
        UsageError: There is no such dataset, or a folder is not named.
        DataError: A folder is not there, the annotations are of something else, or none of their
            clips is in the folder of the videos.
    """
    dataset, data = request.dataset, request.data
    if dataset not in formats():
        raise _not_prepared(dataset)
    known = _known(data, dataset)
    official = _places(request, known)
    released = _released(request, known)
    refreshed = _refresh(official, data, known)
    if refreshed.manifest is None:
        assert known is not None
        prepared = known.model_copy(update={"released": released})
    else:
        assert refreshed.report is not None and refreshed.annotations is not None
        prepared = _described(official, refreshed, released)
        missing = prepared_file(data, dataset, ".missing.txt")
        write_whole(missing, _missing(refreshed.manifest), flag=FLAG)
    if prepared != known:
        write_prepared(data, prepared)
    return PrepareResult(prepared, refreshed.rebuilt)


def _not_prepared(dataset: str) -> UsageError:
    spec = CATALOGUE.get(dataset)
    if spec is not None and spec.synthetic:
        return UsageError(
            f"{dataset} needs no preparation: it is made on first use",
            allowed=", ".join(sorted(formats())),
            next_step=f"bench run --dataset {dataset}",
        )
    return unknown_name("dataset", dataset, formats())


def _known(data: Path, dataset: str) -> Prepared | None:
    """The last description; a damaged one counts for nothing, since it is written anew."""
    try:
        return read_prepared(data, dataset)
    except DataError:
        return None


def _places(request: PrepareRequest, known: Prepared | None) -> OfficialData:
    folders: dict[str, Path] = {}
    for flag in ("videos", "annotations"):
        given: Path | None = getattr(request, flag)
        if given is None and known is None:
            raise UsageError(
                f"where the {flag} of {request.dataset} lie is not known yet",
                next_step=f"bench data prepare {request.dataset} --videos <folder> "
                "--annotations <folder>",
            )
        folder = Path(getattr(known, flag)) if given is None else given.expanduser().absolute()
        if not folder.is_dir():
            raise DataError(
                f"the folder of the {flag} is not there",
                got=f"no folder {folder}",
                next_step=f"check --{flag}",
            )
        folders[flag] = folder
    _refuse_beside(folders["videos"], prepared_file(request.data, request.dataset, ".csv").parent)
    return OfficialData(
        request.dataset, folders["videos"], folders["annotations"], formats()[request.dataset]
    )


def _refuse_beside(videos: Path, output: Path) -> None:
    if output.resolve().is_relative_to(videos.resolve()):
        raise UsageError(
            "nothing is written beside the videos",
            got=f"{output.absolute()} lies in {videos}",
            next_step="name another folder: --data DIR, or BENCH_DATA",
        )


def _released(request: PrepareRequest, known: Prepared | None) -> str | None:
    """The folder of the released lists: named now, before, for another dataset, or in its place."""
    if request.released is not None:
        return str(find_released(request.released.expanduser()).absolute())
    named = os.environ.get(RELEASED_VARIABLE)
    if named:
        return str(find_released(Path(named).expanduser()).absolute())
    others = (_known(request.data, name) for name in formats() if name != request.dataset)
    for before in (known, *others):
        if before is not None and before.released is not None:
            return before.released
    usual = request.data / "released"
    return str(find_released(usual).absolute()) if usual.is_dir() else None


def _refresh(official: OfficialData, data: Path, known: Prepared | None) -> Refreshed:
    table = prepared_file(data, official.dataset, ".csv")
    state = prepared_file(data, official.dataset, ".index.json")

    def refresh() -> Refreshed:
        return refresh_manifest(official, table, state, _version_check(official), flag=FLAG)

    try:
        found = refresh()
        if found.manifest is None and not _describes(known, official, found):
            state.unlink(missing_ok=True)  # the description was lost: it is made anew
            found = refresh()
    except DataError as error:
        other = _other_format(official)
        raise (error if other is None else other) from error
    return found


def _describes(known: Prepared | None, official: OfficialData, found: Refreshed) -> bool:
    places = (str(official.root), str(official.annotations), found.sha256)
    return known is not None and places == (
        known.videos,
        known.annotations,
        known.manifest_sha256,
    )


def _other_format(official: OfficialData) -> DataError | None:
    """The error about annotation files of something else, told by their names."""
    found = looks_like(official.annotations)
    if official.format in found:
        return None
    in_videos = () if official.root == official.annotations else looks_like(official.root)
    if official.format in in_videos:
        return DataError(
            f"the annotations of {official.dataset} are in the folder of the videos",
            got=f"--annotations {official.annotations}, --videos {official.root}",
            next_step="check whether the two folders are exchanged",
        )
    if not found:
        return None
    return DataError(
        f"these are not the annotations of {official.dataset}",
        got=f"{official.annotations} with files like those of {', '.join(found)}",
        allowed=f"files of the format '{official.format}', see docs/data.md",
        next_step="check --annotations",
    )


def _version_check(official: OfficialData) -> Callable[[Annotations], None]:
    """Refuses annotations of another version; fewer classes than there are may be a part."""

    def check(annotations: Annotations) -> None:
        wanted = CATALOGUE[official.dataset].classes
        found = len(annotations.class_names)
        if wanted is None or found == wanted or (found < wanted and found not in OTHER_VERSIONS):
            return
        other = OTHER_VERSIONS.get(found)
        title = CATALOGUE[official.dataset].title
        raise DataError(
            f"the annotations are of another version: {title} has {wanted} classes",
            got=f"{found} classes"
            + (f", as {other} has" if other else "")
            + f", in {official.annotations}",
            allowed=f"{wanted} classes",
            next_step=f"check --annotations: only the files of {title} may lie in or below it",
        )

    return check


def _described(official: OfficialData, refreshed: Refreshed, released: str | None) -> Prepared:
    manifest, report, annotations = refreshed.manifest, refreshed.report, refreshed.annotations
    assert manifest is not None and report is not None and annotations is not None
    by_class = _counts((_printable(row.class_name), row.present) for row in manifest.rows)
    splits = _counts((split, row.present) for row in manifest.rows for split in row.splits)
    return Prepared(
        dataset=official.dataset,
        format=official.format,
        videos=str(official.root),
        annotations=str(official.annotations),
        released=released,
        prepared=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        manifest=f"{official.dataset}.csv",
        manifest_sha256=refreshed.sha256,
        annotation_files=tuple(_hashed(path) for path in annotations.files),
        classes=len(annotations.class_names),
        captions=sum(len(row.captions) for row in manifest.rows),
        clips=report.annotated,
        present=report.present,
        splits=splits,
        by_class={name: count for name, count in by_class.items() if count.present < count.listed},
        differences=_differences(report),
        off_size=_off_size(official.dataset, manifest),
    )


def _off_size(dataset: str, manifest: Manifest) -> dict[str, dict[str, int]]:
    """Classes whose splits are not as large as the official ones, of the splits that are there."""
    found = Counter((row.class_name, split) for row in manifest.rows for split in row.splits)
    there = {split for _, split in found}
    official = {
        split: n for split, n in CATALOGUE[dataset].clips_per_class.items() if split in there
    }
    sizes = {
        _printable(name): {
            split: found[name, split] for split, n in official.items() if found[name, split] != n
        }
        for name in sorted({row.class_name for row in manifest.rows})
    }
    return {name: splits for name, splits in sizes.items() if splits}


def _counts(pairs: Iterable[tuple[str, bool]]) -> dict[str, SplitCount]:
    tally = Counter(pairs)
    names = sorted({name for name, _ in tally})
    return {
        name: SplitCount(listed=tally[name, True] + tally[name, False], present=tally[name, True])
        for name in names
    }


def _differences(report: ManifestReport) -> dict[str, Difference]:
    found = {
        "empty": report.empty,
        "unusable": report.unusable,
        "unreadable": report.unreadable,
        "ambiguous": report.ambiguous,
        "conflicts": report.conflicts,
        "mended": report.mended,
        "unlisted": report.unlisted,
    }
    known = {
        name: Difference(count=len(paths), examples=tuple(map(_printable, paths[:_EXAMPLES])))
        for name, paths in found.items()
        if paths
    }
    if report.unlabelled:
        known["unlabelled"] = Difference(count=report.unlabelled, examples=())
    return known


def _printable(path: str) -> str:
    """A path that can be stored and shown whatever its bytes are."""
    return path.encode("utf-8", errors="backslashreplace").decode()


def _hashed(path: Path) -> AnnotationFile:
    content = path.read_bytes()
    return AnnotationFile(
        path=_printable(str(path)), bytes=len(content), sha256=hashlib.sha256(content).hexdigest()
    )


def _missing(manifest: Manifest) -> bytes:
    """``class <tab> splits <tab> path`` of every clip that is not there, class by class."""
    rows = sorted(
        (row.class_name, row.path, " ".join(row.splits)) for row in manifest.rows if not row.present
    )
    lines = [f"{name}\t{splits}\t{path}\n" for name, path, splits in rows]
    return "".join(["class\tsplits\tpath\n", *lines]).encode("utf-8", errors="surrogateescape")
