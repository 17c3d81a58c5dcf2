"""Class names as a label file has them, or as the clips are called officially."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.datasets import CATALOGUE
from bench.data.lists.class_names import class_table, names_sha256, read_class_names
from bench.data.lists.class_texts import texts_of
from bench.data.lists.clip_lists import ClipList, ListEntry, list_text, read_list
from bench.data.lists.clips_ref import ClipsRef
from bench.data.lists.dataset_config import DatasetConfig
from bench.data.lists.label_choice import LabelChoice, official_names
from bench.data.lists.sources import DatasetSource, MissingDataError
from bench.data.official.manifest import Manifest, ManifestRow
from bench.ground.errors import DataError
from tests.bench.data import official_folders as official
from tests.released import REASON, released_folder

FOLDERS = ("kick", "kick_ball", "run", "sword")
"""In the order of the labels; the label file has the first two the other way round."""
SWAPPED = ("kick ball", "kick", "run", "sword")
RIGHT = ("kick", "kick ball", "run", "sword")


def manifest_of(names: list[str]) -> Manifest:
    rows = tuple(
        ManifestRow(f"{name}-{i}", f"{name}/{name}-{i}.avi", index, name, ("val1",), 1)
        for index, name in enumerate(names)
        for i in range(2)
    )
    return Manifest("hmdb51", rows)


@given(st.permutations([f"class_{letter}" for letter in "abcdefg"]))
def test_whatever_the_order_of_the_file_each_label_gets_the_name_of_its_clips(
    order: list[str],
) -> None:
    official_order = sorted(order)
    entries = [ListEntry(f"{n}-1.mp4", label) for label, n in enumerate(official_order)]
    listed = ClipList("val1.txt", tuple(entries), "")
    spelled = [name.replace("_", " ").upper() for name in order]
    found = official_names(spelled, listed, manifest_of(official_order))
    assert found == tuple(name.replace("_", " ").upper() for name in official_order)


def test_labels_that_nothing_is_known_of_are_named() -> None:
    listed = ClipList("val1.txt", (ListEntry("kick-1.avi", 0), ListEntry("strange.avi", 1)), "")
    with pytest.raises(DataError) as caught:
        official_names(("kick", "hop"), listed, manifest_of(["kick", "hop"]))
    assert str(caught.value) == (
        "labels = 'official' needs to know what the clips of val1.txt are\n"
        "  got:     no clip of label 1 ('hop') is in the official annotations of hmdb51; "
        "1 of 2 labels like this\n"
        "  next:    check 'annotations' of hmdb51, or use labels = 'paper'"
    )


def test_two_labels_of_one_class_are_refused() -> None:
    listed = ClipList("val1.txt", (ListEntry("kick-0.avi", 0), ListEntry("kick-1.avi", 1)), "")
    with pytest.raises(DataError) as caught:
        official_names(("kick", "hop"), listed, manifest_of(["kick", "hop"]))
    assert str(caught.value).splitlines()[:2] == [
        "two labels of val1.txt are one class of the official annotations",
        "  got:     labels 0 and 1 are both 'kick'",
    ]


@pytest.mark.parametrize(
    ("raw", "spaced"),
    [
        ("ApplyEyeMakeup", "Apply Eye Makeup"),
        ("YoYo", "Yo Yo"),
        ("TaiChi", "Tai Chi"),
        ("playing guitar", "playing guitar"),
        ("Something in Something", "Something in Something"),
    ],
)
def test_spaced_names_take_camel_case_apart(raw: str, spaced: str) -> None:
    assert texts_of("spaced", "hmdb51", [raw]) == (spaced,)
    assert texts_of("raw", "hmdb51", [raw]) == (raw,)


@pytest.fixture
def released(tmp_path: Path) -> DatasetConfig:
    """A split with its annotations, and a list and a label file as the release has them."""
    folders = official.simple_hmdb(tmp_path / "data", dict.fromkeys(FOLDERS, 3))
    entries = [
        ListEntry(f"clip_{name}_{i}.avi", label)
        for label, name in enumerate(FOLDERS)
        for i in (3, 4)
    ]
    (tmp_path / "val1.txt").write_bytes(list_text(entries))
    (tmp_path / "labels.csv").write_bytes(class_table(SWAPPED))
    return DatasetConfig.model_validate(
        {
            "root": str(folders.videos),
            "annotations": str(folders.annotations),
            "format": "hmdb",
            "lists": {"val1": str(tmp_path / "val1.txt")},
            "labels": {"all": str(tmp_path / "labels.csv")},
        }
    )


def reference(config: DatasetConfig, cache: Path, labels: LabelChoice = "paper") -> ClipsRef:
    source = DatasetSource(CATALOGUE["hmdb51"], config, cache, labels=labels)
    return source.clips("val1", required=True)


def test_the_released_names_stay_by_default_and_official_ones_are_another_list(
    released: DatasetConfig, tmp_path: Path
) -> None:
    paper = reference(released, tmp_path / "cache")
    right = reference(released, tmp_path / "cache", "official")
    assert read_class_names(Path(paper.class_file)) == SWAPPED
    assert read_class_names(Path(right.class_file)) == RIGHT
    assert (paper.labels, right.labels) == ("paper", "official")
    assert right.classes_sha256 == names_sha256(RIGHT)
    assert Path(right.class_file).is_relative_to(tmp_path / "cache")
    assert right.list_sha256 == paper.list_sha256
    assert right.identity() != paper.identity()


def test_what_a_dataset_says_of_itself_wins(released: DatasetConfig, tmp_path: Path) -> None:
    own = released.model_copy(update={"class_names": "official"})
    assert reference(own, tmp_path / "cache").labels == "official"
    kept = released.model_copy(update={"class_names": "paper"})
    assert reference(kept, tmp_path / "cache", "official").labels == "paper"


def test_where_the_file_is_right_nothing_changes(released: DatasetConfig, tmp_path: Path) -> None:
    Path(released.labels["all"]).write_bytes(class_table(RIGHT))
    paper = reference(released, tmp_path / "cache")
    right = reference(released, tmp_path / "cache", "official")
    assert right.identity() == paper.identity()
    assert right.class_file == paper.class_file == released.labels["all"]


def test_names_that_are_made_from_the_annotations_are_official(
    released: DatasetConfig, tmp_path: Path
) -> None:
    made = released.model_copy(update={"labels": {}, "lists": {}})
    assert reference(made, tmp_path / "cache").labels == "official"


def test_spaced_names_are_another_list_and_say_so(released: DatasetConfig, tmp_path: Path) -> None:
    camel = ("KickBall", "Kick", "Run", "Sword")
    Path(released.labels["all"]).write_bytes(class_table(camel))
    spaced = released.model_copy(update={"class_texts": "spaced"})
    paper = reference(spaced, tmp_path / "cache")
    assert read_class_names(Path(paper.class_file)) == ("Kick Ball", "Kick", "Run", "Sword")
    assert paper.labels == "paper, spaced"
    right = reference(spaced, tmp_path / "cache", "official")
    assert read_class_names(Path(right.class_file)) == ("Kick", "Kick Ball", "Run", "Sword")
    assert right.labels == "official, spaced"


def test_official_names_need_the_annotations(released: DatasetConfig, tmp_path: Path) -> None:
    bare = released.model_copy(update={"annotations": None})
    assert reference(bare, tmp_path / "cache").labels == "paper"
    with pytest.raises(MissingDataError, match="the annotations of hmdb51 are missing"):
        reference(bare, tmp_path / "cache", "official")


def test_a_plan_without_data_tells_the_choices_apart() -> None:
    def absent(labels: str) -> ClipsRef:
        return ClipsRef(
            dataset="hmdb51",
            root="",
            clip_list="val1",
            list_file="",
            list_sha256=None,
            classes="all",
            class_file="",
            classes_sha256=None,
            labels=labels,
        )

    assert absent("paper").identity() == absent("").identity()
    assert absent("official").identity() != absent("paper").identity()


RELEASED = str(released_folder() or "")
_GRAMMAR = re.compile(r"_[fulh]_(?:cm|nm)_np\d+_(?:fr|ba|le|ri)_(?:goo|med|bad)_\d+\.avi$")


@pytest.mark.skipif(not RELEASED, reason=REASON)
@pytest.mark.parametrize(
    ("clip_list", "labels", "moved"),
    [
        ("hmdb_splits/val1.txt", "hmdb_51_labels.csv", {20: "kick", 21: "kick ball"}),
        ("base2novel_splits/hmdb_splits/base_val.txt", "hmdb_51_base_labels.csv", {}),
        ("base2novel_splits/hmdb_splits/novel_val.txt", "hmdb_51_novel_labels.csv", {20: "kick"}),
    ],
)
def test_the_names_of_the_release_are_put_right_and_no_others(
    clip_list: str, labels: str, moved: dict[int, str]
) -> None:
    """The class of a clip is in its name; the longest class name that fits is its class."""
    names = read_class_names(Path(RELEASED) / "labels" / labels)
    listed = read_list(Path(RELEASED) / "datasets_splits" / clip_list)
    longest_first = sorted(names, key=len, reverse=True)
    rows = []
    for entry in listed.entries:
        title = _GRAMMAR.split(entry.path)[0]
        name = next(n for n in longest_first if title.endswith("_" + n.replace(" ", "_")))
        rows.append(ManifestRow(entry.path, entry.path, names.index(name), name, ("val1",), 1))
    right = official_names(names, listed, Manifest("hmdb51", tuple(rows)))
    assert sorted(right) == sorted(names)
    changed = {name for name, given in zip(right, names, strict=True) if name != given}
    swords = {"sword", "sword exercise"}
    expected = {"hmdb_51_labels.csv": swords | {"kick", "kick ball"}}
    assert changed == expected.get(labels, swords if "base" in labels else {"kick", "kick ball"})
    assert all(right[label] == name for label, name in moved.items())
