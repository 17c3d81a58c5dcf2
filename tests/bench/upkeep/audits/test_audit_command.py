"""``bench data audit`` on small datasets with one thing wrong in each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.cli import main
from bench.data.lists.class_names import class_table
from bench.planning.load_config import CONFIGS
from tests.bench.data import official_folders as official

PAPER = str(CONFIGS / "paper.py")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("BENCH_RELEASED", str(tmp_path / "nowhere"))


def hmdb_clip(name: str, number: int) -> str:
    return f"A_film_kick_{name}_f_cm_np1_fr_med_{number}.avi"


def written(
    lists: Mapping[str, Sequence[str]], labels: Mapping[str, Sequence[str]], **more: str
) -> str:
    """A configuration of one dataset with these lists and class lists, and nothing else."""
    folder = Path("given")
    folder.mkdir(exist_ok=True)
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))
    for name, names in labels.items():
        (folder / f"{name}.csv").write_bytes(class_table(names))
    given = {
        "_delete_": True,
        "format": "hmdb",
        "lists": {name: str((folder / f"{name}.txt").absolute()) for name in lists},
        "labels": {name: str((folder / f"{name}.csv").absolute()) for name in labels},
        **more,
    }
    Path("own.py").write_text(f"_base_ = [{PAPER!r}]\ndatasets = dict(hmdb51={given!r})\n")
    return "own.py"


def audit(config: str, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    capsys.readouterr()
    code = main(["data", "audit", "hmdb51", "--config", config, "--json", *more])
    tree = json.loads(capsys.readouterr().out)
    assert code == int(tree["failed"])
    (dataset,) = tree["datasets"]
    assert isinstance(dataset, dict)
    return dataset


def found(dataset: dict[str, Any], severity: str, check: str = "") -> list[str]:
    return [
        finding["what"]
        for finding in dataset["findings"]
        if finding["severity"] == severity and check in ("", finding["check"])
    ]


def listed(name: str, label: int, numbers: range) -> list[str]:
    return [f"{hmdb_clip(name, n)} {label}" for n in numbers]


NAMES = ["kick", "kick ball", "wave"]


def good() -> dict[str, Sequence[str]]:
    def lines(numbers: range) -> list[str]:
        return [
            *listed("kick", 0, numbers),
            *listed("kick_ball", 1, numbers),
            *listed("wave", 2, numbers),
        ]

    return {"val1": lines(range(3)), "few_shot_2": lines(range(10, 12))}


def test_nothing_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    made = audit(written(good(), {"all": NAMES}), capsys)
    assert (found(made, "error"), made["named_by"], made["failed"]) == ([], "clip names", False)
    assert made["lists"][0]["name"] == "val1"
    assert (made["lists"][0]["clips"], made["lists"][0]["misnamed"]) == (9, 0)


def test_swapped_names_are_found_by_the_clips_own_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = written(good(), {"all": ["kick ball", "kick", "wave"]})
    made = audit(config, capsys)
    assert found(made, "error") == [
        "class names do not fit the clips (by their clip names): swapped are 'kick' and 'kick ball'"
    ]
    (finding,) = (f for f in made["findings"] if f["severity"] == "error")
    assert finding["details"] == ["val1: 6 of 9 clips", "few_shot_2: 4 of 6 clips"]
    assert [row["misnamed"] for row in made["lists"]] == [6, 4]
    assert main(["data", "audit", "hmdb51", "--config", config]) == 1
    out = capsys.readouterr().out
    assert out.startswith("hmdb51: 2 lists, 1 error, ")
    assert "(labels: paper; names compared with the clip names)\n" in out
    assert "  val1        all      3      9        3         6\n" in out


def test_official_annotations_tell_and_put_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = {
        name: {hmdb_clip(name, n): [2 if n < 3 else 1] for n in range(12)}
        for name in ("kick", "kick_ball", "wave")
    }
    folders = official.hmdb(tmp_path / "official", clips)
    places = {"root": str(folders.videos), "annotations": str(folders.annotations)}
    config = written(good(), {"all": ["kick ball", "kick", "wave"]}, **places)
    made = audit(config, capsys)
    assert made["named_by"] == "official annotations"
    assert found(made, "error", "names") == [
        "class names do not fit the clips (by their official annotations): swapped are 'kick' and "
        "'kick ball'"
    ]
    mended = written(
        good(), {"all": ["kick ball", "kick", "wave"]}, class_names="official", **places
    )
    made = audit(mended, capsys)
    assert (made["labels"], found(made, "error", "names")) == ("official", [])
    assert [row["misnamed"] for row in made["lists"] if row["classes"] == "all"][:1] == [0]


def test_a_class_that_holds_others_is_told_from_a_swap(capsys: pytest.CaptureFixture[str]) -> None:
    lists = good()
    lists["val1"] = [*lists["val1"], *listed("wave", 0, range(20, 22))]
    made = audit(written(lists, {"all": NAMES}), capsys)
    assert found(made, "error") == [
        "class names do not fit the clips (by their clip names): 'kick' holds 2 clips of 'wave'"
    ]


def test_leaks_of_pairs_that_settings_use_and_of_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lists = good()
    lists["val2"] = [*listed("kick", 0, range(11, 14)), *lists["val1"][3:]]
    made = audit(written(lists, {"all": NAMES}), capsys)
    assert found(made, "error") == []
    assert found(made, "warning")[0] == (
        "training lists share clips with evaluation lists that no setting scores after them: "
        "never average over val2 after such a training"
    )
    (finding,) = (f for f in made["findings"] if f["check"] == "leak" and f["lists"])
    assert finding["details"] == ["few_shot_2, 6 clips: val2 1"]
    leaking = hmdb_clip("wave", 11).replace(".avi", ".mp4")
    lists["val1"] = [*lists["val1"], f"nested/{leaking} 2"]
    made = audit(written(lists, {"all": NAMES}), capsys)
    assert found(made, "error") == [
        "1 of 10 clips of val1 are also trained on, in few_shot_2",
    ]


def test_draws_balance_and_lengths(capsys: pytest.CaptureFixture[str]) -> None:
    lists = good()
    lists["few_shot_4"] = [*lists["few_shot_2"][:2], *listed("kick", 0, range(30, 32))] + [
        line
        for label, name in ((1, "kick_ball"), (2, "wave"))
        for line in listed(name, label, range(30, 34 - label))
    ]
    made = audit(written(lists, {"all": NAMES}), capsys)
    assert found(made, "error") == [
        "few_shot_4 does not have 4 clips a class: 'kick ball' has 3, 'wave' has 2"
    ]
    assert "few-shot lists are separate draws: fewer shots are not part of more" in found(
        made, "note"
    )
    (finding,) = (f for f in made["findings"] if f["check"] == "nestedness")
    assert finding["details"] == ["2 of the 6 clips of few_shot_2 are in few_shot_4"]
    assert "val1 has 9 clips, the published list 1530" in found(made, "warning")


def test_a_clip_under_two_paths_and_of_two_classes(capsys: pytest.CaptureFixture[str]) -> None:
    lists = good()
    again = hmdb_clip("wave", 1)
    lists["val1"] = [*lists["val1"], f"copy/{again} 2"]
    made = audit(written(lists, {"all": NAMES}), capsys)
    assert "1 clip of val1 are listed under two paths" in found(made, "warning")
    assert found(made, "error") == []
    lists["val1"] = [*lists["val1"], "one.avi 1", "both.avi 2"]
    lists["val2"] = ["both.avi 0", "one.avi 1", *listed("wave", 2, range(7, 9))]
    made = audit(written(lists, {"all": NAMES}), capsys)
    assert found(made, "error") == [
        "1 clip of val1 and val2 are of different classes in the two",
    ]


def test_halves_that_overlap_or_lack_classes(capsys: pytest.CaptureFixture[str]) -> None:
    lists = {
        **good(),
        "base_val": [*listed("kick", 0, range(3)), *listed("kick_ball", 1, range(3))],
        "novel_val": listed("kick", 0, range(3)),
    }
    labels = {"all": NAMES, "base": ["kick", "kick ball"], "novel": ["kick"]}
    assert found(audit(written(lists, labels), capsys), "error") == [
        "classes both base and novel: kick",
        "base and novel classes are not all classes; missing: wave",
        "base_val and novel_val together are not val: 3 clips differ",
    ]


def test_files_of_equal_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lists = good()
    root = tmp_path / "videos"
    names = [line.rsplit(" ", 1)[0] for lines in lists.values() for line in lines]
    official.touch_videos(root, names)
    (root / hmdb_clip("wave", 0)).write_bytes(b"same")
    (root / hmdb_clip("wave", 1)).write_bytes(b"same")
    (root / hmdb_clip("wave", 10)).write_bytes(b"equal")
    (root / hmdb_clip("wave", 2)).write_bytes(b"equal")
    (root / hmdb_clip("kick", 0)).write_bytes(b"alike!")
    (root / hmdb_clip("kick_ball", 0)).write_bytes(b"alike!")
    config = written(lists, {"all": NAMES}, root=str(root))
    assert found(audit(config, capsys), "error") == []
    made = audit(config, capsys, "--content")
    pair = " = ".join
    assert found(made, "error") == [
        f"files of equal content: {pair([hmdb_clip('kick_ball', 0), hmdb_clip('kick', 0)])}, "
        "of different classes: kick, kick ball",
        f"files of equal content: {pair([hmdb_clip('wave', 10), hmdb_clip('wave', 2)])}; one is "
        "trained on in few_shot_2 and one scored in val1",
    ]
    assert f"files of equal content: {pair([hmdb_clip('wave', 0), hmdb_clip('wave', 1)])}" in found(
        made, "warning"
    )


def test_classes_and_clips_of_the_source_set(capsys: pytest.CaptureFixture[str]) -> None:
    lists = {"val1": [*listed("ride_bike", 0, range(2)), *listed("archery", 1, range(2))]}
    config = written(lists, {"all": ["ride bike", "archery"]})
    source = Path("given/source.csv")
    source.write_bytes(class_table(["archery", "riding a bike", "zumba"]))
    train = Path("given/train.txt")
    train.write_text(f"{hmdb_clip('archery', 1)} 0\nother.mp4 1\nelse.mp4 2\n")
    text = Path(config).read_text().replace("dict(hmdb51=", "dict(kinetics400=KINETICS, hmdb51=")
    kinetics = {
        "_delete_": True,
        "lists": {"train": str(train.absolute())},
        "labels": {"all": str(source.absolute())},
    }
    Path(config).write_text(text.replace("KINETICS", repr(kinetics)))
    made = audit(config, capsys)
    assert found(made, "error") == [
        "1 of 4 clips of val1 are also in train of the source set kinetics400"
    ]
    known = [f for f in made["findings"] if f["check"] == "source-classes"]
    assert [(f["what"], f["details"]) for f in known] == [
        ("1 of 2 classes of 'all' are classes of kinetics400 by name", ["archery"]),
        (
            "1 more of 2 classes of 'all' are classes of kinetics400 but for endings and small "
            "words",
            ["ride bike = riding a bike"],
        ),
    ]


def test_names_that_do_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "audit", "hmdb15"]) == 2
    assert capsys.readouterr().err.startswith(
        "bench: unknown dataset 'hmdb15'; did you mean 'hmdb51'?\n"
    )


def test_a_list_that_does_not_fit_is_an_error_and_the_rest_is_audited(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lists = good()
    lists["val2"] = ["../secret.avi 0"]
    made = audit(written(lists, {"all": NAMES}), capsys)
    assert found(made, "error") == [
        "val2 cannot be used: val2.txt, line 1: the path leaves the folder of the videos (got "
        "../secret.avi)"
    ]
    assert [row["name"] for row in made["lists"]] == ["val1", "few_shot_2"]


def test_a_dataset_of_which_nothing_is_there_is_not_called_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in ("BENCH_DATA", "BENCH_RELEASED"):
        monkeypatch.delenv(variable, raising=False)
    assert main(["data", "audit", "hmdb51"]) == 1
    assert capsys.readouterr().err == (
        "bench: nothing of hmdb51 could be audited\n"
        "  got:     no list that is there, or that could be made\n"
        "  next:    bench data prepare hmdb51 --videos <folder> --annotations <folder>; or "
        "name the configuration that says where they lie: --config F\n"
    )
