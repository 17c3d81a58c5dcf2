"""From official downloads to a number: prepare, list, audit, check, plan, and a tiny real run.

Every dataset lies as its publishers lay it out (``official_trees``), with real videos.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cli import main
from bench.commands.data import COMMANDS
from bench.data.datasets import CATALOGUE
from bench.data.official.manifest import read_manifest
from bench.data.official.prepared import read_prepared
from bench.engine.job.run_job import Exit, run_job
from bench.planning.load_config import CONFIGS, load_config
from bench.planning.plan import Plan, make_plan
from bench.planning.selection import Selection
from results.run.records import EvaluationRecord, RecordAdapter
from tests.bench.data import official_trees
from tests.bench.data.official_folders import OfficialFolders

SETTINGS = {
    "zero-shot": ["hmdb51", "ucf101", "kinetics600"],
    "base-to-novel": ["kinetics400", "hmdb51", "ucf101", "ssv2"],
    "few-shot": ["hmdb51", "ucf101", "ssv2"],
    "fully-supervised": ["kinetics400"],
}
CONFIG = f"""
import bench.clip.mini_clip as _clip

_base_ = ["{CONFIGS}/_base_/datasets.py"]
name = "official"
backbone = dict(model=str(_clip.MODEL_FILE), weights=str(_clip.WEIGHTS_FILE), quick_gelu=True)
methods = {{"vifi-clip": dict(adapter="vifi-clip")}}
settings = {{name: dict(datasets=sets) for name, sets in {SETTINGS!r}.items()}}
recipes = dict(all=dict(values=dict(
    num_frames=2, image_size=32, epochs=1, warmup_epochs=0, lr=1e-4, micro_batch=4, accumulation=1,
    replicas=1, precision="fp32",
)))
cache_frames = False
"""


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, OfficialFolders]:
    folder = tmp_path_factory.mktemp("official")
    videos = official_trees.Videos.make(folder / "encoded")
    return {name: make(folder / name, videos) for name, make in official_trees.TREES.items()}


@pytest.fixture(scope="module")
def prepared(
    trees: dict[str, OfficialFolders], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A working folder in which every dataset has been prepared by the command."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "official.py").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.delenv("BENCH_DATA", raising=False)
        patched.delenv("BENCH_RELEASED", raising=False)
        for name, tree in trees.items():
            places = ["--videos", str(tree.videos), "--annotations", str(tree.annotations)]
            assert main(["data", "prepare", name, *places]) == 0
        yield folder


@pytest.mark.parametrize(
    ("dataset", "classes", "clips", "splits"),
    [
        ("kinetics400", 4, 76, {"train": 64, "val": 8, "test": 4}),
        ("kinetics600", 6, 30, {"train": 18, "val": 6, "test": 6}),
        ("hmdb51", 4, 88, {"train1": 80, "val1": 8, "val2": 8, "val3": 8}),
        ("ucf101", 3, 66, {"train1": 60, "train2": 60, "val1": 6, "val3": 6}),
        ("ssv2", 3, 54, {"train": 48, "val": 6}),
        ("msrvtt", 0, 9, {"train": 6, "test": 3}),
    ],
)
def test_every_clip_is_found_under_its_name(
    prepared: Path, dataset: str, classes: int, clips: int, splits: dict[str, int]
) -> None:
    found = read_prepared(prepared / "data", dataset)
    assert found is not None
    assert (found.classes, found.clips, found.present) == (classes, clips, clips)
    assert {name: found.splits[name].present for name in splits} == splits
    manifest = read_manifest(prepared / "data" / "prepared" / f"{dataset}.csv", dataset)
    for row in manifest.rows:
        assert (Path(found.videos) / row.path).stat().st_size == row.bytes


def test_awkward_names_keep_their_classes(prepared: Path) -> None:
    def names(dataset: str) -> dict[str, str]:
        path = prepared / "data" / "prepared" / f"{dataset}.csv"
        return {row.path: row.class_name for row in read_manifest(path, dataset).rows}

    hmdb = names("hmdb51")
    assert hmdb["kick/-Fight_Club_(1999)[cut]_kick_f_cm_np1_fr_med_0.avi"] == "kick"
    assert hmdb["kick_ball/A;B_&_C_kick_ball_f_cm_np1_fr_med_2.avi"] == "kick ball"
    assert hmdb["sword/Les_Enfants_du_café_Ünïcode_sword_f_cm_np1_fr_med_3.avi"] == "sword"
    ucf = names("ucf101")
    assert ucf["HandstandPushups/v_HandStandPushups_g01_c01.avi"] == "HandstandPushups"
    kinetics = names("kinetics400")
    assert set(kinetics.values()) == set(official_trees.KINETICS_CLASSES)
    mended = [path for path in kinetics if path.startswith("replacement/")]
    assert len(mended) == 1
    assert not {path for path in kinetics if path.endswith(mended[0].rpartition("/")[2])} - {
        *mended
    }


def test_captions_are_those_of_the_protocol(prepared: Path) -> None:
    rows = {
        row.id: row
        for row in read_manifest(prepared / "data" / "prepared" / "msrvtt.csv", "msrvtt").rows
    }
    assert rows["video0"].captions == tuple(f"video0: caption {n}" for n in range(3))
    assert rows["video7"].captions == ("a man, number 0, sings",)


@pytest.mark.parametrize("dataset", [name for name in official_trees.TREES if name != "msrvtt"])
def test_every_list_of_the_protocols_can_be_made(
    prepared: Path, dataset: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "list", dataset]) == 0
    lines = capsys.readouterr().out.splitlines()[1:-1]
    assert {line.split()[1] for line in lines} == {"derived"}
    for line in lines:
        file = Path(line.split("  ")[-1])
        assert len(file.read_text().splitlines()) == int(line.split()[2])


def test_the_whole_matrix_is_planned_without_a_gap(
    prepared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--config", "official.py", "--all", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "needed" not in printed
    plan = make_plan(load_config("official.py"), Selection())
    assert not plan.needs
    assert {job.clips.dataset for job in plan.jobs.values()} == {
        name for name in official_trees.TREES if CATALOGUE[name].settings
    }


def test_videos_decode_and_labels_agree(prepared: Path) -> None:
    """Whatever else looks at prepared data finds nothing wrong with it."""
    for verb in ("audit", "check"):
        if verb in COMMANDS:
            assert main(["data", verb, "ucf101"]) == 0, verb


def test_a_number_says_that_its_lists_are_ours(prepared: Path, tmp_path: Path) -> None:
    chosen = {"settings.few-shot.options.shots": [2]}
    plan = make_plan(
        load_config("official.py", chosen), Selection(settings=("few-shot",), datasets=("hmdb51",))
    )
    record = last_record(plan, tmp_path)
    assert record.counts.scored == record.counts.listed == 8
    assert record.protocol.num_classes == 4
    assert record.protocol.list_origin == (
        "made by rule 1: all clips of official split val1, labelled with class list 'all'"
    )
    assert record.protocol.classes_origin == "made by rule 1: all classes in the official order"


def last_record(plan: Plan, runs: Path) -> EvaluationRecord:
    """Run every job of a plan in this process; gives the last one's record."""
    for key, job in plan.jobs.items():
        folder = runs / "jobs" / key
        folder.mkdir(parents=True)
        (folder / "job.json").write_text(job.model_dump_json())
        assert run_job(folder / "job.json") == Exit.DONE, (folder / "failure.json").read_text()
        record = RecordAdapter.validate_json((folder / "result.json").read_bytes())
    assert isinstance(record, EvaluationRecord)
    return record
