from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from bench.cli import main
from methods.parity.golden_case import load_goldens

CASES = {golden.name: golden for golden in load_goldens()}


@pytest.fixture
def released(tmp_path: Path) -> Path:
    path = tmp_path / "k400_xclip.pth"
    torch.save({**CASES["xclip"].checkpoint(), "epoch": 29, "max_accuracy": 80.1}, path)
    return path


def test_everything_about_a_released_file(
    released: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["checkpoint", str(released)]) == 0
    lines = capsys.readouterr().out.splitlines()
    digest = sha256(released.read_bytes()).hexdigest()
    assert lines[1] == f"sha256    {digest}"
    assert lines[2].startswith("tensors   155 in 'model'; beside it: epoch, max_accuracy; ")
    assert lines[3:8] == [
        "method    xclip (X-CLIP)",
        "backbone  image 3 x 128, patch 16, 64 px; text 3 x 128; joint 128",
        "frames    8",
        "classes   any",
        "options   mit_layers=1, prompts_layers=2",
    ]
    assert lines[8] == "loads     155 matched, 0 missing, 0 unexpected, 0 ignored"
    assert "  matched      14  mit.resblocks.*" not in lines
    assert "  matched      12  mit.resblocks.*" in lines


def test_as_json(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoint", str(released), "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert (body["method"], body["frames"], body["container"]) == ("xclip", 8, "model")
    assert body["sizes"]["patch"] == 16
    assert body["groups"]["matched"]["mit.resblocks.*"] == 12
    assert body["problem"] == ""


def test_what_does_not_load_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = CASES["vificlip"].checkpoint()
    del content["model"]["module.logit_scale"]
    path = tmp_path / "cut.pth"
    torch.save(content, path)
    assert main(["checkpoint", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "refused   the checkpoint does not fit ViFi-CLIP" in lines
    assert "  got:     1 missing: logit_scale" in lines
    assert "  missing       1  logit_scale" in lines


def test_an_unknown_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"layer.weight": torch.ones(40)}, path)
    assert main(["checkpoint", str(path)]) == 1
    assert "method    none that is known here" in capsys.readouterr().out


class Trap:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def test_code_in_a_pickle_is_refused_and_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, mark = tmp_path / "hostile.pth", tmp_path / "mark"
    torch.save({"model": {"a": torch.ones(64)}, "config": Trap(mark)}, path)
    assert main(["checkpoint", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("bench: hostile.pth asks for code to be run (posix.mkdir) and was")
    assert not mark.exists()


def test_a_truncated_file_is_named(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    released.write_bytes(released.read_bytes()[:5000])
    assert main(["checkpoint", str(released)]) == 1
    assert capsys.readouterr().err.startswith("bench: k400_xclip.pth is truncated, damaged or no")
    assert main(["checkpoint", str(released.with_name("nowhere.pth"))]) == 1
    assert capsys.readouterr().err.startswith("bench: no such weights file\n")
