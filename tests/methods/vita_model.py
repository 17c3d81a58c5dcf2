"""A Vita-CLIP on the tiny CLIP."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import methods
from tests.tiny_clip import tiny_clip

NAMES = ("swing_baseball", "RideBike", "massaging person's head")
OTHERS = ("eat", "tying knot (not on a tie)", "brush hair")
CTX = "prompt_learner.ctx"
SHARED: dict[str, Any] = {"class_specific_ctx": False}


def make(
    class_names: tuple[str, ...] = NAMES,
    seed: int = 0,
    frames: int = 4,
    moved: bool = True,
    **options: Any,
) -> Any:
    """A model; ``moved``: what it trains is far from its start, so that all of it matters."""
    torch.manual_seed(seed)
    method = methods.create(
        "vita-clip", clip=tiny_clip(), class_names=class_names, num_frames=frames, **options
    )
    with torch.no_grad():
        for parameter in method.parameters():
            if moved and parameter.requires_grad and parameter.ndim:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return method.eval()


def video(batch: int = 2, frames: int = 4) -> Tensor:
    """Noise [B,T,3,32,32], the same in every test."""
    return torch.randn(batch, frames, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def gradients(method: Any) -> dict[str, Tensor]:
    """Of the loss of two clips, by name."""
    method.loss(video(), torch.tensor([0, 2])).backward()
    return {n: p.grad for n, p in method.named_parameters() if p.grad is not None}


@torch.no_grad()
def scores_of(method: Any) -> Tensor:
    """Scores of two clips, [2,C]."""
    scores: Tensor = method(video())
    return scores
