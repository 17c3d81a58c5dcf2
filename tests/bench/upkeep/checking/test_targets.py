"""Datasets laid out as their publishers do, checked through the command."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench.cli import main
from tests.bench.data import official_trees
from tests.bench.data.video_files import write_video
from tests.places import ROOT


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> official_trees.OfficialFolders:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_DATA", raising=False)
    monkeypatch.delenv("BENCH_RELEASED", raising=False)
    videos = official_trees.Videos.make(tmp_path / "encoded")
    made = official_trees.hmdb51(tmp_path / "hmdb51", videos)
    places = ["--videos", str(made.videos), "--annotations", str(made.annotations)]
    assert main(["data", "prepare", "hmdb51", *places]) == 0
    return made


def test_a_dataset_is_checked_by_its_lists(
    folders: official_trees.OfficialFolders, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["data", "check", "hmdb51", "--jobs", "2", "--json"]) == 0
    tree = json.loads(capsys.readouterr().out)
    assert tree["clips"] == tree["well"] == tree["decoded_now"] > 80
    assert tree["lists"]["val1"] == {"clips": 8, "bad": 0, "suspect": 0}
    (official_file,) = folders.annotations.rglob("sword_test_split1.txt")
    first, second = (
        folders.videos / "sword" / line.rsplit(" ", 2)[0]
        for line in official_file.read_text().splitlines()
        if line.split()[-1] == "2"
    )
    content = first.read_bytes()
    first.unlink()
    second.unlink()
    second.write_bytes(content[:-300])
    assert main(["data", "check", "hmdb51", "--jobs", "2"]) == 1
    out = capsys.readouterr().out
    assert f"{tree['clips']} clips, {tree['clips'] - 2} well, 2 bad, 0 suspect\n" in out
    assert f"\n  sword/{first.name}: missing\n" in out
    assert f"\n  sword/{second.name}: truncated (300 bytes are missing at the end)\n" in out
    assert re.search(r"\n  val1 +2 bad, 0 suspect of 8\n", out)
    assert main(["data", "check", "hmdb51", "--list", "val2"]) == 0
    assert "hmdb51: 8 clips, 8 well" in capsys.readouterr().out


def test_lists_and_videos_that_are_not_there(
    folders: official_trees.OfficialFolders, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["data", "check", "hmdb51", "--list", "novel_vel"]) == 2
    assert capsys.readouterr().err.startswith(
        "bench: unknown list 'novel_vel' of hmdb51; did you mean 'novel_val'?\n"
        "  allowed: val1, val2, val3, "
    )
    assert main(["data", "check", "ucf101"]) == 1
    assert capsys.readouterr().err == (
        "bench: the folder of the videos is missing\n  got:     no data/ucf101/videos\n"
        "  next:    bench data prepare ucf101 --videos <folder> --annotations <folder>; or check "
        "'root' of ucf101 in the configuration\n"
    )
    assert main(["data", "check", "val1", "--list", "val1"]) == 2
    assert capsys.readouterr().err.startswith("bench: --list is for datasets\n  got:     val1\n")


def test_a_dataset_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("wave", "thumbs up"):
        (tmp_path / "gestures" / name).mkdir(parents=True)
        for number in range(5):
            write_video(tmp_path / "gestures" / name / f"{name} {number}.mp4")
    monkeypatch.setenv("GESTURES", str(tmp_path / "gestures"))
    config = str(ROOT / "docs" / "examples" / "own_dataset.py")
    assert main(["data", "check", "gestures", "--config", config, "--jobs", "2"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("gestures: 10 clips, 10 well, 0 bad, 0 suspect\n")
    too_few = "few_shot_8 of gestures needs 8 training clips a class; 2 of 2 classes have fewer"
    assert f"  not checked: list few_shot_8: {too_few}\n" in out
    assert main(["data", "audit", "gestures", "--config", config]) == 0
    out = capsys.readouterr().out
    assert out.startswith("gestures: 6 lists, 0 errors, 5 warnings, 0 notes (labels: paper; ")
    assert f"  warning [lists] few_shot_8 cannot be used: {too_few} (got " in out
