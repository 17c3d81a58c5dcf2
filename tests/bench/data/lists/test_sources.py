from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from bench.data.datasets import CATALOGUE
from bench.data.lists.class_names import class_table, names_sha256
from bench.data.lists.clip_lists import load_clips
from bench.data.lists.dataset_config import DatasetConfig
from bench.data.lists.sources import DatasetSource, MissingDataError
from bench.ground.errors import DataError
from tests.bench.data import official_folders as official

# More training clips a class from left to right, so that base = run, hop; novel = kick, jump.
TRAIN = {"kick": 16, "jump": 17, "run": 18, "hop": 19}


def _config(folders: official.OfficialFolders, **changes: object) -> DatasetConfig:
    values: dict[str, object] = {
        "root": str(folders.videos),
        "annotations": str(folders.annotations),
        "format": "hmdb",
    }
    return DatasetConfig.model_validate({**values, **changes})


@pytest.fixture
def folders(tmp_path: Path) -> official.OfficialFolders:
    return official.simple_hmdb(tmp_path / "data", TRAIN)


def _source(config: DatasetConfig, cache: Path, dataset: str = "hmdb51") -> DatasetSource:
    return DatasetSource(CATALOGUE[dataset], config, cache)


def test_a_derived_list_lies_in_the_cache_with_its_sidecar(
    folders: official.OfficialFolders, tmp_path: Path
) -> None:
    source = _source(_config(folders), tmp_path / "cache")
    ref = source.clips("base_train_s2", "base", required=True)
    content = Path(ref.list_file).read_bytes()
    assert Path(ref.list_file).parent == tmp_path / "cache" / "lists" / "hmdb51"
    assert (ref.listed, ref.num_classes) == (32, 2)
    assert ref.list_sha256 == hashlib.sha256(content).hexdigest()
    assert ref.classes_sha256 == names_sha256(["run", "hop"])
    sidecar = json.loads(Path(ref.list_file).with_suffix(".json").read_text())
    assert sidecar == {
        "made_by": "clip-video-bench",
        "dataset": "hmdb51",
        "list": "base_train_s2",
        "rules": 1,
        "rule": "16 clips a class, drawn by hash, of official split train, "
        "labelled with class list 'base'",
        "seed": sidecar["seed"],
        "manifest_sha256": source.manifest.sha256,
        "classes_sha256": ref.classes_sha256,
        "clips": 32,
        "sha256": ref.list_sha256,
    }
    clips = load_clips(ref)
    assert {clip.label: clip.id.split("/")[0] for clip in clips.clips} == {0: "run", 1: "hop"}
    assert clips.class_names == ("run", "hop")


def test_every_list_of_the_protocols_loads(
    folders: official.OfficialFolders, tmp_path: Path
) -> None:
    source = _source(_config(folders), tmp_path / "cache")
    wanted = [(f"few_shot_{shots}", "all", 4 * shots) for shots in (2, 4, 8, 16)]
    wanted += [("val1", "all", 8), ("base_val", "base", 4), ("novel_val", "novel", 4)]
    wanted += [("train", "all", 70), ("base_train", "base", 37)]
    lengths = [len(load_clips(source.clips(name, classes))) for name, classes, _ in wanted]
    assert lengths == [length for _, _, length in wanted]


def test_derived_lists_are_written_once_and_mended_when_damaged(
    folders: official.OfficialFolders, tmp_path: Path
) -> None:
    first = _source(_config(folders), tmp_path / "cache").clips("val1")
    file = Path(first.list_file)
    os.utime(file, ns=(1, 1))
    assert _source(_config(folders), tmp_path / "cache").clips("val1") == first
    assert file.stat().st_mtime_ns == 1
    file.write_text("kick/clip_kick_16.avi 3\n")
    assert _source(_config(folders), tmp_path / "cache").clips("val1") == first
    assert hashlib.sha256(file.read_bytes()).hexdigest() == first.list_sha256


def test_changed_data_get_a_new_list_beside_the_old_one(
    folders: official.OfficialFolders, tmp_path: Path
) -> None:
    before = _source(_config(folders), tmp_path / "cache").clips("train")
    (folders.videos / "hop" / "clip_hop_0.avi").unlink()
    after = _source(_config(folders), tmp_path / "cache").clips("train")
    assert (before.listed, after.listed) == (70, 69)
    assert Path(before.list_file).is_file()
    assert before.list_file != after.list_file


def test_given_files_win_and_are_not_touched(
    folders: official.OfficialFolders, tmp_path: Path
) -> None:
    given, labels = tmp_path / "fs_base_s1_train.txt", tmp_path / "base.csv"
    given.write_bytes(b"clip_hop_0.avi 0\r\nclip_run_0.avi 1")
    labels.write_bytes(class_table(["hop", "run"]))
    config = _config(folders, lists={"base_train_s1": str(given)}, labels={"base": str(labels)})
    ref = _source(config, tmp_path / "cache").clips("base_train_s1", "base")
    assert (ref.list_file, ref.class_file) == (str(given), str(labels))
    assert ref.list_sha256 == hashlib.sha256(given.read_bytes()).hexdigest()
    assert [(clip.label, clip.path.name) for clip in load_clips(ref).clips] == [
        (0, "clip_hop_0.avi"),
        (1, "clip_run_0.avi"),
    ]


def test_a_given_class_list_relabels_derived_lists_by_name(
    folders: official.OfficialFolders, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_bytes(class_table(["Run", "kick", "HOP", "jump"]))
    source = _source(_config(folders, labels={"all": str(labels)}), tmp_path / "cache")
    clips = load_clips(source.clips("val1"))
    assert {clip.label: clip.id.split("/")[0] for clip in clips.clips} == {
        0: "run",
        1: "kick",
        2: "hop",
        3: "jump",
    }


def test_a_given_list_whose_labels_follow_another_order_is_refused(
    folders: official.OfficialFolders, tmp_path: Path
) -> None:
    given = tmp_path / "base_val.txt"
    given.write_text("clip_hop_19.avi 0\nclip_hop_20.avi 0\nclip_run_18.avi 1\n")
    source = _source(_config(folders, lists={"base_val": str(given)}), tmp_path / "cache")
    with pytest.raises(DataError) as error:
        source.clips("base_val", "base")
    assert str(error.value) == (
        "class list 'base' of hmdb51, made by rule, does not fit the given list 'base_val': "
        "3 of 3 clips would get another class's name\n"
        "  got:     label 0 is 'run', 2 of its clips are 'hop'\n"
        "  next:    name the class list that belongs to 'base_val' in 'labels' of hmdb51 "
        "in the configuration"
    )


def test_a_class_list_of_another_dataset_is_refused_even_in_a_plan(
    folders: official.OfficialFolders, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_bytes(class_table(["kick", "Archery", "run", "hop"]))
    source = _source(_config(folders, labels={"all": str(labels)}), tmp_path / "cache")
    with pytest.raises(DataError) as error:
        source.clips("val1", required=False)
    assert str(error.value) == (
        "class list 'all' does not fit the manifest of hmdb51: "
        "1 of its 4 classes are not among the manifest's 4\n"
        "  got:     'Archery'\n"
        "  allowed: names of the official annotations, in any case and punctuation\n"
        "  next:    check 'labels.all' and 'annotations' of hmdb51 in the configuration"
    )


def test_a_list_asked_for_with_the_wrong_class_list(
    folders: official.OfficialFolders, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as error:
        _source(_config(folders), tmp_path / "cache").clips("base_val", "novel")
    assert str(error.value) == (
        "the list 'base_val' of hmdb51 is labelled with class list 'base'\n"
        "  got:     novel\n"
        "  allowed: base"
    )


@pytest.mark.parametrize("missing", ["annotations", "videos"])
def test_missing_data_say_what_where_and_which_command(
    folders: official.OfficialFolders, tmp_path: Path, missing: str
) -> None:
    folder = getattr(folders, missing)
    shutil.rmtree(folder)
    with pytest.raises(MissingDataError) as error:
        _source(_config(folders), tmp_path / "cache").clips("val1", required=True)
    assert str(error.value) == (
        f"the {missing} of hmdb51 are missing\n"
        f"  got:     no {folder}\n"
        "  next:    bench data prepare hmdb51 --videos <folder> --annotations <folder>"
    )


def test_nothing_configured_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError) as error:
        _source(DatasetConfig(format="hmdb"), tmp_path).clips("val1", required=True)
    assert str(error.value) == (
        "the annotations of hmdb51 are missing\n"
        "  got:     the configuration names none\n"
        "  next:    bench data prepare hmdb51 --videos <folder> --annotations <folder>"
    )


def test_a_given_list_that_is_not_there_is_never_replaced_by_a_derived_one(
    folders: official.OfficialFolders, tmp_path: Path
) -> None:
    config = _config(folders, lists={"val1": str(tmp_path / "released" / "val1.txt")})
    source = _source(config, tmp_path / "cache")
    with pytest.raises(MissingDataError) as error:
        source.clips("val1", required=True)
    assert str(error.value) == (
        "the clip list 'val1' of hmdb51 is missing\n"
        f"  got:     no {tmp_path}/released/val1.txt\n"
        "  next:    put the file there; or, where the real ones lie elsewhere or nowhere: bench "
        "data prepare hmdb51 --videos <folder> --annotations <folder> [--released <folder>]; "
        "or take 'val1' out of 'lists' of hmdb51 in a configuration of your own: it is then made "
        "from the official annotations"
    )
    assert source.clips("val1").list_sha256 is None


@pytest.mark.parametrize(
    ("dataset", "clip_list", "classes", "listed", "num_classes"),
    [
        ("hmdb51", "few_shot_16", "all", 816, 51),
        ("hmdb51", "base_train_s3", "base", 416, 26),
        ("ucf101", "val3", "all", 3696, 101),
        ("ssv2", "novel_val", "novel", 7215, 87),
        ("kinetics600", "zero_shot_1", "zero_shot_1", 14084, 160),
        ("hmdb51", "my_own_list", "my_own_classes", None, None),
    ],
)
def test_a_plan_without_data_gets_the_protocols_counts_and_no_hashes(
    tmp_path: Path,
    dataset: str,
    clip_list: str,
    classes: str,
    listed: int | None,
    num_classes: int | None,
) -> None:
    config = DatasetConfig(
        root=str(tmp_path / "videos"),
        lists={clip_list: str(tmp_path / "l.txt")},
        labels={classes: str(tmp_path / "c.csv")},
    )
    ref = _source(config, tmp_path / "cache", dataset).clips(clip_list, classes)
    assert (ref.list_sha256, ref.classes_sha256) == (None, None)
    assert (ref.listed, ref.num_classes) == (listed, num_classes)
    assert (ref.list_file, ref.root) == (str(tmp_path / "l.txt"), str(tmp_path / "videos"))
    assert not (tmp_path / "cache").exists()


def test_data_that_arrive_after_a_plan_are_found(
    folders: official.OfficialFolders, tmp_path: Path
) -> None:
    folders.annotations.rename(tmp_path / "elsewhere")
    source = _source(_config(folders), tmp_path / "cache")
    assert source.clips("val1").list_sha256 is None
    (tmp_path / "elsewhere").rename(folders.annotations)
    assert source.clips("val1").listed == 8


def test_zero_shot_draws_leave_the_source_classes_out(tmp_path: Path) -> None:
    labels = [f"action {letter}" for letter in "abcdefghijkl"]
    partitions = {
        part: [(label, f"{part[:2]}{index:09d}") for index, label in enumerate(labels)]
        for part in ("train", "val", "test")
    }
    folders = official.kinetics(tmp_path / "data", partitions)
    config = _config(folders, format="kinetics")
    asked: list[int] = []

    def source_classes() -> list[str]:
        asked.append(1)
        return ["Action_A", "action b"]

    spec = CATALOGUE["kinetics600"]
    source = DatasetSource(spec, config, tmp_path / "cache", source_classes)
    drawn = source.class_names("zero_shot_1")
    assert len(drawn) == 7  # 160/220 of the ten new classes
    assert not {"action a", "action b"} & set(drawn)
    assert source.clips("zero_shot_1", "zero_shot_1").listed == 21
    assert asked == [1]

    with pytest.raises(DataError) as error:
        DatasetSource(spec, config, tmp_path / "cache").clips("zero_shot_1", "zero_shot_1")
    assert str(error.value) == (
        "zero_shot_1 of kinetics600 needs the classes of the source set\n"
        "  got:     no source set\n"
        "  next:    name it in 'source' of kinetics600 in the configuration"
    )


def test_a_given_manifest_is_used_as_it_is(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(
        "id,path,class_id,class_name,splits,bytes\nb,b.avi,1,jump,val1,4\na,a.avi,0,kick,val1,4\n"
    )
    config = DatasetConfig(root=str(tmp_path), manifest=str(manifest))
    ref = _source(config, tmp_path / "cache").clips("val1", required=True)
    assert Path(ref.list_file).read_text() == "a.avi 0\nb.avi 1\n"


def test_nothing_is_written_beside_the_data(
    folders: official.OfficialFolders, tmp_path: Path
) -> None:
    everything = [folders.videos.parent, *folders.videos.parent.rglob("*")]
    before = {path: path.stat().st_mtime_ns for path in everything}
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        load_clips(_source(_config(folders), tmp_path / "cache").clips("few_shot_2"))
        after = {
            path: path.stat().st_mtime_ns
            for path in [folders.videos.parent, *folders.videos.parent.rglob("*")]
        }
    finally:
        for path in everything:
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert after == before


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_cache_without_write_permission(
    folders: official.OfficialFolders, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o555)
    with pytest.raises(DataError, match="Permission denied"):
        _source(_config(folders), cache).clips("val1")


def test_a_full_disk_leaves_no_half_list(
    folders: official.OfficialFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _source(_config(folders), tmp_path / "cache")
    source.class_names("all")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError) as error:
        source.clips("val1")
    lists = tmp_path / "cache" / "lists" / "hmdb51"
    assert f"got:     {lists}: No space left on device" in str(error.value)
    assert [path.suffix for path in lists.iterdir()] == [".csv"]


def test_resolving_again_is_a_look_up(folders: official.OfficialFolders, tmp_path: Path) -> None:
    source = _source(_config(folders), tmp_path / "cache")
    assert source.clips("val1") is source.clips("val1")
