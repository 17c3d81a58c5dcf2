from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.cli import main
from bench.ground.errors import ConfigError
from bench.planning.load_config import load_config
from tests.bench.data.video_files import write_video
from tests.places import ROOT

EXAMPLE = ROOT / "docs/examples/own_dataset.py"


@pytest.fixture
def gestures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset of somebody's own, where the example looks for it."""
    folder = tmp_path / "gestures"
    for label in ("wave", "thumbs up", "point (left)"):
        (folder / label).mkdir(parents=True)
        for number, suffix in enumerate((".mp4", ".avi", ".webm", ".mp4")):
            write_video(folder / label / f"{number}{suffix}", frames=8 + number, size=(48, 40))
    monkeypatch.setenv("GESTURES", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.usefixtures("gestures")
def test_the_example_runs_as_it_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--all", "--config", str(EXAMPLE)]) == 0
    assert "gestures: 6 jobs done in" in capsys.readouterr().out
    plan = json.loads(Path("runs/gestures/plan.json").read_text())
    assert plan["datasets"] == {"gestures": {"title": "Gestures", "synthetic": False}}
    rows = {(t["setting"], t["method"], t["shots"], t["train_data"]) for t in plan["trials"]}
    assert rows == {
        ("few-shot", "vanilla-clip", 2, "none"),
        ("few-shot", "vifi-clip", 2, "Gestures 2-shot"),
        ("fully-supervised", "vanilla-clip", None, "none"),
        ("fully-supervised", "vifi-clip", None, "Gestures"),
    }
    assert "Gestures" in Path("runs/gestures/report/index.html").read_text()
    assert main(["data", "shard", "--videos", "gestures", "--out", "shards"]) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GESTURES", "shards")
        capsys.readouterr()
        assert main(["run", "--all", "--config", str(EXAMPLE)]) == 0
        # Equal lists, equal names: shards are the same dataset.
        assert "gestures: 0 jobs done in 0.0 s, 6 were there, 0 failed" in capsys.readouterr().out


@pytest.mark.usefixtures("gestures")
def test_a_table_instead_of_folders(tmp_path: Path) -> None:
    clips = [f"{number}.mp4" for number in range(4)]
    (tmp_path / "flat").mkdir()
    for clip in clips:
        write_video(tmp_path / "flat" / clip)
    rows = [f"{clip},{'ab'[n % 2]},{'train' if n < 2 else 'val'}" for n, clip in enumerate(clips)]
    (tmp_path / "clips.csv").write_text("\n".join(["clip,label,split", *rows]))
    config = tmp_path / "own.py"
    config.write_text(
        EXAMPLE.read_text()
        .replace("../../configs", str(ROOT / "configs"))
        .replace('format="folders"', 'format="csv", annotations="clips.csv"')
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GESTURES", "flat")
        assert main(["data", "list", "gestures", "--config", str(config), "--name", "val"]) == 0
    (val,) = (tmp_path / "runs/cache/lists/gestures").glob("val.*.txt")
    assert val.read_text() == "2.mp4 0\n3.mp4 1\n"


def errors_of(tmp_path: Path, datasets: str) -> tuple[str, ...]:
    config = tmp_path / "own.py"
    config.write_text(
        f"_base_ = ['{ROOT / 'configs/mini.py'}']\nname = 'own'\ndatasets = {datasets}\n"
    )
    with pytest.raises(ConfigError) as error:
        load_config(config)
    return error.value.errors


def test_a_dataset_of_ones_own_needs_a_title_and_a_name_of_its_own(tmp_path: Path) -> None:
    assert errors_of(tmp_path, "{'hmbd51': dict(root='x')}") == (
        "datasets: unknown dataset 'hmbd51'; did you mean 'hmdb51'?",
    )
    assert errors_of(tmp_path, "{'zzz': dict(root='x')}") == (
        "datasets: unknown dataset 'zzz'; a dataset of your own needs a 'title'",
    )
    assert errors_of(tmp_path, "{'hmdb51': dict(title='Mine')}") == (
        "datasets.hmdb51.title: 'hmdb51' has one already; give your dataset another name",
    )
    assert errors_of(tmp_path, "{'mine': dict(title='HMDB-51')}") == (
        "datasets.mine.title: 'HMDB-51' is the title of hmdb51",
    )
    assert errors_of(tmp_path, "dict(a=dict(title='A'), b=dict(title='A'))") == (
        "datasets.b.title: 'A' is the title of a",
    )
    assert errors_of(tmp_path, "{'a/b': dict(title='A')}") == (
        "datasets: 'a/b' is no name; letters, digits, '-', '_' and '.' are",
    )


def test_the_limit_of_the_frame_cache_is_written_as_people_do(tmp_path: Path) -> None:
    config = tmp_path / "own.py"
    base = f"_base_ = ['{ROOT / 'configs/mini.py'}']\n"
    config.write_text(base + "cache_limit = '1.5G'\n")
    assert load_config(config).cache_limit == 3 * 2**29
    config.write_text(base + "cache_limit = 'plenty'\n")
    with pytest.raises(ConfigError) as error:
        load_config(config)
    assert error.value.errors == (
        "cache_limit: Value error, got plenty, allowed: a number with K, M, G or T, for example "
        "50G (got 'plenty')",
    )


@pytest.mark.usefixtures("gestures")
def test_equal_file_names_in_all_class_folders_are_no_finding(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # 0.mp4 … 3.mp4 of every class are clips of their own.
    assert main(["data", "audit", "gestures", "--config", str(EXAMPLE), "--json"]) == 0
    (audit,) = json.loads(capsys.readouterr().out)["datasets"]
    assert {finding["check"] for finding in audit["findings"]} <= {"lists"}
    assert not any(finding["severity"] == "error" for finding in audit["findings"])
