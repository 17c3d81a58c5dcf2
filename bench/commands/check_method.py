"""``bench check-method NAME``: does an adapter keep the contract?"""

from __future__ import annotations

import argparse

from bench.ground.extensions import load_plugins


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="adapter; 'all' for every one")
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="FILE", help="a file with adapters"
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the adapter that differs from its default",
    )
    parser.add_argument(
        "--num-frames", type=int, default=4, metavar="T", help="frames per video (default: 4)"
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print one line per check; 1 if one fails or a plug-in is broken."""
    import sys

    import methods
    from bench.commands.matrix_flags import parse_assignment
    from bench.ground.errors import unknown_name

    broken = load_plugins(args.plugin)
    for plugin in broken:
        print(plugin, file=sys.stderr)
    names = methods.names() if args.names == ["all"] else tuple(args.names)
    if broken and not set(names) <= set(methods.names()):
        return 1
    for name in names:
        if name not in methods.names():
            raise unknown_name("adapter", name, methods.names())
    options = dict(parse_assignment("--option", text) for text in args.option)
    passed = _check(names, options, args.num_frames, as_json=args.json)
    return 0 if passed and not broken else 1


def _check(
    names: tuple[str, ...], options: dict[str, object], num_frames: int, *, as_json: bool
) -> bool:
    import json

    from bench.conformance import suite as conformance

    documents, all_pass = {}, True
    for name in names:
        checks = conformance.run(name, options=options, num_frames=num_frames)
        all_pass = all_pass and conformance.passed(checks)
        if as_json:
            documents[name] = json.loads(conformance.report(checks, as_json=True))
        else:
            print(f"{name}\n{conformance.report(checks)}", flush=True)
    if as_json:
        print(json.dumps(documents, indent=1))
    return all_pass
