"""From configuration and selection to jobs, on the paper's configuration without any data."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import methods
from bench.engine.training.feature_training import may_train_on_features
from bench.ground.errors import DataError, UsageError
from bench.planning.jobs import EvaluateJob, TrainJob
from bench.planning.load_config import load_config
from bench.planning.plan import Plan, make_plan
from bench.planning.plan_header import merged
from bench.planning.selection import Selection
from tests.tiny_clip import tiny_clip


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    cache = str(tmp_path_factory.mktemp("cache"))
    return make_plan(load_config("paper", {"cache": cache}), Selection())


def test_a_source_training_is_shared_by_all_zero_shot_numbers(paper: Plan) -> None:
    trials = [
        trial
        for trial in paper.file.trials
        if (trial.setting, trial.method) == ("zero-shot", "vifi-clip")
    ]
    assert len(trials) == 9
    assert len({trial.training for trial in trials}) == 1
    assert len({trial.evaluation for trial in trials}) == 9


def test_jobs_are_known_by_their_content_and_come_after_their_parents(paper: Plan) -> None:
    seen: set[str] = set()
    for key, job in paper.jobs.items():
        assert job.key == key
        assert set(paper.parents[key]) <= seen
        assert paper.parents[key] == (() if job.parent is None else (job.parent,))
        seen.add(key)
    assert {trial.evaluation for trial in paper.file.trials} == {
        key for key, job in paper.jobs.items() if isinstance(job, EvaluateJob)
    }


def test_every_method_sees_the_same_clips_in_the_same_order(paper: Plan) -> None:
    seeds: dict[tuple[str, str], set[int]] = {}
    for job in paper.jobs.values():
        if isinstance(job, TrainJob):
            seeds.setdefault((job.clips.dataset, job.clips.clip_list), set()).add(job.seed)
    assert all(len(found) == 1 for found in seeds.values())
    assert len({seed for found in seeds.values() for seed in found}) == len(seeds)


def test_features_are_kept_where_frames_take_too_much_room(paper: Plan) -> None:
    """A5 trains on kept features, as its authors do, and frozen towers share those of tests."""
    assert {(bool(job.cache), job.keep_frames) for job in paper.jobs.values()} == {(True, False)}
    a5 = methods.create("a5", clip=tiny_clip(), class_names=["a"], num_frames=2)
    trainings = [
        job
        for job in paper.jobs.values()
        if isinstance(job, TrainJob) and job.method.adapter == "a5"
    ]
    assert len(trainings) == 26
    assert all(may_train_on_features(a5, job) for job in trainings)


def test_an_untrained_method_is_scored_once_for_every_number_of_shots(paper: Plan) -> None:
    vanilla = [
        trial
        for trial in paper.file.trials
        if (trial.setting, trial.method, trial.dataset) == ("few-shot", "vanilla-clip", "hmdb51")
    ]
    assert [trial.shots for trial in vanilla] == [2, 4, 8, 16]
    assert len({trial.evaluation for trial in vanilla}) == 1
    assert {trial.train_data for trial in vanilla} == {"none"}


def test_titles_and_training_data_are_kept_for_the_report(paper: Plan) -> None:
    novel = next(
        trial
        for trial in paper.file.trials
        if (trial.setting, trial.dataset, trial.split, trial.member, trial.method)
        == ("base-to-novel", "hmdb51", "novel", "seed 2", "vifi-clip")
    )
    assert novel.train_data == "HMDB-51 16-shot"
    assert (novel.clip_list, novel.classes, novel.num_frames) == ("novel_val", "novel", 32)
    assert paper.file.settings["base-to-novel"].spread == "seeds"
    assert paper.file.methods["vifi-clip"].title == "ViFi-CLIP"
    assert not paper.file.synthetic


def test_the_views_of_the_recipe_reach_the_evaluation(paper: Plan) -> None:
    full = [trial for trial in paper.file.trials if trial.setting == "fully-supervised"]
    assert {trial.views for trial in full if trial.method == "vifi-clip"} == {"4x3"}


def test_without_data_every_job_says_what_it_needs(paper: Plan) -> None:
    assert set(paper.needs) == set(paper.jobs)
    for needs in paper.needs.values():
        assert needs[0].startswith("weights of ViT-B-16: no file ")
        assert "missing" in needs[1]


def test_the_cache_folder_and_workers_do_not_change_keys(tmp_path: Path) -> None:
    chosen = Selection(methods=("vifi-clip",), tables=(3,))
    plans = [
        make_plan(load_config("paper", {"cache": str(tmp_path / name), "workers": count}), chosen)
        for name, count in (("a", 0), ("b", 3))
    ]
    assert list(plans[0].jobs) == list(plans[1].jobs)


def test_a_recipe_value_changes_the_trainings_and_what_they_feed(tmp_path: Path) -> None:
    chosen = Selection(methods=("vifi-clip", "vanilla-clip"), settings=("few-shot",))
    before, after = (
        make_plan(
            load_config("paper", {"cache": str(tmp_path), "recipes.few_shot.values.lr": lr}), chosen
        )
        for lr in (2e-6, 3e-6)
    )
    kept = set(before.jobs) & set(after.jobs)
    assert {before.jobs[key].method.row for key in kept} == {"vanilla-clip"}
    assert all(before.jobs[key].method.row == "vifi-clip" for key in set(before.jobs) - kept)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (Selection(methods=("vifi-clp",)), "unknown method 'vifi-clp'; did you mean 'vifi-clip'?"),
        (Selection(settings=("few-sho",)), "unknown setting 'few-sho'; did you mean 'few-shot'?"),
        (
            Selection(datasets=("mini-ssv2",)),
            "dataset 'mini-ssv2' is not in configuration 'paper'\n"
            "  allowed: hmdb51, kinetics400, kinetics600, msrvtt, ssv2, ucf101\n"
            "  next:    --config mini",
        ),
        (Selection(datasets=("hmdb",)), "unknown dataset 'hmdb'; did you mean 'hmdb51'?"),
        (
            Selection(tables=(7,)),
            "configuration 'paper' has no table 7\n"
            "  allowed: 1, 2, 3, 4\n"
            "  next:    --config mini_table7 or --config table7",
        ),
        (
            Selection(settings=("few-shot",), datasets=("kinetics600",)),
            "no cell of the configuration fits the selection\n"
            "  got:     --setting few-shot --dataset kinetics600\n"
            "  allowed: few-shot: hmdb51, ucf101, ssv2",
        ),
    ],
)
def test_a_selection_that_names_nothing_is_refused(chosen: Selection, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_plan(load_config("paper"), chosen)
    assert str(caught.value).startswith(message)


def test_tables_and_settings_select_the_same_cells() -> None:
    config = load_config("paper")
    assert Selection(tables=(2,)).cells(config) == Selection(settings=("base-to-novel",)).cells(
        config
    )


def _lists(folder: Path, trained: list[str], scored: list[str]) -> dict[str, object]:
    folder.mkdir()
    (folder / "videos").mkdir()
    (folder / "train.txt").write_text("".join(f"{name} 0\n" for name in trained))
    (folder / "val.txt").write_text("".join(f"{name} 0\n" for name in scored))
    (folder / "classes.csv").write_text("id,name\n0,run\n")
    return {
        "cache": str(folder / "cache"),
        "settings.few-shot.options": {"shots": [2]},
        "datasets.hmdb51.root": str(folder / "videos"),
        "datasets.hmdb51.lists": {
            "few_shot_2": str(folder / "train.txt"),
            "val1": str(folder / "val.txt"),
        },
        "datasets.hmdb51.labels": {"all": str(folder / "classes.csv")},
    }


def test_clips_that_are_trained_and_scored_are_refused(tmp_path: Path) -> None:
    chosen = Selection(methods=("vifi-clip",), settings=("few-shot",), datasets=("hmdb51",))
    apart = _lists(tmp_path / "apart", ["a.avi", "b.avi"], ["c.avi"])
    assert len(make_plan(load_config("paper", apart), chosen).jobs) == 2
    mixed = _lists(tmp_path / "mixed", ["a.avi", "b.avi"], ["b.avi", "c.avi"])
    with pytest.raises(DataError) as caught:
        make_plan(load_config("paper", mixed), chosen)
    assert caught.value.what == (
        "1 of 2 clips of hmdb51/val1 are also in the training list few_shot_2"
    )


def test_clips_that_the_training_it_starts_from_has_seen_are_refused_too(tmp_path: Path) -> None:
    chosen = Selection(methods=("vl-prompting",), settings=("few-shot",), datasets=("hmdb51",))
    changes = _lists(tmp_path / "lists", ["a.avi", "b.avi"], ["c.avi"])
    source = tmp_path / "lists" / "source.txt"
    changes |= {
        "datasets.kinetics400.root": changes["datasets.hmdb51.root"],
        "datasets.kinetics400.lists": {"train": str(source)},
        "datasets.kinetics400.labels": changes["datasets.hmdb51.labels"],
    }
    source.write_text("d.avi 0\n")
    plan = make_plan(load_config("paper", changes), chosen)
    (scored,) = (job for job in plan.jobs.values() if isinstance(job, EvaluateJob))
    assert len(plan.jobs) == 3
    source.write_text("c.avi 0\n")
    with pytest.raises(DataError) as caught:
        make_plan(load_config("paper", changes), chosen)
    assert caught.value.what == ("1 of 1 clips of hmdb51/val1 are also in the training list train")
    allowed = make_plan(load_config("paper", {**changes, "allow_overlap": True}), chosen)
    (marked,) = (job for job in allowed.jobs.values() if isinstance(job, EvaluateJob))
    assert (scored.overlap, marked.overlap) == (0, 1)


def test_a_list_that_changed_is_another_job(tmp_path: Path) -> None:
    chosen = Selection(methods=("vifi-clip",), settings=("few-shot",), datasets=("hmdb51",))
    first = make_plan(load_config("paper", _lists(tmp_path / "1", ["a.avi"], ["c.avi"])), chosen)
    same = make_plan(load_config("paper", _lists(tmp_path / "2", ["a.avi"], ["c.avi"])), chosen)
    other = make_plan(load_config("paper", _lists(tmp_path / "3", ["b.avi"], ["c.avi"])), chosen)
    assert list(first.jobs) == list(same.jobs)
    assert not set(first.jobs) & set(other.jobs)


def test_another_model_configuration_of_the_same_name_is_another_job(tmp_path: Path) -> None:
    chosen = Selection(methods=("vifi-clip",), tables=(3,))
    plans = []
    for folder, heads in (("a", 64), ("b", 32)):
        model = tmp_path / folder / "own.json"
        model.parent.mkdir()
        towers = {"embed_dim": 512, "vision_cfg": {"head_width": heads}, "text_cfg": {}}
        model.write_text(json.dumps(towers))
        changes = {"cache": str(tmp_path / "cache"), "backbone.model": str(model)}
        plans.append(make_plan(load_config("paper", changes), chosen))
    assert plans[0].jobs
    assert not set(plans[0].jobs) & set(plans[1].jobs)


def test_a_further_part_is_added_to_the_plan_of_a_run(tmp_path: Path) -> None:
    config = load_config("paper", {"cache": str(tmp_path)})
    one = make_plan(config, Selection(methods=("vifi-clip",), tables=(3,))).file
    two = make_plan(config, Selection(methods=("vanilla-clip",), tables=(3,))).file
    both = merged(one, two)
    assert both.trials == (*one.trials, *two.trials)
    assert list(both.methods) == ["vifi-clip", "vanilla-clip"]
    assert merged(both, two).trials == both.trials


def test_planning_imports_no_torch() -> None:
    script = (
        "import sys; from bench.cli import main; code = main(['plan', '--config', 'paper',"
        " '--table', '3', '--json']);"
        " print(code, 'torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr.split() == ["0", "False"]
    document = json.loads(done.stdout)
    assert {job["state"] for job in document["jobs"]} == {"needs data"}
    assert document["job_hours"]["value"] is None
    assert document["job_hours"]["rests_on"].startswith("unknown: ")


def test_a_bridged_row_starts_from_the_training_that_zero_shot_has() -> None:
    zero_shot = make_plan(load_config("paper"), Selection(methods=("xclip",), tables=(1,)))
    (source,) = [key for key, job in zero_shot.jobs.items() if job.kind == "train"]
    bridged = make_plan(load_config("table7"), Selection(methods=("xclip",)))
    trained = [job for job in bridged.jobs.values() if job.kind == "train"]
    assert {job.parent for job in trained if job.key != source} == {source}
    assert len(trained) == 1 + 12
