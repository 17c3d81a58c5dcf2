"""``bench new-method NAME``: the start of a new adapter, which works as it is, with its test."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("name", metavar="NAME", help="lower case, words joined by hyphens")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="default: this folder"
    )


def run(args: argparse.Namespace) -> int:
    """Write the two files and say what to do with them."""
    from methods.skeleton import write_skeleton

    adapter, test = write_skeleton(args.name, args.out)
    print(f"{adapter}  the adapter: a small method that works; make it yours")
    print(f"{test}  its test: pytest {test}")
    print(f"check it:  bench check-method {args.name} --plugin {adapter}")
    print(f"run it:    bench run --plugin {adapter} --method {args.name} --setting few-shot")
    return 0
