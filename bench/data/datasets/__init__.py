"""The datasets by name: a file each, with everything that is known of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.data.datasets.base import DatasetSpec
from bench.ground.errors import UsageError
from bench.ground.extensions import Extensions, constant, modules_of


def _checked(value: object) -> DatasetSpec:
    if not isinstance(value, DatasetSpec):
        raise UsageError(f"DATASET is {value!r}, not a bench.data.datasets.base.DatasetSpec")
    return value


EXTENSIONS: Extensions[DatasetSpec] = Extensions(
    "dataset",
    group="bench.datasets",
    built_in=lambda: modules_of("bench.data.datasets", "DATASET"),
    check=_checked,
    found_in=constant("DATASET", lambda value: getattr(value, "name", repr(value))),
)


class _Catalogue(Mapping[str, DatasetSpec]):
    """``EXTENSIONS`` as a mapping; those that cannot be used are not in it."""

    def __getitem__(self, name: str) -> DatasetSpec:
        if name not in EXTENSIONS.entries():
            raise KeyError(name)
        return EXTENSIONS.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(EXTENSIONS.usable())

    def __len__(self) -> int:
        return len(EXTENSIONS.usable())


CATALOGUE: Mapping[str, DatasetSpec] = _Catalogue()


def stems_name_clips(dataset: str) -> bool:
    """Whether a clip's file name is its own whatever folder it lies in, see ``DatasetSpec``."""
    return dataset in CATALOGUE and CATALOGUE[dataset].published
