"""The public release's lists and labels, where the user has a copy.

``BENCH_RELEASED`` names the folder that holds ``datasets_splits/`` and ``labels/``.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from bench.data.datasets import CATALOGUE
from bench.data.lists.class_names import name_key, read_class_names
from bench.data.lists.clip_lists import check_disjoint, read_list
from bench.data.lists.clips_ref import ClipsRef
from bench.data.lists.expected_counts import expected_classes, expected_clips
from bench.data.lists.name_conflicts import audit_list
from bench.data.lists.sources import DatasetSource
from bench.data.official.manifest import Manifest, ManifestRow
from bench.data.official.released import find_released, released_paths
from bench.planning.load_config import load_config
from tests.released import REASON, released_folder

RELEASED = str(released_folder() or "")
pytestmark = pytest.mark.skipif(not RELEASED, reason=REASON)
RELEASED_DATASETS = [name for name, spec in CATALOGUE.items() if spec.released]
NOT_RELEASED = {("kinetics400", "train")}


@pytest.fixture(autouse=True)
def released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_RELEASED", RELEASED)


def _references(tmp_path: Path, dataset: str) -> dict[str, ClipsRef]:
    """Every list that the paper's configuration names for a dataset."""
    config = load_config("paper").datasets[dataset]
    source = DatasetSource(CATALOGUE[dataset], config, tmp_path)
    found: dict[str, ClipsRef] = {}
    for name in config.lists:
        classes = name.split("_")[0] if name.startswith(("base", "novel")) else "all"
        classes = name if name.startswith("zero_shot") else classes
        found[name] = source.clips(name, classes, required=True)
    return found


def test_every_file_of_the_release_can_be_read() -> None:
    lists = sorted((Path(RELEASED) / "datasets_splits").rglob("*.txt"))
    labels = sorted((Path(RELEASED) / "labels").glob("*.csv"))
    assert len(lists) == 47
    assert sum(len(read_list(path).entries) for path in lists) > 250_000
    names = {path.name: read_class_names(path) for path in labels}
    assert len(names) == 16
    for listed in names.values():
        assert len({name_key(name) for name in listed}) == len(listed)


def test_every_file_of_the_release_is_a_named_list_of_a_dataset(tmp_path: Path) -> None:
    folder = Path(RELEASED)
    named = [paths for dataset in RELEASED_DATASETS for paths in released_paths(dataset, RELEASED)]
    assert sorted(file for paths in named for file in paths.values()) == sorted(
        str(path)
        for path in [*(folder / "datasets_splits").rglob("*.txt"), *(folder / "labels").iterdir()]
    )
    assert find_released(folder) == folder


def test_records_say_that_a_released_list_was_given(tmp_path: Path) -> None:
    refs = _references(tmp_path, "ssv2")
    assert refs["few_shot_2"].list_origin == "given: train1_few_shot_2.txt"
    assert refs["novel_val"].classes_origin == "given: ssv2_174_novel_labels.csv"


@pytest.mark.parametrize("dataset", ["hmdb51", "kinetics400", "kinetics600", "ssv2", "ucf101"])
def test_lists_fit_their_labels_and_have_the_expected_counts(tmp_path: Path, dataset: str) -> None:
    for name, ref in _references(tmp_path, dataset).items():
        assert ref.listed == expected_clips(dataset, name, ref.classes), name
        assert ref.num_classes == expected_classes(dataset, ref.classes), name


@pytest.mark.parametrize("dataset", ["hmdb51", "kinetics400", "ssv2", "ucf101"])
def test_training_lists_leave_their_evaluation_lists_alone(tmp_path: Path, dataset: str) -> None:
    refs = _references(tmp_path, dataset)
    for name, ref in refs.items():
        if name.startswith("base_train"):
            assert check_disjoint(ref, refs["base_val"]) == ()
        if name.startswith("few_shot"):
            assert check_disjoint(ref, refs["val" if dataset == "ssv2" else "val1"]) == ()


@pytest.mark.parametrize(("dataset", "overlap"), [("hmdb51", [233, 254]), ("ucf101", [627, 623])])
def test_the_other_splits_hold_clips_that_16_shots_train_on(
    tmp_path: Path, dataset: str, overlap: list[int]
) -> None:
    refs = _references(tmp_path, dataset)
    found = [
        len(check_disjoint(refs["few_shot_16"], refs[split], allow_overlap=True))
        for split in ("val2", "val3")
    ]
    assert found == overlap


def test_the_audit_finds_the_swapped_names_of_hmdb(tmp_path: Path) -> None:
    refs = _references(tmp_path, "hmdb51")
    names = read_class_names(Path(refs["val1"].class_file))
    clip_list = read_list(Path(refs["val1"].list_file))
    grammar = re.compile(r"_[fulh]_(?:cm|nm)_np\d+_(?:fr|ba|le|ri)_(?:goo|med|bad)_\d+\.avi$")
    longest_first = sorted(names, key=len, reverse=True)
    rows = []
    for entry in clip_list.entries:
        title = grammar.split(entry.path)[0]
        name = next(n for n in longest_first if title.endswith("_" + n.replace(" ", "_")))
        rows.append(ManifestRow(entry.path, entry.path, names.index(name), name, ("val1",), 1))
    audit = audit_list(Manifest("hmdb51", tuple(rows)), clip_list, names)
    assert audit.conflicting == 120
    assert Counter(c.listed for c in audit.conflicts) == Counter(
        ["kick", "kick ball", "sword", "sword exercise"]
    )
