"""What is in a job's key: every field, one by one; a new one has to be put into a list here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.clip.backbone_ref import BackboneRef
from bench.data.lists.clips_ref import ClipsRef
from bench.ground.errors import DataError
from bench.planning.jobs import (
    EvaluateJob,
    JobAdapter,
    MethodRef,
    PreprocessingRef,
    ReleasedRef,
    TrainJob,
    load_job,
)
from bench.planning.recipe import Recipe

METHOD = MethodRef(row="xclip", adapter="xclip", options={"mit_layers": 1}, code_sha256="c0de")
BACKBONE = BackboneRef(model="ViT-B-16", weights="/w/ViT-B-16.pt", weights_sha256="wei9")
RECIPE = Recipe(num_frames=8, image_size=224, epochs=10, lr=1e-3)
CLIPS = ClipsRef(
    dataset="hmdb51",
    root="/videos",
    clip_list="val1",
    list_file="/lists/val1.txt",
    list_sha256="1157",
    classes="all",
    class_file="/lists/classes.csv",
    classes_sha256="c1a55",
)
COMMON: dict[str, Any] = {
    "method": METHOD,
    "backbone": BACKBONE,
    "recipe": RECIPE,
    "preprocessing": PreprocessingRef(pipeline="vificlip", mean=(0, 0, 0), std=(1, 1, 1)),
    "clips": CLIPS,
    "seed": 1,
}
TRAIN = TrainJob(**COMMON)
SCORE = EvaluateJob(**COMMON)

# Field of a part -> another value. The number could change, or it could not.
COUNTS: dict[str, dict[str, Any]] = {
    "method": {"adapter": "a5", "options": {"mit_layers": 2}, "code_sha256": "other"},
    "backbone": {
        "model": "ViT-B-32",
        "model_sha256": "0the2",
        "weights_sha256": "0the2",
        "quick_gelu": True,
    },
    "preprocessing": {
        "pipeline": "a5",
        "options": {"frame_stride": 2},
        "code_sha256": "other",
        "mean": (1, 0, 0),
        "std": (2, 1, 1),
    },
    "clips": {
        "dataset": "my-own-copy",
        "list_sha256": "0the2",
        "classes_sha256": "0the2",
        "videos": "resized: short side 256",
    },
}
IS_OF_NO_CONSEQUENCE: dict[str, dict[str, Any]] = {
    "method": {"row": "xclip-16"},
    "backbone": {"weights": "/elsewhere.pt", "pretraining": "WIT"},
    "preprocessing": {},
    "clips": {
        "root": "/elsewhere",
        "clip_list": "test1",
        "list_file": "/elsewhere.txt",
        "classes": "every",
        "class_file": "/elsewhere.csv",
        "listed": 3,
        "num_classes": 3,
        "synthetic": True,
        "labels": "official",
        "list_origin": "given: x",
        "classes_origin": "given: y",
    },
}
OF_THE_JOB: dict[str, Any] = {"seed": 2, "policy": "skip", "parent": "0ther"}
PLACES: dict[str, Any] = {
    "format": 1,
    "plugins": ("/p.py",),
    "cache": "/cache",
    "cache_limit": 5,
    "keep_frames": False,
    "threads": 4,
    "workers": 4,
}
SCORING_READS = {
    "num_frames": 16,
    "image_size": 336,
    "precision": "fp32",
    "views_clips": 4,
    "views_crops": 3,
}


def changed(job: TrainJob | EvaluateJob, part: str, field: str, value: Any) -> str:
    inner = getattr(job, part).model_copy(update={field: value})
    return job.model_copy(update={part: inner}).key


@pytest.mark.parametrize("part", COUNTS)
def test_every_field_of_every_part_is_sorted(part: str) -> None:
    fields = set(type(COMMON[part]).model_fields)
    assert fields == set(COUNTS[part]) | set(IS_OF_NO_CONSEQUENCE[part])


@pytest.mark.parametrize("job", [TRAIN, SCORE], ids=["train", "evaluate"])
def test_what_could_change_the_number_changes_the_key(job: TrainJob | EvaluateJob) -> None:
    keys = [changed(job, part, *change) for part in COUNTS for change in COUNTS[part].items()]
    assert job.key not in keys
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("job", [TRAIN, SCORE], ids=["train", "evaluate"])
def test_places_and_names_do_not(job: TrainJob | EvaluateJob) -> None:
    for part, changes in IS_OF_NO_CONSEQUENCE.items():
        for field, value in changes.items():
            assert changed(job, part, field, value) == job.key, (part, field)
    for field, value in PLACES.items():
        assert job.model_copy(update={field: value}).key == job.key, field


def test_every_field_of_a_training_is_sorted_and_counts() -> None:
    parts = {*COMMON} - {"seed"}
    assert set(TrainJob.model_fields) == parts | {*OF_THE_JOB, *PLACES, "kind", "released"}
    for field, value in OF_THE_JOB.items():
        assert TRAIN.model_copy(update={field: value}).key != TRAIN.key, field


def test_every_field_of_an_evaluation_is_sorted_and_counts() -> None:
    parts = {*COMMON} - {"seed"}
    others = {
        "policy": "exclude",
        "parent": "0ther",
        "metrics": ("top1",),
        "metrics_code_sha256": {"top1": "other"},
    }
    known = parts | {*others, *PLACES, "kind", "released", "seed", "overlap"}
    assert set(EvaluateJob.model_fields) == known
    for field, value in others.items():
        assert SCORE.model_copy(update={field: value}).key != SCORE.key, field
    # Follows from the lists of the job and of its parents, which count.
    assert SCORE.model_copy(update={"overlap": 3}).key == SCORE.key


def test_a_training_and_an_evaluation_of_the_same_are_two_jobs() -> None:
    assert TRAIN.key != SCORE.key


def test_the_whole_recipe_counts_in_training_but_for_its_sources() -> None:
    assert changed(TRAIN, "recipe", "sources", {"lr": "guessed"}) == TRAIN.key
    values: dict[str, Any] = {**SCORING_READS, "lr": 2e-3, "betas": (0.9, 0.999), "flip": 0.1}
    for field, value in values.items():
        assert changed(TRAIN, "recipe", field, value) != TRAIN.key, field
    elsewhere = {"sources", "pipeline_options"}
    assert TRAIN.identity()["recipe"].keys() == Recipe.model_fields.keys() - elsewhere


def test_values_for_the_pipeline_count_once_among_its_options() -> None:
    assert changed(TRAIN, "recipe", "pipeline_options", {"frame_stride": 2}) == TRAIN.key
    assert changed(TRAIN, "preprocessing", "options", {"frame_stride": 2}) != TRAIN.key


def test_an_evaluation_reads_only_frames_precision_and_views() -> None:
    for field, value in {"lr": 2e-3, "epochs": 3, "sources": {"lr": "guessed"}}.items():
        assert changed(SCORE, "recipe", field, value) == SCORE.key, field
    for field, value in SCORING_READS.items():
        assert changed(SCORE, "recipe", field, value) != SCORE.key, field


def test_the_seed_of_an_evaluation_counts_where_views_are_drawn() -> None:
    assert SCORE.model_copy(update={"seed": 2}).key == SCORE.key
    views = RECIPE.model_copy(update={"views_clips": 4})
    drawn = SCORE.model_copy(update={"recipe": views})
    assert drawn.model_copy(update={"seed": 2}).key != drawn.key


def test_a_released_file_counts_by_content() -> None:
    here = SCORE.model_copy(update={"released": ReleasedRef(path="/a.pth", sha256="aa")})
    there = SCORE.model_copy(update={"released": ReleasedRef(path="/b.pth", sha256="aa")})
    other = SCORE.model_copy(update={"released": ReleasedRef(path="/a.pth", sha256="bb")})
    assert here.key == there.key
    assert len({here.key, other.key, SCORE.key}) == 3


def test_keys_stay_what_they_were() -> None:
    """Whoever changes these throws away what everybody has computed; see CONTRIBUTING.md."""
    assert (TRAIN.key, SCORE.key) == (
        "a4d83ec167294a7991cbbced4c8cd63f",
        "13b47b1d92b234cbb505e004181b9b45",
    )


def test_a_job_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text(TRAIN.model_dump_json().replace('"format":2', '"format":1'))
    with pytest.raises(DataError) as caught:
        load_job(path)
    assert str(caught.value) == (
        f"{path} is not a job of this version\n  got:     train.format: Input should be 2\n"
        "  next:    'bench run' plans and runs it again"
    )


@pytest.mark.parametrize("job", [TRAIN, SCORE], ids=["train", "evaluate"])
def test_a_job_survives_its_file(job: TrainJob | EvaluateJob) -> None:
    again = JobAdapter.validate_json(job.model_dump_json(indent=1))
    assert (again, again.key) == (job, job.key)
