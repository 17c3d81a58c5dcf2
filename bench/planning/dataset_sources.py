"""Where the lists of a configuration's datasets come from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.data.datasets import CATALOGUE
from bench.data.lists.dataset_config import DatasetConfig
from bench.data.lists.sources import DatasetSource
from bench.ground.errors import unknown_name
from bench.planning.config import RunConfig


def source_of(config: RunConfig, dataset: str) -> DatasetSource:
    """The named lists of a dataset as a configuration has it.

    Raises:
        UsageError: The configuration does not have the dataset.
    """
    if dataset not in config.datasets:
        raise unknown_name(f"dataset in configuration '{config.name}'", dataset, config.datasets)
    chosen: Mapping[str, DatasetConfig] = config.datasets
    known = chosen[dataset].source
    return DatasetSource(
        config.catalogue[dataset],
        chosen[dataset],
        Path(config.cache).expanduser(),
        None if known is None else lambda: source_of(config, known).class_names(),
        config.labels,
    )


def default_config(dataset: str) -> str:
    """Name of the configuration that has a dataset of the catalogue."""
    return "mini" if CATALOGUE[dataset].synthetic else "paper"
