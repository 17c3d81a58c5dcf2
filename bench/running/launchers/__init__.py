"""Where jobs run: launchers by name, each a module of this folder with ``LAUNCHER``."""

from __future__ import annotations

from bench.ground.errors import UsageError
from bench.ground.extensions import Extensions, constant, modules_of
from bench.running.launchers.base import LauncherDefinition, LaunchOptions


def _checked(value: object) -> LauncherDefinition:
    if not isinstance(value, LauncherDefinition):
        raise UsageError(
            f"LAUNCHER is {value!r}, not a bench.running.launchers.base.LauncherDefinition"
        )
    if not (isinstance(value.options, type) and issubclass(value.options, LaunchOptions)):
        raise UsageError(
            f"the options of launcher '{value.name}' are {value.options!r}, which does not derive "
            "from bench.running.launchers.base.LaunchOptions"
        )
    return value


EXTENSIONS: Extensions[LauncherDefinition] = Extensions(
    "launcher",
    group="bench.launchers",
    built_in=lambda: modules_of("bench.running.launchers", "LAUNCHER"),
    check=_checked,
    found_in=constant("LAUNCHER", lambda launcher: getattr(launcher, "name", repr(launcher))),
)
