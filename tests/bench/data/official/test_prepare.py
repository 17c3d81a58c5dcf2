"""What ``prepare`` finds, writes and refuses; files of a few bytes will do."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.data.official.manifest import read_manifest
from bench.data.official.prepare import PrepareRequest, PrepareResult, prepare
from bench.data.official.prepared import configured, data_folder, read_prepared
from bench.ground.errors import DataError, UsageError
from bench.planning.load_config import load_config
from tests.bench.data import official_folders as official

TRAIN = {"kick": 3, "kick_ball": 2}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_DATA", raising=False)
    monkeypatch.delenv("BENCH_RELEASED", raising=False)


@pytest.fixture
def folders(tmp_path: Path) -> official.OfficialFolders:
    made = official.simple_hmdb(tmp_path / "official", TRAIN)
    official.settle(made.videos)
    return made


def ask(folders: official.OfficialFolders, dataset: str = "hmdb51", **more: Path) -> PrepareResult:
    return prepare(
        PrepareRequest(dataset, data_folder(), folders.videos, folders.annotations, **more)
    )


def released_files(folder: Path, names: Sequence[str] = ("datasets_splits", "labels")) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True)
    return folder


def test_what_is_missing_is_counted_by_class_and_listed(
    folders: official.OfficialFolders,
) -> None:
    (folders.videos / "kick" / "clip_kick_0.avi").unlink()
    (folders.videos / "kick_ball" / "clip_kick_ball_3.avi").unlink()
    prepared = ask(folders).prepared
    assert (prepared.clips, prepared.present, prepared.classes) == (9, 7, 2)
    assert {name: (c.listed, c.present) for name, c in prepared.splits.items()} == {
        "train1": (5, 4),
        "val1": (4, 3),
    }
    assert {name: (c.listed, c.present) for name, c in prepared.by_class.items()} == {
        "kick": (5, 4),
        "kick ball": (4, 3),
    }
    assert Path("data/prepared/hmdb51.missing.txt").read_text() == (
        "class\tsplits\tpath\n"
        "kick\ttrain1\tkick/clip_kick_0.avi\n"
        "kick ball\tval1\tkick_ball/clip_kick_ball_3.avi\n"
    )
    assert [Path(file.path).name for file in prepared.annotation_files] == [
        "kick_ball_test_split1.txt",
        "kick_test_split1.txt",
    ]


def test_nothing_is_written_beside_the_data(
    folders: official.OfficialFolders, tmp_path: Path
) -> None:
    before = sorted((tmp_path / "official").rglob("*"))
    ask(folders)
    assert sorted((tmp_path / "official").rglob("*")) == before
    assert sorted(path.name for path in (tmp_path / "data" / "prepared").iterdir()) == [
        "hmdb51.csv",
        "hmdb51.index.json",
        "hmdb51.json",
        "hmdb51.missing.txt",
    ]


def test_the_second_time_reads_nothing_again_and_says_the_same(
    folders: official.OfficialFolders,
) -> None:
    first = ask(folders)
    manifest = Path("data/prepared/hmdb51.csv")
    os.utime(manifest, ns=(1, 1))
    second = prepare(PrepareRequest("hmdb51", data_folder()))
    assert (first.rebuilt, second.rebuilt) == (True, False)
    assert second.prepared == first.prepared
    assert manifest.stat().st_mtime_ns == 1


def test_new_clips_lost_clips_and_other_annotations_are_noticed(
    folders: official.OfficialFolders,
) -> None:
    ask(folders)
    (folders.videos / "kick" / "clip_kick_0.avi").unlink()
    assert ask(folders).prepared.missing == 1
    official.touch_videos(folders.videos, ["late/clip_kick_0.mkv"])
    assert ask(folders).prepared.missing == 0
    split = next(folders.annotations.rglob("kick_test_split1.txt"))
    split.write_text("clip_kick_0.avi 1\n")
    assert ask(folders).prepared.splits["train1"].listed == 3


@pytest.mark.parametrize("lost", [".json", ".csv", ".index.json"])
def test_what_got_lost_or_damaged_is_made_anew(
    folders: official.OfficialFolders, lost: str
) -> None:
    first = ask(folders).prepared
    file = Path(f"data/prepared/hmdb51{lost}")
    file.write_text("damaged")
    again = ask(folders).prepared
    assert again.model_copy(update={"prepared": first.prepared}) == first
    assert len(read_manifest(Path("data/prepared/hmdb51.csv"), "hmdb51").rows) == 9
    assert read_prepared(data_folder(), "hmdb51") == again


def test_another_folder_is_indexed_anew(folders: official.OfficialFolders, tmp_path: Path) -> None:
    ask(folders)
    moved = tmp_path / "moved"
    folders.videos.rename(moved)
    with pytest.raises(DataError) as error:
        prepare(PrepareRequest("hmdb51", data_folder()))
    assert str(error.value) == (
        "the folder of the videos is not there\n"
        f"  got:     no folder {folders.videos}\n"
        "  next:    check --videos"
    )
    result = prepare(PrepareRequest("hmdb51", data_folder(), videos=moved))
    assert (result.rebuilt, result.prepared.videos) == (True, str(moved))
    assert result.prepared.annotations == str(folders.annotations)


def test_configurations_find_what_was_prepared(folders: official.OfficialFolders) -> None:
    absent = load_config("paper").datasets["hmdb51"]
    assert (absent.root, absent.manifest) == ("data/hmdb51/videos", None)
    assert absent.lists["val1"] == "data/released/datasets_splits/hmdb_splits/val1.txt"
    ask(folders)
    found = load_config("paper").datasets["hmdb51"]
    assert found.root == str(folders.videos)
    assert found.manifest == str(Path("data/prepared/hmdb51.csv").absolute())
    assert (found.lists, found.labels) == ({}, {})


def test_a_damaged_description_is_named_by_configurations(
    folders: official.OfficialFolders,
) -> None:
    ask(folders)
    Path("data/prepared/hmdb51.json").write_text('{"schema_version": 9}')
    with pytest.raises(DataError) as error:
        load_config("paper")
    assert str(error.value) == (
        "data/prepared/hmdb51.json is no description of a prepared dataset\n"
        "  got:     Input should be 1\n"
        "  next:    delete it, then: bench data prepare hmdb51 --videos <folder> "
        "--annotations <folder>"
    )


def test_the_released_lists_are_remembered_for_every_dataset(
    folders: official.OfficialFolders, tmp_path: Path
) -> None:
    release = released_files(tmp_path / "ViFi-CLIP-main" / "x").parent
    named = ask(folders, released=release).prepared.released
    assert named == str(release / "x")
    assert ask(folders).prepared.released == named
    ucf = official.ucf(
        tmp_path / "ucf", ["Archery"], ["Archery/v_Archery_g08_c01.avi"], ["Archery/v_a.avi"]
    )
    assert ask(ucf, "ucf101").prepared.released == named
    assert configured("ucf101")["lists"]["few_shot_2"] == (
        f"{named}/datasets_splits/ucf_splits/train1_few_shot_2.txt"
    )
    assert configured("msrvtt")["lists"] == {}


def test_released_lists_in_their_usual_place_are_found(
    folders: official.OfficialFolders, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    released_files(tmp_path / "data" / "released")
    assert ask(folders).prepared.released == str(tmp_path / "data" / "released")
    elsewhere = released_files(tmp_path / "elsewhere")
    monkeypatch.setenv("BENCH_RELEASED", str(elsewhere))
    assert ask(folders).prepared.released == str(elsewhere)


def test_a_folder_without_released_lists(folders: official.OfficialFolders, tmp_path: Path) -> None:
    half = released_files(tmp_path / "half", ("datasets_splits",))
    with pytest.raises(DataError) as error:
        ask(folders, released=half)
    assert str(error.value) == (
        "no released lists there\n"
        f"  got:     no labels in {half}\n"
        "  allowed: a folder with datasets_splits/ and labels/ of the ViFi-CLIP release, unpacked\n"
        "  next:    give it with --released, or leave --released out: "
        "lists are then made by rule"
    )


def test_annotations_of_another_version_are_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    rows = [(f"class {n:03d}", f"id{n:09d}") for n in range(600)]
    k600 = official.kinetics(tmp_path / "k600", {"train": rows})
    with pytest.raises(DataError) as error:
        ask(k600, "kinetics400")
    assert str(error.value) == (
        "the annotations are of another version: K400 has 400 classes\n"
        f"  got:     600 classes, as Kinetics-600 has, in {k600.annotations}\n"
        "  allowed: 400 classes\n"
        "  next:    check --annotations: only the files of K400 may lie in or below it"
    )
    assert not Path("data").exists()
    assert ask(k600, "kinetics600").prepared.classes == 600
    fewer = official.kinetics(tmp_path / "k400", {"train": rows[:400]})
    with pytest.raises(DataError, match="got:     400 classes, as Kinetics-400 has"):
        ask(fewer, "kinetics600")


def test_annotations_of_another_dataset_are_called_what_they_are(
    folders: official.OfficialFolders,
) -> None:
    with pytest.raises(DataError) as error:
        ask(folders, "ucf101")
    assert str(error.value) == (
        "these are not the annotations of ucf101\n"
        f"  got:     {folders.annotations} with files like those of hmdb\n"
        "  allowed: files of the format 'ucf', see docs/data.md\n"
        "  next:    check --annotations"
    )


def test_exchanged_folders_are_noticed(folders: official.OfficialFolders) -> None:
    request = PrepareRequest("hmdb51", data_folder(), folders.annotations, folders.videos)
    with pytest.raises(DataError) as error:
        prepare(request)
    assert str(error.value) == (
        "the annotations of hmdb51 are in the folder of the videos\n"
        f"  got:     --annotations {folders.videos}, --videos {folders.annotations}\n"
        "  next:    check whether the two folders are exchanged"
    )


def test_a_folder_with_neither(folders: official.OfficialFolders, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="no official annotation files found"):
        prepare(PrepareRequest("hmdb51", data_folder(), folders.videos, empty))
    with pytest.raises(DataError, match="none of the 9 annotated clips of hmdb51 is in"):
        prepare(PrepareRequest("hmdb51", data_folder(), empty, folders.annotations))


def test_output_among_the_videos_is_refused(folders: official.OfficialFolders) -> None:
    data = folders.videos / "kick"
    with pytest.raises(UsageError) as error:
        prepare(PrepareRequest("hmdb51", data, folders.videos, folders.annotations))
    assert str(error.value) == (
        "nothing is written beside the videos\n"
        f"  got:     {data}/prepared lies in {folders.videos}\n"
        "  next:    name another folder: --data DIR, or BENCH_DATA"
    )


def test_the_first_time_needs_both_folders(folders: official.OfficialFolders) -> None:
    with pytest.raises(UsageError) as error:
        prepare(PrepareRequest("hmdb51", data_folder(), videos=folders.videos))
    assert str(error.value) == (
        "where the annotations of hmdb51 lie is not known yet\n"
        "  next:    bench data prepare hmdb51 --videos <folder> --annotations <folder>"
    )


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (
            "mini-hmdb51",
            "mini-hmdb51 needs no preparation: it is made on first use\n"
            "  allowed: hmdb51, kinetics400, kinetics600, msrvtt, ssv2, ucf101\n"
            "  next:    bench run --dataset mini-hmdb51",
        ),
        (
            "kinetics-400",
            "unknown dataset 'kinetics-400'; did you mean 'kinetics400'?\n"
            "  allowed: hmdb51, kinetics400, kinetics600, msrvtt, ssv2, ucf101",
        ),
    ],
)
def test_datasets_that_cannot_be_prepared(dataset: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        prepare(PrepareRequest(dataset, data_folder()))
    assert str(error.value) == message


def test_names_that_are_no_text_can_be_described(tmp_path: Path) -> None:
    (tmp_path / "official").mkdir()
    (tmp_path / "official" / "kick_test_split1.txt").write_text("a_kick.avi 1\n")
    (tmp_path / "official" / "a_kick.avi").write_bytes(b"x")
    (tmp_path / "official" / os.fsdecode(b"caf\xe9.avi")).write_bytes(b"x")
    both = official.OfficialFolders(tmp_path / "official", tmp_path / "official")
    found = ask(both).prepared
    assert found.differences["unlisted"].examples == ("caf\\udce9.avi",)
    assert json.loads(Path("data/prepared/hmdb51.json").read_text())["clips"] == 1
