"""A CLIP of the smallest useful size, the same in every test."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import torch
from torch import nn

from bench.clip import build_clip

CONFIG: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {
        "width": 64,
        "layers": 2,
        "head_width": 32,
        "patch_size": 16,
        "image_size": 32,
    },
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 32,
        "heads": 2,
        "layers": 2,
    },
}


@cache
def _made(seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_clip(CONFIG, quick_gelu=True)
        # Far from its initial value, so that biases, projections and positions all matter.
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim:
                    parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def tiny_clip(seed: int = 0) -> nn.Module:
    """A fresh copy of the tiny CLIP (QuickGELU, random weights, eval mode)."""
    return copy.deepcopy(_made(seed))
