"""Every configuration that ViFi-CLIP's authors released is reproduced by jobs of the paper's plan.

``tests/goldens/vificlip_configurations.csv`` has a row for each of the 67 files: the number of ours
that it belongs to, and the values it states (resolved with the defaults of the release, e2d1948).
A row without ``train_list`` only evaluates. Values that all files share are in ``COMMON``. The
numbers of clips and updates are those of 8 GPUs, counted in the release's lists; K400's whole
training list is not in the release, so these updates are not known.
"""

from __future__ import annotations

import csv

import pytest

from bench.engine.training.batches import count_steps, epoch_updates
from bench.planning.jobs import EvaluateJob, TrainJob
from bench.planning.load_config import load_config
from bench.planning.plan import Plan, make_plan
from bench.planning.selection import Selection
from tests.places import GOLDENS

TABLE = GOLDENS / "vificlip_configurations.csv"
ROWS = list(csv.DictReader(TABLE.open(newline="")))
TRAINED = {
    "vifi-clip": "both",
    "clip-image-ft": "image",
    "clip-text-ft": "text",
    "vl-prompting": "prompts",
}
COMMON = {
    "image_size": 224,
    "warmup_epochs": 5,
    "weight_decay": 0.001,
    "micro_batch": 4,
    "replicas": 8,
    "label_smoothing": 0.1,
    "color_jitter": 0.8,
    "gray_scale": 0.2,
    "mixup_alpha": 0.8,
    "cutmix_alpha": 1.0,
    "cutmix_prob": 0.5,
    "precision": "amp-fp16",
    # Not in the files, but in the code that reads them.
    "flip": 0.5,
    "betas": (0.9, 0.98),
    "eps": 1e-8,
    "schedule": "vificlip",
    "lr_min_ratio": 0.01,
    "updates": None,
}


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The whole plan, without data; K400's training list is said to be among the lists."""
    released = tmp_path_factory.mktemp("released")
    train = released / "datasets_splits" / "k400_splits" / "train.txt"
    train.parent.mkdir(parents=True)
    train.touch()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BENCH_RELEASED", str(released))
        return make_plan(load_config("paper", {"cache": str(released / "cache")}), Selection())


def jobs_of(paper: Plan, row: dict[str, str]) -> tuple[TrainJob | None, list[EvaluateJob]]:
    """The training of a released configuration and the evaluations that it feeds.

    A zero-shot training has no number of its own in the tables: any number that it feeds leads to
    it, and none is its evaluation.
    """
    trains_only = row["member"] == ""
    trials = [
        trial
        for trial in paper.file.trials
        if (trial.setting, trial.method) == (row["setting"], row["row"])
        and (trains_only or trial.dataset == row["dataset"])
        and (trains_only or trial.member == row["member"])
        and trial.split == row["split"]
        and (row["shots"] in ("", str(trial.shots)))
    ]
    assert trials, "no number of the plan belongs to this configuration"
    (training,) = {trial.training for trial in trials}
    assert training is not None
    job = paper.jobs[training]
    assert isinstance(job, TrainJob)
    scored = [paper.jobs[trial.evaluation] for trial in trials]
    return job, [] if trains_only else [job for job in scored if isinstance(job, EvaluateJob)]


def test_the_table_has_every_released_configuration_once() -> None:
    assert len(ROWS) == len({row["config"] for row in ROWS}) == 67


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["config"])
def test_values_are_those_of_the_released_configuration(paper: Plan, row: dict[str, str]) -> None:
    training, evaluations = jobs_of(paper, row)
    assert training is not None
    assert TRAINED[training.method.adapter] == row["trained"]
    for job in evaluations:
        _check_evaluation(job, row)
    if row["train_list"]:
        _check_training(training, row)
    else:
        assert (training.clips.dataset, training.clips.clip_list) == ("kinetics400", "train")


def _check_evaluation(job: EvaluateJob, row: dict[str, str]) -> None:
    clips, recipe = job.clips, job.recipe
    assert clips.list_file.endswith("/datasets_splits/" + row["scored_list"])
    assert clips.class_file.endswith("/labels/" + row["labels"])
    assert clips.num_classes == int(row["classes"])
    assert clips.listed == int(row["scored_clips"])
    assert recipe.num_frames == int(row["frames"])
    assert f"{recipe.views_clips}x{recipe.views_crops}" == row["views"]
    assert recipe.image_size == COMMON["image_size"]
    assert job.metrics == ("top1", "top5")


def _check_training(job: TrainJob, row: dict[str, str]) -> None:
    recipe, clips = job.recipe, job.clips
    assert {name: getattr(recipe, name) for name in COMMON} == COMMON
    assert clips.list_file.endswith("/datasets_splits/" + row["train_list"])
    # A file that scores novel classes trains nothing; the base training has the base names.
    labels = row["labels"].replace("_novel_", "_base_")
    assert clips.class_file.endswith("/labels/" + labels)
    assert recipe.num_frames == int(row["frames"])
    assert recipe.epochs == int(row["epochs"])
    assert recipe.lr == float(row["lr"])
    assert recipe.accumulation == int(row["accumulation"])
    assert recipe.clips_an_update == int(row["clips_an_update"])
    for option in ("n_ctx_vision", "n_ctx_text", "prompt_depth_vision", "prompt_depth_text"):
        stated = None if row[option] == "" else int(row[option])
        assert job.method.options.get(option) == stated
    if row["updates"]:
        assert clips.listed == int(row["train_clips"])
        counted = count_steps(clips.listed, recipe)
        assert recipe.updates_in_all(counted.updates) == int(row["updates"])


def test_prompts_start_from_the_source_training_and_the_others_from_clip(paper: Plan) -> None:
    for row in ROWS:
        training, _ = jobs_of(paper, row)
        assert training is not None
        if row["row"] == "vl-prompting":
            parent = paper.jobs[training.parent or ""]
            assert (parent.method.adapter, parent.clips.clip_list) == ("vifi-clip", "train")
            assert parent.recipe.epochs == 10
        else:
            assert training.parent is None


def test_the_novel_classes_are_scored_for_every_draw_alike(paper: Plan) -> None:
    """The release has one file for the novel classes, whose checkpoint is given by hand."""
    for row in ROWS:
        if row["split"] == "novel":
            for draw in (1, 2, 3):
                training, (scored,) = jobs_of(paper, {**row, "member": f"seed {draw}"})
                assert training is not None
                assert scored.parent == training.key
                assert training.clips.clip_list == f"base_train_s{draw}"
                _check_evaluation(scored, row)


def test_updates_and_mixing_groups_are_those_of_8_gpus_on_any_number(paper: Plan) -> None:
    """No number of GPUs reaches a job: 8 replicas of 4 clips are laid out by the sampler."""
    for row in ROWS:
        if not row["updates"]:
            continue
        training, _ = jobs_of(paper, row)
        assert training is not None
        epoch = epoch_updates(int(row["train_clips"]), training.recipe, seed=1, epoch=0)
        assert len(epoch) * int(row["epochs"]) == int(row["updates"])
        for update in epoch:
            groups = [group for step in update for group in step.groups]
            assert [len(group.clips) for group in groups] == [4] * (8 * int(row["accumulation"]))
            assert sum(len(step.clips) for step in update) == int(row["clips_an_update"])


def test_prompts_are_those_of_the_release() -> None:
    """CTX_INIT with the class name and a full stop; with more than 4 contexts, X for each."""
    import methods
    from tests.tiny_clip import tiny_clip

    for adapter, options, expected in (
        ("vifi-clip", {}, "a photo of a ApplyEyeMakeup."),
        ("clip-image-ft", {}, "a photo of a ApplyEyeMakeup."),
        ("clip-text-ft", {}, "a photo of a ApplyEyeMakeup."),
        ("vanilla-clip", {}, "ApplyEyeMakeup"),
        (
            "vl-prompting",
            {"n_ctx_text": 10, "n_ctx_vision": 10, "prompt_depth_vision": 2},
            "X " * 10 + "ApplyEyeMakeup.",
        ),
    ):
        made = methods.create(
            adapter, clip=tiny_clip(), class_names=("ApplyEyeMakeup",), num_frames=2, **options
        )
        assert made.prompts == (expected,)
