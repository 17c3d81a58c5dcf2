"""Training on frame features that are computed once.

Where the image tower is frozen and frames come without augmentation, an epoch differs from the one
before only in which frames of a clip it looks at. So the features of all frames of a clip are
computed the first time it is met and kept in the cache folder, for every training with the same
tower, frames and precision; from then on an epoch draws frames as the pipeline would, and looks
their features up. The frames that are drawn, and the clips that cannot be used, are those of a
training on frames; features differ in the last bits, as with another size of batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.data.lists.clips import ClipSet
from bench.data.loading.clip_loader import ClipLoader, LoadedClip, seeded, training_seed
from bench.data.pipelines import EXTENSIONS, build
from bench.data.pipelines.base import AUGMENTATIONS, Pipeline, PipelineSpec
from bench.engine.build import Built, training_pipeline
from bench.engine.feature_cache import FeatureCache, feature_space
from bench.engine.normaliser import Normaliser
from bench.engine.precision import Precision
from bench.engine.shortcuts import Shortcuts
from bench.engine.training.mixing import mixes
from bench.planning.jobs import TrainJob
from methods.base import Method
from results.run.records import BadClip

FRAMES_A_PASS = 64
"""Frames that are encoded at once; fixed, so that features are the same in every training."""
MEMORY = 512 * 2**20
"""Bytes of features that are kept in memory besides."""
KEPT = "kept frame features"
"""Takes the place of the decoder's name for clips that needed none."""


class _Sampler(Pipeline, Protocol):
    def sample(self, total_frames: int) -> NDArray[np.int64]:
        """Indices of the frames that are shown."""
        ...


def may_train_on_features(method: Method, job: TrainJob) -> bool:
    """Whether nothing but the choice of frames changes from epoch to epoch."""
    recipe = job.recipe
    augmented = any(getattr(recipe, name) for name in AUGMENTATIONS)
    return (
        method.trains_on_features
        and bool(job.cache)
        and not augmented
        and not mixes(recipe)
        and EXTENSIONS.get(job.preprocessing.pipeline).gives_every_frame
    )


@dataclass(frozen=True)
class Inputs:
    """What a training reads, and what becomes of it.

    Attributes:
        loader: Gives the clips of each micro-step.
        together: From what it gives of several clips to what ``loss`` takes, on the device.
        loss: Of that, targets [B] or [B,C], and text features or None.
        chunk: Clips that go through the model at once; 0: not known yet.
    """

    loader: ClipLoader | FeatureLoader
    together: Callable[[Sequence[Tensor]], Tensor]
    loss: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    chunk: int = 0


def open_inputs(
    job: TrainJob, clips: ClipSet, built: Built, precision: Precision, shortcuts: Shortcuts
) -> Inputs:
    """Features of frames where the method and the recipe allow it, frames elsewhere.

    Args:
        job: The training.
        clips: Its list.
        built: Method on its device, with the weights that it starts from, and its backbone.
        precision: Of the passes.
        shortcuts: ``features_once`` decides too.
    """
    method, recipe = built.method, job.recipe
    normalise = Normaliser(job.preprocessing, precision.device)
    if shortcuts.features_once and may_train_on_features(method, job):
        loader = FeatureLoader(job, clips, built, precision, normalise)
        chunk = recipe.micro_batch * recipe.replicas
        return Inputs(loader, loader.together, method.features_loss, chunk)
    frames = ClipLoader(clips, training_pipeline(job), seed=job.seed, workers=job.workers)
    return Inputs(frames, normalise, method.loss)


class FeatureLoader:
    """Stands in for a ``ClipLoader`` in training: clips come as features instead of frames.

    A clip that does not give all its frames, or whose features find no room, is loaded as without
    this, in every epoch: the frames that are drawn may be sound.

    Args:
        job: The training.
        clips: Its list.
        built: Method on its device, with the weights that it starts from, and its backbone.
        precision: Of the image tower.
        normalise: Frames to what the method sees.

    Attributes:
        decoders: How many clips each decoder has served so far.
    """

    def __init__(
        self,
        job: TrainJob,
        clips: ClipSet,
        built: Built,
        precision: Precision,
        normalise: Normaliser,
    ) -> None:
        self.decoders: Counter[str] = Counter()
        self._job, self._clips = job, clips
        self._method, self._precision, self._normalise = built.method, precision, normalise
        self._sampler = cast("_Sampler", training_pipeline(job))
        self._drawn = self._frames(job.workers)
        self._spec = PipelineSpec(
            job.preprocessing.pipeline,
            "every",
            num_frames=1,
            image_size=job.recipe.image_size,
            options=job.preprocessing.options,
        )
        space = feature_space(built.method, built.backbone, job, self._spec, precision)
        folder = Path(job.cache) / "frame-features"
        self._cache = FeatureCache(folder, space, seed=None, limit=job.cache_limit)
        self._memory: dict[int, Tensor] = {}
        self._room = MEMORY
        self._incomplete: set[int] = set()

    def close(self) -> None:
        """End the worker processes."""
        self._drawn.close()

    def together(self, clips: Sequence[Tensor]) -> Tensor:
        """Features [B,T,E] on the device, of clips [1,T,E]."""
        return torch.cat(list(clips)).to(self._precision.device)

    def train(
        self, batches: Iterable[Sequence[int]], *, epoch: int
    ) -> Iterator[list[LoadedClip | BadClip]]:
        """Features of the frames that an epoch draws; see ``ClipLoader.train``.

        Yields:
            One item a position, in order; ``frames`` are features [1,T,E].
        """
        plan = [tuple(batch) for batch in batches]
        used = dict.fromkeys(position for batch in plan for position in batch)
        lacking = [position for position in used if not self._is_kept(position)]
        full = self._cache.closed and self._room <= 0
        by_frames = set(lacking) if full else self._incomplete & set(lacking)
        fresh = self._every_frame([p for p in lacking if p not in by_frames])
        drawn: Iterator[LoadedClip | BadClip] = chain.from_iterable(
            self._drawn.train([[p for p in batch if p in by_frames] for batch in plan], epoch=epoch)
        )
        with closing(fresh):
            for batch in plan:
                yield [
                    self._encode_drawn(next(drawn))
                    if position in by_frames
                    else self._sampled(position, fresh, epoch)
                    for position in batch
                ]

    def _sampled(
        self, position: int, fresh: Iterator[tuple[int, Tensor | None]], epoch: int
    ) -> LoadedClip | BadClip:
        """A clip by the features of all its frames."""
        clip = self._clips.clips[position]
        features = self._memory.get(position)
        if features is None and position not in self._incomplete:
            features = self._cache.get(clip)
        if features is None:
            # Those before it were found damaged, or were computed by somebody else by now.
            features = next((made for number, made in fresh if number == position), None)
        if features is None:
            with self._frames(min(1, self._job.workers)) as loader:
                return self._encode_drawn(next(loader.train([[position]], epoch=epoch))[0])
        self._remember(position, features)
        self.decoders[KEPT] += 1
        with seeded(training_seed(self._job.seed, epoch, clip)):
            frame_inds = self._sampler.sample(len(features))
        return LoadedClip(clip, features[torch.from_numpy(frame_inds)][None], KEPT)

    def _every_frame(
        self, positions: Sequence[int]
    ) -> Generator[tuple[int, Tensor | None], None, None]:
        """Features [n,E] of all frames of clips, kept as they are made; None for a bad clip."""
        subset = replace(self._clips, clips=tuple(self._clips.clips[p] for p in positions))
        if not positions:
            return
        with ClipLoader(subset, build(self._spec), workers=self._job.workers) as loader:
            for position, item in zip(positions, loader.evaluate(), strict=True):
                if isinstance(item, BadClip):
                    self._incomplete.add(position)
                    yield position, None
                    continue
                parts = [self._encode(frames) for frames in item.frames.split(FRAMES_A_PASS)]
                features = torch.cat(parts)[:, 0]
                self.decoders[item.decoder] += 1
                self._cache.put(item.clip, features)
                yield position, features

    def _encode_drawn(self, item: LoadedClip | BadClip) -> LoadedClip | BadClip:
        """The features of a clip whose frames were drawn."""
        if isinstance(item, BadClip):
            return item
        self.decoders[item.decoder] += 1
        return replace(item, frames=self._encode(item.frames))

    @torch.no_grad()
    def _encode(self, frames: Tensor) -> Tensor:
        """uint8 [N,T,3,S,S] -> features [N,T,E] on the CPU."""
        with self._precision.autocast():
            return self._method.encode_frames(self._normalise([frames])).cpu()

    def _frames(self, workers: int) -> ClipLoader:
        return ClipLoader(self._clips, self._sampler, seed=self._job.seed, workers=workers)

    def _is_kept(self, position: int) -> bool:
        return position in self._memory or self._cache.holds(self._clips.clips[position])

    def _remember(self, position: int, features: Tensor) -> None:
        """Keep features in memory besides, while there is room."""
        if position not in self._memory and self._room > 0:
            self._memory[position] = features
            self._room -= features.nbytes
