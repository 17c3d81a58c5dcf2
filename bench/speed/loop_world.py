"""Videos, weights and jobs to run both loops on, made in an empty folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save_file

import methods
from bench.clip.backbone_ref import BackboneRef
from bench.clip.mini_clip import MODEL_FILE, WEIGHTS_FILE
from bench.data.lists.clips import Clip, ClipSet
from bench.data.lists.clips_ref import ClipsRef
from bench.data.mini_world.encode import write_video
from bench.planning.jobs import EvaluateJob, MethodRef, PreprocessingRef, TrainJob
from bench.planning.recipe import Recipe
from bench.speed.setup import Setup

MICRO_BATCH = 4
REPLICAS = 2
ACCUMULATION = 2
CLIPS = MICRO_BATCH * REPLICAS * ACCUMULATION
"""One update exactly."""
_SEED = 1


@dataclass(frozen=True)
class LoopWorld:
    """What ``make_loop_world`` made.

    Attributes:
        folder: Where it lies; the jobs' caches go there too.
        setup: Backbone and sizes.
        backbone: The weights.
        clips: The clip list, as many clips as an update has.
    """

    folder: Path
    setup: Setup
    backbone: BackboneRef
    clips: ClipSet

    def evaluation(self, adapter: str) -> EvaluateJob:
        """Scores every clip."""
        return EvaluateJob(**self._common(adapter))

    def training(self, adapter: str) -> TrainJob:
        """Makes one update of 16 clips: 2 x 2 micro-batches of 4, nothing drawn but the crop."""
        return TrainJob(**self._common(adapter))

    def _common(self, adapter: str) -> dict[str, Any]:
        facts = methods.facts(adapter)
        made = facts.preprocessing
        return {
            "method": MethodRef(row=adapter, adapter=adapter),
            "backbone": self.backbone,
            "recipe": Recipe(
                num_frames=self.setup.frames,
                image_size=self.setup.pixels(),
                epochs=1,
                warmup_epochs=0,
                lr=1e-5,
                micro_batch=MICRO_BATCH,
                replicas=REPLICAS,
                accumulation=ACCUMULATION,
                label_smoothing=0,
                mixup_alpha=0,
                cutmix_alpha=0,
                color_jitter=0,
                gray_scale=0,
                flip=0,
                precision="fp32",
            ),
            "preprocessing": PreprocessingRef(pipeline=made.pipeline, mean=made.mean, std=made.std),
            # The clips are handed over as they are: there are no list files.
            "clips": ClipsRef(
                dataset="noise",
                root=str(self.folder),
                clip_list="all",
                list_file="",
                list_sha256=None,
                classes="all",
                class_file="",
                classes_sha256=None,
            ),
            "seed": _SEED,
            "cache": str(self.folder / "cache" / adapter),
        }


def make_loop_world(folder: Path, setup: Setup) -> LoopWorld:
    """Encode the videos and, for other models than the mini CLIP, write weights.

    Args:
        folder: An empty folder.
        setup: Backbone and sizes.
    """
    names = setup.class_names()
    rng = np.random.default_rng(_SEED)
    clips = tuple(
        Clip(f"clip{number}.mp4", folder / f"clip{number}.mp4", number % len(names))
        for number in range(CLIPS)
    )
    for clip in clips:
        write_video(clip.path, _frames(rng, setup))
    return LoopWorld(folder, setup, _backbone(folder, setup), ClipSet("noise", "all", clips, names))


def _frames(rng: np.random.Generator, setup: Setup) -> NDArray[np.uint8]:
    """Coarse noise that scrolls: 2 T frames, a little larger than the crop."""
    height = 2 * (setup.pixels() * 5 // 8)
    width = height * 2
    grain = max(2, height // 8)
    coarse = rng.integers(0, 256, (9, 18, 3), dtype=np.uint8)
    still = np.kron(coarse, np.ones((grain, grain, 1), dtype=np.uint8))[:height, :width]
    return np.stack([np.roll(still, shift, axis=1) for shift in range(2 * setup.frames)])


def _backbone(folder: Path, setup: Setup) -> BackboneRef:
    own_size = Setup(setup.model).pixels() == setup.pixels()
    if setup.model == str(MODEL_FILE) and own_size:
        return BackboneRef(model=setup.model, weights=str(WEIGHTS_FILE), quick_gelu=True)
    model, weights = folder / "model.json", folder / "weights.safetensors"
    model.write_text(json.dumps({**setup.config(), "quick_gelu": True}))
    tensors = {
        name: tensor.contiguous()
        for name, tensor in setup.build().state_dict().items()
        if name != "attn_mask"
    }
    save_file(tensors, weights)
    return BackboneRef(model=str(model), weights=str(weights), quick_gelu=True)
