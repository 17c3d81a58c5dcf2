"""The command line: quick help, exit codes, messages without tracebacks."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli import VERBS, main
from tests.places import ROOT


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    script = (
        "import sys; from bench.cli import main; code = main(['--help']);"
        "heavy = {'torch', 'numpy', 'pandas', 'mmengine', 'pydantic', 'rich'} & set(sys.modules);"
        "print(code, sorted(heavy), file=sys.stderr)"
    )
    began = _of_children()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    # 0.3 s is asked for; processor time, since tests run beside others.
    assert _of_children() - began < 1.0
    assert done.stderr == "0 []\n"
    assert all(f"\n  {verb} " in done.stdout for verb in VERBS)


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_its_flags(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([verb, "--help"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: bench {verb}")


def test_an_unknown_command_gets_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["statu"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(
        "bench: unknown command 'statu'; did you mean 'status'?\n  allowed: run,"
    )
    assert error.endswith("  next:    bench --help\n")


def test_an_unknown_flag_gets_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", "--settings", "few-shot"])
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        "bench run: unknown argument '--settings'; did you mean '--setting'?\n"
        "  next:    bench run --help\n"
    )


@pytest.mark.parametrize(
    ("flag", "value", "allowed"),
    [
        ("--jobs", "0", "1 or more"),
        ("--jobs-per-gpu", "two", "a whole number"),
        ("--jobs", "\u00b2", "1 or more"),
        ("--timeout", "-5", "more than 0"),
        ("--stall", "nan", "more than 0"),
        ("--grace", "soon", "a number"),
    ],
)
def test_a_flag_with_a_wrong_value_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], flag: str, value: str, allowed: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", "--all", flag, value])
    assert caught.value.code == 2
    assert f"argument {flag}: got {value}, allowed: {allowed}" in capsys.readouterr().err


def test_run_wants_to_be_told_what(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--config", "table3"]) == 2
    assert capsys.readouterr().err == (
        "bench: say what to run of configuration 'table3'\n"
        "  got:     neither --all nor a part\n"
        "  allowed: few-shot: 3 datasets x 9 methods\n"
        "  next:    bench run --all --config table3; or a part: --table N, --setting S, "
        "--dataset D, --method M\n"
    )


def test_all_and_a_part_contradict_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--all", "--method", "vifi-clip"]) == 2
    assert capsys.readouterr().err == (
        "bench: --all and --method vifi-clip contradict each other\n  next:    drop one of them\n"
    )


def test_missing_data_and_weights_are_named_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--config", "table3", "--dataset", "ucf101"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("bench: no job can run: ")
    assert f"weights of ViT-B-16: no file {tmp_path}/weights/ViT-B-16.pt" in error
    assert "bench data prepare ucf101" in error or "ucf_101_labels.csv" in error
    assert "Traceback" not in error


def test_a_run_folder_that_cannot_be_made_is_a_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    out = str(tmp_path / "file" / "run")
    assert main(["run", "--config", "table3", "--all", "--out", out]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"bench: cannot write into the run folder {out}: Not a directory\n")
    assert "or use another folder: --out DIR" in error


def test_the_traceback_is_there_for_those_who_ask(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DEBUG", "1")
    assert main(["plan", "--config", "nothing"]) == 2
    error = capsys.readouterr().err
    assert "Traceback (most recent call last)" in error
    assert "no configuration file 'nothing'" in error


def test_a_plug_in_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--plugin", "absent.py"]) == 2
    assert "plug-in absent.py was left out: no such file" in capsys.readouterr().err


def test_a_reader_that_stops_reading_is_no_error() -> None:
    bench = [sys.executable, "-m", "bench.cli", "plan", "--config", "paper"]
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {' '.join(bench)} | head -1"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("verb", ["methods", "settings", "datasets"])
def test_what_there_is_is_listed(verb: str) -> None:
    expected = {"methods": "vifi-clip", "settings": "base-to-novel", "datasets": "mini-ssv2"}
    command = [sys.executable, "-m", "bench.cli", verb]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert expected[verb] in [line.split()[0] for line in lines]
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("chosen", [[], ["--method", "best-frame"]])
def test_a_plugin_runs_in_every_setting(chosen: list[str], tmp_path: Path) -> None:
    plugin = ROOT / "docs/examples/best_frame.py"
    command = [sys.executable, "-m", "bench.cli", "plan", "--config", "paper", "--json"]
    command += ["--plugin", str(plugin), "--setting", "few-shot", "--out", str(tmp_path), *chosen]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    jobs = [job for job in json.loads(done.stdout)["jobs"] if job["method"] == "best-frame"]
    assert sum(job["kind"] == "train" for job in jobs) == 12


@pytest.mark.parametrize(
    ("flag", "value", "allowed"),
    [
        ("--timeout", "-1", "more than 0"),
        ("--stall", "nan", "more than 0"),
        ("--grace", "soon", "a number"),
        ("--jobs", "0", "1 or more"),
        ("--jobs-per-gpu", "²", "a whole number"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(
    flag: str, value: str, allowed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", "--all", flag, value])
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        f"bench run: argument {flag}: got {value}, allowed: {allowed}\n"
        "  next:    bench run --help\n"
    )


def test_a_broken_plug_in_is_said_where_errors_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "--plugin", "nowhere.py"]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("a5 ")
    assert printed.err == "bench: plug-in nowhere.py was left out: no such file\n"


def test_a_report_without_a_format_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs/mini").mkdir(parents=True)
    (tmp_path / "runs/mini/plan.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--formats", " ,"]) == 2
    assert capsys.readouterr().err == (
        "bench: --formats names no format\n  allowed: html, md, csv, figures\n"
    )
