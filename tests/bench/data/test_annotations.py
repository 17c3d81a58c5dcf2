from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.data.annotations import AnnotatedClip, read_annotations
from bench.errors import DataError, UsageError
from tests.bench.data import official


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
