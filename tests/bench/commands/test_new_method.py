from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import methods
from bench.cli import main
from bench.conformance import suite as conformance
from bench.ground.extensions import load_plugins

pytest_plugins = ["pytester"]


def test_what_is_made_keeps_the_contract_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "made"
    assert main(["new-method", "frame-weights", "--out", str(out)]) == 0
    adapter, test = out / "frame_weights.py", out / "test_frame_weights.py"
    assert capsys.readouterr().out.splitlines() == [
        f"{adapter}  the adapter: a small method that works; make it yours",
        f"{test}  its test: pytest {test}",
        f"check it:  bench check-method frame-weights --plugin {adapter}",
        f"run it:    bench run --plugin {adapter} --method frame-weights --setting few-shot",
    ]
    assert load_plugins([adapter]) == []
    checks = conformance.run("frame-weights")
    assert conformance.passed(checks), conformance.report(checks)
    assert methods.get("frame-weights").title == "Frame Weights"


def test_its_test_is_one_that_pytest_runs(pytester: pytest.Pytester) -> None:
    assert main(["new-method", "another", "--out", str(pytester.path)]) == 0
    done = pytester.runpytest_inprocess("-q", "-p", "no:cacheprovider", "test_another.py")
    done.assert_outcomes(passed=len(conformance.CHECKS))


def test_what_is_made_is_tidy(tmp_path: Path) -> None:
    assert main(["new-method", "tidy", "--out", str(tmp_path)]) == 0
    flags = ["--isolated", "--line-length", "100"]
    for check in (["check", "--select", "E,F,I,B,UP,RUF"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *check, *flags, str(tmp_path)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "My_Method",
            "bench: this cannot be the name of an adapter\n"
            "  got:     My_Method\n"
            "  allowed: lower-case letters and digits, words joined by hyphens: my-method\n",
        ),
        (
            "xclip",
            "bench: there is an adapter 'xclip' already\n  next:    choose another name\n",
        ),
    ],
)
def test_names_that_cannot_be(
    name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new-method", name, "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == message
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = tmp_path / "test_mine.py"
    taken.write_text("precious")
    assert main(["new-method", "mine", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"bench: {taken} is there already\n  next:    choose another --out, or move it away\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["test_mine.py"]
    assert taken.read_text() == "precious"
