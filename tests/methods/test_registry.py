from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import methods
from bench.cli import main
from bench.ground.errors import UsageError
from bench.ground.extensions import load_plugins
from methods.facts import Facts, wanted_form
from tests.tiny_clip import tiny_clip

BUILT_IN = ("vanilla-clip", "clip-image-ft", "clip-text-ft", "vifi-clip")

PLUGIN = '''
from methods.base import Origin
from methods.vifi.vifi_clip import VifiClip

class Mine(VifiClip):
    """A plug-in."""
    name = {name!r}
    title = "Mine"
    summary = "ours"
    origin = Origin(citation="nobody")
    options = {{"depth": 2}}
    parity = {{}}
    def __init__(self, clip, class_names, num_frames, **options):
        super().__init__(clip, class_names, num_frames, **options)
        self.depth = options["depth"]
'''


@pytest.mark.parametrize(
    "facts", [methods.facts(name) for name in methods.names()], ids=methods.names()
)
def test_defaults_are_values_that_are_allowed(facts: Facts) -> None:
    assert facts.choices.keys() <= facts.options.keys()
    for option, value in facts.options.items():
        assert wanted_form(facts.options, facts.choices, option, value) is None


def test_a_value_of_the_wrong_kind() -> None:
    with pytest.raises(UsageError) as error:
        methods.create("xclip", clip=tiny_clip(), class_names=["a"], num_frames=2, mit_layers="one")
    assert str(error.value) == "xclip: mit_layers must be a whole number\n  got:     'one'"


def test_names_and_facts_come_without_torch() -> None:
    code = (
        "import sys, methods\n"
        "facts = [methods.facts(name) for name in methods.names()]\n"
        "print([f.supports('few-shot', 'ssv2') for f in facts][:4])\n"
        "print(len(methods.EXTENSIONS.code_sha256('vifi-clip')))\n"
        "heavy = ('torch', 'numpy', 'pandas', 'mmengine', 'open_clip')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[None, None, None, None]", "64", "[]"]


def test_methods_are_listed_in_the_order_that_their_folders_state() -> None:
    built_in = [name for name in methods.names() if methods.EXTENSIONS.origin(name) == "built in"]
    assert built_in == [
        *BUILT_IN,
        "vl-prompting",
        "xclip",
        "actionclip",
        "a5",
        "vita-clip",
    ]


def test_adapters_see_only_clip_the_ground_and_their_own_room() -> None:
    wrong = []
    for file in Path(methods.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                own = node.module.startswith(("bench", "settings", "results", "reports", "configs"))
                seen = node.module == "bench.clip" or node.module.startswith("bench.ground.")
                wrong += [f"{file.name}: {node.module}"] if own and not seen else []
    assert wrong == []


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_class_says_the_same_as_its_facts(name: str) -> None:
    cls, facts = methods.get(name), methods.facts(name)
    assert (cls.name, cls.title, cls.trains, cls.preprocessing) == (
        facts.name,
        facts.title,
        facts.trains,
        facts.preprocessing,
    )
    assert cls.origin.commit == "e2d1948"
    assert cls.supports("base-to-novel", "kinetics400") is None


def test_only_methods_that_leave_the_image_tower_alone_say_so() -> None:
    frozen = [name for name in BUILT_IN if methods.facts(name).frozen_image_tower]
    assert frozen == ["vanilla-clip", "clip-text-ft"]
    assert [name for name in BUILT_IN if not methods.facts(name).trains] == ["vanilla-clip"]


def test_unknown_adapter_and_option_suggest_the_nearest() -> None:
    with pytest.raises(UsageError) as error:
        methods.get("vificlip")
    assert str(error.value).startswith("unknown adapter 'vificlip'; did you mean 'vifi-clip'?")
    with pytest.raises(UsageError) as error:
        methods.create(
            "clip-text-ft", clip=tiny_clip(), class_names=["a"], num_frames=8, prompt="x"
        )
    assert str(error.value) == "unknown option of clip-text-ft 'prompt'\n  allowed: (none)"


def test_empty_class_list_and_no_frames_are_refused() -> None:
    with pytest.raises(UsageError, match="vifi-clip needs at least one class name"):
        methods.create("vifi-clip", clip=tiny_clip(), class_names=[], num_frames=8)
    with pytest.raises(UsageError, match="vifi-clip needs at least one frame"):
        methods.create("vifi-clip", clip=tiny_clip(), class_names=["a"], num_frames=0)


def test_a_broken_plugin_is_reported_and_the_rest_load(tmp_path: Path) -> None:
    good, broken, empty = (tmp_path / f"{name}.py" for name in ("good", "broken", "empty"))
    good.write_text(PLUGIN.format(name="plugin-mine"))
    broken.write_text("import nothing_of_that_name\n")
    empty.write_text("x = 1\n")
    twice = tmp_path / "twice.py"
    twice.write_text(PLUGIN.format(name="vifi-clip"))
    missing = tmp_path / "missing.py"
    problems = load_plugins([broken, good, empty, twice, missing])
    assert [str(problem) for problem in problems] == [
        f"plug-in {broken} was left out: "
        "ModuleNotFoundError: No module named 'nothing_of_that_name'",
        f"plug-in {empty} was left out: it defines no extension\n"
        "  allowed: a class that derives from methods.base.Method, or one of the constants "
        "PIPELINE, DATASET, SETTING, LAUNCHER, REPORT, CLASS_TEXTS, METRIC",
        f"plug-in {twice} was left out: "
        "its adapter 'vifi-clip' has the name of one that is already there (built in)\n"
        "  next:    give your adapter another name",
        f"plug-in {missing} was left out: no such file",
    ]
    assert "plugin-mine" in methods.names()
    assert load_plugins([good]) == []
    assert methods.facts("plugin-mine").summary == "ours"
    made = methods.create("plugin-mine", clip=tiny_clip(), class_names=["a"], num_frames=8, depth=3)
    assert made.depth == 3  # type: ignore[attr-defined]
    before = methods.EXTENSIONS.code_sha256("plugin-mine")
    good.write_text(good.read_text() + "\n# A remark.\n")
    assert methods.EXTENSIONS.code_sha256("plugin-mine") == before
    good.write_text(good.read_text() + "\nCHANGED = True\n")
    assert methods.EXTENSIONS.code_sha256("plugin-mine") != before


def _install(folder: Path, name: str, value: str) -> None:
    info = folder / f"{name}_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[bench.methods]\n{name} = {value}\n")


def test_installed_packages_bring_adapters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "installed_adapter.py").write_text(PLUGIN.format(name="installed"))
    _install(tmp_path, "installed", "installed_adapter:Mine")
    _install(tmp_path, "halfway", "absent_module:Mine")
    _install(tmp_path, "vifi-clip", "installed_adapter:Mine")
    monkeypatch.syspath_prepend(tmp_path)
    assert {"installed", "halfway"} <= set(methods.names())
    assert methods.get("installed").title == "Mine"
    with pytest.raises(UsageError) as error:
        methods.get("halfway")
    assert str(error.value) == (
        "adapter 'halfway' cannot be used: "
        "ModuleNotFoundError: No module named 'absent_module'\n"
        "  got:     package halfway-package 1.0\n"
        "  next:    fix or uninstall it; everything else works without it"
    )
    capsys.readouterr()
    assert main(["methods"]) == 1
    printed = capsys.readouterr()
    lines = [line.split(maxsplit=1) for line in printed.out.splitlines()]
    assert ["installed", "Mine: ours (package installed-package 1.0)"] in lines
    assert ["halfway", "not used, see below (package halfway-package 1.0)"] in lines
    assert (
        "bench: adapter 'halfway' cannot be used: "
        "ModuleNotFoundError: No module named 'absent_module'\n" in printed.err
    )
    assert (
        "bench: adapter 'vifi-clip' (package vifi-clip-package 1.0) was left out: "
        "'vifi-clip' is the name of another adapter (built in)" in printed.err
    )
    monkeypatch.undo()
    assert "halfway" not in methods.names()


def test_code_hashes_tell_adapters_apart() -> None:
    assert len({methods.EXTENSIONS.code_sha256(name) for name in BUILT_IN}) == len(BUILT_IN)
