from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.official.annotations import read_annotations
from bench.data.official.annotations.own import HELD_OUT, held_out
from bench.ground.errors import DataError
from bench.upkeep.shards import write_shards
from tests.bench.data.official_folders import touch_videos


def splits(place: Path, format_name: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    found = read_annotations(format_name, place)
    return {clip.path: (found.class_names[clip.class_id], clip.splits) for clip in found.clips}


def test_a_folder_a_class(tmp_path: Path) -> None:
    touch_videos(tmp_path, [f"{name}/{n}.mp4" for name in ("wave hand", "Point") for n in range(6)])
    found = splits(tmp_path, "folders")
    assert read_annotations("folders", tmp_path).class_names == ("Point", "wave hand")
    assert len(found) == 12
    for name in ("wave hand", "Point"):
        own = [split for path, (label, split) in found.items() if label == name]
        assert sorted(own) == [("train",)] * 5 + [("val",)]
        assert all(path.startswith(name) for path, (label, _) in found.items() if label == name)


def test_folders_that_name_the_split(tmp_path: Path) -> None:
    touch_videos(tmp_path, ["train/a/1.mp4", "train/b/deep/er/2.avi", "Validation/a/3.webm"])
    assert splits(tmp_path, "folders") == {
        "Validation/a/3.webm": ("a", ("val",)),
        "train/a/1.mp4": ("a", ("train",)),
        "train/b/deep/er/2.avi": ("b", ("train",)),
    }


@pytest.mark.parametrize(
    ("paths", "what"),
    [
        (["a/1.mp4", "2.mp4"], "1 video lies in no class folder"),
        (["train/1.mp4"], "1 video lies in no class folder"),
        ([], "there are no videos"),
    ],
)
def test_videos_without_a_class_are_refused(tmp_path: Path, paths: list[str], what: str) -> None:
    touch_videos(tmp_path, paths)
    with pytest.raises(DataError) as error:
        read_annotations("folders", tmp_path)
    assert error.value.what == what


def test_folders_in_broken_shards_are_refused(tmp_path: Path) -> None:
    touch_videos(tmp_path / "v", ["a/1.mp4", "b/1.mp4"])
    write_shards(tmp_path / "v", tmp_path / "s")
    assert splits(tmp_path / "s", "folders") == splits(tmp_path / "v", "folders")
    (tmp_path / "s/videos-00000.tar").unlink()
    with pytest.raises(DataError) as error:
        read_annotations("folders", tmp_path / "s")
    assert str(error.value) == (
        "1 shards of the videos are not whole\n"
        f"  got:     {tmp_path / 's/videos-00000.tar'}: missing\n"
        "  next:    copy them again"
    )


def write_table(folder: Path, *lines: str) -> Path:
    file = folder / "clips.csv"
    file.write_text("\r\n".join(lines), encoding="utf-8-sig", newline="")
    return file


def test_a_table_with_splits(tmp_path: Path) -> None:
    file = write_table(
        tmp_path,
        "clip,label,split",
        '"x, y/1.mp4",wave,train',
        "./2.mp4,wave,Validation",
        "3.mp4,point,train val",
        "4.mp4,point,",
    )
    wanted = {
        "x, y/1.mp4": ("wave", ("train",)),
        "2.mp4": ("wave", ("val",)),
        "3.mp4": ("point", ("train", "val")),
        "4.mp4": ("point", ()),
    }
    assert splits(file, "csv") == wanted
    assert splits(tmp_path, "csv") == wanted


def test_a_table_without_splits_and_with_a_contradiction(tmp_path: Path) -> None:
    lines = [f"{number}.mp4,{'ab'[number % 2]}" for number in range(20)]
    file = write_table(tmp_path, "label,clip", *(",".join(x.split(",")[::-1]) for x in lines))
    found = read_annotations("csv", file)
    assert sum(clip.splits == ("val",) for clip in found.clips) == 4
    file = write_table(tmp_path, "clip,label", "1.mp4,a", "1.mp4,b", "2.mp4,b")
    assert read_annotations("csv", file).conflicts == ("1.mp4",)


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        (("clips,label", "1.mp4,a"), "clips.csv, line 1: no table of clips"),
        (("clip,label", "1.mp4,"), "clips.csv, line 2: no clip with a label"),
        (("clip,label", "../1.mp4,a"), "clips.csv, line 2: no clip with a label"),
        (("clip,label", "/1.mp4,a"), "clips.csv, line 2: no clip with a label"),
        (("clip,label,split", "1.mp4,a,dev"), "clips.csv, line 2: no such split"),
        (("clip,label",), "clips.csv names no clip"),
    ],
)
def test_tables_that_are_wrong_are_refused(
    tmp_path: Path, lines: tuple[str, ...], what: str
) -> None:
    with pytest.raises(DataError) as error:
        read_annotations("csv", write_table(tmp_path, *lines))
    assert error.value.what == what


def test_one_table_is_enough(tmp_path: Path) -> None:
    write_table(tmp_path, "clip,label", "1.mp4,a")
    (tmp_path / "other.csv").write_text("clip,label\n")
    with pytest.raises(DataError, match="there are 2 csv files"):
        read_annotations("csv", tmp_path)


names = st.lists(st.text("abcdef0123/", min_size=1, max_size=6), unique=True, max_size=30)


@given(names, st.integers(1, 3))
def test_a_fifth_is_held_out_whatever_the_order(paths: list[str], classes: int) -> None:
    labels = {path: str(number % classes) for number, path in enumerate(paths)}
    found = held_out(labels)
    assert found == held_out(dict(reversed(labels.items())))
    for label in set(labels.values()):
        own = [found[path] for path in paths if labels[path] == label]
        wanted = 0 if len(own) < 2 else max(1, len(own) // HELD_OUT)
        assert own.count(("val",)) == wanted
        assert own.count(("train",)) == len(own) - wanted


def test_blanks_around_a_folders_name_are_no_part_of_the_class(tmp_path: Path) -> None:
    touch_videos(tmp_path, [f"{name}/{n}.mp4" for name in (" wave ", "Point") for n in range(2)])
    found = read_annotations("folders", tmp_path)
    assert found.class_names == ("Point", "wave")
    assert {clip.path.split("/")[0] for clip in found.clips} == {"Point", " wave "}


def test_a_line_break_in_a_name_is_refused(tmp_path: Path) -> None:
    touch_videos(tmp_path, ["wave/1.mp4", "wave/two\nlines.mp4"])
    with pytest.raises(DataError) as caught:
        read_annotations("folders", tmp_path)
    assert str(caught.value) == (
        "1 clip has a line break in the name, and lists hold a clip a line\n"
        "  got:     'wave/two\\nlines.mp4'\n  next:    rename the file"
    )
