"""``bench pipelines``: the ways from a video to frames, and their options."""

from __future__ import annotations

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--plugin", action="append", default=[], metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """A line per pipeline and per option; 1 if a plug-in is broken."""
    from bench.data.pipelines import EXTENSIONS
    from bench.ground.extensions import load_plugins

    broken = load_plugins(args.plugin)
    refused = EXTENSIONS.refused()
    unusable = {one.name for one in refused if EXTENSIONS.origin(one.name) == one.origin}
    names = [name for name in EXTENSIONS.names() if name not in unusable]
    width = max(map(len, names))
    for name in names:
        pipeline = EXTENSIONS.get(name)
        print(f"{name:<{width}}  {pipeline.summary} ({EXTENSIONS.origin(name)})")
        for option, field in pipeline.options.model_fields.items():
            print(f"{'':<{width}}    {option} = {field.default!r}: {field.description or ''}")
    for problem in (*broken, *refused):
        print(f"bench: {problem}", file=sys.stderr)
    return 1 if broken else 0
