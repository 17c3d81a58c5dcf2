"""What ``bench data list`` prints and writes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from bench.cli import main
from bench.data.lists.class_names import class_table
from bench.data.official.annotations import NO_CLASS
from bench.data.official.manifest import Manifest, ManifestRow, write_manifest
from bench.planning.load_config import CONFIGS
from tests.bench.data import official_folders as official

PAPER = str(CONFIGS / "paper.py")
RULE = "2 clips a class, drawn by hash, of official split train, labelled with class list 'all'"


@pytest.fixture(autouse=True)
def _prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prepared HMDB-51 of two classes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_DATA", raising=False)
    monkeypatch.delenv("BENCH_RELEASED", raising=False)
    made = official.simple_hmdb(tmp_path / "official", {"kick": 3, "run": 2})
    places = ["--videos", str(made.videos), "--annotations", str(made.annotations)]
    assert main(["data", "prepare", "hmdb51", *places]) == 0


def test_a_list_with_its_rule_and_hashes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["data", "list", "hmdb51", "--name", "few_shot_2"]) == 0
    (file,) = (tmp_path / "runs/cache/lists/hmdb51").glob("few_shot_2.*.txt")
    (names,) = (tmp_path / "runs/cache/lists/hmdb51").glob("classes-all.*.csv")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    names_sha256 = hashlib.sha256(b'["kick", "run"]').hexdigest()
    assert capsys.readouterr().out == (
        "few_shot_2 of hmdb51: derived\n"
        f"  clips    4; made by rule 1: {RULE}\n"
        f"  file     {file}\n"
        f"  sha256   {sha256}\n"
        "  classes  2 (all, official); made by rule 1: all classes in the official order\n"
        f"  file     {names}\n"
        f"  sha256   {names_sha256} (of the names)\n"
        f"  videos   {tmp_path}/official/videos\n"
    )


def test_given_derived_and_missing_lists_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, labels = tmp_path / "val1.txt", tmp_path / "labels.csv"
    given.write_text("clip_kick_3.avi 0\nclip_run_2.avi 1\n")
    labels.write_bytes(class_table(["kick", "run"]))
    (tmp_path / "own.py").write_text(
        f"_base_ = [{PAPER!r}]\n"
        f"datasets = dict(hmdb51=dict(lists=dict(val1={str(given)!r}), "
        f"labels=dict(all={str(labels)!r})))\n"
    )
    capsys.readouterr()
    assert main(["data", "list", "hmdb51", "--config", "own.py"]) == 0
    lines = capsys.readouterr().out.splitlines()
    states = {line.split()[0]: line.split()[1] for line in lines[1:] if line.split()[0][-1] != ":"}
    assert states["val1"] == "given"
    assert states["few_shot_2"] == "derived"
    assert states["few_shot_4"] == "missing"
    assert lines[1].endswith(f"  {given}")
    assert (
        "needed: few_shot_4 of hmdb51 needs 4 training clips a class; 2 of 2 classes have fewer "
        "('kick' has 3, 'run' has 2); next: get the missing clips of hmdb51, or ask for fewer shots"
    ) in lines
    assert main(["data", "list", "hmdb51", "--config", "own.py", "--name", "val1"]) == 0
    printed = capsys.readouterr().out
    assert "  clips    2; given: val1.txt\n" in printed
    assert "  classes  2 (all, paper); given: labels.csv\n" in printed


def test_a_list_that_cannot_be_had_is_an_error_if_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    assert main(["data", "list", "hmdb51", "--name", "val2"]) == 1
    assert capsys.readouterr().out == (
        "val2: missing\n"
        "  no clip of hmdb51 is in the official split 'val2'; "
        "next: check the annotations of hmdb51\n"
    )


def test_derived_lists_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["data", "list", "hmdb51", "--name", "base_train", "--write", "out"]
    assert main(command) == 0
    assert capsys.readouterr().out.endswith(
        "out/base_train.txt\nout/base_train.json\nout/classes-base.csv\n"
    )
    assert (tmp_path / "out/base_train.txt").read_text() == (
        "kick/clip_kick_0.avi 0\nkick/clip_kick_1.avi 0\nkick/clip_kick_2.avi 0\n"
    )
    assert (tmp_path / "out/classes-base.csv").read_text() == "id,name\n0,kick\n"
    sidecar = json.loads((tmp_path / "out/base_train.json").read_text())
    assert (sidecar["made_by"], sidecar["rules"]) == ("clip-video-bench", 1)
    assert main(command) == 0
    (tmp_path / "out/base_train.txt").write_text("mine\n")
    capsys.readouterr()
    assert main(command) == 2
    assert capsys.readouterr().err == (
        "bench: a file of that name is there and differs\n"
        "  got:     out/base_train.txt\n"
        "  next:    name another folder: --write DIR\n"
    )


def test_captions_are_listed_and_written_by_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (
        ManifestRow("video0", "all/video0.mp4", NO_CLASS, "", ("train",), 3, ("a cat", "é")),
        ManifestRow("video1", "all/video1.mp4", NO_CLASS, "", ("test",), None, ("a dog",)),
    )
    write_manifest(Manifest("msrvtt", rows), tmp_path / "m.csv")
    (tmp_path / "own.py").write_text(
        f'_base_ = [{PAPER!r}]\ndatasets = dict(msrvtt=dict(manifest="m.csv"))\n'
    )
    capsys.readouterr()
    assert main(["data", "list", "msrvtt", "--config", "own.py", "--write", "out"]) == 0
    assert capsys.readouterr().out == (
        "split               clips    there   captions\n"
        "test                    1        0          1\n"
        "out/test.jsonl\n"
        "train                   1        1          2\n"
        "out/train.jsonl\n"
    )
    assert json.loads((tmp_path / "out/train.jsonl").read_text()) == {
        "video": "all/video0.mp4",
        "captions": ["a cat", "é"],
    }
    assert main(["data", "list", "msrvtt", "--config", "own.py", "--name", "tset"]) == 2
    assert "did you mean 'test'?" in capsys.readouterr().err


def test_an_unknown_dataset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list", "hmdb"]) == 2
    assert capsys.readouterr().err.startswith(
        "bench: unknown dataset 'hmdb'; did you mean 'hmdb51'?"
    )
