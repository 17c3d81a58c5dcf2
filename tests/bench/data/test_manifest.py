from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.data.folder_index import index_folder
from bench.data.manifest import (
    Manifest,
    ManifestRow,
    read_manifest,
    write_manifest,
)
from bench.data.manifest_cache import OfficialData, cached_manifest, prepare_manifest
from bench.errors import DataError
from tests.bench.data import official


def _hmdb(folders: official.OfficialFolders) -> OfficialData:
    return OfficialData("hmdb51", folders.videos, folders.annotations, "hmdb")


def _settle(folder: Path) -> None:
    """Make every folder look as if it had been left alone for a while."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            os.utime(path, (1_000_000_000, 1_000_000_000))


def test_rows_are_joined_by_name_and_survive_the_file(tmp_path: Path) -> None:
    folders = official.hmdb(
        tmp_path,
        {
            "kick_ball": {"b,1_kick_ball.avi": [1, 2]},
            "kick": {"a_kick.avi": [2, 1], "c_kick.avi": [0, 0]},
        },
    )
    (folders.videos / "kick" / "a_kick.avi").unlink()
    manifest, report = prepare_manifest(_hmdb(folders))
    assert manifest.rows == (
        ManifestRow("a_kick", "kick/a_kick.avi", 0, "kick", ("val1", "train2"), None),
        ManifestRow("c_kick", "kick/c_kick.avi", 0, "kick", (), 15),
        ManifestRow(
            "b,1_kick_ball", "kick_ball/b,1_kick_ball.avi", 1, "kick ball", ("train1", "val2"), 27
        ),
    )
    assert manifest.class_names == ("kick", "kick ball")
    assert report.missing == ("kick/a_kick.avi",)
    assert report.summary() == "2 of 3 annotated clips present, 1 missing"
    write_manifest(manifest, tmp_path / "out" / "manifest.csv")
    assert read_manifest(tmp_path / "out" / "manifest.csv", "hmdb51") == manifest


def test_names_that_are_no_utf8_survive_the_file(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9_kick.avi")
    manifest = Manifest("hmdb51", (ManifestRow(name[:-4], f"kick/{name}", 0, "kick", (), 3),))
    write_manifest(manifest, tmp_path / "manifest.csv")
    assert read_manifest(tmp_path / "manifest.csv", "hmdb51") == manifest


@pytest.mark.parametrize(
    "layout",
    [
        "train/{}.mp4",
        "videos_train/archery/{}.mkv",
        "{}.webm",
        "deep/er/still/{}.MP4",
    ],
)
def test_any_layout_and_extension_is_found_by_stem(tmp_path: Path, layout: str) -> None:
    folders = official.kinetics(tmp_path, {"train": [("archery", "-abcdefg_ij")]})
    written = folders.videos / "train" / "-abcdefg_ij_000004_000014.mp4"
    target = folders.videos / layout.format(written.stem)
    target.parent.mkdir(parents=True, exist_ok=True)
    written.rename(target)
    data = OfficialData("kinetics400", folders.videos, folders.annotations, "kinetics")
    manifest, _ = prepare_manifest(data)
    assert [row.path for row in manifest.rows] == [target.relative_to(folders.videos).as_posix()]


def test_the_folder_decides_between_two_files_of_one_name(tmp_path: Path) -> None:
    folders = official.hmdb(
        tmp_path, {"jump": {"x_0.avi": [1]}, "run": {"x_0.avi": [2], "y.avi": [1]}}
    )
    official.touch_videos(folders.videos, ["copies/y.avi"])
    manifest, report = prepare_manifest(_hmdb(folders))
    assert [(row.id, row.path, row.class_name) for row in manifest.rows] == [
        ("jump/x_0", "jump/x_0.avi", "jump"),
        ("run/x_0", "run/x_0.avi", "run"),
        ("y", "run/y.avi", "run"),
    ]
    assert report.ambiguous == ("run/y.avi",)
    assert report.unlisted == ()


def test_one_file_never_stands_for_two_clips(tmp_path: Path) -> None:
    folders = official.hmdb(tmp_path, {"jump": {"x.avi": [1]}, "run": {"x.avi": [2]}})
    (folders.videos / "run" / "x.avi").unlink()
    manifest, report = prepare_manifest(_hmdb(folders))
    assert [(row.path, row.present) for row in manifest.rows] == [
        ("jump/x.avi", True),
        ("run/x.avi", False),
    ]
    assert report.missing == ("run/x.avi",)


def test_ucf_clips_whose_case_differs_from_their_folder(tmp_path: Path) -> None:
    folders = official.ucf(
        tmp_path,
        ["Archery", "HandstandPushups"],
        train=["HandstandPushups/v_HandStandPushups_g08_c01.avi"],
        test=["Archery/v_Archery_g01_c01.avi"],
    )
    written = folders.videos / "HandstandPushups" / "v_HandStandPushups_g08_c01.avi"
    written.rename(written.with_name("v_HandstandPushups_g08_c01.avi"))
    data = OfficialData("ucf101", folders.videos, folders.annotations, "ucf")
    manifest, report = prepare_manifest(data)
    assert manifest.rows[1].path == "HandstandPushups/v_HandstandPushups_g08_c01.avi"
    assert manifest.rows[1].class_name == "HandstandPushups"
    assert report.missing == ()


def test_nothing_found_says_where_and_what_for(tmp_path: Path) -> None:
    folders = official.simple_hmdb(tmp_path, {"kick": 1}, val=1)
    elsewhere = tmp_path / "elsewhere"
    official.touch_videos(elsewhere, ["other.avi"])
    with pytest.raises(DataError) as error:
        prepare_manifest(OfficialData("hmdb51", elsewhere, folders.annotations, "hmdb"))
    assert str(error.value) == (
        "none of the 2 annotated clips of hmdb51 is in the video folder\n"
        f"  got:     {elsewhere} with 1 video files\n"
        "  allowed: files named like kick/clip_kick_0.avi, in any sub-folder\n"
        "  next:    check 'root' and 'annotations' of the dataset in the configuration"
    )


def test_a_file_that_is_no_manifest(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text("id,path\n1,2\n")
    with pytest.raises(DataError) as error:
        read_manifest(path, "hmdb51")
    assert str(error.value) == (
        "manifest.csv is no manifest: it lacks the columns class_id, class_name, splits, bytes\n"
        f"  got:     {path}\n"
        "  allowed: id,path,class_id,class_name,splits,bytes"
    )


def test_a_manifest_with_two_names_for_a_class(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text(
        "id,path,class_id,class_name,splits,bytes\na,a.avi,0,kick,train1,1\nb,b.avi,0,jump,,\n"
    )
    with pytest.raises(DataError) as error:
        read_manifest(path, "hmdb51")
    assert str(error.value) == (
        "manifest.csv, line 3: class 0 has two names\n  got:     'kick' and 'jump'"
    )


def test_unchanged_folders_are_not_listed_again(tmp_path: Path) -> None:
    official.touch_videos(tmp_path, ["a/1.avi", "b/2.avi"])
    _settle(tmp_path)
    first = index_folder(tmp_path)
    official.touch_videos(tmp_path, ["b/3.avi"])
    second = index_folder(tmp_path, first)
    assert (first.relisted, second.relisted) == (3, 1)
    assert [path for path, _ in second.files()] == ["a/1.avi", "b/2.avi", "b/3.avi"]
    assert second.find("b/3.avi") == ["b/3.avi"]


def test_a_link_back_up_is_followed_once(tmp_path: Path) -> None:
    official.touch_videos(tmp_path, ["a/1.avi"])
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    assert [path for path, _ in index_folder(tmp_path).files()] == ["a/1.avi"]


def test_the_cached_manifest_follows_videos_and_annotations(tmp_path: Path) -> None:
    folders = official.simple_hmdb(tmp_path / "data", {"kick": 2}, val=1)
    cache = tmp_path / "cache"
    _settle(folders.videos)
    first = cached_manifest(_hmdb(folders), cache)
    table = next((cache / "manifests").glob("*.csv"))
    written = table.stat().st_mtime_ns
    assert cached_manifest(_hmdb(folders), cache) == first
    assert table.stat().st_mtime_ns == written

    (folders.videos / "kick" / "clip_kick_1.avi").unlink()
    assert [row.present for row in cached_manifest(_hmdb(folders), cache).rows] == [
        True,
        False,
        True,
    ]

    split = next(folders.annotations.rglob("kick_test_split1.txt"))
    split.write_text("clip_kick_0.avi 2\n")
    assert [row.splits for row in cached_manifest(_hmdb(folders), cache).rows] == [("val1",)]

    table.write_text("damaged")
    assert [row.id for row in cached_manifest(_hmdb(folders), cache).rows] == ["clip_kick_0"]


def test_a_cache_that_cannot_be_written_to(tmp_path: Path) -> None:
    folders = official.simple_hmdb(tmp_path / "data", {"kick": 2}, val=1)
    cache = tmp_path / "cache"
    cache.write_text("a file where the folder should be")
    with pytest.raises(DataError) as error:
        cached_manifest(_hmdb(folders), cache)
    name = _hmdb(folders).name
    assert str(error.value) == (
        f"cannot write {name}.csv into the cache folder\n"
        f"  got:     {cache}/manifests: Not a directory\n"
        "  allowed: a folder with write permission and free space\n"
        "  next:    name another cache folder in the configuration: cache = '<folder>'"
    )
