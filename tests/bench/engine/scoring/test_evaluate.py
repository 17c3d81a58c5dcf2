"""Evaluations of real videos: with every shortcut and without, with good clips and bad."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bench.data.lists.clip_lists import ListEntry, load_clips
from bench.data.loading.clip_loader import ClipLoader, LoadedClip
from bench.data.pipelines import build
from bench.data.pipelines.base import PipelineSpec
from bench.engine.build import build_method
from bench.engine.feature_cache import may_share
from bench.engine.normaliser import Normaliser
from bench.engine.scoring import evaluate
from bench.engine.scoring.evaluate import fuse_views, run_evaluation
from bench.engine.shortcuts import Shortcuts
from bench.engine.training.train import run_training
from bench.ground.errors import DataError, UsageError, WeightsError
from bench.planning.jobs import EvaluateJob
from results.run.contents import TOP_K, scored_hits
from results.run.records import EvaluationRecord
from tests.bench.engine.world import World, add_classes, make_world

HALF_ULP = 2e-3
"""Relative rounding of the fp16 scores in the file, with room."""


@dataclass(frozen=True)
class Outcome:
    record: EvaluationRecord
    ids: list[str]
    scores: NDArray[np.float32]


def run(job: EvaluateJob, folder: Path, **more: Any) -> Outcome:
    folder.mkdir(exist_ok=True)
    record = run_evaluation(job, folder, more.pop("parents", {}), **more)
    with np.load(folder / record.scores) as stored:
        assert stored["scores"].dtype == np.float16
        assert stored["labels"].dtype == np.int64
        assert not len(stored["scores"]) or (stored["scores"].max(axis=1) == 0).all()
        scores = stored["scores"].astype(np.float32) + stored["best"][:, None]
        return Outcome(record, stored["ids"].tolist(), scores)


@pytest.fixture(scope="module")
def trained(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished ViFi-CLIP training."""
    folder = tmp_path_factory.mktemp("trained")
    run_training(world.train_job(), folder, {})
    return folder


def plain_scores(job: EvaluateJob) -> NDArray[np.float32]:
    """One clip after the other through ``forward``, nothing shared."""
    clips = load_clips(job.clips)
    method = build_method(job, clips.class_names).method.eval()
    recipe = job.recipe
    pipeline = build(
        PipelineSpec(
            "vificlip",
            "val",
            recipe.num_frames,
            recipe.image_size,
            clips=recipe.views_clips,
            crops=recipe.views_crops,
        )
    )
    normalise = Normaliser(job.preprocessing, torch.device("cpu"))
    rows = []
    with torch.no_grad():
        for item in ClipLoader(clips, pipeline, seed=job.seed).evaluate():
            assert isinstance(item, LoadedClip)
            rows.append(fuse_views(method(normalise([item.frames])), pipeline.spec.views))
    return torch.cat(rows).numpy()


@pytest.mark.parametrize("views", [{}, {"views_clips": 2, "views_crops": 3}], ids=["1x1", "2x3"])
def test_equals_scoring_clip_by_clip(world: World, folder: Path, views: dict[str, int]) -> None:
    job = world.evaluate_job("vanilla-clip", cache=str(folder / "cache"), recipe=views)
    expected = plain_scores(job)
    first = run(job, folder)
    second = run(job, folder)
    long_way = run(job, folder, shortcuts=Shortcuts.none())
    for found in (first, second, long_way):
        assert np.allclose(found.scores, expected, rtol=HALF_ULP, atol=1e-3)
        assert found.record.metrics == first.record.metrics
        labels = np.array([int(name[0]) for name in found.ids])
        accuracy = 100 * float(np.mean(expected.argmax(axis=1) == labels))
        assert found.record.metrics["top1"] == pytest.approx(accuracy)
    assert first.record.provenance.decoder != ""
    assert second.record.provenance.decoder == "none: features from the cache"
    if views:
        assert np.allclose(first.scores.sum(axis=1), 6.0, rtol=HALF_ULP)
        assert first.record.protocol.views == "2x3"


def test_frozen_towers_share_features_and_trained_ones_do_not(world: World, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    run(world.evaluate_job("vanilla-clip", cache=cache), tmp_path / "vanilla")
    shared = run(world.evaluate_job("clip-text-ft", cache=cache), tmp_path / "text")
    alone = run(world.evaluate_job("clip-text-ft"), tmp_path / "alone")
    image = run(world.evaluate_job("clip-image-ft", cache=cache), tmp_path / "image")
    assert shared.record.provenance.decoder == "none: features from the cache"
    assert np.allclose(shared.scores, alone.scores, rtol=HALF_ULP, atol=1e-3)
    assert image.record.provenance.decoder != "none: features from the cache"
    assert len([p for p in (tmp_path / "cache" / "features").iterdir() if p.is_dir()]) == 1


@pytest.mark.parametrize(
    ("adapter", "keep_frames", "kept"),
    [
        ("vanilla-clip", True, {"features", "frames"}),
        ("vanilla-clip", False, {"features"}),
        ("vifi-clip", False, set()),
    ],
)
def test_features_are_kept_whether_frames_are_or_not(
    world: World, tmp_path: Path, adapter: str, keep_frames: bool, kept: set[str]
) -> None:
    cache = tmp_path / "cache"
    job = world.evaluate_job(adapter, cache=str(cache), keep_frames=keep_frames)
    assert job.key == world.evaluate_job(adapter).key
    run(job, tmp_path / "job")
    assert {name for name in ("features", "frames") if (cache / name).is_dir()} == kept


def test_another_backbone_does_not_find_the_features(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = world.evaluate_job("vanilla-clip", cache=str(tmp_path / "cache"))
    run(job, tmp_path / "a")

    def altered(job: EvaluateJob, names: tuple[str, ...]) -> Any:
        built = build_method(job, names)
        with torch.no_grad():
            next(built.method.image_encoder.parameters()).add_(1e-3)  # type: ignore[union-attr]
        return built

    monkeypatch.setattr(evaluate, "build_method", altered)
    assert run(job, tmp_path / "b").record.provenance.decoder != "none: features from the cache"


def test_damaged_features_are_made_anew(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = world.evaluate_job("vanilla-clip", cache=str(tmp_path / "cache"))
    good = run(job, tmp_path / "a")
    files = sorted((tmp_path / "cache" / "features").rglob("*.safetensors"))
    assert len(files) == 18
    files[0].write_bytes(files[0].read_bytes()[:-40])
    data = bytearray(files[1].read_bytes())
    data[-3] ^= 0x40
    files[1].write_bytes(bytes(data))
    again = run(job, tmp_path / "b")
    assert np.allclose(again.scores, good.scores, rtol=HALF_ULP, atol=1e-3)
    assert caplog.text.count("are damaged") == 2


def test_a_cache_that_cannot_be_written_costs_only_time(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "features").write_text("a file where a folder should be")
    job = world.evaluate_job("vanilla-clip", cache=str(tmp_path / "cache"))
    outcome = run(job, tmp_path / "a")
    assert outcome.record.counts.scored == 18
    assert caplog.text.count("cannot be written") == 1


def test_a_method_with_its_own_forward_does_not_share(world: World) -> None:
    job = world.evaluate_job("vanilla-clip")
    method = build_method(job, ("a", "b")).method
    assert may_share(method)
    own = type("Own", (type(method),), {"forward": lambda self, video, text=None: video})
    method.__class__ = own
    assert not may_share(method)


def test_the_batch_does_not_matter(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = world.evaluate_job()
    usual = run(job, tmp_path / "a")
    monkeypatch.setattr(evaluate, "VIEWS_A_PASS", 5)
    small = run(job, tmp_path / "b")
    assert small.ids == usual.ids
    assert np.allclose(small.scores, usual.scores, rtol=HALF_ULP, atol=1e-3)


def test_a_trained_method_scores_its_own_and_other_classes(
    world: World, trained: Path, tmp_path: Path
) -> None:
    own = run(world.evaluate_job(parent="t"), tmp_path / "own", parents={"t": trained})
    assert own.record.training == "t"
    assert own.record.protocol.checkpoint == "last"
    assert own.record.metrics["top1"] > 60.0
    add_classes(world, "two", ("a cyan square", "a yellow square"))
    world.add_list("two", [ListEntry(name, int(name[0])) for name in own.ids if name[0] != "2"])
    job = world.evaluate_job(parent="t", clips=world.clips("two", "two"))
    other = run(job, tmp_path / "other", parents={"t": trained})
    assert other.scores.shape == (12, 2)
    assert other.record.metrics["top5"] == 100.0
    assert other.record.protocol.num_classes == 2
    assert other.record.protocol.prompts == (
        "a photo of a a cyan square.",
        "a photo of a a yellow square.",
    )


def test_the_checkpoint_of_another_method_is_refused(
    world: World, trained: Path, folder: Path
) -> None:
    job = world.evaluate_job("clip-image-ft", parent="t", recipe={"image_size": 32})
    assert run(job, folder, parents={"t": trained}).record.counts.scored == 18
    with pytest.raises(UsageError, match="the folder of the parent training t is not known"):
        run(job, folder)
    (folder / "checkpoint.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match="the checkpoint is damaged"):
        run(job, folder, parents={"t": folder})


def test_frames_of_another_size_are_refused(world: World, folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run(world.evaluate_job(recipe={"image_size": 64}), folder)
    assert str(caught.value) == (
        "frames of 64 pixels do not fit tiny\n"
        "  got:     image_size = 64\n"
        "  allowed: image_size = 32\n"
        "  next:    set image_size in the recipe, or name another backbone"
    )


def test_an_unknown_metric_is_refused_before_anything_is_read(world: World, folder: Path) -> None:
    with pytest.raises(UsageError, match="unknown metric 'top-1'"):
        run(world.evaluate_job(metrics=("top-1",)), folder)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = make_world(tmp_path_factory.mktemp("damaged"))
    videos = sorted(path.name for path in (world.root / "videos").iterdir())
    for name in ("empty.mp4", "note.mp4"):
        (world.root / "videos" / name).write_text("" if name == "empty.mp4" else "no video\n")
    good = [ListEntry(name, int(name[0])) for name in videos]
    bad = [ListEntry("empty.mp4", 0), ListEntry("note.mp4", 1)]
    world.add_list("bad", [*bad, *good])
    world.add_list("lost", [*bad, *good, ListEntry("lost.mp4", 2)])
    world.add_list("hopeless", [*bad, ListEntry("0_0.mp4", 2)])
    return world


def test_every_bad_clip_is_named(damaged: World, folder: Path) -> None:
    with pytest.raises(DataError) as caught:
        run(damaged.evaluate_job(clips=damaged.clips("bad")), folder)
    assert str(caught.value).splitlines()[:2] == [
        "2 clips of squares/bad cannot be used",
        "  got:     empty.mp4 (empty); note.mp4 (not_video)",
    ]
    assert not (folder / "scores.npz").exists()


@pytest.mark.parametrize(("policy", "scored"), [("exclude", 18), ("count-as-wrong", 21)])
def test_bad_clips_under_a_policy(damaged: World, tmp_path: Path, policy: str, scored: int) -> None:
    clean = run(damaged.evaluate_job("vanilla-clip"), tmp_path / "clean")
    job = damaged.evaluate_job("vanilla-clip", clips=damaged.clips("lost"), policy=policy)
    found = run(job, tmp_path / "found")
    assert found.record.counts.model_dump() == {
        "listed": 21,
        "present": 20,
        "decoded": 18,
        "scored": scored,
    }
    assert {bad.clip: bad.reason for bad in found.record.bad_clips} == {
        "empty.mp4": "empty",
        "note.mp4": "not_video",
        "lost.mp4": "missing",
    }
    expected = clean.record.metrics["top1"] * 18 / scored
    assert found.record.metrics["top1"] == pytest.approx(expected)
    assert found.record.metrics["top5"] == pytest.approx(100.0 * 18 / scored)
    assert sorted(found.ids) == sorted(clean.ids)


def nearly_as_good(scores: torch.Tensor, views: int) -> torch.Tensor:
    return 14.0 + 1e-3 * scores.argsort(dim=1).argsort(dim=1)


def nearly_as_bad(scores: torch.Tensor, views: int) -> torch.Tensor:
    # Half floats are further apart than this where they are that far below the best.
    return -1e-3 * scores.argsort(dim=1) - 20.0 * (scores < scores.amax(dim=1, keepdim=True))


def equal(scores: torch.Tensor, views: int) -> torch.Tensor:
    return torch.zeros_like(scores)


@pytest.mark.parametrize("made_up", [nearly_as_good, nearly_as_bad, equal])
def test_the_kept_scores_give_the_recorded_metrics(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_up: Callable[..., Any]
) -> None:
    monkeypatch.setattr("bench.engine.scoring.evaluate.fuse_views", made_up)
    found = run(world.evaluate_job(metrics=("top1", "top2")), tmp_path / "job")
    monkeypatch.setitem(TOP_K, "top2", 2)
    for metric, value in found.record.metrics.items():
        hits = scored_hits(found.record, tmp_path / "job", metric)
        assert hits is not None
        assert hits.values.mean() == pytest.approx(value)
