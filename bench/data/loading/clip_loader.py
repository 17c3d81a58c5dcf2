"""Clips of a list as frames: in training by micro-batch, in evaluation in list order.

What a clip looks like depends on the seed, the epoch and the clip alone: not on the number of
workers, on the clips before it, nor on where a training was resumed. The caller's random generators
are left as they were. A clip that cannot be used comes back as a ``BadClip``; what follows from it
is the engine's decision.

With ``workers=0`` clips are decoded in the calling process, where a decoder that hangs cannot be
stopped; with workers each clip has a time limit.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import torch
from torch import Tensor

from bench.data.lists.clips import Clip, ClipSet
from bench.data.pipelines.base import ClipFrames, Pipeline
from bench.data.video.decode import DecodeError
from bench.ground.seeds import derive_seed
from bench.ground.worker_pool import Lost, StartMethod, WorkerPool
from results.run.records import BadClip

TIME_LIMIT = 120.0
"""Seconds that a worker may take for one clip."""


@dataclass(frozen=True)
class LoadedClip:
    """A clip that gave frames.

    Attributes:
        clip: Which one.
        frames: uint8 RGB [views,T,3,S,S] before normalisation.
        decoder: Library that decoded it.
    """

    clip: Clip
    frames: Tensor
    decoder: str


@dataclass(frozen=True)
class _Task:
    clip: Clip
    seed: int | None


@dataclass(frozen=True)
class _Load:
    """What a worker does with a clip; picklable where the pipeline is."""

    pipeline: Pipeline

    def __call__(self, task: _Task) -> ClipFrames | BadClip:
        try:
            if task.seed is None:
                return self.pipeline(task.clip.path)
            with seeded(task.seed):
                return self.pipeline(task.clip.path)
        except DecodeError as error:
            return BadClip(clip=task.clip.id, reason=error.reason, detail=error.detail)


class ClipLoader:
    """Iterates over the clips of a list. Use as a context manager, or call ``close``.

    Args:
        clips: The list.
        pipeline: File to frames; with a random one every clip is seeded.
        seed: Seed of the job.
        workers: Decoding processes; 0 decodes in the calling process, without a time limit.
        time_limit: Seconds a worker may take for one clip.
        start_method: How workers are started.

    Attributes:
        decoders: How many clips each decoder has served so far.
    """

    def __init__(
        self,
        clips: ClipSet,
        pipeline: Pipeline,
        *,
        seed: int = 0,
        workers: int = 0,
        time_limit: float = TIME_LIMIT,
        start_method: StartMethod = "fork",
    ) -> None:
        self.decoders: Counter[str] = Counter()
        self._clips = clips.clips
        self._spec = pipeline.spec
        self._seed = seed
        self._load = _Load(pipeline)
        self._pool: WorkerPool[_Task, ClipFrames | BadClip] | None = None
        if workers > 0:
            self._pool = WorkerPool(
                self._load, workers, time_limit=time_limit, start_method=start_method
            )

    def __enter__(self) -> ClipLoader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes."""
        if self._pool is not None:
            self._pool.close()

    def train(
        self, batches: Iterable[Sequence[int]], *, epoch: int
    ) -> Iterator[list[LoadedClip | BadClip]]:
        """Frames of each micro-batch of an epoch.

        Args:
            batches: Positions in the clip list, micro-batch by micro-batch.
            epoch: 0-based; part of every clip's seed.

        Yields:
            One item a position, in order.
        """
        plan = [tuple(batch) for batch in batches]
        items = self._items([self._clips[position] for batch in plan for position in batch], epoch)
        for batch in plan:
            yield [next(items) for _ in batch]

    def evaluate(self) -> Iterator[LoadedClip | BadClip]:
        """Frames of every clip, in list order; random views are seeded by clip."""
        return self._items(self._clips, None)

    def _items(self, clips: Sequence[Clip], epoch: int | None) -> Iterator[LoadedClip | BadClip]:
        tasks = [_Task(clip, self._seed_of(clip, epoch)) for clip in clips]
        made: Iterator[ClipFrames | BadClip | Lost] = (
            map(self._load, tasks) if self._pool is None else self._pool.run(tasks)
        )
        for clip, result in zip(clips, made, strict=True):
            if isinstance(result, Lost):
                yield BadClip(clip=clip.id, reason=result.reason, detail=result.detail)
            elif isinstance(result, BadClip):
                yield result
            else:
                self.decoders[result.decoder] += 1
                yield LoadedClip(clip, self._views(result), result.decoder)

    def _seed_of(self, clip: Clip, epoch: int | None) -> int | None:
        if not self._spec.random:
            return None
        if epoch is None:
            return derive_seed(use="views", seed=self._seed, clip=clip.id)
        return training_seed(self._seed, epoch, clip)

    def _views(self, made: ClipFrames) -> Tensor:
        frames = torch.from_numpy(made.frames)
        return frames.reshape(-1, self._spec.num_frames, *frames.shape[1:])


def training_seed(seed: int, epoch: int, clip: Clip) -> int:
    """Seed of everything a pipeline draws for a clip in an epoch of the training ``seed``."""
    return derive_seed(use="augmentation", seed=seed, epoch=epoch, clip=clip.id)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Python's, numpy's and torch's CPU generator, and put them back afterwards.

    Draws what ``bench.ground.seeds.seed_everything`` would make a pipeline draw; generators of
    accelerators, which no pipeline uses, are left alone.
    """
    python_state = random.getstate()
    numpy_state = np.random.get_state()
    torch_state = torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        torch.set_rng_state(torch_state)
