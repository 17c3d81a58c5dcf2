"""The adapter under test: on a tiny CLIP, moved away from its start, given noise for video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import methods
from bench.clip import build_clip
from bench.engine import checkpoint
from bench.ground.errors import BenchError
from bench.ground.seeds import derive_seed, seed_everything
from methods.base import Method
from results.run.layout import CHECKPOINT

CLIP_CONFIG: dict[str, Any] = {
    "embed_dim": 64,
    "vision_cfg": {
        "width": 96,
        "layers": 3,
        "head_width": 32,
        "patch_size": 16,
        "image_size": 32,
    },
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 64,
        "heads": 2,
        "layers": 3,
    },
}
"""The widths of the towers differ, so that an adapter cannot mistake one for another."""

CLASSES = ("archery", "brush_hair", "playing violin", "Tai Chi")
OTHER_CLASSES = ("juggling", "riding a rather long bicycle", "whistle", "high_jump", "fencing")
FEW_CLASSES = ("surfing", "ironing")

TOLERANCE = 1e-4
"""Largest difference between two ways to one result in fp32, relative to the result's size."""

_STEP = 0.05


class Failed(Exception):
    """A check's finding; its text says what is wrong and, where it can, how to fix it."""


class Skipped(Exception):
    """A check that does not apply to this adapter."""


class Subject:
    """One adapter with its options.

    Args:
        adapter: Name of the adapter.
        num_frames: Frames per video.
        options: Options that differ from the adapter's defaults.
        folder: Where files may be written.
    """

    batch = 3

    def __init__(
        self, adapter: str, num_frames: int, options: Mapping[str, Any], folder: Path
    ) -> None:
        self.adapter = adapter
        self.num_frames = num_frames
        self.options = dict(options)
        self.folder = folder
        self.cls = methods.get(adapter)

    @cached_property
    def clip(self) -> nn.Module:
        """The tiny CLIP; ``methods.create`` copies it."""
        seed_everything(derive_seed(use="tiny clip"))
        model = build_clip(CLIP_CONFIG, quick_gelu=True)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim:
                    parameter.add_(_STEP * torch.randn_like(parameter))
        return model.eval()

    def build(
        self,
        classes: Sequence[str] = CLASSES,
        *,
        num_frames: int | None = None,
        seed: int = 0,
        adapter: str | None = None,
    ) -> Method:
        """The adapter as it starts, in eval mode.

        Args:
            classes: Class names.
            num_frames: None: the subject's.
            seed: Of what it draws at its start.
            adapter: Another adapter, with its default options.
        """
        clip = self.clip  # seeds its own weights, so it has to be there before the seed below
        seed_everything(derive_seed(use="initial weights", seed=seed))
        method = methods.create(
            adapter or self.adapter,
            clip=clip,
            class_names=classes,
            num_frames=num_frames or self.num_frames,
            **({} if adapter else self.options),
        )
        return method.eval()

    def trained(self, classes: Sequence[str] = CLASSES, *, seed: int = 0) -> Method:
        """The adapter after something moved every trainable parameter."""
        method = self.build(classes, seed=seed)
        move(method)
        return method

    def saved(self, *, seed: int = 0) -> tuple[Method, Path]:
        """The adapter as ``trained`` gives it, and the checkpoint that the engine makes of it."""
        method = self.build(seed=seed)
        buffers = checkpoint.snapshot_buffers(method)
        move(method)
        path = self.folder / CHECKPOINT
        checkpoint.save_weights(method, checkpoint.changed_names(method, buffers, ()), path)
        return method, path

    def video(self, batch: int | None = None, num_frames: int | None = None) -> Tensor:
        """Noise [B,T,3,H,W]; every clip and frame differs."""
        side = CLIP_CONFIG["vision_cfg"]["image_size"]
        size = (batch or self.batch, num_frames or self.num_frames, 3, side, side)
        return torch.randn(size, generator=torch.Generator().manual_seed(1))

    def targets(self) -> Tensor:
        """Class ids [B]."""
        return torch.arange(self.batch) % len(CLASSES)

    def scores(self, method: Method, video: Tensor | None = None) -> Tensor:
        """Scores without gradients."""
        with torch.no_grad():
            scores: Tensor = method(self.video() if video is None else video)
        return scores

    def loss(
        self,
        method: Method,
        targets: Tensor | None = None,
        text: Tensor | None = None,
        *,
        video: Tensor | None = None,
        seed: int = 0,
    ) -> Tensor:
        """The training loss as the engine asks for it."""
        wanted = self.targets() if targets is None else targets
        shown = self.video() if video is None else video
        seed_everything(derive_seed(use="forward", seed=seed))
        if method.loss_spans_update:
            return method.clips_loss(method.encode_clips(shown), wanted)
        return method.loss(shown, wanted, text)


@torch.no_grad()
def move(method: Method) -> None:
    """Add noise to the trainable parameters, so that nothing is zero only because it starts so."""
    parameters = dict(method.named_parameters())
    for name in method.trainable_names():
        generator = torch.Generator().manual_seed(derive_seed(use="move", name=name))
        value = parameters[name]
        value.add_(_STEP * torch.randn(value.shape, generator=generator))


def gap(got: Tensor, wanted: Tensor) -> float:
    """The largest difference, relative to the size of ``wanted``; infinite for other shapes."""
    if got.shape != wanted.shape:
        return float("inf")
    if not wanted.numel():
        return 0.0
    difference = float((got.detach().float() - wanted.detach().float()).abs().max())
    scale = max(1.0, float(wanted.detach().float().abs().max()))
    return difference / scale if difference == difference else float("inf")


def require_equal(got: Tensor, wanted: Tensor, what: str, tolerance: float = TOLERANCE) -> float:
    """The gap of two tensors that must be equal.

    Raises:
        Failed: They are not; ``what`` says what was compared.
    """
    found = gap(got, wanted)
    if found > tolerance:
        shapes = "" if got.shape == wanted.shape else f" (shapes {shape(got)} and {shape(wanted)})"
        raise Failed(f"{what}: they differ by {found:.2g}, allowed {tolerance:g}{shapes}")
    return found


def shape(tensor: Tensor) -> str:
    """``[3, 4]``."""
    return str(list(tensor.shape))


def some(names: Sequence[str], shown: int = 4) -> str:
    """The first names, and how many more there are."""
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")


def first_line(error: BaseException) -> str:
    """An exception in one line; a project's error without its type."""
    text = " ".join(str(error).split()) if isinstance(error, BenchError) else str(error).strip()
    lines = text.splitlines() or ["no message"]
    return lines[0] if isinstance(error, BenchError) else f"{type(error).__name__}: {lines[0]}"
