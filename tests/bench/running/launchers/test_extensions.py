"""Launchers from outside the project: one file is enough, and what is wrong with one is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.testing import tiny_benchmark
from results.run.layout import HANDLE
from results.run.store import RunStore
from tests.places import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "one_process.py"
CHOSEN = ("--method", "vanilla-clip", "--setting", "few-shot", "--plain")


def source(name: str) -> str:
    """The example under a name of its own: what was loaded stays."""
    return EXAMPLE.read_text().replace('name="one-process"', f'name="{name}"')


def test_the_page_shows_the_file_of_the_repository() -> None:
    assert EXAMPLE.read_text() in (ROOT / "docs" / "adding-a-launcher.md").read_text()


def test_one_file_brings_a_launcher_with_its_flags(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(source("one-file"))
    with tiny_benchmark(folder=tmp_path / "tiny") as bench:
        mine = ("--plugin", file, "--launcher", "one-file")
        refused = bench.run(*CHOSEN, *mine, "--at-once", "0")
        assert refused.exit_code == 2
        assert "got 0, allowed: 1 or more" in refused.errors
        done = bench.run(*CHOSEN, *mine, "--at-once", "2")
        assert done.exit_code == 0, done.errors
        assert "2 at once, each in a new process" in done.output
        assert len(bench.numbers()) == 1
        store = RunStore(bench.run_folder)
        (key,) = (folder.name for folder in store.jobs.iterdir())
        (attempt,) = store.attempts(key)
        kept = json.loads((attempt / HANDLE).read_bytes())
        assert kept["launcher"] == "one-file"
        assert set(kept["content"]) == {"pid", "born"}
        listed = bench.cli("launchers", "--plugin", file)
        assert f"one-file  a new process per job, on this machine (file {file})" in listed.output


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("LAUNCHER = 3", "LAUNCHER is 3, not a bench.running.launchers.base.LauncherDefinition"),
        (
            source("odd").replace("options=OneProcessOptions", "options=dict"),
            "the options of launcher 'odd' are <class 'dict'>, which does not derive from",
        ),
        (source("local"), "'local'"),
        ("raise RuntimeError('on purpose')", "on purpose"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text)
    with tiny_benchmark(folder=tmp_path / "tiny") as bench:
        listed = bench.cli("launchers", "--plugin", file)
    assert listed.exit_code == 1
    assert reason in listed.errors
    assert str(file) in listed.errors
    assert "local  " in listed.output
