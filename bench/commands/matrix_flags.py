"""The flags that name a configuration and a part of its matrix; shared by ``run`` and ``plan``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench.ground.errors import UsageError
from bench.ground.extensions import load_plugins

if TYPE_CHECKING:
    from bench.planning.config import RunConfig
    from bench.planning.selection import Selection


def add_matrix_flags(parser: argparse.ArgumentParser) -> None:
    """Declare ``--config`` and the selection flags."""
    parser.add_argument("--config", help="configuration file or name (default: mini)")
    parser.add_argument("--all", action="store_true", help="everything in the configuration")
    for flag, what in (
        ("--method", "a row; may be given several times"),
        ("--setting", "a setting; may be given several times"),
        ("--dataset", "an evaluated dataset; may be given several times"),
    ):
        parser.add_argument(flag, action="append", default=[], metavar="NAME", help=what)
    parser.add_argument(
        "--table", action="append", default=[], type=int, metavar="N", help="a table of the paper"
    )
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="FILE",
        help="a Python file with further adapters; it is run as code",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a configuration key, e.g. settings.few-shot.options.shots=[2,4]",
    )
    _add_protocol_flags(parser)
    parser.add_argument("--out", metavar="DIR", help="run folder (default: runs/<configuration>)")


def _add_protocol_flags(parser: argparse.ArgumentParser) -> None:
    """Flags for keys of the configuration that change what a number means."""
    for flag, choices, what in (
        ("--policy", ("error", "count-as-wrong", "exclude"), "clips that cannot be scored"),
        ("--train-policy", ("error", "replace-within-class", "skip"), "those to train on"),
        ("--labels", ("paper", "official"), "class names: the label files as they are, or right"),
    ):
        parser.add_argument(
            flag, choices=choices, help=f"{what} (default: as the configuration says: {choices[0]})"
        )
    parser.add_argument(
        "--allow-overlap",
        action="store_true",
        help="score clips that were trained on; such numbers are marked and not ranked with others",
    )


def _protocol_overrides(args: argparse.Namespace) -> dict[str, object]:
    given = {name: getattr(args, name) for name in ("policy", "train_policy", "labels")}
    chosen = {name: value for name, value in given.items() if value is not None}
    return {**chosen, **({"allow_overlap": True} if args.allow_overlap else {})}


def configuration(
    args: argparse.Namespace, changes: Mapping[str, object] | None = None
) -> RunConfig:
    """The configuration that the flags name, with rows for plug-in adapters put in.

    Args:
        args: What ``add_matrix_flags`` declares.
        changes: Further keys and values; they win over ``--set``.

    Raises:
        UsageError: A plug-in cannot be used, or an override is no ``key=value``.
        ConfigError: The configuration is wrong.
    """
    import methods
    from bench.planning.load_config import load_config

    overrides = dict(parse_assignment("--set", text) for text in args.set)
    overrides |= _protocol_overrides(args)
    known = set(methods.names())
    if args.plugin:
        broken = load_plugins(args.plugin)
        if broken:
            raise UsageError("\n".join(map(str, broken)), next_step="mend the file, or drop it")
        overrides["plugins"] = tuple(str(Path(path).absolute()) for path in args.plugin)
    config = load_config(args.config, overrides)
    brought = [name for name in methods.names() if name not in known]
    for name in (*brought, *args.method):
        if name not in config.methods and name in methods.names():
            overrides[f"methods.{name}"] = {"adapter": name}
    return load_config(args.config, {**overrides, **(changes or {})})


def parse_assignment(flag: str, text: str) -> tuple[str, object]:
    """``KEY=VALUE`` of a flag; a value that is no Python literal is text.

    Raises:
        UsageError: There is no ``=``, or nothing before it.
    """
    import ast

    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"{flag} {text}: no '='", allowed=f"{flag} KEY=VALUE")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key, value


def selection(args: argparse.Namespace) -> Selection:
    """The part of the matrix that the flags name.

    Raises:
        UsageError: ``--all`` together with a part.
    """
    from bench.planning.selection import Selection

    chosen = Selection(
        tuple(args.method), tuple(args.setting), tuple(args.dataset), tuple(args.table)
    )
    if args.all and not chosen.everything:
        raise UsageError(f"--all and {chosen} contradict each other", next_step="drop one of them")
    return chosen


def run_folder(args: argparse.Namespace, config: RunConfig) -> Path:
    """Where the run's files go."""
    return Path(args.out) if args.out else Path("runs") / config.name
