"""``bench datasets``: the datasets there are, and where a configuration has them."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--config", help="configuration file or name (default: mini)")


def run(args: argparse.Namespace) -> int:
    """One line a dataset; those that the configuration has say where they lie."""
    from bench.planning.load_config import load_config

    config = load_config(args.config)
    catalogue = config.catalogue
    width = max(map(len, catalogue))
    for name, spec in catalogue.items():
        place = config.datasets.get(name)
        if place is None:
            where = f"not in configuration '{config.name}'"
        elif place.generate:
            where = f"made on first use under {config.cache}"
        else:
            there = place.root is not None and Path(place.root).expanduser().is_dir()
            where = f"{place.root}" + ("" if there else " (not there)")
        print(f"{name:<{width}}  {spec.title}: {spec.summary}  [{where}]")
    return 0
