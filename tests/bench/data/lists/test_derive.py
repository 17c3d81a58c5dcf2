from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.lists.derive import (
    base_and_novel,
    derive_list,
    rule_for,
    zero_shot_classes,
    zero_shot_size,
)
from bench.data.official.manifest import Manifest, ManifestRow
from bench.ground.errors import DataError, UsageError


def _manifest(train: Sequence[int], val: int = 2, splits: str = "1") -> Manifest:
    """Classes ``c0``, ``c1``, … with so many training clips and ``val`` evaluation clips each."""
    rows = [
        ManifestRow(
            id=f"{split}_{label}_{number}",
            path=f"c{label}/{split}_{label}_{number}.avi",
            class_id=label,
            class_name=f"c{label}",
            splits=(split + splits,),
            bytes=1,
        )
        for label, count in enumerate(train)
        for split, size in (("train", count), ("val", val))
        for number in range(size)
    ]
    return Manifest("hmdb51", tuple(sorted(rows, key=lambda row: row.path)))


_counts = st.lists(st.integers(min_value=16, max_value=22), min_size=2, max_size=7)


@settings(deadline=None)
@given(counts=_counts)
def test_base_and_novel_halve_the_classes_by_ascending_frequency(counts: list[int]) -> None:
    base, novel = base_and_novel(_manifest(counts))
    assert len(novel) == len(counts) // 2
    assert sorted(base + novel) == sorted(f"c{index}" for index in range(len(counts)))
    # The whole order, novel first, is that of a stable sort by training clips.
    order = [int(name[1:]) for name in novel + base]
    assert order == sorted(range(len(counts)), key=counts.__getitem__)


def test_ties_keep_the_official_order_and_the_odd_class_is_base() -> None:
    base, novel = base_and_novel(_manifest([70] * 51))
    assert novel == tuple(f"c{index}" for index in range(25))
    assert base == tuple(f"c{index}" for index in range(25, 51))


def test_missing_files_do_not_move_a_class_between_the_halves() -> None:
    whole = _manifest([3, 2, 5, 4])
    rows = tuple(replace(row, bytes=None) if row.class_id == 2 else row for row in whole.rows)
    assert base_and_novel(Manifest("hmdb51", rows)) == base_and_novel(whole)


@settings(deadline=None)
@given(counts=_counts, shots=st.sampled_from([2, 4, 8, 16]))
def test_few_shot_lists_hold_k_training_clips_a_class(counts: list[int], shots: int) -> None:
    manifest = _manifest(counts)
    entries = derive_list(manifest, rule_for(f"few_shot_{shots}"), manifest.class_names)
    assert Counter(entry.label for entry in entries) == dict.fromkeys(range(len(counts)), shots)
    rows = {row.path: row for row in manifest.rows}
    assert all(rows[entry.path].splits == ("train1",) for entry in entries)
    assert all(rows[entry.path].class_id == entry.label for entry in entries)
    assert len({entry.path for entry in entries}) == len(entries)


@settings(deadline=None)
@given(counts=_counts, data=st.data())
def test_a_missing_clip_changes_only_the_draw_it_was_in(
    counts: list[int], data: st.DataObject
) -> None:
    manifest = _manifest([count + 1 for count in counts])
    rule = rule_for("few_shot_16")
    before = set(derive_list(manifest, rule, manifest.class_names))
    lost = data.draw(st.sampled_from([row for row in manifest.rows if row.splits == ("train1",)]))
    rows = tuple(replace(row, bytes=None) if row == lost else row for row in manifest.rows)
    after = set(derive_list(Manifest("hmdb51", rows), rule, manifest.class_names))
    assert {entry.path for entry in before - after} <= {lost.path}
    assert lost.path not in {entry.path for entry in after}


def test_draws_depend_on_the_names_of_dataset_and_list_only() -> None:
    manifest = _manifest([40, 40])
    names = manifest.class_names
    draws = {
        name: derive_list(manifest, rule_for(name), base_and_novel(manifest)[0])
        for name in ("base_train_s1", "base_train_s2", "base_train_s3")
    }
    assert len(set(draws.values())) == 3
    assert derive_list(manifest, rule_for("few_shot_2"), names) == derive_list(
        _manifest([40, 40]), rule_for("few_shot_2"), names
    )
    other = Manifest("ucf101", manifest.rows)
    assert derive_list(other, rule_for("few_shot_2"), names) != derive_list(
        manifest, rule_for("few_shot_2"), names
    )


@settings(deadline=None)
@given(counts=_counts)
def test_base_lists_and_novel_lists_share_no_clip_and_are_the_split(counts: list[int]) -> None:
    manifest = _manifest(counts)
    base, novel = base_and_novel(manifest)
    base_val = derive_list(manifest, rule_for("base_val"), base)
    novel_val = derive_list(manifest, rule_for("novel_val"), novel)
    named = {(entry.path, base[entry.label]) for entry in base_val} | {
        (entry.path, novel[entry.label]) for entry in novel_val
    }
    assert len(named) == len(base_val) + len(novel_val)
    assert named == {(row.path, row.class_name) for row in manifest.rows if "val1" in row.splits}
    for draw in (1, 2, 3):
        train = derive_list(manifest, rule_for(f"base_train_s{draw}"), base)
        assert Counter(entry.label for entry in train) == dict.fromkeys(range(len(base)), 16)
        assert not {entry.path for entry in train} & {entry.path for entry in base_val}


def test_labels_follow_the_class_list_by_name() -> None:
    manifest = _manifest([1, 1, 1], val=1)
    entries = derive_list(manifest, rule_for("val1"), ("C2", "c_0", "c1"))
    assert [(entry.path, entry.label) for entry in entries] == [
        ("c0/val_0_0.avi", 1),
        ("c1/val_1_0.avi", 2),
        ("c2/val_2_0.avi", 0),
    ]


def test_missing_clips_stay_in_evaluation_lists_only() -> None:
    whole = _manifest([2, 2], val=2)
    rows = tuple(replace(row, bytes=None) if row.id.endswith("_0") else row for row in whole.rows)
    manifest = Manifest("hmdb51", rows)
    assert len(derive_list(manifest, rule_for("val1"), manifest.class_names)) == 4
    assert len(derive_list(manifest, rule_for("train"), manifest.class_names)) == 2


@pytest.mark.parametrize("name", ["val", "val1"])
def test_split_one_stands_for_the_split_where_there_are_three(name: str) -> None:
    manifest = _manifest([1, 1])
    assert len(derive_list(manifest, rule_for(name), manifest.class_names)) == 4


def test_too_few_clips_name_class_and_count() -> None:
    manifest = _manifest([16, 7, 16, 3])
    with pytest.raises(DataError) as error:
        derive_list(manifest, rule_for("few_shot_16"), manifest.class_names)
    assert str(error.value) == (
        "few_shot_16 of hmdb51 needs 16 training clips a class; 2 of 4 classes have fewer\n"
        "  got:     'c1' has 7, 'c3' has 3\n"
        "  allowed: at most 3 shots with these clips\n"
        "  next:    get the missing clips of hmdb51, or ask for fewer shots"
    )


def test_a_class_list_that_leaves_classes_out() -> None:
    manifest = _manifest([1, 1, 1])
    with pytest.raises(DataError) as error:
        derive_list(manifest, rule_for("val1"), ("c0", "c2"))
    assert str(error.value) == (
        "class list 'all' of hmdb51 does not fit its manifest: "
        "1 of the manifest's 3 classes are not in it\n"
        "  got:     2 classes\n"
        "  allowed: the 3 classes of the official annotations\n"
        "  next:    check 'labels.all' of hmdb51 in the configuration"
    )


def test_a_split_that_the_annotations_lack() -> None:
    manifest = _manifest([1, 1])
    with pytest.raises(DataError) as error:
        derive_list(manifest, rule_for("val3"), manifest.class_names)
    assert str(error.value) == (
        "no clip of hmdb51 is in the official split 'val3'\n"
        "  allowed: train1, val1\n"
        "  next:    check the annotations of hmdb51"
    )


def test_an_unknown_list_gets_the_nearest() -> None:
    with pytest.raises(UsageError) as error:
        rule_for("base_vall")
    assert str(error.value) == (
        "unknown clip list 'base_vall'; did you mean 'base_val'?\n"
        "  allowed: base_train, base_train_s<n>, base_val, few_shot_<K>, novel_val, train, val, "
        "val<n>, zero_shot_<n>"
    )


def test_the_protocol_draws_160_of_220_classes_or_the_same_fraction() -> None:
    assert [zero_shot_size(new) for new in (1, 12, 219, 220, 232)] == [1, 9, 159, 160, 160]


@settings(deadline=None)
@given(new=st.integers(min_value=1, max_value=30), shared=st.integers(min_value=0, max_value=5))
def test_zero_shot_draws_avoid_the_source_classes(new: int, shared: int) -> None:
    names = [f"new action {i}" for i in range(new)] + [f"old action {i}" for i in range(shared)]
    source = [f"Old_Action_{i}" for i in range(shared)]
    draws = [zero_shot_classes("kinetics600", names, source, f"zero_shot_{n}") for n in (1, 2, 3)]
    for drawn in draws:
        assert len(drawn) == zero_shot_size(new)
        assert all(name.startswith("new") for name in drawn)
        assert list(drawn) == [name for name in names if name in drawn]
    if new >= 20:
        assert len(set(draws)) == 3


def test_zero_shot_clips_come_from_every_partition() -> None:
    manifest = _manifest([2, 2, 2], val=1)
    entries = derive_list(manifest, rule_for("zero_shot_1"), ("c2", "c0"))
    assert Counter(entry.label for entry in entries) == {0: 3, 1: 3}


def test_a_superset_without_new_classes() -> None:
    with pytest.raises(DataError) as error:
        zero_shot_classes("kinetics600", ["kick", "jump"], ["KICK", "jump"], "zero_shot_1")
    assert str(error.value) == (
        "zero_shot_1 of kinetics600 needs 1 classes that the source set lacks\n"
        "  got:     0 of its 2 classes are new\n"
        "  allowed: at most 0 classes a draw"
    )
