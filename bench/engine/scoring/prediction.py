"""Own videos, own class names: what a method makes of them (``bench predict``)."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import methods as methods_room
from bench.clip.mini_clip import MODEL_FILE
from bench.clip.weights import file_sha256
from bench.data.lists.clips import Clip, ClipSet
from bench.data.lists.clips_ref import ClipsRef
from bench.engine.build import build_method
from bench.engine.checkpoint import trained_classes
from bench.engine.heartbeat import Heartbeat
from bench.engine.initial_weights import fill_for_scoring
from bench.engine.precision import pick_device, resolve_precision
from bench.engine.scoring.evaluate import Scored, Scorer
from bench.engine.shortcuts import Shortcuts
from bench.engine.stopping import StopRequest
from bench.ground.errors import DataError, UsageError, WeightsError
from bench.planning.config import RunConfig
from bench.planning.jobs import (
    EvaluateJob,
    MethodRef,
    ReleasedRef,
    TrainJob,
    load_job,
)
from bench.planning.plan import backbone_of
from bench.planning.preprocessing import preprocessing_ref
from bench.planning.row_facts import RowFacts, row_facts
from methods.base import Method
from results.run.layout import CHECKPOINT, JOB

_CLIPS = ClipsRef(
    dataset="own videos",
    root="",
    clip_list="command line",
    list_file="",
    list_sha256=None,
    classes="command line",
    class_file="",
    classes_sha256=None,
)


@dataclass(frozen=True)
class Guess:
    """A class and how likely the method finds it, 0 to 1 over the classes that were named."""

    name: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """What became of one video.

    Attributes:
        video: As it was named.
        best: The likeliest classes, best first; empty for a video that cannot be used.
        reason: Reason code where it cannot be used, else "".
        detail: What the decoder said.
    """

    video: str
    best: tuple[Guess, ...]
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Predictions:
    """All videos, and what the probabilities are based on.

    Attributes:
        method: Adapter.
        backbone: CLIP's architecture.
        pretraining: What its weights were trained on, as far as it is stated.
        synthetic: It is the mini world's CLIP.
        checkpoint: The weights on top of CLIP, or "none".
        prompts: What the first classes' names were turned into.
        videos: In the order of the command line.
    """

    method: str
    backbone: str
    pretraining: str
    synthetic: bool
    checkpoint: str
    prompts: tuple[str, ...]
    videos: tuple[Prediction, ...]


@dataclass(frozen=True)
class Predictor:
    """The job that scores, without clips.

    Attributes:
        job: Method, weights and frames.
        parents: Key of the training -> its folder.
        checkpoint: What to call the weights.
    """

    job: EvaluateJob
    parents: dict[str, Path]
    checkpoint: str


def from_training(folder: Path, num_frames: int | None = None) -> Predictor:
    """Score with what a training of this project left in its job folder.

    Args:
        folder: ``runs/<name>/jobs/<key>`` of a training, or of an evaluation of one.
        num_frames: Frames per view; None: as many as it was made with.

    Raises:
        DataError: There is no job, or its training has no checkpoint.
    """
    job = load_job(folder / JOB)
    shared: dict[str, Any] = {
        name: getattr(job, name) for name in type(job).model_fields if name in _SHARED
    }
    if num_frames is not None:
        shared["recipe"] = job.recipe.model_copy(update={"num_frames": num_frames})
    key = job.key if isinstance(job, TrainJob) else job.parent
    released = job.released if isinstance(job, EvaluateJob) else None
    parents = {} if key is None else {key: folder.parent / key}
    for place in parents.values():
        if not (place / CHECKPOINT).is_file():
            raise DataError(
                "the training has left no checkpoint",
                got=f"no {place / CHECKPOINT}",
                next_step="bench run the training to its end",
            )
    found = EvaluateJob(**shared, clips=_CLIPS, parent=key, released=released, policy="exclude")
    named = "none" if key is None else f"training {key}"
    return Predictor(found, parents, named if released is None else released.path)


def method_of_training(folder: Path) -> Method:
    """The method that a training left in its job folder, with its backbone and weights.

    Raises:
        DataError: There is no job, or its training has no checkpoint.
        WeightsError: The backbone or the checkpoint does not fit.
    """
    predictor = from_training(folder)
    if not predictor.parents:
        raise DataError("this evaluation has no training", got=str(folder))
    (place,) = predictor.parents.values()
    names = trained_classes(place / CHECKPOINT)
    built = build_method(predictor.job, names)
    fill_for_scoring(built.method, predictor.job, predictor.parents)
    return built.method


_SHARED = ("method", "backbone", "recipe", "preprocessing", "seed", "plugins", "threads", "workers")


def _weights_of(row: RowFacts, checkpoint: Path | None) -> Path | None:
    """The file that is scored: the given one, else the row's own; None for CLIP as it comes."""
    path = checkpoint
    if path is None and row.released is not None:
        path = Path(row.released).expanduser()
    if path is None and row.facts.trains:
        raise UsageError(
            f"{row.name} is nothing without training: it needs a checkpoint",
            allowed="--checkpoint FILE (released weights), --run RUN/KEY (a training of yours), "
            "or --method vanilla-clip",
        )
    if path is not None and not path.is_file():
        raise DataError("no such checkpoint", got=str(path), next_step="check the path")
    return path


def from_config(
    config: RunConfig, name: str, setting: str, checkpoint: Path | None, num_frames: int | None
) -> Predictor:
    """Score as a row of a configuration does, with CLIP as it comes or with a released file.

    Args:
        config: Has the backbone, the recipes and the row's options.
        name: A row of it.
        setting: Whose recipe and options are taken.
        checkpoint: The file, for a method that is trained.
        num_frames: Frames per view; None: the recipe's.

    Raises:
        UsageError: The method is trained and no checkpoint is given, or the other way round.
        DataError: There is no such file.
    """
    row = row_facts(config, name)
    path = _weights_of(row, checkpoint)
    recipe = config.recipe_for(name, setting, config.settings[setting].datasets[0])
    if num_frames is not None:
        recipe = recipe.model_copy(update={"num_frames": num_frames})
    adapter = config.methods[name].adapter
    backbone, _ = backbone_of(config)
    job = EvaluateJob(
        method=MethodRef(
            row=name,
            adapter=adapter,
            options={**row.facts.options, **config.options_for(name, setting)},
            code_sha256=methods_room.EXTENSIONS.code_sha256(adapter),
        ),
        backbone=backbone,
        recipe=recipe,
        preprocessing=preprocessing_ref(row.facts.preprocessing, recipe, training=False),
        clips=_CLIPS,
        seed=0,
        plugins=tuple(str(Path(plugin).absolute()) for plugin in config.plugins),
        threads=config.threads,
        workers=config.workers,
        policy="exclude",
        released=None
        if path is None
        else ReleasedRef(path=str(path.absolute()), sha256=file_sha256(path)),
    )
    return Predictor(job, {}, "none" if path is None else str(path))


def predict(
    predictor: Predictor, videos: Sequence[str], class_names: Sequence[str], top: int
) -> Predictions:
    """Score videos against class names.

    Args:
        predictor: With what.
        videos: Paths; one that cannot be used becomes a line with its reason.
        class_names: Two or more, as they are put into the prompts.
        top: How many classes to name for each video.

    Raises:
        UsageError: There are fewer than two classes, or the method cannot score these.
        WeightsError: The backbone or the checkpoint does not fit, or a score is not finite.
    """
    if len(set(class_names)) < max(2, len(class_names)):
        raise UsageError(
            "there is nothing to choose from",
            got=", ".join(class_names) or "no class",
            allowed="two or more class names, each once",
        )
    job = predictor.job
    torch.set_num_threads(job.threads)
    named = tuple(dict.fromkeys(videos))
    clips = tuple(Clip(name, Path(name), 0) for name in named)
    chosen = ClipSet(_CLIPS.dataset, _CLIPS.clip_list, clips, tuple(class_names))
    built = build_method(job, chosen.class_names)
    fill_for_scoring(built.method, job, predictor.parents)
    precision = resolve_precision(job.recipe.precision, pick_device())
    # Nothing of a visitor's videos stays behind: no cache, and the progress file in passing.
    shortcuts = Shortcuts(shared_features=False, frame_cache=False)
    scorer = Scorer(job, built, chosen, precision, shortcuts)
    with tempfile.TemporaryDirectory() as folder:
        scored = scorer.run(Heartbeat(Path(folder)), StopRequest())
    _check_finite(scored, job)
    found = {
        **_best(scored, chosen.class_names, top),
        **{bad.clip: Prediction(bad.clip, (), bad.reason, bad.detail) for bad in scorer.bad.all()},
    }
    return Predictions(
        method=job.method.adapter,
        backbone=built.backbone.name,
        pretraining=built.backbone.pretraining,
        synthetic=Path(job.backbone.model) == MODEL_FILE,
        checkpoint=predictor.checkpoint,
        prompts=tuple(built.method.prompts[:3]),
        videos=tuple(found[name] for name in named),
    )


def _check_finite(scored: Scored, job: EvaluateJob) -> None:
    bad = [
        clip.id
        for clip, row in zip(scored.clips, scored.scores, strict=True)
        if not np.isfinite(row).all()
    ]
    if bad:
        raise WeightsError(
            f"the scores of {len(bad)} of {len(scored.clips)} videos are not finite",
            got=", ".join(bad[:5]),
            next_step="check the weights (bench checkpoint FILE), or set precision = 'fp32' in "
            f"the recipe (it is '{job.recipe.precision}')",
        )


def _best(scored: Scored, names: Sequence[str], top: int) -> dict[str, Prediction]:
    found: dict[str, Prediction] = {}
    for clip, row in zip(scored.clips, scored.scores.astype(np.float64), strict=True):
        shifted = np.exp(row - row.max())
        shares = shifted / shifted.sum()
        order = np.argsort(-shares, kind="stable")[:top]
        guesses = tuple(Guess(names[index], float(shares[index])) for index in order)
        found[clip.id] = Prediction(clip.id, guesses)
    return found
