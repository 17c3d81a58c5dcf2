"""Our evaluation and our training update against plain loops, in time and in results.

The plain loops do what published fine-tuning code does: every forward pass runs the text tower over
all 77 tokens of every class, test clips come in batches of two, an update is gathered from
micro-batches of four, and nothing is kept. Ours are the engine's own. Both read and decode the same
videos, draw the same crops and start from the same weights, in fp32.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from bench.data.lists.clips import ClipSet
from bench.data.loading.clip_loader import ClipLoader, LoadedClip
from bench.engine.build import build_method, evaluation_pipeline, training_pipeline
from bench.engine.heartbeat import Heartbeat
from bench.engine.normaliser import Normaliser
from bench.engine.precision import pick_device, resolve_precision
from bench.engine.scoring.evaluate import Scorer, fuse_views
from bench.engine.shortcuts import Shortcuts
from bench.engine.stopping import StopRequest
from bench.engine.training.batches import count_steps, epoch_updates
from bench.engine.training.optimiser import build_optimiser
from bench.engine.training.train import TrainingRun
from bench.ground.seeds import derive_seed, seed_everything
from bench.planning.jobs import EvaluateJob, TrainJob
from bench.speed.loop_world import LoopWorld
from methods.base import Method

TEST_BATCH = 2
"""Clips a batch at test time in the released configurations."""
REPEATS = 2
"""Of each loop; the fastest counts."""


@dataclass(frozen=True)
class Outcome:
    """What a loop came to.

    Attributes:
        seconds: From the first video to the last result.
        values: Scores [n,C], or the gradients of the update one after the other, on the CPU.
    """

    seconds: float
    values: Tensor


@dataclass(frozen=True)
class Comparison:
    """Our loop beside the plain one.

    Attributes:
        plain: Seconds of the plain loop.
        first: Seconds of ours with empty caches.
        again: Seconds of ours once the caches are filled.
        ratio_first: ``plain / first``.
        ratio: ``plain / again``.
        difference: Largest difference of results.
        largest: Largest result, to hold the difference against.
    """

    plain: float
    first: float
    again: float
    ratio_first: float
    ratio: float
    difference: float
    largest: float


@dataclass(frozen=True)
class LoopReport:
    """Both loops of a method.

    Attributes:
        method: Name of the adapter.
        title: Name in the tables.
        evaluation: Scoring all clips; results are scores.
        training: One update; results are gradients. None: the method is not trained.
    """

    method: str
    title: str
    evaluation: Comparison
    training: Comparison | None


def compare_loops(world: LoopWorld, adapter: str) -> LoopReport:
    """Run both loops with one adapter.

    Raises:
        UsageError: Unknown adapter, or it does not fit the backbone.
    """
    evaluation, training = world.evaluation(adapter), world.training(adapter)
    clips = world.clips
    method = build_method(evaluation, clips.class_names).method
    return LoopReport(
        method=adapter,
        title=method.title,
        evaluation=_compare(
            lambda: plain_evaluation(evaluation, clips), lambda: our_evaluation(evaluation, clips)
        ),
        training=_compare(
            lambda: plain_update(training, clips), lambda: our_update(training, clips)
        )
        if method.trains
        else None,
    )


def _compare(plain: Callable[[], Outcome], ours: Callable[[], Outcome]) -> Comparison:
    # The plain loop goes first: whatever libraries do once is not held against ours.
    plains = [plain()]
    first = ours()
    plains += [plain() for _ in range(REPEATS - 1)]
    later = [ours() for _ in range(REPEATS)]
    plain_seconds = min(outcome.seconds for outcome in plains)
    again = min(outcome.seconds for outcome in later)
    wanted = plains[0].values
    differences = [(outcome.values - wanted).abs().max() for outcome in (first, *later)]
    return Comparison(
        plain=plain_seconds,
        first=first.seconds,
        again=again,
        ratio_first=plain_seconds / first.seconds,
        ratio=plain_seconds / again,
        difference=float(torch.stack(differences).max()),
        largest=float(wanted.abs().max()),
    )


def plain_evaluation(job: EvaluateJob, clips: ClipSet) -> Outcome:
    """Scores of every clip, two clips at a time, the text tower in every pass."""
    device = pick_device()
    resolve_precision(job.recipe.precision, device)
    method = build_method(job, clips.class_names).method.to(device).eval()
    Shortcuts.none().set_switches(method)
    pipeline = evaluation_pipeline(job, cached=False)
    normalise = Normaliser(job.preprocessing, device)
    started = time.perf_counter()
    scores = []
    with ClipLoader(clips, pipeline, seed=job.seed) as loader, torch.no_grad():
        items = _usable(loader.evaluate())
        while batch := list(islice(items, TEST_BATCH)):
            video = normalise([item.frames for item in batch])
            scores.append(fuse_views(method(video), pipeline.spec.views).cpu())
    return Outcome(time.perf_counter() - started, torch.cat(scores))


def our_evaluation(job: EvaluateJob, clips: ClipSet) -> Outcome:
    """Scores of every clip as ``bench run`` computes them."""
    precision = resolve_precision(job.recipe.precision, pick_device())
    built = build_method(job, clips.class_names)
    built.method.to(precision.device)
    with TemporaryDirectory() as folder:
        started = time.perf_counter()
        scorer = Scorer(job, built, clips, precision, Shortcuts())
        scored = scorer.run(Heartbeat(Path(folder)), StopRequest())
        seconds = time.perf_counter() - started
    return Outcome(seconds, torch.from_numpy(scored.scores))


def plain_update(job: TrainJob, clips: ClipSet) -> Outcome:
    """One update: a forward and a backward pass for each micro-batch, text included."""
    device = pick_device()
    resolve_precision(job.recipe.precision, device)
    method = build_method(job, clips.class_names).method.to(device).train()
    Shortcuts.none().set_switches(method)
    optimiser = build_optimiser(method, job.recipe)
    normalise = Normaliser(job.preprocessing, device)
    batches = _micro_batches(job, method, len(clips))
    started = time.perf_counter()
    with ClipLoader(clips, training_pipeline(job), seed=job.seed) as loader:
        for items in loader.train(batches, epoch=0):
            batch = list(_usable(iter(items)))
            video = normalise([item.frames for item in batch])
            labels = torch.tensor([item.clip.label for item in batch], device=device)
            # What a loss draws is drawn as in the engine.
            seed_everything(derive_seed(use="forward", seed=job.seed, epoch=0, update=0))
            (method.loss(video, labels) / len(batches)).backward()
    gradients = _gradients(method)
    optimiser.step()
    return Outcome(time.perf_counter() - started, gradients)


def our_update(job: TrainJob, clips: ClipSet) -> Outcome:
    """One update as ``bench run`` makes it."""
    counting = count_steps(len(clips), job.recipe)
    with TemporaryDirectory() as folder:
        run = TrainingRun(job, Path(folder), {}, clips, counting, Shortcuts())
        run.resume()
        started = time.perf_counter()
        run.train(StopRequest())
        seconds = time.perf_counter() - started
    return Outcome(seconds, _gradients(run.method))


def _micro_batches(job: TrainJob, method: Method, num_clips: int) -> list[tuple[int, ...]]:
    """Clips of each forward pass; a loss that compares all clips of an update needs them at once.

    The clips are those of the engine's first update, in its order.
    """
    (update,) = epoch_updates(num_clips, job.recipe, seed=job.seed, epoch=0)
    if method.loss_spans_update:
        return [tuple(clip for step in update for clip in step.clips)]
    return [group.clips for step in update for group in step.groups]


def _usable(items: Iterator[object]) -> Iterator[LoadedClip]:
    for item in items:
        if not isinstance(item, LoadedClip):
            raise RuntimeError(f"a video that was just written cannot be read: {item}")
        yield item


def _gradients(method: Method) -> Tensor:
    parts: Sequence[Tensor] = [
        parameter.grad.flatten().cpu()
        for parameter in method.parameters()
        if parameter.grad is not None
    ]
    return torch.cat(list(parts))
