"""What a configuration names: weights, checkpoints, videos, annotations, lists."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.clip import load_backbone
from bench.clip.weights import OPENAI_RELEASES, file_sha256
from bench.data.datasets.base import DatasetSpec, NamedList
from bench.data.lists.dataset_config import DatasetConfig
from bench.data.lists.named_lists import named_lists
from bench.data.official.annotations import annotation_files
from bench.data.video.folder_index import VIDEO_SUFFIXES
from bench.data.video.storage import broken_shards, shard_index
from bench.doctor.finding import Finding, Status
from bench.ground.errors import BenchError
from bench.planning.config import RunConfig
from bench.planning.plan import backbone_of

WEIGHTS = "weights"
DATA = "data"
COUNTING_S = 1.5
"""Seconds that the videos of one dataset are counted for."""


def weights(config: RunConfig) -> Iterator[Finding]:
    """The backbone, really loaded, and every checkpoint that a row names."""
    reference, _ = backbone_of(config)
    try:
        loaded = load_backbone(reference)
    except BenchError as error:
        yield _refused(WEIGHTS, "backbone", error)
    else:
        release = OPENAI_RELEASES.get(loaded.weights_sha256)
        known = f", as OpenAI released it ({release})" if release else ""
        gelu = "QuickGELU" if loaded.quick_gelu else "GELU"
        detail = f"{loaded.name} with {gelu}: {reference.weights}, sha256 {loaded.weights_sha256}"
        yield Finding(WEIGHTS, "backbone", "ok", detail + known)
        if not release and not reference.model.endswith(".json") and "OpenAI" in loaded.pretraining:
            yield Finding(
                WEIGHTS,
                "backbone's origin",
                "warning",
                f"the configuration says '{loaded.pretraining}', but this is not the file that "
                "OpenAI released (its copies in other layouts are other files)",
                "compare: bench checkpoint FILE; or state another 'pretraining'",
            )
    for row, method in config.methods.items():
        for key in ("released", "starts_from_released"):
            given = getattr(method, key)
            if given is not None:
                yield _checkpoint(f"{row}, {key}", Path(given).expanduser())


def _refused(area: str, name: str, error: BenchError) -> Finding:
    got = "" if error.got is None else f" ({error.got})"
    mend = " ".join((error.next_step or "mend the configuration").split())
    return Finding(area, name, "broken", f"{error.what}{got}", mend)


def _checkpoint(name: str, path: Path) -> Finding:
    if not path.is_file():
        mend = "put the file there, or drop the row with --method"
        return Finding(WEIGHTS, name, "broken", f"no file {path}", mend)
    return Finding(WEIGHTS, name, "ok", f"{path}, sha256 {file_sha256(path)}")


def data(config: RunConfig) -> Iterator[Finding]:
    """Videos, annotations and given lists of every dataset of the configuration."""
    used = {name for setting in config.settings.values() for name in setting.datasets}
    for setting in config.settings:
        source = config.setting_options(setting).get("source")
        if source is not None:
            used.add(source)
    for name, dataset in config.datasets.items():
        if dataset.generate is not None:
            yield Finding(DATA, name, "ok", f"made on first use below {config.cache}")
            continue
        found = list(_dataset(config.catalogue[name], dataset))
        for finding in found:
            if name not in used and finding.status == "broken":
                finding = Finding(
                    DATA,
                    finding.name,
                    "warning",
                    f"{finding.detail}; no setting uses it",
                    finding.mend,
                )
            yield finding


def _dataset(spec: DatasetSpec, dataset: DatasetConfig) -> Iterator[Finding]:
    name = spec.name
    official = dataset.title is None
    prepare = (
        f"bench data prepare {name} --videos <folder> --annotations <folder>"
        if official
        else f"mend datasets.{name} in the configuration"
    )
    yield _videos(name, dataset, prepare)
    yield from _annotations(spec, dataset, prepare)
    for what, files in (("lists", dataset.lists), ("labels", dataset.labels)):
        if files:
            yield _named_files(name, what, files)


def _videos(name: str, dataset: DatasetConfig, prepare: str) -> Finding:
    place = f"{name}, videos"
    if dataset.root is None:
        return Finding(DATA, place, "broken", "the configuration names no root", prepare)
    root = Path(dataset.root).expanduser()
    if not root.is_dir():
        return Finding(DATA, place, "broken", f"no folder {root}", prepare)
    broken = broken_shards(root)
    if broken:
        shard, what = next(iter(broken.items()))
        detail = f"{len(broken)} shards below {root} are not whole, the first: {shard} ({what})"
        return Finding(DATA, place, "broken", detail, "copy these shards again")
    index = shard_index(root)
    if index is not None:
        return Finding(DATA, place, "ok", f"{len(index)} clips in whole shards below {root}")
    count, complete = count_videos(root)
    if count == 0 and complete:
        return Finding(DATA, place, "broken", f"no video below {root}", prepare)
    shown = f"{count}" if complete else f"{count} and more"
    return Finding(DATA, place, "ok", f"{shown} videos below {root}")


def count_videos(root: Path, seconds: float = COUNTING_S) -> tuple[int, bool]:
    """How many videos lie below a folder, and whether there was time to count them all."""
    until = time.monotonic() + seconds
    count = 0
    for _, folders, names in os.walk(root):
        folders[:] = [folder for folder in folders if not folder.startswith(".")]
        count += sum(name.lower().endswith(VIDEO_SUFFIXES) for name in names)
        if time.monotonic() > until:
            return count, False
    return count, True


def _annotations(spec: DatasetSpec, dataset: DatasetConfig, prepare: str) -> Iterator[Finding]:
    """Annotations, needed wherever a list that a setting uses is made by rule."""
    place = f"{spec.name}, annotations"
    if dataset.manifest is not None:
        file = Path(dataset.manifest).expanduser()
        there = file.is_file()
        detail = f"manifest {file}" if there else f"no manifest {file}"
        yield Finding(DATA, place, "ok" if there else "broken", detail, "" if there else prepare)
        return
    if dataset.format == "folders":
        return
    made = [item for item in named_lists(spec, dataset) if not _given(item, dataset)]
    status: Status = "broken" if made else "warning"
    if dataset.annotations is None:
        yield Finding(DATA, place, status, "the configuration names none", prepare)
        return
    folder = Path(dataset.annotations).expanduser()
    files = annotation_files(folder) if folder.is_dir() else []
    if files or folder.is_file():
        detail = f"{len(files)} files below {folder}" if files else str(folder)
        yield Finding(DATA, place, "ok", detail)
        return
    detail = f"no annotation file below {folder}" if folder.is_dir() else f"no folder {folder}"
    if made:
        detail += f"; '{made[0].clips}' is made from them"
    yield Finding(DATA, place, status, detail, prepare)


def _given(item: NamedList, dataset: DatasetConfig) -> bool:
    return item.clips in dataset.lists and item.classes in dataset.labels


def _named_files(name: str, what: str, files: Mapping[str, str]) -> Finding:
    paths = {key: Path(file).expanduser() for key, file in files.items()}
    absent = [key for key, path in paths.items() if not path.is_file()]
    there = f"{len(paths) - len(absent)} of {len(paths)} there"
    if not absent:
        return Finding(DATA, f"{name}, {what}", "ok", there)
    detail = f"{there}; no file for {absent[0]}: {paths[absent[0]]}"
    mend = (
        f"set BENCH_RELEASED to the folder of datasets_splits/ and labels/, or take the entries "
        f"out of '{what}' of {name}: they are then made by rule"
    )
    return Finding(DATA, f"{name}, {what}", "broken", detail, mend)
