"""``bench data shard``: many video files into a few large tar files with an index."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    from bench.commands.data.arguments import byte_size

    parser.add_argument("--videos", type=Path, required=True, metavar="DIR", help="only read")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="made if need be")
    parser.add_argument(
        "--shard-size", type=byte_size, default=2**30, metavar="1G", help="close a shard at"
    )


def run(args: argparse.Namespace) -> int:
    """Pack and say what was done; 1 if a clip could not be packed."""
    import sys

    from bench.commands.data.arguments import counter, print_failures
    from bench.ground.byte_sizes import format_bytes
    from bench.upkeep.shards import write_shards

    with counter("packed") as show:
        report = write_shards(args.videos, args.out, shard_size=args.shard_size, progress=show)
    print(
        f"{report.packed} clips packed into {report.shards} shards "
        f"({format_bytes(report.bytes)}), {report.kept} lay in shards before"
    )
    if report.superseded:
        print(
            f"{report.superseded} clips had changed: their older bytes stay in their shards, "
            "unused; pack into an empty folder to be rid of them"
        )
    if report.failures:
        print_failures(report.failures, "packed", sys.stderr)
        return 1
    print(f"next: root = '{args.out.absolute()}' of the dataset in the configuration")
    return 0
