"""Hash of the code that a number depends on, for the keys of jobs and of caches.

It starts at one module (an adapter's, a pipeline's) and follows its imports, also those inside of
functions. Which modules count is decided by where they lie:

* In the project: ``methods`` (adapters, their base classes and parts), ``bench.clip``,
  ``bench.data.pipelines``, ``bench.data.transforms``, ``bench.data.video`` and ``bench.metrics``.
* Not there: files called ``facts.py``, ``recipe.py`` or ``released.py``; ``methods.checkpoints``
  and ``methods.parity``; the readers of weight files in ``bench.clip``; the ``__init__.py`` of a
  package that lists extensions (``methods``, ``bench.data.pipelines``, ``bench.metrics``).
* Everything else of the project does not count: ``bench.ground`` and the engine are guarded by
  ``bench.planning.jobs.FORMAT``.
* Of a plug-in file: the modules in its folder. Of an installed package: the package.

Of a module that counts, what is executed counts: comments, formatting, docstrings, annotations of
functions, imports for type checking and the arguments of ``raise`` do not. The hash is the same on
every supported Python, which ``ast.dump`` is not. This module imports nothing of the project.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[2]
_OWN_ROOMS = ("bench", "configs", "methods", "reports", "results", "settings")

PLUGIN_FILE = "bench_plugin_"
"""What the name of a module begins with that ``bench.ground.extensions`` made of a file."""

_COUNTED = (
    "methods",
    "bench.clip",
    "bench.data.pipelines",
    "bench.data.transforms",
    "bench.data.video",
    "bench.metrics",
)
_NOT_COUNTED = (
    "methods.checkpoints",
    "methods.parity",
    "bench.clip.weights",
    "bench.clip.inert_pickle",
    "bench.clip.backbone_ref",
)
_LISTS = ("methods", "bench.data.pipelines", "bench.metrics")
_NOT_COUNTED_FILES = ("facts", "recipe", "released")

_SKIPPED = frozenset({"ctx", "kind", "returns", "type_comment", "type_ignores", "type_params"})
"""Fields of syntax trees that differ between Pythons or change nothing."""


def code_sha256(start: str) -> str:
    """Hash of the code that a module's results depend on.

    Args:
        start: Dotted name of a module of the project, of an installed package, or of a plug-in
            file that has been loaded.
    """
    digest = hashlib.sha256()
    for _, file in _reached(start):
        digest.update(_source(file).sha256)
    return digest.hexdigest()


def modules_counted(start: str) -> tuple[str, ...]:
    """The modules whose code is in ``code_sha256(start)``, in the order they are met."""
    return tuple(name for name, _ in _reached(start))


def canonical(text: str) -> str:
    """What is executed of a source text, in a form that is the same on every supported Python."""
    parts: list[str] = []
    _write(ast.parse(text), parts, in_function=False)
    return "".join(parts)


def _reached(start: str) -> Iterator[tuple[str, Path]]:
    home = _home(start)
    ahead = [start]
    seen: set[str] = set()
    while ahead:
        module = ahead.pop(0)
        file = None if module in seen else home.file_of(module)
        seen.add(module)
        if file is not None:
            yield module, file
            package = module if file.name == "__init__.py" else module.rpartition(".")[0]
            for imported in _source(file).imports:
                ahead += imported.candidates(package)


@dataclass(frozen=True)
class _Home:
    """Where a starting module lies, and what beside it belongs to it.

    Attributes:
        start: The module.
        file: Its file.
        root: Folder in which its own top-level modules lie; None for modules of the project.
        top: The only one of them that belongs to it; "": all.
    """

    start: str
    file: Path
    root: Path | None = None
    top: str = ""

    def file_of(self, module: str) -> Path | None:
        """The file of a module that counts, or None."""
        if module == self.start:
            return self.file
        top = module.partition(".")[0]
        if module.rpartition(".")[2] in _NOT_COUNTED_FILES:
            return None
        if top in _OWN_ROOMS:
            return _find(_PROJECT, module) if _counts(module) else None
        if self.root is None or (self.top and top != self.top):
            return None
        return _find(self.root, module)


def _home(start: str) -> _Home:
    top = start.partition(".")[0]
    if top in _OWN_ROOMS:
        file = _find(_PROJECT, start)
        if file is not None:
            return _Home(start, file)
    loaded = sys.modules.get(start)
    origin = getattr(loaded, "__file__", None)
    if origin is None:
        spec = importlib.util.find_spec(start)
        origin = spec.origin if spec is not None else None
    if origin is None:
        raise ModuleNotFoundError(f"the code of module '{start}' cannot be found")
    file = Path(origin)
    if start.startswith(PLUGIN_FILE):
        return _Home(start, file, file.parent)
    levels = start.count(".") + (file.name == "__init__.py")
    return _Home(start, file, file.parents[levels], top)


def _counts(module: str) -> bool:
    return _below(module, _COUNTED) and not _below(module, _NOT_COUNTED) and module not in _LISTS


def _below(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def _find(root: Path, module: str) -> Path | None:
    base = root.joinpath(*module.split("."))
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        if file.is_file():
            return file
    return None


@dataclass(frozen=True)
class _Import:
    """An import statement: ``names`` of ``module``, ``level`` packages up."""

    module: str
    names: tuple[str, ...] = ()
    level: int = 0

    def candidates(self, package: str) -> list[str]:
        """The modules it may load, given the package of the module it stands in."""
        module = self.module
        if self.level:
            above = package.split(".")[: len(package.split(".")) - self.level + 1]
            module = ".".join([*above, *([module] if module else [])])
        return [module, *(f"{module}.{name}" for name in self.names)]


@dataclass(frozen=True)
class _Source:
    sha256: bytes
    imports: tuple[_Import, ...]


def _source(file: Path) -> _Source:
    status = file.stat()
    return _parsed(file, status.st_mtime_ns, status.st_size)


@cache
def _parsed(file: Path, mtime_ns: int, size: int) -> _Source:
    """The file as it is at that date and size."""
    tree = ast.parse(file.read_bytes())
    imports: list[_Import] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [_Import(alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            imports.append(_Import(node.module or "", names, node.level))
    parts: list[str] = []
    _write(tree, parts, in_function=False)
    return _Source(hashlib.sha256("".join(parts).encode()).digest(), tuple(imports))


def _write(value: object, parts: list[str], *, in_function: bool) -> None:
    if isinstance(value, list):
        parts.append("[")
        for item in value:
            _write(item, parts, in_function=in_function)
            parts.append(",")
        parts.append("]")
    elif isinstance(value, ast.AST):
        node = _normal(value)
        inside = in_function or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        inside = inside and not isinstance(node, ast.ClassDef)
        parts.append(f"({type(node).__name__}")
        for field in node._fields:
            item = getattr(node, field, None)
            if isinstance(item, list):
                item = [one for one in item if not _says_nothing(one)]
            if item is None or item == [] or field in _SKIPPED:
                continue
            # Those of class bodies are data: dataclasses and pydantic read them.
            if field == "annotation" and (inside or isinstance(node, ast.arg)):
                continue
            parts.append(f" {field}=")
            _write(item, parts, in_function=inside)
        parts.append(")")
    else:
        # Not repr: which letters it escapes depends on the Python.
        parts.append(ascii(value))


def _says_nothing(node: object) -> bool:
    """Docstrings and other bare strings, ``pass``, and imports for type checking."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    if isinstance(node, ast.If):
        name = getattr(node.test, "id", getattr(node.test, "attr", ""))
        return name == "TYPE_CHECKING" and not node.orelse
    return isinstance(node, ast.Pass)


def _normal(node: ast.AST) -> ast.AST:
    """Without the text of errors, and with f-strings in one form."""
    if isinstance(node, ast.Raise):
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return ast.Raise(exc=raised, cause=None)
    if isinstance(node, ast.Assert):
        return ast.Assert(test=node.test, msg=None)
    if isinstance(node, ast.JoinedStr):
        return _joined(node)
    if isinstance(node, ast.FormattedValue) and isinstance(node.format_spec, ast.JoinedStr):
        specification = _joined(node.format_spec)
        if isinstance(specification, ast.Constant) and not specification.value:
            return ast.FormattedValue(value=node.value, conversion=node.conversion)
    return node


def _joined(node: ast.JoinedStr) -> ast.expr:
    """Pythons split the text between the braces differently, so it is put together."""
    values: list[ast.expr] = []
    for value in node.values:
        if isinstance(value, ast.Constant) and values and isinstance(values[-1], ast.Constant):
            values[-1] = ast.Constant(value=f"{values[-1].value!s}{value.value!s}")
        elif not isinstance(value, ast.Constant) or value.value:
            values.append(value)
    if all(isinstance(value, ast.Constant) for value in values):
        return values[0] if values else ast.Constant(value="")
    return ast.JoinedStr(values=values)
