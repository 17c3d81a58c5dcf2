from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.lists.class_names import class_table, names_sha256
from bench.data.lists.clip_lists import (
    ListEntry,
    check_disjoint,
    list_text,
    load_clips,
    missing_clips,
    read_list,
)
from bench.data.lists.clips_ref import ClipsRef
from bench.ground.errors import DataError
from tests.bench.data.official_folders import touch_videos


def _ref(folder: Path, content: str, names: tuple[str, ...] = ("kick", "jump")) -> ClipsRef:
    """A reference to a list and a class list, written as a plan would find them."""
    name = hashlib.sha256(content.encode()).hexdigest()[:6]
    list_file, class_file = folder / f"val1-{name}.txt", folder / "labels.csv"
    list_file.write_bytes(content.encode())
    class_file.write_bytes(class_table(names))
    return ClipsRef(
        dataset="hmdb51",
        root=str(folder / "videos"),
        clip_list="val1",
        list_file=str(list_file),
        list_sha256=hashlib.sha256(content.encode()).hexdigest(),
        classes="all",
        class_file=str(class_file),
        classes_sha256=names_sha256(names),
    )


def _message(ref: ClipsRef) -> str:
    with pytest.raises(DataError) as error:
        load_clips(ref)
    return str(error.value).replace(Path(ref.list_file).name, "LIST")


@pytest.mark.parametrize(
    "content",
    [
        b"a b.avi 0\nx!(1)_&#;[2].avi\t1\n",
        b"a b.avi 0\r\n\r\nx!(1)_&#;[2].avi 1\r\n",
        b"\xef\xbb\xbf  a b.avi   0  \n\nx!(1)_&#;[2].avi 1",
    ],
)
def test_line_ends_blanks_and_empty_lines(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "val1.txt"
    path.write_bytes(content)
    read = read_list(path)
    assert read.entries == (ListEntry("a b.avi", 0), ListEntry("x!(1)_&#;[2].avi", 1))
    assert read.sha256 == hashlib.sha256(content).hexdigest()


_paths = st.lists(
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Z", "Cf")), min_size=1)
    .filter(lambda text: ".." not in text and not text.startswith("/"))
    .map(lambda text: f"{text}.avi"),
    min_size=1,
    max_size=6,
    unique=True,
)


@settings(deadline=None)
@given(paths=_paths)
def test_written_lists_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str]
) -> None:
    entries = tuple(ListEntry(path, label) for label, path in enumerate(paths))
    content = list_text(entries)
    path = tmp_path_factory.getbasetemp() / f"{hashlib.sha256(content).hexdigest()}.txt"
    path.write_bytes(content)
    assert read_list(path).entries == entries


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "a.avi 0\nb.avi one\n",
            "LIST, line 2: no clip with a label\n"
            "  got:     b.avi one\n  allowed: <relative path> <label from 0>",
        ),
        (
            "a.avi -1\n",
            "LIST, line 1: no clip with a label\n"
            "  got:     a.avi -1\n  allowed: <relative path> <label from 0>",
        ),
        (
            "a.avi 0\n../b.avi 1\n",
            "LIST, line 2: the path leaves the folder of the videos\n"
            "  got:     ../b.avi\n  allowed: a path relative to 'root' without '..'",
        ),
        (
            "/etc/b.avi 1\n",
            "LIST, line 1: the path leaves the folder of the videos\n"
            "  got:     /etc/b.avi\n  allowed: a path relative to 'root' without '..'",
        ),
        ("a.avi 0\na.avi 1\n", "LIST, line 2: the clip is listed twice\n  got:     a.avi"),
    ],
)
def test_lines_that_are_refused(tmp_path: Path, content: str, message: str) -> None:
    assert _message(_ref(tmp_path, content)) == message


def test_clips_come_in_the_order_of_the_list(tmp_path: Path) -> None:
    touch_videos(tmp_path / "videos", ["b.avi", "a.avi"])
    clips = load_clips(_ref(tmp_path, "b.avi 1\na.avi 0\n"))
    assert [(clip.id, clip.path, clip.label) for clip in clips.clips] == [
        ("b.avi", tmp_path / "videos" / "b.avi", 1),
        ("a.avi", tmp_path / "videos" / "a.avi", 0),
    ]
    assert clips.class_names == ("kick", "jump")


def test_a_flat_list_finds_nested_files_of_another_extension(tmp_path: Path) -> None:
    touch_videos(tmp_path / "videos", ["kick/b.mp4", "jump/A.avi", "jump/b2.avi"])
    clips = load_clips(_ref(tmp_path, "b.avi 0\na.avi 1\n"))
    assert [clip.id for clip in clips.clips] == ["b.avi", "a.avi"]
    assert [clip.path for clip in clips.clips] == [
        tmp_path / "videos" / "kick" / "b.mp4",
        tmp_path / "videos" / "jump" / "A.avi",
    ]


def test_labels_beyond_the_class_list(tmp_path: Path) -> None:
    assert _message(_ref(tmp_path, "a.avi 0\nb.avi 1\nc.avi 2\nd.avi 4\n")) == (
        "class list 'all' of hmdb51 does not fit the list LIST: "
        "2 of 4 clips have a label beyond its 2 classes\n"
        "  got:     labels 0 to 4\n"
        "  allowed: labels 0 to 1\n"
        "  next:    give the class list that belongs to LIST"
    )


def test_classes_without_a_clip(tmp_path: Path) -> None:
    names = ("kick", "jump", "run", "hop", "dive")
    assert _message(_ref(tmp_path, "a.avi 0\n", names)) == (
        "class list 'all' of hmdb51 does not fit the list LIST: "
        "4 of its 5 classes have no clip\n"
        "  got:     1 classes in the list; none for 1 'jump', 2 'run', 3 'hop', …\n"
        "  allowed: clips for all 5 classes\n"
        "  next:    give the class list that belongs to LIST"
    )


def test_missing_files_are_counted_and_named(tmp_path: Path) -> None:
    touch_videos(tmp_path / "videos", ["a.avi"])
    ref = _ref(tmp_path, "a.avi 0\nb.avi 1\n")
    assert _message(ref) == (
        "1 of 2 clips of hmdb51/val1 are missing\n"
        f"  got:     below {tmp_path}/videos there is no b.avi\n"
        "  next:    get them, or set policy = 'count-as-wrong' or 'exclude' in the configuration"
    )
    kept = load_clips(ref, policy="exclude")
    assert len(kept) == 2
    assert [clip.id for clip in missing_clips(kept)] == ["b.avi"]


def test_no_file_at_all_is_refused_under_every_policy(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        load_clips(_ref(tmp_path, "a.avi 0\nb.avi 1\n"), policy="count-as-wrong")
    assert str(error.value) == (
        "2 of 2 clips of hmdb51/val1 are missing\n"
        f"  got:     below {tmp_path}/videos there is no a.avi, b.avi\n"
        "  next:    check 'root' of hmdb51 in the configuration, or: bench data prepare hmdb51 "
        "--videos <folder> --annotations <folder>"
    )


def test_a_list_that_changed_since_the_plan(tmp_path: Path) -> None:
    ref = _ref(tmp_path, "a.avi 0\nb.avi 1\n")
    planned = ref.list_sha256
    assert planned is not None
    Path(ref.list_file).write_text("a.avi 1\nb.avi 0\nc.avi 0\n")
    actual = hashlib.sha256(Path(ref.list_file).read_bytes()).hexdigest()
    assert _message(ref) == (
        "the list LIST has changed since the plan was made\n"
        f"  got:     sha256 {actual[:12]}…\n"
        f"  allowed: sha256 {planned[:12]}…\n"
        "  next:    plan again: bench run"
    )


def test_training_on_evaluated_clips_is_refused(tmp_path: Path) -> None:
    evaluate = _ref(tmp_path, "a.avi 0\nb.avi 1\nc.avi 0\nd.avi 1\ne.avi 0\n")
    train = _ref(tmp_path, "kick/a.mp4 0\njump/b.avi 1\nc.avi 0\nd.avi 1\n").model_copy(
        update={"clip_list": "few_shot_2"}
    )
    with pytest.raises(DataError) as error:
        check_disjoint(train, evaluate)
    assert str(error.value) == (
        "4 of 5 clips of hmdb51/val1 are also in the training list few_shot_2\n"
        "  got:     a.avi, b.avi, c.avi, …\n"
        "  allowed: training and evaluation lists without a common clip\n"
        "  next:    evaluate on the split that belongs to the training list; or say "
        "--allow-overlap: the number is then marked, and never ranked with clean ones"
    )
    allowed = check_disjoint(train, evaluate, allow_overlap=True)
    assert allowed == ("a.avi", "b.avi", "c.avi", "d.avi")


def test_equal_names_in_other_folders_are_other_clips(tmp_path: Path) -> None:
    train = _ref(tmp_path, "kick/1.avi 0\njump/2.avi 1\n")
    assert check_disjoint(train, _ref(tmp_path, "kick/2.avi 0\njump/1.avi 1\n")) == ()


def test_lists_of_two_datasets_are_compared_only_below_one_root(tmp_path: Path) -> None:
    evaluate = _ref(tmp_path, "a.avi 0\nb.avi 1\n")
    source = evaluate.model_copy(update={"dataset": "kinetics400"})
    assert check_disjoint(source.model_copy(update={"root": "/elsewhere"}), evaluate) == ()
    assert len(check_disjoint(source, evaluate, allow_overlap=True)) == 2


def test_lists_that_are_not_there_yet_cannot_overlap(tmp_path: Path) -> None:
    evaluate = _ref(tmp_path, "a.avi 0\nb.avi 1\n")
    absent = evaluate.model_copy(update={"list_sha256": None, "list_file": ""})
    assert check_disjoint(absent, evaluate) == ()


def test_a_missing_clip_of_ones_own_is_never_another_folders_clip(tmp_path: Path) -> None:
    kept = ("wave/0001.avi", "clap/0001.mp4", "clap/0002.mp4", "val/clap/0003.mp4")
    touch_videos(tmp_path / "videos", [*kept, "replacement_for_corrupted/0002.mp4"])
    listed = "wave/0001.mp4 0\nwave/0002.mp4 0\nclap/0002.mp4 1\ntrain/clap/0003.mp4 1\n"
    own = _ref(tmp_path, listed).model_copy(update={"dataset": "gestures"})
    with pytest.raises(DataError) as error:
        load_clips(own)
    assert error.value.what == "2 of 4 clips of gestures/val1 are missing"
    videos = tmp_path / "videos"
    assert error.value.got == f"below {videos} there is no wave/0002.mp4, train/clap/0003.mp4"
    clips = load_clips(own, policy="exclude").clips
    assert clips[0].path == videos / "wave/0001.avi"  # re-encoded, in its place
    assert clips[2].path == videos / "clap/0002.mp4"  # no mended copies of one's own


def test_two_clips_at_the_end_of_a_path_of_ones_own_are_a_riddle(tmp_path: Path) -> None:
    touch_videos(tmp_path / "videos", ["a/wave/1.mp4", "b/wave/1.mp4", "a/clap/2.mp4"])
    own = _ref(tmp_path, "wave/1.mp4 0\nclap/2.mp4 1\n").model_copy(update={"dataset": "mine"})
    with pytest.raises(DataError, match=r"there is no wave/1\.mp4\n"):
        load_clips(own)


def test_what_keeps_a_given_list_apart_from_one_that_is_made_by_rule(tmp_path: Path) -> None:
    train = _ref(tmp_path, "wave/1.mp4 0\n").model_copy(
        update={"clip_list": "few_shot_2", "list_origin": "made by rule 1: …"}
    )
    given = _ref(tmp_path, "wave/1.mp4 1\n").model_copy(update={"list_origin": "given: val.txt"})
    with pytest.raises(DataError) as error:
        check_disjoint(train, given)
    assert error.value.next_step == (
        "few_shot_2 is made by rule from the annotations and val1 is a list of yours: name a list "
        "for few_shot_2 too, or let the annotations say the split; or say --allow-overlap: the "
        "number is then marked, and never ranked with clean ones"
    )
