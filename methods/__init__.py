"""The adapters: by name, with their facts, without importing torch until one is built.

Names come from the project's catalogue, from installed packages (entry-point group
``bench.methods``: name = adapter, value = class) and from files given with ``--plugin``.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bench.ground.errors import UsageError, unknown_name
from bench.ground.extensions import BUILT_IN, Entry, Extensions, load_plugins
from methods.catalogue import FACTS, LOCATIONS, Location
from methods.facts import Facts, wanted_form

__all__ = ["EXTENSIONS", "FACTS", "create", "facts", "get", "load_plugins", "names"]

if TYPE_CHECKING:
    from torch import nn

    from methods.base import Method


def names() -> tuple[str, ...]:
    """Every adapter's name: built-in ones first, then plug-ins. Does not import torch."""
    return EXTENSIONS.names()


def facts(adapter: str) -> Facts:
    """What an adapter says of itself. Imports torch for plug-ins only.

    Raises:
        UsageError: There is no such adapter, or its plug-in is broken.
    """
    if adapter in FACTS:
        return FACTS[adapter]
    cls = get(adapter)
    return Facts(**{item.name: getattr(cls, item.name) for item in fields(Facts)})


def get(adapter: str) -> type[Method]:
    """The class of an adapter.

    Raises:
        UsageError: There is no such adapter, or its plug-in is broken.
    """
    return EXTENSIONS.get(adapter)


def create(
    adapter: str,
    *,
    clip: nn.Module,
    class_names: Sequence[str],
    num_frames: int,
    **options: Any,
) -> Method:
    """Build an adapter on a copy of ``clip``, which stays as it is.

    Args:
        adapter: One of ``names()``.
        clip: An open_clip ``CLIP`` with its weights loaded (``bench.clip.load_backbone``).
        class_names: The C class names as the label file has them.
        num_frames: Frames a view, T.
        **options: Options of the adapter; what is not given has the adapter's default.

    Raises:
        UsageError: Unknown adapter or option, a value of the wrong kind, no class names, or no
            frames.
    """
    import copy

    cls = get(adapter)
    for option in options:
        if option not in cls.options:
            raise unknown_name(f"option of {adapter}", option, cls.options)
        value = options[option]
        form = wanted_form(cls.options, cls.choices, option, value)
        if form is not None and option in cls.choices:
            raise unknown_name(f"{option} of {adapter}", str(value), cls.choices[option])
        if form is not None:
            raise UsageError(f"{adapter}: {option} must be {form}", got=repr(value))
    if not class_names:
        raise UsageError(f"{adapter} needs at least one class name", got="an empty list")
    if num_frames < 1:
        raise UsageError(f"{adapter} needs at least one frame", got=num_frames, allowed=">= 1")
    return cls(copy.deepcopy(clip), class_names, num_frames, **{**cls.options, **options})


def _built_in() -> list[Entry]:
    return [
        Entry(name, BUILT_IN, partial(_class_at, location), location.module)
        for name, location in LOCATIONS.items()
    ]


def _class_at(location: Location) -> object:
    return getattr(importlib.import_module(location.module), location.cls)


def _adapters_in(module: ModuleType) -> dict[str, object]:
    import inspect

    from methods.base import Method

    return {
        _checked(value).name: value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Method)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
    }


def _checked(cls: Any) -> type[Method]:
    """``cls`` if it is an adapter that says all it must say."""
    from methods.base import Method

    if not (isinstance(cls, type) and issubclass(cls, Method)):
        raise UsageError(f"{cls!r} does not derive from methods.base.Method")
    lacking = [name for name in ("name", "title", "origin") if not hasattr(cls, name)]
    if lacking:
        raise UsageError(f"class {cls.__name__} lacks {', '.join(lacking)}")
    return cls


EXTENSIONS = Extensions(
    "adapter", group="bench.methods", built_in=_built_in, check=_checked, found_in=_adapters_in
)
