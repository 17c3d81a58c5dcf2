"""Trainings on real videos: equal to a plain loop, and to themselves after a kill."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from bench.data.lists.clip_lists import ListEntry, load_clips
from bench.data.loading.clip_loader import ClipLoader, LoadedClip
from bench.engine import checkpoint
from bench.engine.build import build_method, training_pipeline
from bench.engine.normaliser import Normaliser
from bench.engine.shortcuts import Shortcuts
from bench.engine.stopping import Interrupted, StopRequest
from bench.engine.training import train
from bench.engine.training.batches import epoch_updates
from bench.engine.training.mixing import draw_mix, mix_, soft_targets
from bench.engine.training.optimiser import build_optimiser
from bench.engine.training.schedule import UpdateSchedule
from bench.engine.training.train import TrainingError, run_training
from bench.ground.errors import DataError
from bench.ground.seeds import derive_seed
from bench.planning.jobs import TrainJob
from results.run.layout import CHECKPOINT, STATE
from tests.bench.engine.world import CLIPS_A_CLASS, World, make_world

# With a large eps AdamW moves in proportion to the gradient, so that rounding stays rounding.
SMOOTH = {"eps": 1e-2, "lr": 1e-2}


class StopAt(StopRequest):
    """Stops at the n-th look."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def check(self) -> None:
        self.looks -= 1
        if self.looks == 0:
            raise Interrupted("stopped by a test")


def weights(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / CHECKPOINT)


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float) -> None:
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert torch.allclose(found[name], value, rtol=0, atol=tolerance), name


def plain_loop(job: TrainJob) -> dict[str, Tensor]:
    """The original's training written down plainly: one replica after the other, text each time."""
    recipe = job.recipe
    clips = load_clips(job.clips)
    method = build_method(job, clips.class_names).method.train()
    adam = build_optimiser(method, recipe)
    micro_steps = -(-len(clips) // recipe.replicas) // recipe.micro_batch
    schedule = UpdateSchedule(adam, recipe, micro_steps)
    loader = ClipLoader(clips, training_pipeline(job), seed=job.seed)
    normalise = Normaliser(job.preprocessing, torch.device("cpu"))
    for epoch in range(recipe.epochs):
        for number, update in enumerate(
            epoch_updates(len(clips), recipe, seed=job.seed, epoch=epoch)
        ):
            adam.zero_grad()
            for step in update:
                for group in step.groups:
                    (items,) = loader.train([group.clips], epoch=epoch)
                    loaded = [item for item in items if isinstance(item, LoadedClip)]
                    video = normalise([item.frames for item in loaded])
                    labels = torch.tensor([item.clip.label for item in loaded])
                    targets = soft_targets(labels, 3, recipe.label_smoothing)
                    seed = derive_seed(
                        use="mix",
                        seed=job.seed,
                        epoch=epoch,
                        step=step.index,
                        replica=group.replica,
                    )
                    mix_(video, targets, draw_mix(len(loaded), 32, 32, recipe, seed=seed))
                    loss = method.loss(video, targets)
                    (loss / recipe.replicas / recipe.accumulation).backward()
            adam.step()
            schedule.after_update(epoch, number)
    state = method.state_dict()
    return {name: state[name] for name in method.trainable_names()}


def test_equals_a_plain_loop(world: World, folder: Path) -> None:
    job = world.train_job(recipe=SMOOTH)
    record = run_training(job, folder, {})
    assert_close(weights(folder), plain_loop(job), 2e-6)
    assert (record.updates, record.clips_seen) == (6, 48)
    assert record.counts.model_dump() == {"listed": 18, "present": 18, "decoded": 18, "scored": 18}
    assert record.recipe["precision_used"] == "fp32"
    assert record.trainable_parameters == record.total_parameters
    assert record.final_loss is not None
    assert 0 < record.final_loss < 5
    assert not (folder / "progress.json").exists()


def test_the_long_way_and_smaller_chunks_give_the_same(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = world.train_job(recipe=SMOOTH)
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    run_training(job, tmp_path / "a", {})
    run_training(job, tmp_path / "b", {}, shortcuts=Shortcuts.none())
    monkeypatch.setattr(train, "choose_chunk", lambda *_: 3)
    run_training(job, tmp_path / "c", {})
    assert_close(weights(tmp_path / "b"), weights(tmp_path / "a"), 2e-6)
    assert_close(weights(tmp_path / "c"), weights(tmp_path / "a"), 2e-6)


def test_worker_processes_and_a_second_run_change_no_bit(world: World, tmp_path: Path) -> None:
    hashes = set()
    for workers in (0, 0, 2):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        job = world.train_job(workers=workers, recipe={"epochs": 1})
        hashes.add(run_training(job, folder, {}).checkpoint_sha256)
    assert len(hashes) == 1


@pytest.mark.parametrize("adapter", ["clip-image-ft", "clip-text-ft"])
def test_only_what_is_trained_is_kept(world: World, folder: Path, adapter: str) -> None:
    run_training(world.train_job(adapter, recipe={"epochs": 1}), folder, {})
    prefix = {"clip-image-ft": "image_encoder.", "clip-text-ft": "text_encoder."}[adapter]
    assert weights(folder)
    assert all(name.startswith(prefix) for name in weights(folder))


def test_a_parent_gives_its_weights_and_nothing_else(world: World, tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    child = tmp_path / "child"
    parent.mkdir()
    child.mkdir()
    run_training(world.train_job("vifi-clip"), parent, {})
    # The only update of this recipe has rate 0, so the child must end where it started.
    job = world.train_job("clip-text-ft", parent="p", recipe={"epochs": 1, "accumulation": 4})
    record = run_training(job, child, {"p": parent})
    assert record.updates == 1
    assert record.initialised_from == "p"
    assert_close(weights(child), weights(parent), 0.0)


@pytest.fixture(scope="module")
def whole(world: World, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Hash of the weights of a training that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    return run_training(world.train_job(), folder, {}).checkpoint_sha256


@pytest.mark.parametrize("looks", [1, 2, 4, 7, 12])
def test_a_stopped_training_goes_on_to_the_same_bits(
    world: World, folder: Path, whole: str, looks: int
) -> None:
    job = world.train_job()
    with pytest.raises(Interrupted):
        run_training(job, folder, {}, stop=StopAt(looks))
    assert not (folder / CHECKPOINT).exists()
    assert (folder / STATE).exists()
    record = run_training(job, folder, {})
    assert record.checkpoint_sha256 == whole
    assert (record.updates, record.clips_seen) == (6, 48)


@pytest.mark.parametrize("saves", [1, 3, 5])
def test_a_killed_training_goes_on_to_the_same_bits(
    world: World, folder: Path, whole: str, saves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(train.SAVE_SECONDS, "0")
    job = world.train_job()
    child = os.fork()
    if child == 0:
        _die_after_saves(saves)
        run_training(job, folder, {})
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert sorted(path.name for path in folder.glob("*.safetensors")) == [STATE]
    state = checkpoint.TrainingState.load(folder / STATE, job.key)
    assert state is not None
    assert state.progress.updates == saves
    assert run_training(job, folder, {}).checkpoint_sha256 == whole


def _die_after_saves(saves: int) -> None:
    """In a forked child: SIGKILL to itself when that many states are saved."""
    save = checkpoint.TrainingState.save
    done = 0

    def counted(self: checkpoint.TrainingState, path: Path) -> None:
        nonlocal done
        save(self, path)
        done += 1
        if done == saves:
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoint.TrainingState.save = counted  # type: ignore[method-assign]


def test_the_state_of_another_job_is_not_used(world: World, folder: Path, whole: str) -> None:
    other = world.train_job(seed=8)
    with pytest.raises(Interrupted):
        run_training(other, folder, {}, stop=StopAt(7))
    assert run_training(world.train_job(), folder, {}).checkpoint_sha256 == whole


def test_a_damaged_state_starts_anew(
    world: World, folder: Path, whole: str, caplog: pytest.LogCaptureFixture
) -> None:
    job = world.train_job()
    with pytest.raises(Interrupted):
        run_training(job, folder, {}, stop=StopAt(7))
    path = folder / STATE
    path.write_bytes(path.read_bytes()[:5000])
    assert run_training(job, folder, {}).checkpoint_sha256 == whole
    assert "cannot be used, training starts from the beginning" in caplog.text


def test_states_are_saved_as_often_as_asked(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    save = checkpoint.TrainingState.save

    def counted(self: checkpoint.TrainingState, path: Path) -> None:
        saved.append(self.progress.updates)
        save(self, path)

    monkeypatch.setattr(checkpoint.TrainingState, "save", counted)
    run_training(world.train_job(), folder, {})
    assert saved == []
    monkeypatch.setenv(train.SAVE_SECONDS, "0")
    run_training(world.train_job(), folder, {})
    assert saved == [1, 2, 3, 4, 5]


def test_progress_is_told(world: World, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr("bench.engine.heartbeat.INTERVAL", 0.0)
    monkeypatch.setattr(
        "bench.engine.heartbeat.write_atomically",
        lambda path, data, durable: told.append(json.loads(data)),
    )
    run_training(world.train_job(), folder, {})
    assert [note["update"] for note in told] == [1, 2, 3, 4, 5, 6]
    assert told[-1].keys() == {
        "epoch",
        "epochs",
        "update",
        "updates",
        "loss",
        "clips_per_second",
        "time",
    }
    assert (told[-1]["epoch"], told[-1]["epochs"], told[-1]["updates"]) == (3, 3, 6)


def test_a_loss_that_is_not_finite_stops_the_training(world: World, folder: Path) -> None:
    job = world.train_job(recipe={"lr": 1e30, "warmup_epochs": 0})
    with pytest.raises(TrainingError) as caught:
        run_training(job, folder, {})
    assert str(caught.value).startswith(
        "the training diverged: the loss is not finite\n  got:     nan at update "
    )
    assert "next:    lower lr in the recipe" in str(caught.value)
    assert list(folder.glob("*.safetensors")) == []


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world with one clip that is no video and one that is absent."""
    world = make_world(tmp_path_factory.mktemp("damaged"))
    videos = sorted(path.name for path in (world.root / "videos").iterdir())
    (world.root / "videos" / "note.mp4").write_text("not a video\n" * 50)
    entries = [ListEntry(name, int(name[0])) for name in videos]
    world.add_list("noted", [*entries, ListEntry("note.mp4", 1)])
    world.add_list("both", [*entries, ListEntry("note.mp4", 1), ListEntry("lost.mp4", 2)])
    return world


def test_a_bad_clip_stops_the_training_by_name(damaged: World, folder: Path) -> None:
    job = damaged.train_job(clips=damaged.clips("noted"))
    with pytest.raises(DataError) as caught:
        run_training(job, folder, {})
    assert str(caught.value) == (
        "1 clip of squares/noted cannot be used\n"
        "  got:     note.mp4 (not_video)\n"
        "  allowed: clips that give frames; bench data check shows what is wrong with each\n"
        "  next:    replace the files, or set train_policy = 'replace-within-class' or 'skip' in "
        "the configuration"
    )


def test_bad_clips_can_be_left_out_and_are_counted(damaged: World, tmp_path: Path) -> None:
    job = damaged.train_job(clips=damaged.clips("both"), policy="skip")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    record = run_training(job, whole, {})
    clips = 3 * CLIPS_A_CLASS
    assert record.counts.model_dump() == {
        "listed": clips + 2,
        "present": clips + 1,
        "decoded": clips,
        "scored": clips,
    }
    assert {(bad.clip, bad.reason) for bad in record.bad_clips} == {
        ("note.mp4", "not_video"),
        ("lost.mp4", "missing"),
    }
    assert record.clips_seen < 3 * 16
    assert (record.policy, record.replaced) == ("skip", 0)
    assert record.left_out == 3 * 16 - record.clips_seen
    with pytest.raises(Interrupted):
        run_training(job, parts, {}, stop=StopAt(8))
    resumed = run_training(job, parts, {})
    assert resumed.checkpoint_sha256 == record.checkpoint_sha256
    assert set(resumed.bad_clips) == set(record.bad_clips)
    assert resumed.clips_seen == record.clips_seen
    assert resumed.left_out == record.left_out


def test_a_recipe_may_count_updates_and_end_within_an_epoch(world: World, tmp_path: Path) -> None:
    counted = {"schedule": "cosine", "warmup_epochs": 0, "updates": 5}
    record = run_training(world.train_job(recipe=counted), tmp_path, {})
    assert (record.updates, record.epochs, record.clips_seen) == (5, 3, 5 * 8)
