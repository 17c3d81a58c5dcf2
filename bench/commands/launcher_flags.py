"""``--launcher NAME`` and the flags that this launcher declares."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bench.ground.errors import UsageError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from bench.running.launchers.base import Launcher, LauncherDefinition, LaunchOptions

_ALLOWED = {
    "greater_than_equal": "{ge} or more",
    "greater_than": "more than {gt}",
    "less_than_equal": "{le} or less",
    "less_than": "less than {lt}",
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
}
"""What is allowed in place of a value that pydantic refused, by the kind of its complaint."""


def add_launcher_flag(parser: argparse.ArgumentParser) -> None:
    """Declare ``--launcher``."""
    parser.add_argument(
        "--launcher", default="local", metavar="NAME", help="where jobs run (see: bench launchers)"
    )


def add_options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Declare the flags of the launcher that ``args`` names.

    Raises:
        UsageError: There is no such launcher, or a plug-in cannot be used.
    """
    definition = chosen(args)
    options = definition.options
    group = parser.add_argument_group(f"launcher {definition.name}")
    for name, field in options.model_fields.items():
        flag = f"--{name.replace('_', '-')}"
        if field.annotation is bool:
            group.add_argument(flag, dest=name, action="store_true", help=field.description)
        else:
            group.add_argument(
                flag,
                dest=name,
                type=_reader(options, name),
                metavar="VALUE",
                help=field.description,
            )


def chosen(args: argparse.Namespace) -> LauncherDefinition:
    """The launcher that the flags name, with the plug-ins read.

    Raises:
        UsageError: There is no such launcher, or a plug-in cannot be used.
    """
    from bench.ground.extensions import load_plugins
    from bench.running.launchers import EXTENSIONS

    broken = load_plugins(getattr(args, "plugin", []))
    if broken:
        raise UsageError("\n".join(map(str, broken)), next_step="fix the file, or leave it out")
    return EXTENSIONS.get(args.launcher)


def create(args: argparse.Namespace) -> Launcher:
    """The launcher with its options.

    Raises:
        UsageError: The options do not fit this machine.
    """
    definition = chosen(args)
    given = {name: getattr(args, name, None) for name in definition.options.model_fields}
    options = definition.options(**{k: value for k, value in given.items() if value is not None})
    return definition.create(options)


def _reader(options: type[LaunchOptions], name: str) -> Callable[[str], Any]:
    """Turns the text of a flag into the value of an option."""
    from pydantic import ValidationError

    def read(text: str) -> Any:
        try:
            return getattr(options.model_validate({name: text}), name)
        except ValidationError as error:
            raise argparse.ArgumentTypeError(f"got {text}, allowed: {_allowed(error)}") from error

    return read


def _allowed(error: ValidationError) -> str:
    problem = error.errors()[0]
    form = _ALLOWED.get(problem["type"])
    return problem["msg"] if form is None else form.format(**problem.get("ctx", {}))
