"""A folder with real videos, lists and weights, small enough to train on in a second."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file

import methods
from bench.clip.backbone_ref import BackboneRef
from bench.data.lists.class_names import class_table, names_sha256
from bench.data.lists.clip_lists import ListEntry, list_text, read_list
from bench.data.lists.clips_ref import ClipsRef
from bench.data.mini_world.encode import write_video
from bench.planning.jobs import EvaluateJob, MethodRef, PreprocessingRef, TrainJob
from bench.planning.preprocessing import preprocessing_ref
from bench.planning.recipe import Recipe
from methods.facts import IMAGENET
from tests.tiny_clip import CONFIG, tiny_clip

CLASSES = ("a red square", "a green square", "a blue square")
CLIPS_A_CLASS = 6
RECIPE: dict[str, Any] = {
    "num_frames": 2,
    "image_size": 32,
    "epochs": 3,
    "warmup_epochs": 1,
    "lr": 1e-3,
    "micro_batch": 2,
    "accumulation": 2,
    "replicas": 2,
    "precision": "fp32",
}


@dataclass(frozen=True)
class World:
    """Where everything lies."""

    root: Path

    def add_list(self, name: str, entries: list[ListEntry]) -> None:
        (self.root / f"{name}.txt").write_bytes(list_text(entries))

    def clips(self, clip_list: str = "all", classes: str = "classes") -> ClipsRef:
        list_file = self.root / f"{clip_list}.txt"
        names = (self.root / f"{classes}.names").read_text().split("\n")
        return ClipsRef(
            dataset="squares",
            root=str(self.root / "videos"),
            clip_list=clip_list,
            list_file=str(list_file),
            list_sha256=read_list(list_file).sha256,
            classes=classes,
            class_file=str(self.root / f"{classes}.csv"),
            classes_sha256=names_sha256(names),
        )

    def train_job(self, adapter: str = "vifi-clip", **changes: Any) -> TrainJob:
        return TrainJob(**self._common(adapter, changes))

    def evaluate_job(self, adapter: str = "vifi-clip", **changes: Any) -> EvaluateJob:
        return EvaluateJob(**self._common(adapter, changes))

    def _common(self, adapter: str, changes: dict[str, Any]) -> dict[str, Any]:
        recipe = Recipe(**{**RECIPE, **changes.pop("recipe", {})})
        options = changes.pop("options", {})
        return {
            "method": MethodRef(row=adapter, adapter=adapter, options=options),
            "backbone": BackboneRef(
                model=str(self.root / "tiny.json"),
                weights=str(self.root / "tiny.safetensors"),
                pretraining="none",
            ),
            "recipe": recipe,
            "preprocessing": PreprocessingRef(
                pipeline="vificlip", mean=IMAGENET[0], std=IMAGENET[1]
            ),
            "clips": changes.pop("clips", None) or self.clips(),
            "seed": 7,
            **changes,
        }


def frames_of(adapter: str, recipe: dict[str, Any]) -> PreprocessingRef:
    """How a method's frames are made in a training of the tiny world."""
    chosen = methods.facts(adapter).preprocessing
    return preprocessing_ref(chosen, Recipe(**{**RECIPE, **recipe}), training=True)


def make_world(root: Path) -> World:
    """Coloured squares on noise, in three containers."""
    world = World(root)
    (root / "videos").mkdir(parents=True)
    rng = np.random.RandomState(0)
    entries = []
    for label in range(len(CLASSES)):
        for number in range(CLIPS_A_CLASS):
            name = f"{label}_{number}" + (".mp4", ".avi", ".webm")[number % 3]
            frames = rng.randint(0, 60, (5, 40, 48, 3), dtype=np.uint8)
            frames[:, 8:32, 8:32, label] += 150
            write_video(root / "videos" / name, frames)
            entries.append(ListEntry(name, label))
    world.add_list("all", entries)
    add_classes(world, "classes", CLASSES)
    (root / "tiny.json").write_text(json.dumps({**CONFIG, "quick_gelu": True}))
    tensors = {k: v.contiguous() for k, v in tiny_clip().state_dict().items() if k != "attn_mask"}
    save_file(tensors, root / "tiny.safetensors")
    return world


def add_classes(world: World, name: str, names: tuple[str, ...]) -> None:
    (world.root / f"{name}.csv").write_bytes(class_table(names))
    (world.root / f"{name}.names").write_text("\n".join(names))
