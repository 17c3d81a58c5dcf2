"""What is counted or timed, and on which backbone."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from bench.clip import architecture, build_clip
from bench.ground.errors import UsageError

_NAMES = (
    ("throwing", "catching", "holding", "washing", "opening", "closing", "lifting", "turning"),
    ("red", "blue", "green", "white", "black", "small", "big", "old", "new", "long"),
    ("ball", "box", "book", "cup", "door", "chair", "table", "car", "bag", "hat"),
)


@dataclass(frozen=True)
class Setup:
    """A backbone and the size of what goes through it.

    Attributes:
        model: open_clip model name, or path of a model configuration.
        frames: Frames a view, T.
        size: Side of a frame in pixels; None: the model's own.
        classes: Number of classes, C.
    """

    model: str = "ViT-B-16"
    frames: int = 16
    size: int | None = None
    classes: int = 400

    def config(self) -> dict[str, Any]:
        """The model's configuration, for frames of this size.

        Raises:
            UsageError: Unknown model, or the frames are smaller than a patch.
        """
        config = architecture(self.model)
        vision = dict(config["vision_cfg"])
        patch = int(vision["patch_size"])
        vision["image_size"] = self.size or vision["image_size"]
        if vision["image_size"] < patch:
            raise UsageError(
                f"frames of {self.size} pixels are smaller than a patch of {self.model}",
                got=f"--size {self.size}",
                allowed=f"at least {patch}",
            )
        return {**config, "vision_cfg": vision}

    def pixels(self) -> int:
        """Side of a frame."""
        return int(self.config()["vision_cfg"]["image_size"])

    def build(self, device: str = "cpu") -> nn.Module:
        """A CLIP with random weights, the same every time; none on ``meta``."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return build_clip(self.config(), quick_gelu=True, device=device).eval()

    def class_names(self) -> tuple[str, ...]:
        """C names of seven tokens, as many as the longest names of Kinetics-400 have."""
        names = (
            f"{verb} a {colour} {thing} with both hands"
            for verb, colour, thing in itertools.product(*_NAMES)
        )
        return tuple(itertools.islice(itertools.cycle(names), self.classes))
