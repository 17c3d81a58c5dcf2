"""Pipelines from outside the project: one file is enough, and what is wrong with one is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.cli import main
from bench.data.pipelines import EXTENSIONS
from bench.ground.extensions import load_plugins
from bench.testing import TinyBenchmark, tiny_benchmark
from tests.places import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "strided.py"
SOURCE = re.sub('"strided(-clip)?"', r'"strided\1-NAME"', EXAMPLE.read_text())
"""Under a name of its own in every test: what was loaded stays."""
CONFIG = """
methods = {{"strided": dict(adapter="strided-clip-{name}")}}
recipes = dict(
    plain=dict(values=dict(color_jitter=0.0, gray_scale=0.0, flip=0.0, views_crops=1)),
    strided=dict(methods=["strided"], values=dict(pipeline_options={options})),
)
"""
CHOSEN = ("--setting", "few-shot", "--method", "strided")


def test_the_page_shows_the_file_of_the_repository() -> None:
    assert EXAMPLE.read_text() in (ROOT / "docs" / "adding-a-pipeline.md").read_text()


def test_one_file_brings_a_pipeline_and_a_method_that_uses_it() -> None:
    plugins = {"strided.py": SOURCE.replace("NAME", "run")}
    config = CONFIG.format(name="run", options={"stride": 2})
    with tiny_benchmark(plugins=plugins, config=config) as bench:
        done = bench.run(*CHOSEN)
        assert done.exit_code == 0, done.errors
        assert {row["method"] for row in bench.numbers()} == {"strided"}
        assert not _to_run(bench)
        # The code of the pipeline and its options are in the key, remarks are not.
        path = bench.plugins["strided.py"]
        text = path.read_text()
        path.write_text(text + "# A remark.\n")
        assert not _to_run(bench)
        path.write_text(text.replace("* stride,", "* stride + 1,"))
        assert _to_run(bench)
        path.write_text(text)
        assert not _to_run(bench)
        bench.config.write_text(bench.config.read_text().replace("'stride': 2", "'stride': 3"))
        assert _to_run(bench)


def _to_run(bench: TinyBenchmark) -> bool:
    """Whether the plan would run the only job."""
    said = bench.plan(*CHOSEN).output
    assert ("to run" in said) != ("1 cached" in said)
    return "to run" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            "dict(strid=3)",
            "the pipeline strided-{} has no option 'strid'; did you mean 'stride'? "
            "(got strid = 3; allowed: stride)",
        ),
        (
            "dict(stride=0)",
            "the pipeline strided-{} does not take this value of its option 'stride' "
            "(got stride = 0; allowed: greater than or equal to 1)",
        ),
        (
            "dict(stride='2')",
            "the pipeline strided-{} does not take this value of its option 'stride' "
            "(got stride = '2'; allowed: a valid integer)",
        ),
    ],
)
def test_options_are_checked_with_the_configuration(options: str, said: str) -> None:
    name = f"checked-{len(said)}-{len(options)}"
    plugins = {"strided.py": SOURCE.replace("NAME", name)}
    with tiny_benchmark(plugins=plugins, config=CONFIG.format(name=name, options=options)) as bench:
        planned = bench.plan(*CHOSEN)
    assert planned.exit_code == 2
    assert f"recipe of strided / few-shot / squares: {said.format(name)}" in planned.errors


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("PIPELINE = PipelineDefinition(", "PIPELINE = dict("), "PIPELINE is {'name': "),
        (
            ("build=Strided,", "build=None,"),
            "its PIPELINE needs a name, a summary and a function 'build'",
        ),
        (
            ("(PipelineOptions)", ""),
            "the options of its PIPELINE do not derive from PipelineOptions",
        ),
        (
            ("default=1, ", ""),
            "options of its PIPELINE have no default: stride",
        ),
        (
            ("augmentations=()", "augmentations=('shear',), train_only=('speed',)"),
            "its PIPELINE names what does not exist: shear, speed",
        ),
        (('name="strided-NAME"', 'name="vificlip"'), "its pipeline 'vificlip' has the name of one"),
        (("PIPELINE =", "raise OSError('no disk')\nPIPELINE ="), "OSError: no disk"),
    ],
)
def test_an_incomplete_pipeline_is_named_with_its_file(
    change: tuple[str, str], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "broken.py"
    path.write_text(SOURCE.replace(*change).replace("NAME", "broken"))
    (broken,) = load_plugins([path])
    assert str(broken).startswith(f"plug-in {path} was left out: {reason}")
    assert not {name for name in EXTENSIONS.names() if "broken" in name}


def test_all_pipelines_are_listed_with_their_options_and_where_they_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "installed_pipeline.py").write_text(SOURCE.replace("NAME", "installed"))
    for name, point in (
        ("good", "strided-installed = installed_pipeline:PIPELINE"),
        ("taken", "vificlip = installed_pipeline:PIPELINE"),
        ("broken", "absent = no_such_module:PIPELINE"),
    ):
        info = tmp_path / f"{name}_package-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}-package\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(f"[bench.pipelines]\n{point}\n")
    monkeypatch.syspath_prepend(tmp_path)
    own = tmp_path / "own.py"
    own.write_text(SOURCE.replace("NAME", "listed"))
    assert main(["pipelines", "--plugin", str(own)]) == 1
    said = capsys.readouterr()
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert [line for line in lines if line.startswith("vificlip ")] == [
        "vificlip sparse frames, multi-scale crop, jitter per frame, flip (ViFi-CLIP, "
        "X-CLIP); options: none"
    ]
    assert [line for line in lines if "installed" in line or "listed" in line] == [
        "strided-installed every so many frames; options: stride = 1 (package good-package 1.0)",
        f"strided-listed every so many frames; options: stride = 1 (file {own})",
    ]
    assert "absent not used, see below (package broken-package 1.0)" in lines
    assert said.err.splitlines() == [
        "bench: pipeline 'absent' cannot be used: ModuleNotFoundError: No module named "
        "'no_such_module'",
        "  got:     package broken-package 1.0",
        "  next:    fix or uninstall it; everything else works without it",
        "bench: pipeline 'vificlip' (package taken-package 1.0) was left out: "
        "'vificlip' is the name of another pipeline (built in)",
    ]
