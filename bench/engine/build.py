"""From a job to the things it works with: backbone, method, pipeline."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import methods
from bench.clip import LoadedBackbone, load_backbone
from bench.data.kept.decoded_clips import DecodedClips
from bench.data.kept.frame_cache import CachedPipeline
from bench.data.pipelines import build
from bench.data.pipelines.base import Pipeline
from bench.ground.errors import UsageError
from bench.ground.extensions import load_plugins
from bench.ground.seeds import derive_seed, seed_everything
from bench.planning.jobs import EvaluateJob, TrainJob
from bench.planning.preprocessing import test_spec, training_spec
from methods.base import Method

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Built:
    """A method on its backbone, on the CPU, untrained."""

    method: Method
    backbone: LoadedBackbone


def build_method(job: TrainJob | EvaluateJob, class_names: Sequence[str]) -> Built:
    """The method that a job names, filled with CLIP's weights.

    What a method draws at its start (prompts, temporal modules) depends on the job's seed alone.

    Raises:
        UsageError: The frames' size does not fit the backbone, or there is no such adapter.
        WeightsError: The backbone cannot be loaded.
    """
    for broken in load_plugins(job.plugins):
        _log.warning("%s", broken)
    backbone = load_backbone(job.backbone, cache_dir=Path(job.cache) if job.cache else None)
    if backbone.image_size != job.recipe.image_size:
        raise UsageError(
            f"frames of {job.recipe.image_size} pixels do not fit {backbone.name}",
            got=f"image_size = {job.recipe.image_size}",
            allowed=f"image_size = {backbone.image_size}",
            next_step="set image_size in the recipe, or name another backbone",
        )
    seed_everything(derive_seed(use="initial weights", seed=job.seed))
    method = methods.create(
        job.method.adapter,
        clip=backbone.model,
        class_names=class_names,
        num_frames=job.recipe.num_frames,
        **job.method.options,
    )
    return Built(method, backbone)


def training_pipeline(job: TrainJob) -> Pipeline:
    """Video file to augmented frames; small clips are decoded once per job."""
    # Workers take clips as they come, so each of them would keep a copy of its own.
    kept = DecodedClips() if job.workers == 0 else None
    return build(training_spec(job.preprocessing, job.recipe), kept)


def evaluation_pipeline(job: EvaluateJob, *, cached: bool) -> Pipeline:
    """Video file to the frames of all views, from the cache folder where it has them."""
    pipeline = build(test_spec(job.preprocessing, job.recipe))
    if cached and job.cache:
        return CachedPipeline(pipeline, Path(job.cache) / "frames", limit=job.cache_limit)
    return pipeline


def parent_checkpoint(parents: Mapping[str, Path], key: str, file: str) -> Path:
    """Where the checkpoint of a parent lies.

    Raises:
        UsageError: The caller did not say where that parent is.
    """
    if key not in parents:
        raise UsageError(f"the folder of the parent training {key} is not known")
    return parents[key] / file
