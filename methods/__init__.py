"""The adapters: by name, with their facts, without importing torch until one is built.

Names come from the project's catalogue, from installed packages (entry-point group
``bench.methods``: name = adapter, value = class) and from files given with ``--plugin``.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.ground.errors import UsageError, unknown_name
from methods.catalogue import FACTS, LOCATIONS
from methods.facts import Facts, wanted_form

if TYPE_CHECKING:
    from torch import nn

    from methods.base import Method

ENTRY_POINTS = "bench.methods"


@dataclass(frozen=True)
class BrokenPlugin:
    """A plug-in that could not be loaded; the others are."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"plug-in {self.name} was left out: {self.reason}"


_PLUGINS: dict[str, type[Method]] = {}


def _entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    return _entry_points_on(tuple(sys.path))


@cache
def _entry_points_on(path: tuple[str, ...]) -> dict[str, importlib.metadata.EntryPoint]:
    """The installed adapters; looked up again when ``path`` (``sys.path``) changes."""
    found = importlib.metadata.entry_points(group=ENTRY_POINTS)
    return {point.name: point for point in found if point.name not in FACTS}


def names() -> tuple[str, ...]:
    """Every adapter's name: built-in ones first, then plug-ins. Does not import torch."""
    extra = sorted({*_entry_points(), *_PLUGINS} - set(FACTS))
    return (*FACTS, *extra)


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
    if adapter not in names():
        raise unknown_name("adapter", adapter, names())
    from methods.registry import METHODS

    registered: type[Method] | None = METHODS.module_dict.get(adapter)
    if registered is not None:
        return registered
    if adapter in LOCATIONS:
        location = LOCATIONS[adapter]
        cls = getattr(importlib.import_module(location.module), location.cls)
    else:
        cls = _load_entry_point(adapter)
    METHODS.register_module(name=adapter, module=cls)
    return cls


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


def load_plugins(paths: Sequence[str | Path]) -> list[BrokenPlugin]:
    """Register every adapter of the given Python files (``--plugin``).

    Loading a plug-in runs its code.

    Returns:
        The files that could not be used, each with its reason; the rest are loaded.
    """
    broken = []
    for path in map(Path, paths):
        try:
            _load_plugin(path)
        except Exception as error:  # a plug-in's own code may raise anything
            reason = str(error) if isinstance(error, UsageError) else _summary(error)
            broken.append(BrokenPlugin(str(path), reason))
    return broken


def code_sha256(adapter: str) -> str:
    """Hash of the code that an adapter's numbers depend on. Imports torch for plug-ins only.

    The adapter's own file, the modules that its catalogue entry names, ``methods/base.py`` and the
    towers in ``bench/clip.py``.

    Raises:
        UsageError: There is no such adapter, or its plug-in is broken.
    """
    if adapter in LOCATIONS:
        location = LOCATIONS[adapter]
        files = [_source(module) for module in (location.module, *location.sources)]
    else:
        files = [_source(module) for module in _own_modules(get(adapter))]
    digest = hashlib.sha256()
    for file in (*files, _source("methods.base"), _source("bench.clip")):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _own_modules(cls: type[Method]) -> list[str]:
    """Modules of a plug-in's class and of the adapters it derives from, with their sources."""
    between = [base.__module__ for base in cls.__mro__ if base.__module__ != "methods.base"]
    found = [name for name in between if name != cls.__module__ and name.startswith("methods.")]
    for location in LOCATIONS.values():
        if location.module in found:
            found += location.sources
    return [cls.__module__, *sorted(set(found))]


def _source(module: str) -> Path:
    loaded = sys.modules.get(module)
    origin = getattr(loaded, "__file__", None)
    if origin is None:
        spec = importlib.util.find_spec(module)
        origin = spec.origin if spec is not None else None
    if origin is None:
        raise UsageError(f"the code of module '{module}' cannot be found")
    return Path(origin)


def _load_entry_point(adapter: str) -> type[Method]:
    if adapter in _PLUGINS:
        return _PLUGINS[adapter]
    point = _entry_points()[adapter]
    package = point.dist.name if point.dist is not None else "an unknown package"
    try:
        return _checked(point.load())
    except Exception as error:  # a plug-in's own code may raise anything
        reason = str(error) if isinstance(error, UsageError) else _summary(error)
        raise UsageError(
            f"plug-in '{adapter}' of package {package} cannot be loaded: {reason}",
            got=point.value,
            next_step=f"mend or uninstall {package}; the other adapters work without it",
        ) from error


def _load_plugin(path: Path) -> None:
    if not path.is_file():
        raise UsageError("no such file")
    resolved = path.resolve()
    module_name = f"bench_plugin_{hashlib.sha256(str(resolved).encode()).hexdigest()[:12]}"
    if module_name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(module_name, resolved)
    if spec is None or spec.loader is None:
        raise UsageError("not a Python file (its name must end in .py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
        _register_all(module_name, vars(module))
    except BaseException:
        del sys.modules[module_name]
        raise


def _register_all(module_name: str, members: dict[str, Any]) -> None:
    import inspect

    from methods.base import Method

    found = {
        value.name: _checked(value)
        for value in members.values()
        if inspect.isclass(value)
        and issubclass(value, Method)
        and value.__module__ == module_name
        and not inspect.isabstract(value)
    }
    if not found:
        raise UsageError("it defines no class that derives from methods.base.Method")
    for name in found:
        if name in names():
            raise UsageError(f"its adapter '{name}' has the name of one that is already there")
    _PLUGINS.update(found)


def _checked(cls: Any) -> type[Method]:
    """``cls`` if it is an adapter that says all it must say."""
    from methods.base import Method

    if not (isinstance(cls, type) and issubclass(cls, Method)):
        raise UsageError(f"{cls!r} does not derive from methods.base.Method")
    lacking = [name for name in ("name", "title", "origin") if not hasattr(cls, name)]
    if lacking:
        raise UsageError(f"class {cls.__name__} lacks {', '.join(lacking)}")
    return cls


def _summary(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
