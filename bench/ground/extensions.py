"""Extensions: things of one kind, found by name, from this project, from packages and from files.

Every kind of thing that somebody may add (a method, a pipeline, a dataset, a setting, a launcher, a
report format, a source of class texts, a metric) has one ``Extensions``. An extension comes from

* this project: a module in the kind's folder;
* an installed package: an entry point in the kind's group;
* a file given with ``--plugin``.

Names are listed without importing what they stand for. What cannot be used is left out and listed
with its reason; the rest works.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

from bench.ground.code_digest import PLUGIN_FILE, code_sha256
from bench.ground.errors import UsageError, unknown_name

T = TypeVar("T")

BUILT_IN = "built in"
_PLUGIN_MODULE = "bench_plugin_"

KINDS: dict[str, str] = {
    "adapter": "methods",
    "pipeline": "bench.data.pipelines",
    "metric": "bench.metrics",
    "launcher": "bench.running.launchers",
    "dataset": "bench.data.datasets",
    "class-text source": "bench.data.lists.class_texts",
    "setting": "settings",
    "report format": "reports.formats",
}
"""Kind -> the package that holds its ``EXTENSIONS``; imported when a plug-in file is read."""


@dataclass(frozen=True)
class Entry:
    """One extension that has not been imported yet.

    Attributes:
        name: Its name in configurations and on the command line.
        origin: ``built in``, ``package NAME VERSION`` or ``file PATH``.
        load: Imports it.
        module: The module that defines it, where ``bench.ground.code_digest`` starts.
    """

    name: str
    origin: str
    load: Callable[[], object]
    module: str = ""


@dataclass(frozen=True)
class Refused:
    """An extension that is not used, and why."""

    kind: str
    name: str
    origin: str
    reason: str

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}' ({self.origin}) was left out: {self.reason}"


class Extensions(Generic[T]):
    """All extensions of one kind.

    Args:
        kind: What one is called, in the singular: ``setting``.
        group: Entry-point group: ``bench.settings``.
        built_in: Lists those of this project without importing them.
        check: Gives an extension back if it is complete; raises ``UsageError`` that says what it
            lacks.
        found_in: The extensions that a plug-in module defines, by name.
    """

    def __init__(
        self,
        kind: str,
        *,
        group: str,
        built_in: Callable[[], Iterable[Entry]],
        check: Callable[[object], T],
        found_in: Callable[[ModuleType], Mapping[str, object]],
    ) -> None:
        self.kind = kind
        self.group = group
        self._built_in = {entry.name: entry for entry in built_in()}
        self._check = check
        self._found_in = found_in
        self._from_files: dict[str, Entry] = {}
        self._loaded: dict[str, T] = {}

    def entries(self) -> dict[str, Entry]:
        """Name -> entry: built-in ones first, then packages, then files. Imports none."""
        return {**self._built_in, **self._packages()[0], **self._from_files}

    def names(self) -> tuple[str, ...]:
        """Every name, in the order of ``entries``."""
        return tuple(self.entries())

    def origin(self, name: str) -> str:
        """Where an extension comes from: ``built in``, a package or a file."""
        return self._entry(name).origin

    def code_sha256(self, name: str) -> str:
        """Hash of the code that an extension's results depend on; see ``code_digest``."""
        return code_sha256(self._entry(name).module)

    def get(self, name: str) -> T:
        """The extension of that name.

        Raises:
            UsageError: There is none, or it cannot be used: its origin and what it lacks.
        """
        if name not in self._loaded:
            self._loaded[name] = self._usable(self._entry(name))
        return self._loaded[name]

    def usable(self) -> dict[str, T]:
        """Name -> extension, without those that ``get`` would refuse."""
        found = {}
        for name in self.names():
            try:
                found[name] = self.get(name)
            except UsageError:  # whoever asks for it by name is told
                continue
        return found

    def shadowed(self) -> tuple[Refused, ...]:
        """Installed extensions that are not used because their name is taken."""
        return self._packages()[1]

    def entries_in(self, module: ModuleType, path: Path) -> dict[str, Entry]:
        """What a plug-in file defines of this kind.

        Raises:
            UsageError: A name is taken, or an extension is incomplete.
        """
        entries = {}
        for name, value in self._found_in(module).items():
            if name in self.entries():
                raise UsageError(
                    f"its {self.kind} '{name}' has the name of one that is already there "
                    f"({self.origin(name)})",
                    next_step=f"give your {self.kind} another name",
                )
            self._check(value)
            load = partial(_itself, value)
            entries[name] = Entry(name, f"file {path}", load, module.__name__)
        return entries

    def add(self, entries: Mapping[str, Entry]) -> None:
        """Use these too."""
        self._from_files.update(entries)

    def forget(self, names: Iterable[str]) -> None:
        """Drop extensions of plug-in files; other names are left alone."""
        for name in set(names) & set(self._from_files):
            del self._from_files[name]
            self._loaded.pop(name, None)

    def _entry(self, name: str) -> Entry:
        entries = self.entries()
        if name not in entries:
            raise unknown_name(self.kind, name, entries)
        return entries[name]

    def _usable(self, entry: Entry) -> T:
        try:
            return self._check(entry.load())
        except Exception as error:  # code of others may raise anything
            if entry.origin == BUILT_IN:
                raise
            raise UsageError(
                f"{self.kind} '{entry.name}' cannot be used: {reason_of(error)}",
                got=entry.origin,
                next_step="fix or uninstall it; everything else works without it",
            ) from error

    def _packages(self) -> tuple[dict[str, Entry], tuple[Refused, ...]]:
        """Installed extensions, and those whose name is taken."""
        found: dict[str, Entry] = {}
        refused = []
        for point in _entry_points(self.group, tuple(sys.path)):
            origin = _package_of(point)
            taken = self._built_in.get(point.name) or found.get(point.name)
            if taken is None:
                found[point.name] = Entry(point.name, origin, point.load, point.module)
            else:
                reason = f"'{point.name}' is the name of another {self.kind} ({taken.origin})"
                refused.append(Refused(self.kind, point.name, origin, reason))
        return found, tuple(refused)


def modules_of(package: str, attribute: str) -> list[Entry]:
    """The modules of a package as entries: ``few_shot.py`` with ``SETTING`` is ``few-shot``.

    Files and folders whose names begin with ``_``, and ``base.py``, are not extensions.

    Args:
        package: Dotted name of the folder's package.
        attribute: What each module calls its extension.
    """
    spec = importlib.util.find_spec(package)
    folders = (spec.submodule_search_locations if spec is not None else None) or ()
    stems = sorted(
        path.stem
        for folder in folders
        for path in Path(folder).iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").is_file())
        and not path.stem.startswith("_")
        and path.stem != "base"
    )
    return [_module_entry(f"{package}.{stem}", attribute) for stem in stems]


def _module_entry(module: str, attribute: str) -> Entry:
    name = module.rpartition(".")[2].replace("_", "-")
    load = partial(_attribute, module, attribute)
    return Entry(name, BUILT_IN, load, module)


def _itself(value: object) -> object:
    return value


def _attribute(module: str, attribute: str) -> object:
    return getattr(importlib.import_module(module), attribute)


def constant(attribute: str, name_of: Callable[[object], str]) -> Callable[..., dict[str, object]]:
    """How a plug-in file says what it brings: ``SETTING = Mine()``, or a tuple of several.

    Args:
        attribute: Name of the constant.
        name_of: Gives an extension's name.
    """

    def found_in(module: ModuleType) -> dict[str, object]:
        value = getattr(module, attribute, None)
        several: Sequence[object] = value if isinstance(value, tuple) else (value,)
        return {name_of(one): one for one in several if one is not None}

    return found_in


@dataclass(frozen=True)
class BrokenPlugin:
    """A plug-in file that could not be used; the others are."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"plug-in {self.name} was left out: {self.reason}"


def load_plugins(paths: Sequence[str | Path]) -> list[BrokenPlugin]:
    """Take the extensions of the given Python files (``--plugin``). Runs their code.

    Returns:
        The files that could not be used, each with its reason; the rest are loaded.
    """
    broken = []
    for path in map(Path, paths):
        try:
            _load_plugin(path)
        except Exception as error:  # a plug-in's own code may raise anything
            broken.append(BrokenPlugin(str(path), reason_of(error)))
    return broken


def reason_of(error: BaseException) -> str:
    """What went wrong with code of others, in one line."""
    return str(error) if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"


def kinds() -> dict[str, Extensions[object]]:
    """Every kind with its extensions."""
    return {kind: importlib.import_module(room).EXTENSIONS for kind, room in KINDS.items()}


@contextmanager
def plugins_forgotten() -> Iterator[None]:
    """Plug-in files that are read inside ``with`` are forgotten afterwards; for tests."""
    names = {kind: set(extensions.names()) for kind, extensions in kinds().items()}
    modules = set(sys.modules)
    try:
        yield
    finally:
        for kind, extensions in kinds().items():
            extensions.forget(set(extensions.names()) - names[kind])
        for module in set(sys.modules) - modules:
            if module.startswith(_PLUGIN_MODULE):
                del sys.modules[module]


def _load_plugin(path: Path) -> None:
    if not path.is_file():
        raise UsageError("no such file")
    resolved = path.resolve()
    module_name = f"{PLUGIN_FILE}{hashlib.sha256(str(resolved).encode()).hexdigest()[:12]}"
    if module_name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(module_name, resolved)
    if spec is None or spec.loader is None:
        raise UsageError("not a Python file (its name must end in .py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
        found = [(kind, kind.entries_in(module, path)) for kind in kinds().values()]
        if not any(entries for _, entries in found):
            raise UsageError(
                "it defines no extension",
                allowed="a class that derives from methods.base.Method, or one of the constants "
                "PIPELINE, DATASET, SETTING, LAUNCHER, REPORT, CLASS_TEXTS, METRIC",
            )
        for kind, entries in found:
            kind.add(entries)
    except BaseException:
        del sys.modules[module_name]
        raise


@cache
def _entry_points(group: str, path: tuple[str, ...]) -> tuple[importlib.metadata.EntryPoint, ...]:
    """Installed entry points of a group; looked up again when ``path`` (``sys.path``) changes."""
    return tuple(sorted(importlib.metadata.entry_points(group=group), key=_package_of))


def _package_of(point: importlib.metadata.EntryPoint) -> str:
    if point.dist is None:
        return "an unknown package"
    return f"package {point.dist.name} {point.dist.version}"
