"""How many clips go through a model at once: a matter of memory, never of the result.

Mixing groups and updates are made before a micro-step is cut into chunks.
"""

from __future__ import annotations

import math
from itertools import accumulate, pairwise

import torch

from bench.engine.precision import Precision
from bench.planning.recipe import Recipe
from methods.base import Method

_CPU_PIXELS = 2**22
"""Pixels of all frames of a chunk on the CPU: some 10 GB of activations with ViT-B/16."""


def split(method: Method, chunk: int, sizes: list[int]) -> list[slice]:
    """Cut the clips of a micro-step into parts.

    Args:
        method: One whose loss couples the clips of a batch gets exactly its groups.
        chunk: Clips a part, at most.
        sizes: Clips of each group.
    """
    total = sum(sizes)
    if method.loss_couples_clips:
        return [slice(start, end) for start, end in pairwise([0, *accumulate(sizes)])]
    return [slice(start, min(start + chunk, total)) for start in range(0, total, chunk)]


def choose_chunk(method: Method, recipe: Recipe, precision: Precision, num_classes: int) -> int:
    """The largest chunk that is safe: by size on the CPU, by trying on a GPU.

    Raises:
        torch.cuda.OutOfMemoryError: Not even one clip fits.
    """
    most = recipe.micro_batch * recipe.replicas
    if precision.device.type == "cpu":
        pixels = recipe.num_frames * recipe.image_size**2
        return max(1, min(most, _CPU_PIXELS // pixels))
    chunk = most
    while chunk > 1 and not _fits(method, recipe, precision, chunk, num_classes):
        chunk = math.ceil(chunk / 2)
    return chunk


def _fits(
    method: Method, recipe: Recipe, precision: Precision, chunk: int, num_classes: int
) -> bool:
    """Whether forward and backward of a chunk find room beside what a training holds."""
    try:
        beside = _held_beside(method, recipe, precision.device)
        _rehearse(method, recipe, precision, chunk, num_classes)
        del beside
        fits = True
    except torch.cuda.OutOfMemoryError:
        fits = False
    # Not in the handler, where the error still holds what the passes had allocated.
    method.zero_grad(set_to_none=True)
    torch.cuda.empty_cache()
    return fits


def _held_beside(method: Method, recipe: Recipe, device: torch.device) -> list[torch.Tensor]:
    """Room for what comes later: AdamW's two moments, and the frames of a whole micro-step."""
    trained = [value for value in method.parameters() if value.requires_grad]
    clips = recipe.micro_batch * recipe.replicas
    frames = (clips, recipe.num_frames, 3, recipe.image_size, recipe.image_size)
    moments = [torch.empty_like(value) for value in trained for _ in range(2)]
    return [*moments, torch.empty(frames, device=device)]


def _rehearse(
    method: Method, recipe: Recipe, precision: Precision, chunk: int, num_classes: int
) -> None:
    """Forward and backward on black frames; leaves no gradient and changes no buffer."""
    shape = (chunk, recipe.num_frames, 3, recipe.image_size, recipe.image_size)
    video = torch.zeros(shape, device=precision.device)
    targets = torch.full((chunk, num_classes), 1 / num_classes, device=precision.device)
    method.eval()
    try:
        with precision.autocast():
            if method.loss_spans_update:
                loss = method.encode_clips(video).float().sum()
            else:
                loss = method.loss(video, targets, method.encode_text())
        loss.backward()
    finally:
        method.train()
        method.zero_grad(set_to_none=True)
