"""Bad clips in training, with real files that are damaged or not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.data.lists.clip_lists import ListEntry, load_clips
from bench.data.loading.clip_loader import ClipLoader
from bench.engine.build import training_pipeline
from bench.engine.stopping import Interrupted
from bench.engine.training.batches import Group, MicroStep
from bench.engine.training.train import run_training
from bench.engine.training.usable_clips import UsableClips
from bench.ground.errors import DataError
from bench.planning.jobs import TrainJob
from results.run.records import TrainRecord
from tests.bench.engine.training.test_train import StopAt
from tests.bench.engine.world import World, make_world


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world in which one clip is no video and one is absent; one class has no good clip."""
    world = make_world(tmp_path_factory.mktemp("damaged"))
    videos = sorted(path.name for path in (world.root / "videos").iterdir())
    (world.root / "videos" / "note.mp4").write_text("not a video\n" * 50)
    good = [ListEntry(name, int(name[0])) for name in videos]
    bad = [ListEntry("note.mp4", 1), ListEntry("lost.mp4", 2)]
    world.add_list("both", [*good, *bad])
    world.add_list("hopeless", [*(entry for entry in good if entry.label != 1), *bad])
    return world


def replacing(damaged: World, clip_list: str = "both", **changes: Any) -> TrainJob:
    return damaged.train_job(
        clips=damaged.clips(clip_list), policy="replace-within-class", **changes
    )


def trained(job: TrainJob, folder: Path, **more: Any) -> TrainRecord:
    folder.mkdir(exist_ok=True)
    return run_training(job, folder, {}, **more)


@pytest.fixture(scope="module")
def record(damaged: World, tmp_path_factory: pytest.TempPathFactory) -> TrainRecord:
    """Of a training that replaced clips and that nothing stopped."""
    return trained(replacing(damaged), tmp_path_factory.mktemp("whole"))


def test_replacements_keep_every_batch_whole_and_are_counted(
    damaged: World, record: TrainRecord, tmp_path: Path
) -> None:
    left_out = trained(
        damaged.train_job(clips=damaged.clips("both"), policy="skip"), tmp_path / "l"
    )
    assert record.clips_seen == 3 * 16
    assert (record.policy, record.left_out) == ("replace-within-class", 0)
    # The sampler deals the same positions whatever becomes of them.
    assert record.replaced == left_out.left_out > 0
    assert {(bad.clip, bad.reason) for bad in record.bad_clips} == {
        ("note.mp4", "not_video"),
        ("lost.mp4", "missing"),
    }
    assert record.counts == left_out.counts
    assert record.checkpoint_sha256 != left_out.checkpoint_sha256


def test_processes_and_a_stop_replace_alike(
    damaged: World, record: TrainRecord, tmp_path: Path
) -> None:
    job = replacing(damaged)
    workers = trained(replacing(damaged, workers=2), tmp_path / "workers")
    with pytest.raises(Interrupted):
        trained(job, tmp_path / "parts", stop=StopAt(8))
    resumed = trained(job, tmp_path / "parts")
    for other in (workers, resumed):
        assert other.checkpoint_sha256 == record.checkpoint_sha256
        assert (other.replaced, other.clips_seen) == (record.replaced, record.clips_seen)


def test_a_replacement_is_of_the_same_class_and_differs_from_epoch_to_epoch(
    damaged: World,
) -> None:
    job = replacing(damaged)
    clips = load_clips(job.clips, policy="exclude")
    loader = ClipLoader(clips, training_pipeline(job), seed=job.seed)
    (note,) = [n for n, clip in enumerate(clips.clips) if clip.id == "note.mp4"]
    step = MicroStep(0, (Group(0, (0, note)),))

    def chosen(epoch: int) -> str:
        usable = UsableClips(job, clips, lambda: loader)
        (items,) = loader.train([step.clips], epoch=epoch)
        ((kept, other),) = usable.groups(step, items, iter(()), epoch)
        assert kept.clip == clips.clips[0]
        assert other.frames.shape == (1, 2, 3, 32, 32)
        assert (usable.replaced, usable.left_out) == (1, 0)
        return other.clip.id

    drawn = [chosen(epoch) for epoch in range(8)]
    assert all(name.startswith("1_") for name in drawn)
    assert len(set(drawn)) > 1
    assert drawn == [chosen(epoch) for epoch in range(8)]


def test_a_class_without_a_good_clip_is_named(damaged: World, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        trained(replacing(damaged, "hopeless"), tmp_path / "job")
    assert str(caught.value) == (
        "no clip of class 'a green square' in squares/hopeless can take the place of note.mp4\n"
        "  got:     none of them gives frames\n"
        "  next:    replace the files, or set train_policy = 'skip' in the configuration"
    )


def test_missing_clips_stop_a_training_with_its_own_choices(damaged: World, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        trained(damaged.train_job(clips=damaged.clips("both")), tmp_path / "job")
    assert str(caught.value) == (
        "1 of 20 clips of squares/both are missing\n"
        f"  got:     below {damaged.root / 'videos'} there is no lost.mp4\n"
        "  next:    get them, or set train_policy = 'replace-within-class' or 'skip' in the "
        "configuration"
    )


def test_the_policy_is_part_of_a_trainings_key_only_where_it_is_chosen(damaged: World) -> None:
    usual = damaged.train_job()
    assert usual.identity()["policy"] == "error"
    others = {damaged.train_job(policy=name).key for name in ("skip", "replace-within-class")}
    assert len(others | {usual.key}) == 3
