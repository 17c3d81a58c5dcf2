"""``bench data audit``: do lists, labels and clips fit, and does anything leak."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.ground.errors import DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "datasets", nargs="*", metavar="DATASET", help="default: all of the configuration"
    )
    parser.add_argument("--config", help="where they lie (default: paper, or mini for mini-…)")
    parser.add_argument(
        "--content", action="store_true", help="also find files of equal content (reads videos)"
    )
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Print what is wrong or surprising; 1 where something is wrong."""
    import json

    from bench.data.datasets import CATALOGUE
    from bench.ground.errors import unknown_name
    from bench.planning.dataset_sources import default_config
    from bench.planning.load_config import load_config
    from bench.upkeep.audits.dataset_audit import audit_dataset
    from bench.upkeep.audits.report import audit_text, audit_tree

    config = None if args.config is None else load_config(args.config)
    catalogue = CATALOGUE if config is None else config.catalogue
    for name in args.datasets:
        if name not in catalogue:
            raise unknown_name("dataset", name, catalogue)
    if config is None:
        config = load_config(default_config(args.datasets[0]) if args.datasets else "paper")
    names = args.datasets or [name for name in config.datasets if catalogue[name].settings]
    audits = [audit_dataset(config, name, content=args.content) for name in names]
    if args.json:
        print(json.dumps(audit_tree(audits), indent=1))
    else:
        print(audit_text(audits))
    bare = [audit.dataset for audit in audits if not (audit.lists or audit.failed)]
    if bare and (args.datasets or len(bare) == len(audits)):
        raise _nothing_there(bare)
    return 1 if any(audit.failed for audit in audits) else 0


def _nothing_there(datasets: Sequence[str]) -> DataError:
    """That nothing was found wrong because nothing was looked at."""
    from bench.ground.errors import DataError

    return DataError(
        f"nothing of {', '.join(datasets)} could be audited",
        got="no list that is there, or that could be made",
        next_step=f"bench data prepare {datasets[0]} --videos <folder> --annotations <folder>; or "
        "name the configuration that says where they lie: --config F",
    )
