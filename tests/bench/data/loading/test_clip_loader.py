from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data.kept.decoded_clips import DecodedClips
from bench.data.lists.clips import Clip, ClipSet
from bench.data.loading.clip_loader import ClipLoader, LoadedClip, seeded
from bench.data.pipelines import build
from bench.data.pipelines.base import ClipFrames, Pipeline, PipelineSpec
from bench.ground.seeds import seed_everything
from bench.ground.worker_pool import WorkerPool
from results.run.records import BadClip
from tests.bench.data.video_files import write_video

VAL = PipelineSpec("vificlip", "val", 4, 32)
VIEWS = PipelineSpec("vificlip", "val", 4, 32, clips=2, crops=3)
TRAIN = PipelineSpec("vificlip", "train", 4, 32, color_jitter=0.8, gray_scale=0.2, flip=0.5)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> ClipSet:
    folder = tmp_path_factory.mktemp("clips")
    names = [f"{n}{suffix}" for n, suffix in enumerate([".mp4", ".avi", ".webm"] * 2)]
    for number, name in enumerate(names):
        write_video(folder / name, frames=20 + number)
    (folder / "3.mp4").write_text("no video")
    return ClipSet(
        "test",
        "all",
        tuple(Clip(name, folder / name, n % 2) for n, name in enumerate(names)),
        ("one", "two"),
    )


def by_id(items: Iterator[LoadedClip | BadClip]) -> dict[str, torch.Tensor]:
    return {item.clip.id: item.frames for item in items if isinstance(item, LoadedClip)}


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert list(one) == list(other)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_evaluation_is_in_list_order_and_bad_clips_are_said(clips: ClipSet) -> None:
    with ClipLoader(clips, build(VAL)) as loader:
        items = list(loader.evaluate())
    names = [item.clip if isinstance(item, BadClip) else item.clip.id for item in items]
    assert names == [clip.id for clip in clips.clips]
    bad = items[3]
    assert isinstance(bad, BadClip)
    assert (bad.clip, bad.reason) == ("3.mp4", "not_video")
    assert bad.detail.startswith("Invalid data found when processing input")
    good = items[0]
    assert isinstance(good, LoadedClip)
    assert good.frames.shape == (1, 4, 3, 32, 32)
    assert good.frames.dtype == torch.uint8
    np.testing.assert_array_equal(good.frames[0], build(VAL)(clips.clips[0].path).frames)
    assert dict(loader.decoders) == {"decord": 5}


def test_views_come_crop_by_crop(clips: ClipSet) -> None:
    with ClipLoader(clips, build(VIEWS), seed=5) as loader:
        frames = by_id(loader.evaluate())
    assert frames["0.mp4"].shape == (6, 4, 3, 32, 32)


@pytest.mark.parametrize("spec", [VAL, VIEWS, TRAIN], ids=["val", "views", "train"])
def test_workers_change_nothing(clips: ClipSet, spec: PipelineSpec) -> None:
    seen = []
    for workers in (0, 2):
        with ClipLoader(clips, build(spec), seed=5, workers=workers) as loader:
            first = by_id(loader.evaluate())
            assert_same(by_id(loader.evaluate()), first)
            seen.append((first, loader.decoders))
    assert_same(seen[0][0], seen[1][0])
    assert seen[0][1] == seen[1][1] == {"decord": 10}


def test_training_draws_depend_on_seed_epoch_and_clip_alone(clips: ClipSet) -> None:
    def frames(batches: list[list[int]], **keywords: int) -> dict[str, torch.Tensor]:
        epoch = keywords.pop("epoch", 0)
        with ClipLoader(clips, build(TRAIN), **keywords) as loader:
            batch_items = list(loader.train(batches, epoch=epoch))
        assert [len(items) for items in batch_items] == [len(batch) for batch in batches]
        return by_id(item for items in batch_items for item in items)

    whole = frames([[0, 1], [2, 4, 5]])
    resumed = frames([[5, 0, 3]])
    assert list(resumed) == ["5.webm", "0.mp4"]
    for name in resumed:
        assert torch.equal(resumed[name], whole[name])
    parallel = frames([[0, 1], [2, 4, 5]], workers=2)
    assert_same(parallel, whole)
    for other in (frames([[0, 1]], epoch=1), frames([[0, 1]], seed=1)):
        assert not any(torch.equal(other[name], whole[name]) for name in other)


def test_clips_kept_in_memory_give_the_same_training_frames(clips: ClipSet) -> None:
    loaders = [ClipLoader(clips, build(TRAIN, opener)) for opener in (None, DecodedClips())]
    for epoch in range(3):
        one, other = (by_id(iter(next(x.train([[0, 1, 2]], epoch=epoch)))) for x in loaders)
        assert_same(one, other)


def draws() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(1))


def test_the_callers_generators_are_left_alone(clips: ClipSet) -> None:
    seed_everything(9)
    expected = draws()
    seed_everything(9)
    with ClipLoader(clips, build(TRAIN)) as loader:
        list(loader.train([[0, 1]], epoch=0))
    assert draws() == expected


def test_seeding_a_clip_is_seeding_everything() -> None:
    seed_everything(2**32 - 1)
    expected = draws()
    with seeded(2**32 - 1):
        assert draws() == expected


@dataclass(frozen=True)
class Misbehaving:
    """A real pipeline whose decoder hangs, dies or is wrong about one clip."""

    pipeline: Pipeline
    clip: str
    how: str

    @property
    def spec(self) -> PipelineSpec:
        return self.pipeline.spec

    def __call__(self, path: Path) -> ClipFrames:
        if path.name == self.clip:
            if self.how == "hangs":
                time.sleep(600)
            if self.how == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ZeroDivisionError("a mistake in the code")
        return self.pipeline(path)


@pytest.mark.parametrize(
    ("how", "reason", "detail"),
    [
        ("hangs", "timeout", "no result within 2 s"),
        ("dies", "crashed", "the decoding process ended with signal 9"),
    ],
)
def test_a_decoder_that_hangs_or_dies_costs_one_clip(
    clips: ClipSet, how: str, reason: str, detail: str
) -> None:
    pipeline = Misbehaving(build(VAL), "1.avi", how)
    with ClipLoader(clips, build(VAL)) as loader:
        expected = by_id(loader.evaluate())
    with ClipLoader(clips, pipeline, workers=2, time_limit=2) as loader:
        items = list(loader.evaluate())
    assert items[1] == BadClip(clip="1.avi", reason=reason, detail=detail)
    found = by_id(iter(items))
    assert list(found) == ["0.mp4", "2.webm", "4.avi", "5.webm"]
    assert all(torch.equal(found[name], expected[name]) for name in found)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_mistake_in_the_code_is_no_bad_clip(clips: ClipSet, workers: int) -> None:
    pipeline = Misbehaving(build(VAL), "1.avi", "wrong")
    with (
        ClipLoader(clips, pipeline, workers=workers) as loader,
        pytest.raises(ZeroDivisionError, match="a mistake in the code"),
    ):
        list(loader.evaluate())


def square(number: int) -> int:
    return number * number


def test_a_pool_is_ordered_reusable_and_may_be_left_early() -> None:
    pool: WorkerPool[int, int] = WorkerPool(square, 3, time_limit=30)
    assert list(pool.run(range(50))) == [n * n for n in range(50)]
    left = pool.run(range(50))
    assert [next(left), next(left)] == [0, 1]
    left.close()
    assert list(pool.run([])) == []
    assert list(pool.run(range(5))) == [0, 1, 4, 9, 16]
    pool.close()
    assert list(pool.run([4])) == [16]
    pool.close()
