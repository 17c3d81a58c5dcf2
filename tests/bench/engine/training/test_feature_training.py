"""Trainings on kept frame features: equal to trainings on frames, through every trouble."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from bench.data.kept import decoded_clips
from bench.data.video import decode
from bench.data.video.decode import DecodeError, Video, open_video
from bench.engine.build import build_method
from bench.engine.shortcuts import Shortcuts
from bench.engine.stopping import Interrupted, StopRequest
from bench.engine.training import feature_training
from bench.engine.training.feature_training import KEPT, may_train_on_features
from bench.engine.training.train import run_training
from bench.planning.jobs import PreprocessingRef, TrainJob
from methods.facts import CLIP
from results.run.layout import CHECKPOINT
from results.run.records import TrainRecord
from tests.bench.engine.world import CLASSES, CLIPS_A_CLASS, World, make_world

PLAIN: dict[str, Any] = {
    "epochs": 3,
    "label_smoothing": 0.0,
    "mixup_alpha": 0.0,
    "cutmix_alpha": 0.0,
    "color_jitter": 0.0,
    "gray_scale": 0.0,
    "flip": 0.0,
    # With a large eps AdamW moves in proportion to the gradient, so that rounding stays rounding.
    "eps": 1e-2,
    "lr": 1e-2,
}
ON_FRAMES = Shortcuts(features_once=False)


def job_of(world: World, cache: Path | None, **changes: Any) -> TrainJob:
    recipe = {**PLAIN, **changes.pop("recipe", {})}
    preprocessing = PreprocessingRef(pipeline="a5", mean=CLIP[0], std=CLIP[1])
    return world.train_job(
        changes.pop("adapter", "a5"),
        cache=str(cache) if cache else "",
        recipe=recipe,
        **{"preprocessing": preprocessing, **changes},
    )


def run(job: TrainJob, folder: Path, **more: Any) -> tuple[TrainRecord, dict[str, Tensor]]:
    folder.mkdir(exist_ok=True)
    record = run_training(job, folder, {}, **more)
    return record, load_file(folder / CHECKPOINT)


def assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert torch.allclose(found[name], value, rtol=0, atol=2e-6), name


@pytest.fixture(scope="module")
def on_frames(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    folder = tmp_path_factory.mktemp("frames")
    record, weights = run(job_of(world, None), folder)
    assert KEPT not in record.provenance.decoder
    return weights


def test_it_equals_a_training_on_frames(
    world: World, tmp_path: Path, on_frames: dict[str, Tensor]
) -> None:
    job = job_of(world, tmp_path / "cache")
    first, weights = run(job, tmp_path / "first")
    assert KEPT in first.provenance.decoder
    assert_equal(weights, on_frames)
    # They did move, by far more than the tolerance.
    start = build_method(job, CLASSES).method.state_dict()
    assert all((weights[name] - start[name]).abs().max() > 1e-3 for name in weights)
    second, again = run(job, tmp_path / "second")
    assert second.provenance.decoder == KEPT
    assert all(torch.equal(again[name], value) for name, value in weights.items())
    assert first.counts == second.counts
    _, switched_off = run(job, tmp_path / "off", shortcuts=ON_FRAMES)
    assert all(torch.equal(switched_off[name], value) for name, value in on_frames.items())


def test_another_number_of_frames_shares_the_features(world: World, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    run(job_of(world, cache), tmp_path / "two")
    kept = sorted((cache / "frame-features").rglob("*.safetensors"))
    assert len(kept) == len(CLASSES) * CLIPS_A_CLASS
    assert load_file(kept[0])["features"].shape == (5, 32)
    record, weights = run(job_of(world, cache, recipe={"num_frames": 4}), tmp_path / "four")
    assert record.provenance.decoder == KEPT
    _, expected = run(job_of(world, None, recipe={"num_frames": 4}), tmp_path / "frames")
    assert_equal(weights, expected)


def test_workers_change_no_bit(world: World, tmp_path: Path) -> None:
    _, alone = run(job_of(world, tmp_path / "a"), tmp_path / "alone")
    _, helped = run(job_of(world, tmp_path / "b", workers=2), tmp_path / "helped")
    assert all(torch.equal(helped[name], value) for name, value in alone.items())


class StopAt(StopRequest):
    """Stops at the n-th look."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def check(self) -> None:
        self.looks -= 1
        if self.looks == 0:
            raise Interrupted("stopped by a test")


def test_a_stopped_training_goes_on_to_the_same_bits(world: World, tmp_path: Path) -> None:
    _, whole = run(job_of(world, tmp_path / "a"), tmp_path / "whole")
    job = job_of(world, tmp_path / "b")
    with pytest.raises(Interrupted):
        run(job, tmp_path / "stopped", stop=StopAt(6))
    _, weights = run(job, tmp_path / "stopped")
    assert all(torch.equal(weights[name], value) for name, value in whole.items())


def test_damaged_features_are_made_anew(
    world: World, tmp_path: Path, on_frames: dict[str, Tensor]
) -> None:
    job = job_of(world, tmp_path / "cache")
    run(job, tmp_path / "first")
    for number, file in enumerate(sorted((tmp_path / "cache").rglob("*.safetensors"))):
        if number % 3 == 0:
            file.write_bytes(file.read_bytes()[:-9])
        elif number % 3 == 1:
            file.unlink()
    _, weights = run(job, tmp_path / "second")
    assert_equal(weights, on_frames)


@pytest.mark.parametrize("memory", [0, 2**20])
def test_it_works_where_nothing_can_be_kept(
    world: World,
    tmp_path: Path,
    on_frames: dict[str, Tensor],
    monkeypatch: pytest.MonkeyPatch,
    memory: int,
) -> None:
    monkeypatch.setattr(feature_training, "MEMORY", memory)
    (tmp_path / "cache").write_text("in the way of the folder")
    record, weights = run(job_of(world, tmp_path / "cache"), tmp_path / "job")
    assert_equal(weights, on_frames)
    assert record.provenance.decoder != KEPT


class Spoilt:
    """A real video whose last two frames cannot be decoded."""

    def __init__(self, video: Video) -> None:
        self._video = video
        self.decoder = video.decoder

    def __len__(self) -> int:
        return len(self._video)

    def get_frames(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        if max(indices) >= len(self) - 2:
            raise DecodeError("decode_failed", "the last frames are spoilt")
        return self._video.get_frames(indices)


@pytest.mark.parametrize("policy", ["skip", "replace-within-class"])
def test_clips_that_give_only_some_frames_are_used_as_without_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    world = make_world(tmp_path / "world")
    (world.root / "videos" / "2_4.avi").unlink()

    def opened(path: Path) -> Video:
        video = open_video(path)
        return Spoilt(video) if path.name == "1_0.mp4" else video

    monkeypatch.setattr(decode, "open_video", opened)
    monkeypatch.setattr(decoded_clips, "open_video", opened)
    job = job_of(world, tmp_path / "cache", policy=policy, recipe={"epochs": 8})
    kept, weights = run(job, tmp_path / "kept")
    again, same = run(job, tmp_path / "again")
    plain, expected = run(job, tmp_path / "plain", shortcuts=ON_FRAMES)
    assert_equal(weights, expected)
    assert_equal(same, expected)
    assert {bad.clip: bad.reason for bad in plain.bad_clips} == {
        "2_4.avi": "missing",
        "1_0.mp4": "decode_failed",
    }
    for record in (kept, again):
        assert {bad.clip: bad for bad in record.bad_clips} == {
            bad.clip: bad for bad in plain.bad_clips
        }
        assert (record.counts, record.clips_seen) == (plain.counts, plain.clips_seen)
        assert (record.replaced, record.left_out) == (plain.replaced, plain.left_out)
    # Some windows of the spoilt clip leave its last frames out, and these were used.
    assert 0 < plain.replaced + plain.left_out < len(kept.bad_clips) * 8
    assert plain.clips_seen == 2 * 8 * 8 - plain.left_out


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": {"flip": 0.5}},
        {"recipe": {"color_jitter": 0.1}},
        {"recipe": {"gray_scale": 0.1}},
        {"recipe": {"mixup_alpha": 0.8}},
        {"adapter": "clip-text-ft"},
        {"cache": None},
        {"preprocessing": PreprocessingRef(pipeline="vificlip", mean=CLIP[0], std=CLIP[1])},
        {},
    ],
    ids=lambda changes: str(next(iter(changes), "")),
)
def test_where_features_would_not_do_frames_are_used(
    world: World, tmp_path: Path, changes: dict[str, Any]
) -> None:
    job = job_of(world, **{"cache": tmp_path, **changes})
    method = build_method(job, CLASSES).method
    assert may_train_on_features(method, job) == (not changes)
