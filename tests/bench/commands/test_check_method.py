from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.cli import main

BROKEN = Path(__file__).parents[1] / "conformance" / "broken_adapters.py"


def test_a_line_a_check_and_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-method", "clip-image-ft"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "clip-image-ft"
    assert "pass  gradients           44 parameters reached, 41 frozen" in lines
    assert "skip  frozen image tower  its image tower is trained" in lines
    assert lines[-1].startswith("17 passed, 0 failed, 2 do not apply (")


def test_a_failing_plugin_adapter_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-method", "half-groups", "--plugin", str(BROKEN), "--json"]) == 1
    body = json.loads(capsys.readouterr().out)["half-groups"]
    assert body["passed"] is False
    failed = [check for check in body["checks"] if check["status"] == "fail"]
    assert [check["name"] for check in failed] == ["parameter groups"]
    assert failed[0]["reason"] == "parameter_groups lacks: logit_scale"


def test_options_and_frames(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--option", "n_ctx_vision=3", "--option", "prompt_depth_text=1", "--num-frames", "2"]
    assert main(["check-method", "vl-prompting", *flags]) == 0
    assert "4 parameters reached" not in capsys.readouterr().err


def test_a_plugin_that_cannot_be_imported_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import nothing_of_that_name\n")
    assert main(["check-method", "mine", "--plugin", str(broken)]) == 1
    assert capsys.readouterr().err == (
        f"plug-in {broken} was left out: "
        "ModuleNotFoundError: No module named 'nothing_of_that_name'\n"
    )
    # The rest works, and the exit code still says that something is broken.
    assert main(["check-method", "clip-text-ft", "--plugin", str(broken)]) == 1
    assert "18 passed, 0 failed" in capsys.readouterr().out


def test_wrong_names_are_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-method", "vifi-clp"]) == 2
    assert capsys.readouterr().err.startswith(
        "bench: unknown adapter 'vifi-clp'; did you mean 'vifi-clip'?"
    )
    assert main(["check-method", "vifi-clip", "--option", "depth"]) == 2
    assert capsys.readouterr().err == (
        "bench: --option depth: no '='\n  allowed: --option KEY=VALUE\n"
    )
