"""What ``bench methods``, ``settings``, ``datasets``, … print: every extension and its origin."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TypeVar

from bench.ground.errors import UsageError
from bench.ground.extensions import BUILT_IN, Extensions, load_plugins

T = TypeVar("T")


def add_plugin_flag(parser: argparse.ArgumentParser) -> None:
    """Declare ``--plugin``."""
    parser.add_argument("--plugin", action="append", default=[], metavar="FILE")


def show(extensions: Extensions[T], describe: Callable[[str], str], plugins: list[str]) -> int:
    """Print one line per extension, then what is not used and why.

    Args:
        extensions: The kind.
        describe: Name -> one line about it.
        plugins: Plug-in files that are read first.

    Returns:
        1 if something is not used, else 0.
    """
    left_out: list[object] = list(load_plugins(plugins))
    width = max(map(len, extensions.names()), default=0)
    for name, entry in extensions.entries().items():
        try:
            origin = "" if entry.origin == BUILT_IN else f" ({entry.origin})"
            print(f"{name:<{width}}  {describe(name)}{origin}")
        except UsageError as error:
            print(f"{name:<{width}}  not used, see below ({entry.origin})")
            left_out.append(error)
    left_out += extensions.shadowed()
    for one in left_out:
        print(f"bench: {one}", file=sys.stderr)
    return 1 if left_out else 0
