"""What ``bench data prepare`` leaves behind, and how configurations find it.

Everything lies in ``<data>/prepared``: ``<dataset>.csv`` (the manifest), ``<dataset>.json`` (this
schema), ``<dataset>.missing.txt``, and ``<dataset>.index.json`` (what was known of the folders).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.data.datasets import CATALOGUE
from bench.data.official.released import released_paths
from bench.ground.errors import DataError
from bench.ground.files import write_whole

DATA_VARIABLE, RELEASED_VARIABLE = "BENCH_DATA", "BENCH_RELEASED"
DEFAULT_DATA = "data"

FLAG = "--data DIR, or BENCH_DATA"
"""What names the folder."""


def formats() -> dict[str, str]:
    """Datasets that can be prepared, and the format of their official annotations."""
    return {name: spec.format for name, spec in CATALOGUE.items() if spec.format is not None}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SplitCount(_Frozen):
    """Clips of an official split, or of a class."""

    listed: int
    present: int


class Difference(_Frozen):
    """A kind of disagreement between the annotations and the folder."""

    count: int
    examples: tuple[str, ...] = Field(description="the first few paths")


class AnnotationFile(_Frozen):
    """An official file that was read."""

    path: str
    bytes: int
    sha256: str


class Prepared(_Frozen):
    """A prepared dataset."""

    schema_version: Literal[1] = 1
    dataset: str
    format: str
    videos: str = Field(description="folder, absolute")
    annotations: str = Field(description="folder, absolute")
    released: str | None = Field(description="folder with datasets_splits/ and labels/, absolute")
    prepared: str = Field(description="UTC, ISO 8601")
    manifest: str = Field(description="file beside this one")
    manifest_sha256: str
    annotation_files: tuple[AnnotationFile, ...]
    classes: int = Field(description="0 where clips have captions instead")
    captions: int = 0
    clips: int
    present: int
    splits: dict[str, SplitCount]
    by_class: dict[str, SplitCount] = Field(description="classes that miss clips, and only they")
    differences: dict[str, Difference]
    off_size: dict[str, dict[str, int]] = Field(
        default={},
        description="class -> official split -> annotated clips, where the official count of every "
        "class is known and is another",
    )

    @property
    def missing(self) -> int:
        """Annotated clips that are not there."""
        return self.clips - self.present


def data_folder(given: Path | None = None) -> Path:
    """Where datasets are prepared: the given folder, ``$BENCH_DATA``, or ``data``."""
    return (given or Path(os.environ.get(DATA_VARIABLE) or DEFAULT_DATA)).expanduser()


def prepared_file(data: Path, dataset: str, suffix: str) -> Path:
    """A file of a prepared dataset: ``.csv``, ``.json``, ``.missing.txt``, ``.index.json``."""
    return data / "prepared" / f"{dataset}{suffix}"


def read_prepared(data: Path, dataset: str) -> Prepared | None:
    """What is known of a dataset; None when it has not been prepared.

    Raises:
        DataError: The file is damaged, or of another version.
    """
    path = prepared_file(data, dataset, ".json")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"cannot read {path.name}", got=f"{path}: {error.strerror}") from error
    try:
        return Prepared.model_validate_json(content)
    except ValidationError as error:
        raise DataError(
            f"{path} is no description of a prepared dataset",
            got=str(error.errors()[0]["msg"]),
            next_step=f"delete it, then: bench data prepare {dataset} --videos <folder> "
            "--annotations <folder>",
        ) from error


def write_prepared(data: Path, prepared: Prepared) -> None:
    """Write a description; the file is whole or not there.

    Raises:
        DataError: The folder cannot be written to.
    """
    content = prepared.model_dump_json(indent=1).encode("utf-8", errors="surrogateescape")
    write_whole(prepared_file(data, prepared.dataset, ".json"), content, flag=FLAG)


def configured(dataset: str) -> dict[str, Any]:
    """A dataset's entry in a configuration: where it was prepared, else where it is expected.

    Unprepared datasets are expected in ``<data>/<dataset>/videos`` and ``…/annotations``. The
    released lists are those under ``$BENCH_RELEASED``, else those that were named when it was
    prepared; a prepared dataset for which none were named has lists made by rule.

    Raises:
        DataError: The description of the prepared dataset is damaged.
    """
    data = data_folder()
    known = read_prepared(data, dataset)
    released = os.environ.get(RELEASED_VARIABLE) or (
        str(data / "released") if known is None else known.released
    )
    lists, labels = ({}, {}) if released is None else released_paths(dataset, released)
    place = {
        "format": formats()[dataset],
        "lists": lists,
        "labels": labels,
        "source": CATALOGUE[dataset].draws_without,
    }
    if known is None:
        below = data / dataset
        return {**place, "root": str(below / "videos"), "annotations": str(below / "annotations")}
    return {
        **place,
        "root": known.videos,
        "annotations": known.annotations,
        "manifest": str(prepared_file(data, dataset, ".csv").absolute()),
    }
