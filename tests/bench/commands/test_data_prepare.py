"""What ``bench data prepare`` prints."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli import main
from bench.commands.data import COMMANDS
from tests.bench.data import official_folders as official


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_DATA", raising=False)
    monkeypatch.delenv("BENCH_RELEASED", raising=False)


@pytest.fixture
def folders(tmp_path: Path) -> official.OfficialFolders:
    made = official.simple_hmdb(tmp_path / "official", {"kick": 3, "kick_ball": 2, "run": 1})
    official.settle(made.videos)
    return made


def prepare(folders: official.OfficialFolders, *more: str, dataset: str = "hmdb51") -> int:
    places = ["--videos", str(folders.videos), "--annotations", str(folders.annotations)]
    return main(["data", "prepare", dataset, *places, *more])


def next_steps(*first: tuple[str, str], dataset: str = "hmdb51") -> str:
    verbs = {"audit": "do labels, names and splits agree", "check": "does every video decode"}
    steps = [
        *first,
        (f"bench data list {dataset}", "which lists there are, and where they are from"),
        *(
            (f"bench data {verb} {dataset}", what)
            for verb, what in verbs.items()
            if verb in COMMANDS
        ),
        (f"bench plan --config paper --dataset {dataset}", "what would be run"),
    ]
    width = max(len(step) for step, _ in steps)
    lines = [f"      {step:<{width}}  # {what}\n" for step, what in steps]
    return "next:" + "".join(lines)[5:]


def test_counts_differences_and_next_steps(
    folders: official.OfficialFolders, capsys: pytest.CaptureFixture[str]
) -> None:
    videos = folders.videos
    (videos / "run" / "clip_run_0.avi").unlink()
    (videos / "run" / "clip_run_1.avi").unlink()
    (videos / "run" / "clip_run_2.avi").unlink()
    (videos / "kick" / "clip_kick_0.avi").unlink()
    (videos / "kick" / "clip_kick_1.avi").write_bytes(b"")
    (videos / "kick" / "clip_kick_0.avi.part").write_bytes(b"x")
    official.touch_videos(videos, ["extra/holiday.mp4"])
    assert prepare(folders) == 0
    expected = f"""\
hmdb51: 12 annotated clips of 3 classes, 4 of them MISSING
  videos       {folders.videos}
  annotations  {folders.annotations} (kick_ball_test_split1.txt, kick_test_split1.txt, \
run_test_split1.txt)

  split     annotated      there    missing   official count
  train1            6          4          2   3,570 [1]: 3,564 fewer
  train2            0          0          0   3,570 [1]: NOT IN THESE ANNOTATIONS
  train3            0          0          0   3,570 [1]: NOT IN THESE ANNOTATIONS
  val1              6          4          2   1,530 [1]: 1,524 fewer
  val2              0          0          0   1,530 [1]: NOT IN THESE ANNOTATIONS
  val3              0          0          0   1,530 [1]: NOT IN THESE ANNOTATIONS
  [1] 70 + 30 clips per class in each split (Kuehne et al. 2011)

only 3 of 51 classes are in these annotations; lists that are made from them hold no others
annotated otherwise than officially: 3 of 3 classes \
(a split file missing, cut off, or of another version?)
  run        train1 1 of 70, val1 2 of 30
  kick ball  train1 2 of 70, val1 2 of 30
  kick       train1 3 of 70, val1 2 of 30
missing: 4 clips (33.33 %) in 2 of 3 classes
  run        3 of 3  none there
  kick       1 of 5
  every missing clip: data/prepared/hmdb51.missing.txt
files without a byte, as half-finished downloads leave them: 1 (kick/clip_kick_1.avi)
unfinished downloads and links that lead nowhere, left out: 1 (kick/clip_kick_0.avi.part)
video files that no annotation speaks of, left out: 1 (extra/holiday.mp4)
released lists: none named (--released DIR); lists are made by rule, marked as ours

written: data/prepared/hmdb51.csv, .json, .missing.txt
"""
    again = ("bench data prepare hmdb51", "again, when you have got what is missing; ")
    again = (again[0], again[1] + "or set a policy for a run")
    assert capsys.readouterr().out == expected + next_steps(again)


def test_a_split_file_that_got_lost_is_named_by_its_class(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = {
        name: {f"clip_{name}_{n}.avi": [1, 1] if n < 70 else [2, 2] for n in range(100)}
        for name in ("kick", "run")
    }
    folders = official.hmdb(tmp_path / "official", codes)
    assert prepare(folders) == 0
    assert "otherwise than officially" not in capsys.readouterr().out
    (folders.annotations / "testTrainMulti_7030_splits" / "kick_test_split2.txt").unlink()
    assert prepare(folders) == 0
    lines = capsys.readouterr().out.splitlines()
    place = lines.index(
        "annotated otherwise than officially: 1 of 2 classes "
        "(a split file missing, cut off, or of another version?)"
    )
    assert lines[place + 1] == "  kick  train2 0 of 70, val2 0 of 30"


def test_the_second_time_names_no_folder_and_says_that_nothing_changed(
    folders: official.OfficialFolders, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(folders)
    first = capsys.readouterr().out
    assert main(["data", "prepare", "hmdb51"]) == 0
    second = capsys.readouterr().out
    assert first.startswith("hmdb51: 12 annotated clips of 3 classes, all of them there\n")
    changed = [line for line in second.splitlines() if line not in first.splitlines()]
    assert len(changed) == 1
    assert changed[0].startswith("nothing has changed since 2")
    assert changed[0].endswith("Z: data/prepared/hmdb51.csv, .json, .missing.txt") or changed[
        0
    ].endswith("+00:00: data/prepared/hmdb51.csv, .json, .missing.txt")


def test_another_data_folder_must_be_told_to_configurations(
    folders: official.OfficialFolders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "elsewhere"
    assert prepare(folders, "--data", str(place)) == 0
    export = (f"export BENCH_DATA={place}", "configurations look there")
    assert capsys.readouterr().out.endswith(next_steps(export))


def test_official_counts_that_agree_and_the_nearest_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    annotations, videos = tmp_path / "annotations", tmp_path / "videos"
    annotations.mkdir()
    clips = 18_014
    with (annotations / "validate.csv").open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(("label", "youtube_id", "time_start", "time_end", "split"))
        writer.writerows((f"c{n % 400:03d}", f"id{n:09d}", 0, 10, "validate") for n in range(clips))
    official.touch_videos(videos, ["val/id000000007_000000_000010.mp4"])
    assert prepare(official.OfficialFolders(videos, annotations), dataset="kinetics400") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "kinetics400: 18,014 annotated clips of 400 classes, 18,013 of them MISSING"
    assert "  val          18,014          1     18,013   18,014 [2]: as many" in lines
    assert "  [2] DeepMind's later tarball (open-mmlab/mmaction2#533)" in lines
    unseen = "0          0          0   246,534 [1]: NOT IN THESE ANNOTATIONS"
    assert f"  train             {unseen}" in lines
    assert "missing: 18,013 clips (99.99 %) in 400 of 400 classes" in lines
    assert "  … and 390 more classes" in lines


def test_released_files_that_got_lost_are_named(
    folders: official.OfficialFolders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release = tmp_path / "release"
    lists, labels = release / "datasets_splits" / "hmdb_splits", release / "labels"
    lists.mkdir(parents=True)
    labels.mkdir()
    (lists / "val1.txt").write_text("clip_kick_3.avi 0\n")
    assert prepare(folders, "--released", str(release)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"released lists: 1 of 16 files in {release}" in lines
    assert f"  NOT THERE: {labels}/hmdb_51_labels.csv" in lines
    assert sum(line.startswith("  NOT THERE") for line in lines) == 15


def test_nothing_heavy_is_imported(folders: official.OfficialFolders) -> None:
    code = (
        "import sys; from bench.cli import main; "
        f"main(['data', 'prepare', 'hmdb51', '--videos', {str(folders.videos)!r}, "
        f"'--annotations', {str(folders.annotations)!r}]); "
        "heavy = {'torch', 'numpy', 'pandas', 'mmengine'} & set(sys.modules); "
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
