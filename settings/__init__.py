"""Experimental protocols: which clips and class names a method is trained and scored on.

A setting is a module here with ``SETTING``, an installed package's (entry-point group
``bench.settings``) or one of a file given with ``--plugin``.
"""

from __future__ import annotations

from bench.ground.errors import UsageError
from bench.ground.extensions import BUILT_IN, Extensions, constant, modules_of
from settings.base import Setting


def _checked(value: object) -> Setting:
    if not isinstance(value, Setting):
        raise UsageError(f"SETTING is {value!r}, not an object whose class derives from Setting")
    lacking = [name for name in ("name", "title", "summary", "spread") if not hasattr(value, name)]
    if lacking:
        raise UsageError(f"setting {type(value).__name__} lacks {', '.join(lacking)}")
    return value


EXTENSIONS: Extensions[Setting] = Extensions(
    "setting",
    group="bench.settings",
    built_in=lambda: modules_of("settings", "SETTING"),
    check=_checked,
    found_in=constant("SETTING", lambda value: getattr(value, "name", type(value).__name__)),
)


def names() -> tuple[str, ...]:
    """Every setting: in the order of the paper's tables, then those that others bring."""
    return tuple(sorted(EXTENSIONS.names(), key=_table))


def _table(name: str) -> str:
    return EXTENSIONS.get(name).table if EXTENSIONS.origin(name) == BUILT_IN else "~"


def get(name: str) -> Setting:
    """The setting of that name.

    Raises:
        UsageError: There is none; the nearest name is suggested.
    """
    return EXTENSIONS.get(name)
