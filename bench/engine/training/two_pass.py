"""A loss over all clips of an update, for any number of clips in any memory.

Such a loss (``Method.loss_spans_update``) is not a sum over micro-batches. But it sees the clips
only through their features, so the chain rule can be cut there: features of every part without a
graph; the loss of all features, which gives each of them its gradient; then every part once more,
with a graph, to carry its gradients into the weights. The last part's graph is kept from the first
pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from bench.data.loading.clip_loader import LoadedClip
from bench.engine.precision import Precision
from bench.engine.training.mixing import mixes
from bench.ground.errors import UsageError
from bench.ground.seeds import derive_seed, seed_everything
from bench.planning.recipe import Recipe
from methods.base import Method


def check_recipe(method: Method, recipe: Recipe) -> None:
    """Refuse recipes that make soft targets for a loss that needs to know whose class is whose.

    Raises:
        UsageError: The loss spans the update, and the recipe mixes clips or smooths labels.
    """
    if method.loss_spans_update and (mixes(recipe) or recipe.label_smoothing > 0):
        raise UsageError(
            f"{method.title} compares the classes of clips and takes no soft targets",
            got=(
                f"label_smoothing = {recipe.label_smoothing:g}, "
                f"mixup_alpha = {recipe.mixup_alpha:g}, cutmix_alpha = {recipe.cutmix_alpha:g}"
            ),
            allowed="0 for all three",
            next_step="set them to 0 in the recipe",
        )


def backward_over_update(
    method: Method,
    clips: Sequence[LoadedClip],
    *,
    chunk: int,
    normalise: Callable[[Sequence[Tensor]], Tensor],
    precision: Precision,
    scaler: torch.amp.GradScaler,
    seed: int,
    check: Callable[[], None] = lambda: None,
) -> Tensor:
    """Loss of an update; its gradients are added to those of the parameters.

    Args:
        method: One with ``loss_spans_update``.
        clips: All clips of the update.
        chunk: Clips that have a graph at one time, at most.
        normalise: Makes [n,T,3,S,S] of the frames of n clips.
        precision: Autocast of the passes.
        scaler: Its scale is in the gradients.
        seed: Of what the method draws: for the loss, and for each part, in both passes alike.
        check: Called between two parts; may raise to give the update up.

    Returns:
        The loss, a scalar without graph.
    """
    parts = [clips[start : start + chunk] for start in range(0, len(clips), chunk)]

    def encode(number: int) -> Tensor:
        check()
        seed_everything(derive_seed(use="part", seed=seed, part=number))
        with precision.autocast():
            return method.encode_clips(normalise([clip.frames for clip in parts[number]])).float()

    with torch.no_grad():
        cut = [encode(number) for number in range(len(parts) - 1)]
    for features in cut:
        features.requires_grad_()
    everything = torch.cat([*cut, encode(len(parts) - 1)])
    labels = torch.tensor([clip.clip.label for clip in clips], device=everything.device)
    seed_everything(seed)
    with precision.autocast():
        loss = method.clips_loss(everything, labels)
    torch.autograd.backward(scaler.scale(loss))
    for number, features in enumerate(cut):
        torch.autograd.backward(encode(number), features.grad)
    return loss.detach()
