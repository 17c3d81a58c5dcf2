"""``bench data check``: does every video decode, before a run finds out."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.flag_values import at_least_one, seconds

if TYPE_CHECKING:
    from bench.upkeep.checking.targets import CheckTarget


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("target", metavar="DATASET|FOLDER|LIST", help="what to check")
    parser.add_argument("--config", help="where datasets lie (default: paper, or mini)")
    parser.add_argument("--root", type=Path, metavar="DIR", help="folder of a LIST's videos")
    parser.add_argument(
        "--list", action="append", default=[], dest="lists", metavar="NAME", help="of a DATASET"
    )
    parser.add_argument(
        "--frames",
        choices=("ends", "all"),
        default="ends",
        help="first, middle and last, or every frame with damage that decoders hide",
    )
    parser.add_argument("--jobs", type=at_least_one, metavar="N", help="processes (default: cores)")
    parser.add_argument(
        "--time-limit", type=seconds, default=60.0, metavar="S", help="for a clip (default: 60)"
    )
    parser.add_argument(
        "--memory-limit",
        type=at_least_one,
        default=2048,
        metavar="MB",
        help="for a process (default: 2048)",
    )
    parser.add_argument(
        "--min-frames", type=at_least_one, default=8, metavar="T", help="fewer are suspect"
    )
    parser.add_argument("--again", action="store_true", help="decode known clips too")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where verdicts are kept")
    parser.add_argument("--out", type=Path, metavar="DIR", help="for bad.txt and check.json")
    parser.add_argument("--json", action="store_true", help="print check.json instead")


def run(args: argparse.Namespace) -> int:
    """Check, say what is wrong and write it down; 1 where a clip is bad."""
    import json

    from bench.upkeep.checking.check import check
    from bench.upkeep.checking.report import report_text, report_tree, write_report
    from bench.upkeep.checking.sweep import SweepOptions
    from bench.upkeep.checking.verdict_cache import Limits

    target, cache = _target(args)
    options = SweepOptions(
        depth=args.frames,
        jobs=args.jobs or len(os.sched_getaffinity(0)),
        limits=Limits(args.time_limit, args.memory_limit << 20),
        again=args.again,
    )
    report = check(target, cache, options, min_frames=args.min_frames)
    bad, tree = write_report(report, args.out or cache / "checked" / target.name)
    if args.json:
        print(json.dumps(report_tree(report), indent=1))
    else:
        print(report_text(report))
        print(f"\nwritten: {bad}, {tree.name}")
    if report.bad and not args.json:
        print(
            "next: get these clips again, or say in the configuration what a run does without "
            "them (policy); nothing is left out by itself",
            file=sys.stderr,
        )
    return 1 if report.bad else 0


def _target(args: argparse.Namespace) -> tuple[CheckTarget, Path]:
    from bench.data.datasets import CATALOGUE
    from bench.ground.errors import UsageError, nearest
    from bench.planning.dataset_sources import default_config
    from bench.planning.load_config import load_config
    from bench.upkeep.checking.targets import dataset_target, folder_target, list_target

    path = Path(args.target).expanduser()
    # A configuration may bring datasets of its own along.
    config = None if args.config is None else load_config(args.config)
    datasets = CATALOGUE if config is None else config.catalogue
    if args.target not in datasets and args.lists:
        raise UsageError("--list is for datasets", got=args.target, allowed=", ".join(datasets))
    if args.target in datasets:
        config = config or load_config(default_config(args.target))
        cache = args.cache or Path(config.cache).expanduser()
        return dataset_target(config, args.target, args.lists), cache
    cache = args.cache or Path("runs/cache" if config is None else config.cache).expanduser()
    if path.is_dir():
        return folder_target(path), cache
    if path.is_file():
        if args.root is None:
            raise UsageError(
                f"where the videos of {path.name} lie is not said",
                next_step="bench data check LIST --root DIR",
            )
        return list_target(path, args.root.expanduser()), cache
    guess = nearest(args.target, datasets)
    raise UsageError(
        f"there is no dataset, folder or list '{args.target}'"
        + (f"; did you mean '{guess}'?" if guess else ""),
        allowed="a folder, a list file, or one of: " + ", ".join(datasets),
    )
