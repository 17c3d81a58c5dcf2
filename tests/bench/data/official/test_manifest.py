from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.official.annotations import NO_CLASS, AnnotatedClip, Annotations
from bench.data.official.manifest import (
    Manifest,
    ManifestRow,
    build_manifest,
    read_manifest,
    write_manifest,
)
from bench.data.official.manifest_cache import OfficialData, cached_manifest, prepare_manifest
from bench.data.video.folder_index import index_folder, mended_copies
from bench.ground.errors import DataError
from tests.bench.data import official_folders as official


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
        "  next:    bench data prepare hmdb51 --videos <folder> --annotations <folder>"
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


def test_a_damaged_manifest(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text("id,path,class_id,class_name,splits,bytes\n" + '"' + "x" * 200_000)
    with pytest.raises(DataError) as error:
        read_manifest(path, "hmdb51")
    assert str(error.value) == (
        "manifest.csv, line 1: no table\n  got:     field larger than field limit (131072)"
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


def _archery(folder: Path) -> tuple[official.OfficialFolders, Path]:
    """One clip of one class, and the place of its file."""
    folders = official.kinetics(folder, {"val": [("archery", "-abcdefg_ij")]})
    return folders, folders.videos / "val" / "-abcdefg_ij_000004_000014.mp4"


def _kinetics(folders: official.OfficialFolders) -> OfficialData:
    return OfficialData("kinetics400", folders.videos, folders.annotations, "kinetics")


def test_a_mended_copy_is_taken_instead_of_the_corrupted_clip(tmp_path: Path) -> None:
    folders, clip = _archery(tmp_path)
    mended = f"replacement/replacement_for_corrupted_k400/{clip.name}"
    official.touch_videos(folders.videos, [mended])
    manifest, report = prepare_manifest(_kinetics(folders))
    assert [row.path for row in manifest.rows] == [mended]
    assert (report.mended, report.ambiguous, report.unlisted) == ((mended,), (), ())
    assert mended_copies(folders.videos) == {clip.stem: mended}
    assert mended_copies(tmp_path / "nowhere") == {}


def test_half_a_download_is_said_to_be_one(tmp_path: Path) -> None:
    folders, clip = _archery(tmp_path)
    clip.write_bytes(b"")
    for name in ("other.mp4.part", "other.mp4.aria2", ".rsync.mp4.Xa21"):
        (clip.parent / name).write_bytes(b"x")
    (clip.parent / "lost.mp4").symlink_to(tmp_path / "nothing")
    (clip.parent / "loop.mp4").symlink_to(clip.parent / "loop.mp4")
    (clip.parent / "._hidden.mp4").write_bytes(b"x")
    _, report = prepare_manifest(_kinetics(folders))
    assert report.empty == (f"val/{clip.name}",)
    names = ["loop.mp4", "lost.mp4", "other.mp4.aria2", "other.mp4.part"]
    assert report.unusable == tuple(f"val/{name}" for name in names)
    assert report.unlisted == ()


def test_seconds_without_leading_zeros_are_the_same_clip(tmp_path: Path) -> None:
    folders, clip = _archery(tmp_path)
    clip.rename(clip.with_name("-abcdefg_ij_4_14.mp4"))
    manifest, _ = prepare_manifest(_kinetics(folders))
    assert [row.path for row in manifest.rows] == ["val/-abcdefg_ij_4_14.mp4"]


@pytest.mark.parametrize(
    ("written", "on_disk"),
    [
        ("café_kick.avi".encode(), unicodedata.normalize("NFD", "café_kick.avi").encode()),
        ("café_kick.avi".encode("latin-1"), "café_kick.avi".encode()),
        ("café_kick.avi".encode(), "café_kick.avi".encode("latin-1")),
    ],
)
def test_accents_are_compared_whatever_wrote_them(
    tmp_path: Path, written: bytes, on_disk: bytes
) -> None:
    (tmp_path / "kick_test_split1.txt").write_bytes(written + b" 1\n")
    (tmp_path / "kick").mkdir()
    (tmp_path / "kick" / os.fsdecode(on_disk)).write_bytes(b"x")
    manifest, _ = prepare_manifest(OfficialData("hmdb51", tmp_path, tmp_path, "hmdb"))
    assert [os.fsencode(row.path) for row in manifest.rows] == [b"kick/" + on_disk]


def test_copies_of_equal_size_are_no_riddle(tmp_path: Path) -> None:
    folders, clip = _archery(tmp_path)
    copy = folders.videos / "videos" / "val" / "archery" / clip.name
    copy.parent.mkdir(parents=True)
    copy.symlink_to(clip)
    manifest, report = prepare_manifest(_kinetics(folders))
    assert [row.path for row in manifest.rows] == [f"val/{clip.name}"]
    assert (report.ambiguous, report.unlisted) == ((), ())


def test_real_folders_come_before_links_to_them(tmp_path: Path) -> None:
    official.touch_videos(tmp_path, ["z/1.avi"])
    (tmp_path / "a").symlink_to(tmp_path / "z")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert [path for path, _ in index_folder(tmp_path).files()] == ["z/1.avi"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read anything")
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    official.touch_videos(tmp_path, ["a/1.avi", "lost+found/2.avi"])
    (tmp_path / "lost+found").chmod(0)
    try:
        index = index_folder(tmp_path)
    finally:
        (tmp_path / "lost+found").chmod(0o755)
    assert index.unreadable == ["lost+found"]
    assert [path for path, _ in index.files()] == ["a/1.avi"]


def test_archives_that_were_not_unpacked_are_named(tmp_path: Path) -> None:
    folders = official.simple_hmdb(tmp_path, {"kick": 1}, val=1)
    packed = tmp_path / "packed"
    packed.mkdir()
    (packed / "brush_hair.rar").write_bytes(b"Rar!")
    with pytest.raises(DataError) as error:
        prepare_manifest(OfficialData("hmdb51", packed, folders.annotations, "hmdb"))
    assert str(error.value) == (
        "none of the 2 annotated clips of hmdb51 is in the video folder\n"
        f"  got:     {packed} with 0 video files\n"
        "  allowed: files named like kick/clip_kick_0.avi, in any sub-folder\n"
        "  next:    unpack the archives in it: 1, for example brush_hair.rar"
    )


def test_captions_have_no_classes(tmp_path: Path) -> None:
    row = ManifestRow("video0", "video0.mp4", NO_CLASS, "", ("train",), 3, ("a, b", 'say "é"'))
    manifest = Manifest("msrvtt", (row,))
    write_manifest(manifest, tmp_path / "manifest.csv")
    assert read_manifest(tmp_path / "manifest.csv", "msrvtt") == manifest
    with pytest.raises(DataError, match="the clips of msrvtt have captions, not classes"):
        _ = manifest.class_names


_texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.builds(
            ManifestRow,
            id=_texts,
            path=_texts,
            class_id=st.just(NO_CLASS),
            class_name=st.just(""),
            splits=st.lists(st.sampled_from(["train", "val1", "test"]), unique=True).map(tuple),
            bytes=st.none() | st.integers(min_value=0, max_value=2**50),
            captions=st.lists(st.text()).map(tuple),
        ),
        min_size=1,
        unique_by=lambda row: row.path,
    )
)
def test_any_manifest_survives_its_file(
    tmp_path_factory: pytest.TempPathFactory, rows: list[ManifestRow]
) -> None:
    manifest = Manifest("msrvtt", tuple(sorted(rows, key=lambda row: row.path)))
    path = tmp_path_factory.getbasetemp() / "any.csv"
    write_manifest(manifest, path)
    assert read_manifest(path, "msrvtt") == manifest


def test_clips_of_ones_own_are_found_where_their_table_says(tmp_path: Path) -> None:
    official.touch_videos(tmp_path, ["tue/1.mp4", "wed/1.avi", "wed/1.mp4"])
    listed = {"mon/1.mp4": 0, "tue/1.mp4": 1, "wed/1.mp4": 0, "wed/1.avi": 1}
    annotations = Annotations(
        ("a", "b"),
        tuple(AnnotatedClip(path, label, ("train",)) for path, label in listed.items()),
        (),
        in_place=True,
    )
    manifest, report = build_manifest("mine", annotations, index_folder(tmp_path))
    assert {row.path: row.class_id for row in manifest.rows} == listed
    assert report.missing == ("mon/1.mp4",)


def test_annotations_without_a_line_are_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    empty = Annotations(("a",), (), (Path("train.csv"),))
    with pytest.raises(DataError) as error:
        build_manifest("kinetics400", empty, index_folder(tmp_path / "v"))
    assert str(error.value) == (
        "the annotations of kinetics400 name no clip\n  got:     train.csv\n"
        "  next:    fetch the annotation files again: these are empty"
    )
