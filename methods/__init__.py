"""The adapters: by name, with their facts, without importing torch until one is built.

A method is a folder here (``xclip/adapter.py`` with ``facts.py``), a single file, an installed
package's class (entry-point group ``bench.methods``) or a class in a file given with ``--plugin``.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import fields
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bench.ground.errors import UsageError, unknown_name
from bench.ground.extensions import BUILT_IN, Entry, Extensions
from methods.facts import Facts, wanted_form

if TYPE_CHECKING:
    from torch import nn

    from methods.base import Method


def _folders() -> list[ModuleType]:
    """The ``facts`` modules of the methods in this folder, in the order of lists.

    Each has ``ADAPTERS`` (module and class -> facts) and ``ORDER``, its place.
    """
    folders = [file.parent.name for file in Path(__file__).parent.glob("*/facts.py")]
    modules = [importlib.import_module(f"methods.{folder}.facts") for folder in folders]
    return sorted(modules, key=lambda module: (module.ORDER, module.__name__))


@cache
def _built_in() -> dict[str, tuple[str, Facts]]:
    """Name -> module and class, and facts, of the adapters in this folder."""
    return {
        facts.name: (where, facts)
        for module in _folders()
        for where, facts in module.ADAPTERS.items()
    }


def _entries() -> list[Entry]:
    """The adapters of this folder: those with facts, then the classes in single files."""
    return [
        *(
            Entry(name, BUILT_IN, partial(_class_at, where), where.partition(":")[0])
            for name, (where, _) in _built_in().items()
        ),
        *(
            entry
            for file in sorted(Path(__file__).parent.glob("*.py"))
            if file.stem not in _CONTRACT
            for entry in _entries_of_file(file.stem)
        ),
    ]


def _class_at(where: str) -> object:
    module, _, cls = where.partition(":")
    return getattr(importlib.import_module(module), cls)


def _entries_of_file(stem: str) -> list[Entry]:
    """The adapters of a single-file method; imports torch."""
    module = importlib.import_module(f"methods.{stem}")
    return [
        Entry(name, BUILT_IN, lambda cls=cls: cls, module.__name__)  # type: ignore[misc]
        for name, cls in _adapters_of(module).items()
    ]


def _adapters_of(module: ModuleType) -> dict[str, object]:
    """The classes that a module defines, by the name of the adapter."""
    import inspect

    base = sys.modules.get("methods.base")
    if base is None:  # whoever derives from the contract has imported it
        return {}
    return {
        getattr(value, "name", value.__name__): value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, base.Method)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
    }


def _checked(cls: object) -> type[Method]:
    """``cls`` if it is an adapter that says all it must say."""
    from methods.base import Method

    if not (isinstance(cls, type) and issubclass(cls, Method)):
        raise UsageError(f"{cls!r} does not derive from methods.base.Method")
    lacking = [name for name in ("name", "title", "origin") if not hasattr(cls, name)]
    if lacking:
        raise UsageError(f"class {cls.__name__} lacks {', '.join(lacking)}")
    return cls


_CONTRACT = ("__init__", "base", "facts", "image_tower")
EXTENSIONS: Extensions[type[Method]] = Extensions(
    "adapter",
    group="bench.methods",
    built_in=_entries,
    check=_checked,
    found_in=_adapters_of,
)


def names() -> tuple[str, ...]:
    """Every adapter's name: built-in ones first, then packages and plug-in files."""
    return EXTENSIONS.names()


def facts(adapter: str) -> Facts:
    """What an adapter says of itself. Imports torch for plug-ins and single files only.

    Raises:
        UsageError: There is no such adapter, or its plug-in is broken.
    """
    if adapter in _built_in():
        return _built_in()[adapter][1]
    cls = get(adapter)
    return Facts(**{item.name: getattr(cls, item.name) for item in fields(Facts)})


def get(adapter: str) -> type[Method]:
    """The class of an adapter.

    Raises:
        UsageError: There is no such adapter, or its plug-in is broken.
    """
    return EXTENSIONS.get(adapter)


def published_recipes() -> dict[str, Any]:
    """The recipe rules of every method (``methods/<name>/recipe.py``), by name.

    In the order of the methods; later rules win. Those of the ViFi-CLIP family name no method: they
    hold where no other method's rule does, so they come first.
    """
    packages = [module.__name__.rpartition(".")[0] for module in _folders()]
    rules: dict[str, Any] = {}
    for package in packages:
        if importlib.util.find_spec(f"{package}.recipe") is not None:
            rules.update(importlib.import_module(f"{package}.recipe").RECIPES)
    return rules


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
        num_frames: Frames per view, T.
        **options: Options of the adapter; what is not given has the adapter's default.

    Raises:
        UsageError: Unknown adapter or option, a value of the wrong kind, no class names, or no
            frames.

    Example:
        >>> import torch
        >>> from bench.clip.backbone_ref import BackboneRef
        >>> from bench.clip import load_backbone
        >>> from bench.clip.mini_clip import MODEL_FILE, WEIGHTS_FILE
        >>> ref = BackboneRef(model=str(MODEL_FILE), weights=str(WEIGHTS_FILE), quick_gelu=True)
        >>> clip = load_backbone(ref).model
        >>> names = ["jump", "run", "swim"]
        >>> vifi = create("vifi-clip", clip=clip, class_names=names, num_frames=4)
        >>> vifi.prompts[0]
        'a photo of a jump.'
        >>> video = torch.zeros(2, 4, 3, 32, 32)  # [B,T,3,H,W]
        >>> vifi(video).shape  # [B,C]
        torch.Size([2, 3])
    """
    import copy

    cls = get(adapter)
    for option, value in options.items():
        _check_option(cls, adapter, option, value)
    if not class_names:
        raise UsageError(f"{adapter} needs at least one class name", got="an empty list")
    if num_frames < 1:
        raise UsageError(f"{adapter} needs at least one frame", got=num_frames, allowed=">= 1")
    return cls(copy.deepcopy(clip), class_names, num_frames, **{**cls.options, **options})


def _check_option(cls: type[Method], adapter: str, option: str, value: object) -> None:
    if option not in cls.options:
        raise unknown_name(f"option of {adapter}", option, cls.options)
    form = wanted_form(cls.options, cls.choices, option, value)
    if form is not None and option in cls.choices:
        raise unknown_name(f"{option} of {adapter}", str(value), cls.choices[option])
    if form is not None:
        raise UsageError(f"{adapter}: {option} must be {form}", got=repr(value))
