"""Scoring a clip list: scores of every clip, and what they come to."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.data.lists.class_names import names_sha256
from bench.data.lists.clip_lists import load_clips
from bench.data.lists.clips import Clip, ClipSet
from bench.data.loading.clip_loader import ClipLoader, LoadedClip
from bench.engine.bad_clips import BadClips
from bench.engine.build import Built, build_method, evaluation_pipeline
from bench.engine.feature_cache import FeatureCache, feature_space, may_share
from bench.engine.heartbeat import Heartbeat
from bench.engine.initial_weights import fill_for_scoring
from bench.engine.normaliser import Normaliser
from bench.engine.precision import Precision, pick_device, resolve_precision
from bench.engine.provenance import Stopwatch, provenance
from bench.engine.shortcuts import Shortcuts
from bench.engine.stopping import StopRequest
from bench.ground.errors import DataError
from bench.ground.files import write_atomically
from bench.ground.seeds import derive_seed, seed_everything
from bench.metrics import check_metrics, compute_metrics
from bench.planning.jobs import EvaluateJob
from results.run.layout import SCORES
from results.run.ranks import ranks
from results.run.records import BadClip, EvaluationRecord, Protocol

VIEWS_A_PASS = 32
"""Views that go through the model at once; fixed, so that it is the same on every machine."""
_PROMPTS_SHOWN = 3


def run_evaluation(
    job: EvaluateJob,
    folder: Path,
    parents: Mapping[str, Path],
    *,
    shortcuts: Shortcuts | None = None,
    stop: StopRequest | None = None,
) -> EvaluationRecord:
    """Score every clip of a list and write ``scores.npz`` into ``folder``.

    Args:
        job: What to score.
        folder: The job's folder.
        parents: Key of the training -> its folder with the checkpoint.
        shortcuts: None: as the environment says.
        stop: Asked between passes.

    Raises:
        DataError: Clips cannot be used and the policy is ``error``, or none can be scored.
        WeightsError: The backbone or the checkpoint does not fit.
        Interrupted: ``stop`` was asked for.
        OSError: Also on a full disk; no half file is left.
    """
    watch = Stopwatch()
    torch.set_num_threads(job.threads)
    clips = load_clips(job.clips, policy=job.policy)
    built = _build(job, clips, parents)
    check_metrics(job.metrics)
    precision = resolve_precision(job.recipe.precision, pick_device())
    scorer = Scorer(job, built, clips, precision, shortcuts or Shortcuts.from_environment())
    heartbeat = Heartbeat(folder)
    scored = scorer.run(heartbeat, stop or StopRequest())
    metrics = _metrics(job, clips, scored)
    _write_scores(folder / SCORES, scored)
    heartbeat.end()
    decoder = ", ".join(sorted(scorer.decoders)) or "none: features from the cache"
    seeds = {"views": job.seed} if job.recipe.views_clips > 1 else {}
    return EvaluationRecord(
        key=job.key,
        method=job.method.row,
        adapter=job.method.adapter,
        training=job.parent,
        metrics=metrics,
        counts=scorer.bad.counts(),
        bad_clips=scorer.bad.all(),
        scores=SCORES,
        protocol=_protocol(job, built, clips, precision),
        provenance=provenance(watch, precision.device, decoder=decoder, seeds=seeds),
    )


@dataclass(frozen=True)
class Scored:
    """Scores of the clips that gave frames, in the order of the list.

    Attributes:
        clips: n clips.
        scores: float32 [n,C].
    """

    clips: tuple[Clip, ...]
    scores: NDArray[np.float32]

    @property
    def labels(self) -> NDArray[np.int64]:
        """int64 [n]."""
        return np.array([clip.label for clip in self.clips], dtype=np.int64)


def _build(job: EvaluateJob, clips: ClipSet, parents: Mapping[str, Path]) -> Built:
    built = build_method(job, clips.class_names)
    fill_for_scoring(built.method, job, parents)
    return built


class Scorer:
    """Turns clips into scores, by the longest way or with shortcuts.

    Args:
        job: What to score.
        built: The method with the weights to score with.
        clips: The list.
        precision: Number format and device.
        shortcuts: Which to take.
    """

    def __init__(
        self,
        job: EvaluateJob,
        built: Built,
        clips: ClipSet,
        precision: Precision,
        shortcuts: Shortcuts,
    ) -> None:
        self._job, self._clips, self._precision = job, clips, precision
        self._method = built.method.to(precision.device).eval()
        shortcuts.set_switches(self._method)
        self._pipeline = evaluation_pipeline(job, cached=shortcuts.frame_cache and job.keep_frames)
        self._normalise = Normaliser(job.preprocessing, precision.device)
        self._views = self._pipeline.spec.views
        self._text = self._encode_text() if shortcuts.text_once_per_list else None
        self._cache = self._open_cache(built) if shortcuts.shared_features else None
        self._rows: dict[str, NDArray[np.float32]] = {}
        self.bad = BadClips(clips, job.policy)
        self.decoders: set[str] = set()

    def run(self, heartbeat: Heartbeat, stop: StopRequest) -> Scored:
        """Score every clip that gives frames."""
        remaining = self._score_cached(heartbeat, stop)
        if remaining:
            subset = replace(self._clips, clips=tuple(remaining))
            with ClipLoader(
                subset, self._pipeline, seed=self._job.seed, workers=self._job.workers
            ) as loader:
                self._score_loaded(loader.evaluate(), heartbeat, stop)
                self.decoders.update(loader.decoders)
        scored = tuple(clip for clip in self._clips.clips if clip.id in self._rows)
        width = len(self._clips.class_names)
        scores = np.array([self._rows[clip.id] for clip in scored], dtype=np.float32)
        return Scored(scored, scores.reshape(len(scored), width))

    def _score_cached(self, heartbeat: Heartbeat, stop: StopRequest) -> list[Clip]:
        """Score the clips whose features are kept; returns the others."""
        if self._cache is None:
            return list(self._clips.clips)
        others: list[Clip] = []
        batch: list[tuple[Clip, Tensor]] = []
        for clip in self._clips.clips:
            features = self._cache.get(clip)
            if features is None:
                others.append(clip)
                continue
            batch.append((clip, features))
            if len(batch) == self._batch_size:
                self._score_features(batch, heartbeat, stop)
                batch = []
        self._score_features(batch, heartbeat, stop)
        return others

    def _score_loaded(
        self, items: Iterator[LoadedClip | BadClip], heartbeat: Heartbeat, stop: StopRequest
    ) -> None:
        batch: list[LoadedClip] = []
        for item in items:
            if isinstance(item, BadClip):
                self.bad.note(item, items)
                continue
            batch.append(item)
            if len(batch) == self._batch_size:
                self._score_frames(batch, heartbeat, stop)
                batch = []
        self._score_frames(batch, heartbeat, stop)

    @property
    def _batch_size(self) -> int:
        return max(1, VIEWS_A_PASS // self._views)

    @torch.no_grad()
    def _score_frames(
        self, batch: list[LoadedClip], heartbeat: Heartbeat, stop: StopRequest
    ) -> None:
        if not batch:
            return
        stop.check()
        clips = [item.clip for item in batch]
        video = self._normalise([item.frames for item in batch])
        with self._precision.autocast():
            if self._cache is None:
                self._keep(clips, self._method(video, self._text), heartbeat)
                return
            features = self._method.encode_frames(video)
            self._keep(clips, self._method.score(features, self._text_now()), heartbeat)
        for clip, own in zip(clips, features.split(self._views), strict=True):
            self._cache.put(clip, own)

    @torch.no_grad()
    def _score_features(
        self, batch: list[tuple[Clip, Tensor]], heartbeat: Heartbeat, stop: StopRequest
    ) -> None:
        if not batch:
            return
        stop.check()
        features = torch.cat([own for _, own in batch]).to(self._precision.device)
        with self._precision.autocast():
            scores = self._method.score(features, self._text_now())
        self._keep([clip for clip, _ in batch], scores, heartbeat)

    def _keep(self, clips: list[Clip], scores: Tensor, heartbeat: Heartbeat) -> None:
        """Fuse the views of each clip and keep its row."""
        fused = fuse_views(scores.float(), self._views).cpu().numpy()
        self._rows.update({clip.id: row for clip, row in zip(clips, fused, strict=True)})
        done = len(self._rows)
        heartbeat.beat(done, done=done, of=len(self._clips))

    def _text_now(self) -> Tensor:
        return self._encode_text() if self._text is None else self._text

    @torch.no_grad()
    def _encode_text(self) -> Tensor:
        seed_everything(derive_seed(use="text", seed=self._job.seed))
        with self._precision.autocast():
            return self._method.encode_text()

    def _open_cache(self, built: Built) -> FeatureCache | None:
        if not self._job.cache or not may_share(self._method):
            return None
        spec = self._pipeline.spec
        space = feature_space(self._method, built.backbone, self._job, spec, self._precision)
        seed = self._job.seed if spec.random else None
        folder = Path(self._job.cache) / "features"
        return FeatureCache(folder, space, seed, limit=self._job.cache_limit)


def fuse_views(scores: Tensor, views: int) -> Tensor:
    """One row a clip: the scores of its only view, or the sum of its views' softmax.

    Args:
        scores: [n * views,C], the views of a clip side by side.
        views: Views a clip.

    Returns:
        [n,C].
    """
    if views == 1:
        return scores
    return scores.softmax(dim=-1).unflatten(0, (-1, views)).sum(dim=1)


def _metrics(job: EvaluateJob, clips: ClipSet, scored: Scored) -> dict[str, float]:
    if not scored.clips:
        raise DataError(
            f"no clip of {clips.dataset}/{clips.name} could be scored",
            got=f"{len(clips)} clips listed, none of them gave frames",
            next_step=f"bench data check {clips.dataset}",
        )
    found = {clip.id for clip in scored.clips}
    missed = [clip.label for clip in clips.clips if clip.id not in found]
    wrong = missed if job.policy == "count-as-wrong" else []
    return compute_metrics(
        job.metrics, scored.scores, scored.labels, np.array(wrong, dtype=np.int64)
    )


def _write_scores(path: Path, scored: Scored) -> None:
    """Write ids, labels, ranks and scores; what follows from the file is what the record says.

    Scores are kept as their distance to the clip's best one: half floats tell apart classes that
    are nearly as good, which they could not if all carried the same large offset. Further down they
    may no longer; so the rank of the true class is kept too, as it was before rounding.
    """
    best = scored.scores.max(axis=1, initial=-np.inf)
    content = io.BytesIO()
    np.savez(
        content,
        ids=np.array([clip.id for clip in scored.clips], dtype=np.str_),
        labels=scored.labels,
        ranks=ranks(scored.scores, scored.labels),
        scores=(scored.scores - best[:, None]).astype(np.float16),
        best=best,
    )
    write_atomically(path, content.getvalue())


def _protocol(job: EvaluateJob, built: Built, clips: ClipSet, precision: Precision) -> Protocol:
    recipe, backbone = job.recipe, built.backbone
    names_hash = job.clips.classes_sha256 or names_sha256(clips.class_names)
    return Protocol(
        backbone=backbone.name,
        weights_sha256=backbone.weights_sha256,
        quick_gelu=backbone.quick_gelu,
        pretraining=backbone.pretraining,
        dataset=job.clips.dataset,
        clip_list=job.clips.clip_list,
        list_sha256=job.clips.list_sha256 or "",
        classes=job.clips.classes,
        class_names_sha256=names_hash,
        num_classes=len(clips.class_names),
        prompts=built.method.prompts[:_PROMPTS_SHOWN],
        pipeline=job.preprocessing.pipeline,
        num_frames=recipe.num_frames,
        image_size=recipe.image_size,
        views=f"{recipe.views_clips}x{recipe.views_crops}",
        precision=precision.used,
        checkpoint=_which_checkpoint(job),
        labels=job.clips.labels,
        videos=job.clips.videos,
        overlap=job.overlap,
        list_origin=job.clips.list_origin,
        classes_origin=job.clips.classes_origin,
    )


def _which_checkpoint(job: EvaluateJob) -> str:
    if job.parent is not None:
        return "last"
    return "none (zero-shot)" if job.released is None else "released"
