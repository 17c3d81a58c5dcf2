"""``bench methods``: the adapters there are."""

from __future__ import annotations

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--plugin", action="append", default=[], metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """One line an adapter; 1 if a plug-in is broken."""
    import methods

    broken = methods.load_plugins(args.plugin)
    names = methods.names()
    width = max(map(len, names))
    for name in names:
        facts = methods.facts(name)
        print(f"{name:<{width}}  {facts.title}: {facts.summary}")
    for plugin in broken:
        print(f"bench: {plugin}", file=sys.stderr)
    return 1 if broken else 0
