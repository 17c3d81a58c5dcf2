"""Which code is in a key: by what it does, and by where it lies."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from bench.ground import code_digest
from bench.ground.code_digest import canonical
from tests.places import ROOT

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")

EQUAL = {
    "comments and formatting": ("x = [1,2]  # two\n", "x = [\n    1,\n    2,\n]\n"),
    "docstrings": ('def f():\n    """Old."""\n    return 1\n', "def f():\n    return 1\n"),
    "docstrings of attributes": ('x = 1\n"""Says."""\n', "x = 1\n"),
    "pass": ('class A:\n    """Says."""\n', "class A:\n    pass\n"),
    "annotations of functions": (
        "def f(x: int = 1) -> int:\n    y: int = x\n    return y\n",
        "def f(x: float = 1):\n    y: float = x\n    return y\n",
    ),
    "imports for type checking": ("if TYPE_CHECKING:\n    import torch\n", ""),
    "text of errors": ('raise ValueError(f"no {x}") from y\n', 'raise ValueError("not", x)\n'),
    "text of assertions": ('assert x, "no"\n', "assert x\n"),
    "quotes": ("x = 'it' \"s\"\n", 'x = """its"""\n'),
    "parts of f-strings": ('x = f"a{b}" "c" f"{d:}e"\n', 'x = f"a{b}c{d}e"\n'),
    "an f-string without values": ('x = f"a"\n', 'x = "a"\n'),
}
DIFFERENT = {
    "a constant": ("x = 1\n", "x = 2\n"),
    "the kind of a constant": ("x = 1\n", "x = 1.0\n"),
    "a truth value": ("x = 1\n", "x = True\n"),
    "a text": ('x = "a"\n', 'x = b"a"\n'),
    "an operator": ("x = a + b\n", "x = a - b\n"),
    "the order of statements": ("f()\ng()\n", "g()\nf()\n"),
    "a default": ("def f(x=1): return x\n", "def f(x=2): return x\n"),
    "a decorator": ("@a\ndef f(): return 1\n", "def f(): return 1\n"),
    "where a name comes from": ("from a import b\n", "from c import b\n"),
    "fields of a class": ("class A:\n    x: int\n", "class A:\n    x: float\n"),
    "which error is raised": ("raise ValueError()\n", "raise TypeError()\n"),
    "a format": ('x = f"{a:.2f}"\n', 'x = f"{a:.3f}"\n'),
    "a conversion": ('x = f"{a!r}"\n', 'x = f"{a}"\n'),
    "whether something is given back": ("def f():\n    return 1\n", "def f():\n    1\n"),
}
PINNED = {
    'x: int = 1\ndef f(a, *b, c=None, **d):\n    return f"{a!r:>{c}}" "tail"\n': "31cf7fc86e87ba02",
    "match x:\n    case [1, *_] | {'a': b}:\n        y = -1.5e300 + 2j\n    case A(z=None):\n"
    "        y = ...\n": "8980df468e025242",
    "async def f():\n    async with a as b, c:\n        return [await x async for x in b if x]\n"
    "class A(B, metaclass=C):\n    x: int = 0\n    y = lambda self, /, z=b'\\x00\\xff': (yield)\n"
    "x = '\\u0131\\U0001f600'\n": "2f59a2781d83eb19",
}


@pytest.mark.parametrize("what", EQUAL)
def test_what_changes_nothing_does_not_count(what: str) -> None:
    one, other = EQUAL[what]
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize("what", DIFFERENT)
def test_what_is_executed_counts(what: str) -> None:
    one, other = DIFFERENT[what]
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize("text", PINNED)
def test_the_form_is_the_one_that_all_keys_were_made_with(text: str) -> None:
    """Whoever changes these throws away what everybody has computed."""
    assert hashlib.sha256(canonical(text).encode()).hexdigest()[:16] == PINNED[text]


_ALL_FILES = """
import hashlib, importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("code_digest", sys.argv[1])
module = sys.modules["code_digest"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
for line in sys.stdin.read().splitlines():
    text = module.canonical(Path(line).read_text(encoding="utf-8"))
    print(hashlib.sha256(text.encode()).hexdigest())
"""


def _digests(python: str) -> list[str]:
    """Of every module of the project, as a Python computes them."""
    files = sorted(path for room in ("bench", "methods") for path in (ROOT / room).rglob("*.py"))
    done = subprocess.run(
        [python, "-I", "-c", _ALL_FILES, code_digest.__file__],
        input="\n".join(map(str, files)),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.fixture(scope="module")
def ours() -> list[str]:
    return _digests(sys.executable)


@pytest.mark.parametrize("version", PYTHONS)
def test_every_python_gives_every_module_the_same_hash(version: str, ours: list[str]) -> None:
    installed = (Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python")
    python = next(map(str, installed), shutil.which(f"python{version}"))
    if python is None:
        pytest.skip(f"there is no Python {version} on this machine")
    assert _digests(python) == ours


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a key may hold."""
    root = tmp_path_factory.mktemp("project")
    for room in ("bench", "methods"):
        shutil.copytree(ROOT / room, root / room, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture
def copied(project: Path) -> Iterator[ModuleType]:
    """``code_digest`` of the copy."""
    spec = importlib.util.spec_from_file_location(
        "copied_code_digest", project / "bench" / "ground" / "code_digest.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


XCLIP, VIFI = "methods.xclip.adapter", "bench.data.pipelines.vificlip"
COUNTS = [
    (XCLIP, "methods/xclip/adapter.py"),
    (XCLIP, "methods/base.py"),
    (XCLIP, "bench/clip/towers.py"),
    (VIFI, "bench/data/pipelines/vificlip/__init__.py"),
    (VIFI, "bench/data/pipelines/vificlip/frames.py"),
    (VIFI, "bench/data/pipelines/base.py"),
    (VIFI, "bench/data/transforms/frames.py"),
    (VIFI, "bench/data/video/decode.py"),
    ("bench.metrics.top", "bench/metrics/top.py"),
]
DOES_NOT_COUNT = [
    (XCLIP, "methods/__init__.py"),
    (XCLIP, "methods/facts.py"),
    (XCLIP, "methods/xclip/facts.py"),
    (XCLIP, "methods/xclip/recipe.py"),
    (XCLIP, "methods/xclip/released.py"),
    (XCLIP, "methods/checkpoints/layouts.py"),
    (XCLIP, "methods/parity/run.py"),
    (XCLIP, "methods/a5/adapter.py"),
    (XCLIP, "bench/clip/weights.py"),
    (XCLIP, "bench/clip/inert_pickle.py"),
    (XCLIP, "bench/clip/backbone_ref.py"),
    (XCLIP, "bench/ground/errors.py"),
    (VIFI, "bench/ground/errors.py"),
    (VIFI, "bench/data/pipelines/__init__.py"),
    (VIFI, "bench/data/pipelines/a5/frames.py"),
    (VIFI, "bench/engine/normaliser.py"),
]


def _after(file: Path, line: str, copied: ModuleType, start: str) -> str:
    """The hash of ``start`` while a file has one more line."""
    text = file.read_text(encoding="utf-8") if file.exists() else None
    file.write_text(f"{text or ''}\n{line}\n", encoding="utf-8")
    try:
        return str(copied.code_sha256(start))
    finally:
        if text is None:
            file.unlink()
        else:
            file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("start", "file"), COUNTS)
def test_code_counts_by_its_place(start: str, file: str, project: Path, copied: ModuleType) -> None:
    before = copied.code_sha256(start)
    assert _after(project / file, "# A remark.", copied, start) == before
    assert _after(project / file, "CHANGED = 1", copied, start) != before
    assert copied.code_sha256(start) == before


@pytest.mark.parametrize(("start", "file"), DOES_NOT_COUNT)
def test_code_elsewhere_does_not_count_even_where_it_is_imported(
    start: str, file: str, project: Path, copied: ModuleType
) -> None:
    module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    beginning = project.joinpath(*start.split("."))
    importing = beginning / "__init__.py" if beginning.is_dir() else beginning.with_suffix(".py")
    text = importing.read_text(encoding="utf-8")
    named = (XCLIP, "methods/a5/adapter.py"), (VIFI, "bench/data/pipelines/a5/frames.py")
    if (start, file) not in named:  # these would count if they were imported
        importing.write_text(f"{text}\nimport {module}\n", encoding="utf-8")
    before = copied.code_sha256(start)
    assert _after(project / file, "CHANGED = 1", copied, start) == before
    importing.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "line",
    [
        "import helper",
        "from helper import x",
        "def f():\n    import helper",
        "if TYPE_CHECKING:\n    import helper",
        "from inner import part",
        "import inner.part",
    ],
)
def test_imports_are_followed_inside_the_folder_of_a_plugin(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin, helper, part = (tmp_path / name for name in ("mine.py", "helper.py", "inner/part.py"))
    part.parent.mkdir()
    part.write_text("from . import other\n")
    for file in (helper, part.with_name("other.py")):
        file.write_text("x = 1\n")
    plugin.write_text(f"import numpy\n{line}\n")
    loaded = ModuleType("bench_plugin_of_a_test")
    loaded.__file__ = str(plugin)
    monkeypatch.setitem(sys.modules, loaded.__name__, loaded)
    before = code_digest.code_sha256(loaded.__name__)
    for file in (helper, part.with_name("other.py")):
        file.write_text("x = 23\n")
    assert code_digest.code_sha256(loaded.__name__) != before
    assert "numpy" not in code_digest.modules_counted(loaded.__name__)


def test_imports_are_followed_inside_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "digested_package"
    (package / "deep").mkdir(parents=True)
    for folder in (package, package / "deep"):
        (folder / "__init__.py").write_text("")
    (package / "deep" / "adapter.py").write_text("from ..parts import x\nimport beside\n")
    (package / "parts.py").write_text("x = 1\n")
    (tmp_path / "beside.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert code_digest.modules_counted("digested_package.deep.adapter") == (
        "digested_package.deep.adapter",
        "digested_package.parts",
    )


def test_a_module_that_is_nowhere_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="the code of module 'nowhere' cannot be found"):
        code_digest.code_sha256("nowhere")
