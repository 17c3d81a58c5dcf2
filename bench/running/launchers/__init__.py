"""Where jobs run: launchers by name, each a module of this folder with ``create(options)``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from bench.ground.errors import unknown_name

if TYPE_CHECKING:
    from bench.running.launchers.base import Launcher, LaunchOptions

_MODULES = {"local": "bench.running.launchers.local.launcher"}


def names() -> list[str]:
    """Every launcher; imports none of them."""
    return list(_MODULES)


def create(name: str, options: LaunchOptions) -> Launcher:
    """The launcher of that name.

    Raises:
        UsageError: There is none, or the options do not fit this machine.
    """
    if name not in _MODULES:
        raise unknown_name("launcher", name, _MODULES)
    launcher: Launcher = importlib.import_module(_MODULES[name]).create(options)
    return launcher
