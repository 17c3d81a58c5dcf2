"""``bench datasets``: the datasets there are, and where a configuration has them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands import extension_list

if TYPE_CHECKING:
    from bench.data.datasets.base import DatasetSpec
    from bench.planning.config import RunConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--config", help="configuration file or name (default: mini)")
    extension_list.add_plugin_flag(parser)


def run(args: argparse.Namespace) -> int:
    """One line per dataset: where it lies; 1 if one of them cannot be used."""
    from bench.data.datasets import CATALOGUE, EXTENSIONS
    from bench.planning.load_config import load_config

    config = load_config(args.config)
    status = extension_list.show(
        EXTENSIONS,
        lambda name: (
            f"{CATALOGUE[name].title}: {CATALOGUE[name].summary}  [{_where(config, name)}]"
        ),
        args.plugin,
    )
    for name in config.datasets:
        if name not in CATALOGUE:
            spec = config.catalogue[name]
            print(f"{name}  {_line(spec, _where(config, name))}")
    return status


def _line(spec: DatasetSpec, where: str) -> str:
    return f"{spec.title}: {spec.summary}  [{where}]"


def _where(config: RunConfig, name: str) -> str:
    place = config.datasets.get(name)
    if place is None:
        return f"not in configuration '{config.name}'"
    if place.generate:
        return f"made on first use under {config.cache}"
    there = place.root is not None and Path(place.root).expanduser().is_dir()
    return f"{place.root}" + ("" if there else " (not there)")
