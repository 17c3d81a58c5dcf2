from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.data.official.annotations import NO_CLASS, AnnotatedClip, looks_like, read_annotations
from bench.ground.errors import DataError, UsageError
from tests.bench.data import official_folders as official


def test_kinetics_reads_quoted_labels_ids_with_dashes_and_both_names_of_val(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_bytes(
        b"label,youtube_id,time_start,time_end,split,is_cc\r\n"
        b'"hurling (sport), outdoors",-kahgmRD-4g,4,14,train,0\r\n'
        b'"abseiling",a_b_c_d_e_f,7.0,17.0,train,1\r\n'
        b"\r\n"
    )
    (tmp_path / "validate.csv").write_bytes(
        b"label,youtube_id,time_start,time_end,split\nabseiling,0wR5jVB-WPk,417,427,validate"
    )
    (tmp_path / "test.csv").write_bytes(
        b"youtube_id,time_start,time_end,split\n--heldout__0,1,11,test\n"
    )

    read = read_annotations("kinetics", tmp_path)

    assert read.class_names == ("abseiling", "hurling (sport), outdoors")
    assert set(read.clips) == {
        AnnotatedClip("train/-kahgmRD-4g_000004_000014.mp4", 1, ("train",)),
        AnnotatedClip("train/a_b_c_d_e_f_000007_000017.mp4", 0, ("train",)),
        AnnotatedClip("val/0wR5jVB-WPk_000417_000427.mp4", 0, ("val",)),
    }
    assert read.unlabelled == 1


def test_kinetics_reads_tables_without_header_and_takes_the_partition_from_the_file_name(
    tmp_path: Path,
) -> None:
    (tmp_path / "kinetics_train.csv").write_text("archery,abcdefghijk,0,10\n")
    read = read_annotations("kinetics", tmp_path)
    assert read.clips == (AnnotatedClip("train/abcdefghijk_000000_000010.mp4", 0, ("train",)),)


def test_kinetics_reports_a_clip_listed_with_two_classes(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("archery,abcdefghijk,0,10\nboxing,abcdefghijk,0,10\n")
    read = read_annotations("kinetics", tmp_path)
    assert read.conflicts == ("train/abcdefghijk_000000_000010.mp4",)
    assert [clip.class_id for clip in read.clips] == [0]


def test_kinetics_names_the_line_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(
        "label,youtube_id,time_start,time_end,split,is_cc\narchery,abcdefghijk,zero,10,train,0\n"
    )
    with pytest.raises(DataError) as error:
        read_annotations("kinetics", tmp_path)
    assert str(error.value) == (
        "train.csv, line 2: no clip\n"
        "  got:     archery,abcdefghijk,zero,10,train,0\n"
        "  allowed: label,youtube_id,time_start,time_end,split,is_cc"
    )


def test_hmdb_codes_and_order_by_folder_name(tmp_path: Path) -> None:
    folders = official.hmdb(
        tmp_path,
        {
            "kick_ball": {"b(1)_kick_ball_f_0.avi": [1, 2, 0]},
            "kick": {"a!_kick_f_0.avi": [2, 1, 1], "é_kick_f_1.avi": [0, 0, 0]},
        },
    )
    read = read_annotations("hmdb", folders.annotations)
    assert read.class_names == ("kick", "kick ball")
    assert set(read.clips) == {
        AnnotatedClip("kick/a!_kick_f_0.avi", 0, ("val1", "train2", "train3")),
        AnnotatedClip("kick/é_kick_f_1.avi", 0, ()),
        AnnotatedClip("kick_ball/b(1)_kick_ball_f_0.avi", 1, ("train1", "val2")),
    }


def test_hmdb_refuses_an_unknown_code(tmp_path: Path) -> None:
    (tmp_path / "kick_test_split1.txt").write_text("a.avi 1\nb.avi 3\n")
    with pytest.raises(DataError) as error:
        read_annotations("hmdb", tmp_path)
    assert str(error.value) == (
        "kick_test_split1.txt, line 2: no clip with a code\n"
        "  got:     b.avi 3\n"
        "  allowed: <clip>.avi <0, 1 or 2>"
    )


def test_ucf_compares_folders_without_case_and_numbers_from_zero(tmp_path: Path) -> None:
    folders = official.ucf(
        tmp_path,
        ["Archery", "HandstandPushups"],
        train=["HandstandPushups/v_HandStandPushups_g08_c01.avi"],
        test=["Archery/v_Archery_g01_c01.avi"],
    )
    test_list = folders.annotations / "testlist01.txt"
    test_list.write_text(
        "Archery/v_Archery_g01_c01.avi\r\nHandStandPushups/v_HandStandPushups_g01_c01.avi"
    )
    read = read_annotations("ucf", folders.annotations)
    assert read.class_names == ("Archery", "HandstandPushups")
    assert set(read.clips) == {
        AnnotatedClip("HandstandPushups/v_HandStandPushups_g08_c01.avi", 1, ("train1",)),
        AnnotatedClip("Archery/v_Archery_g01_c01.avi", 0, ("val1",)),
        AnnotatedClip("HandStandPushups/v_HandStandPushups_g01_c01.avi", 1, ("val1",)),
    }


def test_ucf_refuses_a_number_that_is_not_the_folders(tmp_path: Path) -> None:
    folders = official.ucf(tmp_path, ["Archery", "Bowling"], train=[], test=["Archery/a.avi"])
    (folders.annotations / "trainlist01.txt").write_text("Bowling/v_b.avi 1\n")
    with pytest.raises(DataError) as error:
        read_annotations("ucf", folders.annotations)
    assert str(error.value) == (
        "trainlist01.txt, line 1: the class number does not fit the folder\n"
        "  got:     Bowling/v_b.avi 1\n"
        "  allowed: 2 for Bowling"
    )


@pytest.mark.parametrize("prefix", ["", "something-something-v2-"])
def test_ssv2_joins_templates_without_brackets(tmp_path: Path, prefix: str) -> None:
    name = "Laying something on the table on its side, not upright"
    template = "Laying [something] on the table on its side, not upright"
    labels = {"Closing something": "1", name: "0"}
    (tmp_path / f"{prefix}labels.json").write_text(json.dumps(labels))
    entries = [{"id": "74225", "template": template, "placeholders": ["a cup"]}]
    (tmp_path / f"{prefix}train.json").write_text(json.dumps(entries))
    (tmp_path / f"{prefix}test.json").write_text(json.dumps([{"id": "1"}]))
    read = read_annotations("ssv2", tmp_path)
    assert read.class_names == (name, "Closing something")
    assert read.clips == (AnnotatedClip("74225.webm", 0, ("train",)),)
    assert read.unlabelled == 1


def test_ssv2_refuses_a_template_that_is_no_label(tmp_path: Path) -> None:
    official.ssv2(tmp_path, ["Closing something"], {"train": [(7, "Opening [something]")]})
    with pytest.raises(DataError) as error:
        read_annotations("ssv2", tmp_path / "annotations")
    assert str(error.value) == (
        "something-something-v2-train.json: clip '7' has a template that is no label\n"
        "  got:     Opening something\n"
        "  allowed: the names in labels.json"
    )


@pytest.mark.parametrize(
    ("format_name", "expected"),
    [
        ("kinetics", "train.csv, val.csv or validate.csv, test.csv"),
        ("hmdb", "<class>_test_split<n>.txt"),
        ("ucf", "classInd.txt, trainlist<nn>.txt, testlist<nn>.txt"),
        ("ssv2", "labels.json, train.json, validation.json"),
    ],
)
def test_an_empty_folder_is_refused_with_the_expected_names(
    tmp_path: Path, format_name: str, expected: str
) -> None:
    with pytest.raises(DataError) as error:
        read_annotations(format_name, tmp_path)
    assert str(error.value) == (
        "no official annotation files found\n"
        f"  got:     {tmp_path}\n"
        f"  allowed: {expected}\n"
        "  next:    name the folder with the official annotation files, and their format"
    )


def test_an_unknown_format_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        read_annotations("hmbd", tmp_path)
    assert str(error.value) == (
        "unknown annotation format 'hmbd'; did you mean 'hmdb'?\n"
        "  allowed: csv, folders, hmdb, kinetics, msrvtt, ssv2, ucf"
    )


def test_kinetics_passes_over_tables_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "kinetics_400_labels.csv").write_text("id,name\n0,archery\n")
    (tmp_path / "shards.csv").write_text("path,shard,offset,size,mtime_ns\n")
    (tmp_path / "._train.csv").write_bytes(b"\0\1\2")
    (tmp_path / "train.txt").write_text(
        "label,youtube_id,time_start,time_end,split\narchery,abcdefghijk,0,10,train\n"
    )
    read = read_annotations("kinetics", tmp_path)
    assert [clip.path for clip in read.clips] == ["train/abcdefghijk_000000_000010.mp4"]
    assert [file.name for file in read.files] == ["train.txt"]


def test_annotation_files_in_a_link_back_up_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "up").symlink_to(tmp_path)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "train.csv").write_text("archery,abcdefghijk,0,10\n")
    assert read_annotations("kinetics", tmp_path).files == (tmp_path / "train.csv",)


MSRVTT_VARIANTS: dict[str, dict[str, str]] = {
    "csv": {
        "MSRVTT_train.9k.csv": "video_id\r\nvideo0\r\nvideo1\r\n",
        "MSRVTT_train.7k.csv": "video_id\nvideo0\n",
        "MSRVTT_JSFUSION_test.csv": (
            'key,vid_key,video_id,sentence\nret0,msr7,video7,"a man, singing"\n'
        ),
        "MSRVTT_data.json": json.dumps(
            {
                "sentences": [
                    {"sen_id": n, "video_id": video, "caption": f"{video} {n}"}
                    for video in ("video0", "video1", "video7")
                    for n in (0, 1)
                ]
            }
        ),
    },
    "lists": {
        "msrvtt_ret_train9k.json": json.dumps(
            [
                {"video": "video0.mp4", "caption": ["video0 0", " video0 1"]},
                {"video": "video1.mp4", "caption": "video1 0"},
                {"video": "video1.mp4", "caption": "video1 1"},
            ]
        ),
        "msrvtt_ret_train7k.json": json.dumps([{"video": "video0.mp4", "caption": "video0 0"}]),
        "msrvtt_ret_test1k.json": json.dumps([{"video": "video7", "caption": "a man, singing"}]),
        "msrvtt_qa_train.json": "[1, 2]",
    },
    "objects": {
        "train_9k.json": json.dumps(
            {"video0.mp4": ["video0 0", "video0 1"], "video1.mp4": ["video1 0", "video1 1"]}
        ),
        "train_7k.json": json.dumps({"video0.mp4": ["video0 0"]}),
        "test_JSFUSION.json": json.dumps({"video7.mp4": ["a man, singing"]}),
    },
}


@pytest.mark.parametrize("variant", MSRVTT_VARIANTS)
def test_msrvtt_in_every_variant_in_circulation(tmp_path: Path, variant: str) -> None:
    for name, text in MSRVTT_VARIANTS[variant].items():
        (tmp_path / name).write_text(text, newline="")
    read = read_annotations("msrvtt", tmp_path)
    assert read.class_names == ()
    by_path = {clip.path: (set(clip.splits), clip.captions, clip.class_id) for clip in read.clips}
    assert by_path["video1.mp4"] == ({"train"}, ("video1 0", "video1 1"), NO_CLASS)
    assert by_path["video0.mp4"][0] == {"train", "train7k"}
    # One sentence a tested clip, whatever else is said of it elsewhere.
    assert by_path["video7.mp4"] == ({"test"}, ("a man, singing",), NO_CLASS)


def test_msrvtt_clips_without_captions_are_named(tmp_path: Path) -> None:
    (tmp_path / "MSRVTT_train.9k.csv").write_text("video_id\nvideo0\n")
    with pytest.raises(DataError) as error:
        read_annotations("msrvtt", tmp_path)
    assert str(error.value) == (
        "MSRVTT_train.9k.csv: there is no caption of video0\n"
        "  got:     a list of clips only\n"
        "  allowed: MSRVTT_train.9k.csv, MSRVTT_JSFUSION_test.csv, MSRVTT_data.json; or "
        "msrvtt_ret_train9k.json, msrvtt_ret_test1k.json; or train_9k.json, test_JSFUSION.json\n"
        "  next:    put MSRVTT_data.json beside it"
    )


def test_msrvtt_files_of_two_versions_of_the_split(tmp_path: Path) -> None:
    (tmp_path / "train_9k.json").write_text('{"video0.mp4": ["a"], "video1.mp4": ["b"]}')
    (tmp_path / "test_JSFUSION.json").write_text('{"video1.mp4": ["b"]}')
    with pytest.raises(DataError) as error:
        read_annotations("msrvtt", tmp_path)
    assert str(error.value) == (
        "1 clips are in both train_9k.json and test_JSFUSION.json\n"
        "  got:     video1\n"
        "  allowed: training clips that are not tested\n"
        "  next:    take both files from one version of the split: 9k and 1kA"
    )


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train.csv", "validate.csv"], ("kinetics",)),
        (["kick_test_split1.txt"], ("hmdb",)),
        (["classInd.txt", "trainlist01.txt"], ("ucf",)),
        (["labels.json"], ("ssv2",)),
        (["something-something-v1-train.csv"], ("Something-Something version 1",)),
        (["MSRVTT_train.9k.csv"], ("msrvtt",)),
        (["readme.txt"], ()),
    ],
)
def test_what_a_folder_looks_like(
    tmp_path: Path, names: list[str], expected: tuple[str, ...]
) -> None:
    for name in names:
        (tmp_path / name).write_text("x")
    assert looks_like(tmp_path) == expected


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "template", "video", "caption", "sentences", "video_id", "a"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
_contents = (
    st.binary(max_size=40)
    | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.sampled_from(
        [b"", b"\0", b"<!DOCTYPE html>\n<html>", b"label,youtube_id\n", b"1 a\n1 b\n"]
    )
    | st.dictionaries(st.sampled_from("ab"), st.none() | st.sampled_from("012x")).map(
        lambda labels: json.dumps(labels).encode()
    )
    | _json.map(lambda content: json.dumps(content).encode())
)
_FILES = {
    "kinetics": ("train.csv", "val.csv"),
    "hmdb": ("kick_test_split1.txt", "run_test_split1.txt"),
    "ucf": ("classInd.txt", "trainlist01.txt", "testlist01.txt"),
    "ssv2": ("labels.json", "train.json"),
    "msrvtt": ("MSRVTT_train.9k.csv", "test_JSFUSION.json", "MSRVTT_data.json"),
}


@pytest.mark.parametrize(
    ("format_name", "files", "message"),
    [
        (
            "kinetics",
            {"train.csv": '"' + "x" * 200_000},
            "train.csv, line 1: no table\n  got:     field larger than field limit (131072)",
        ),
        (
            "kinetics",
            {"train.csv": "archery,../../x,4,14\n"},
            "train.csv, line 1: no clip\n"
            "  got:     archery,../../x,4,14\n"
            "  allowed: label,youtube_id,time_start,time_end,split,is_cc",
        ),
        (
            "hmdb",
            {"kick_test_split1.txt": "../../x.avi 1\n"},
            "the annotations name a clip outside the folder of the videos\n"
            "  got:     kick/../../x.avi\n"
            "  allowed: a relative path without '..'",
        ),
        (
            "ssv2",
            {"labels.json": '{"Closing something": "x"}', "train.json": "[]"},
            "labels.json: a label's id is no number\n"
            "  got:     invalid literal for int() with base 10: 'x'\n"
            '  allowed: {"Closing something": "0", …}',
        ),
        (
            "ssv2",
            {"labels.json": '{"Closing something": "0"}', "train.json": "[17]"},
            "train.json: an entry does not follow the format\n"
            "  got:     17\n"
            '  allowed: {"id": "1", "template": "Closing [something]", …}',
        ),
        (
            "ssv2",
            {"labels.json": '{"a": "0", "b": "2"}', "train.json": "[]"},
            "labels.json: the label ids have gaps\n  allowed: 0 to n-1, each once",
        ),
        (
            "ucf",
            {"classInd.txt": "1 Archery\n3 Bowling\n", "trainlist01.txt": ""},
            "classInd.txt, line 1: class numbers have gaps\n"
            "  got:     2 classes numbered 1 to 3\n"
            "  allowed: 1 to n, each once",
        ),
        (
            "msrvtt",
            {"test_JSFUSION.json": '{"video7.mp4": [5]}'},
            "test_JSFUSION.json does not follow the format\n"
            "  got:     AttributeError: 'int' object has no attribute 'strip'\n"
            "  allowed: entries with 'video' and 'caption'",
        ),
        (
            "msrvtt",
            {"test_JSFUSION.json": "[" * 100_000},
            "test_JSFUSION.json is no JSON of annotations: it is nested too deep",
        ),
    ],
)
def test_damaged_files_are_refused_with_their_place(
    tmp_path: Path, format_name: str, files: dict[str, str], message: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as error:
        read_annotations(format_name, tmp_path)
    assert str(error.value) == message


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), format_name=st.sampled_from(sorted(_FILES)))
def test_whatever_is_in_the_files_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, format_name: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "damaged" / format_name
    folder.mkdir(parents=True, exist_ok=True)
    for name in _FILES[format_name]:
        (folder / name).write_bytes(data.draw(_contents))
    try:
        read = read_annotations(format_name, folder)
    except DataError as error:
        assert error.what
    else:
        assert all(clip.class_id < max(1, len(read.class_names)) for clip in read.clips)
