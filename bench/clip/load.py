"""Fill CLIP's towers from a weights file: every tensor must fit, and so must the activation.

Nothing here uses the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.clip.architectures import architecture
from bench.clip.backbone_ref import BackboneRef
from bench.clip.finite import require_finite
from bench.clip.towers import build_clip, causal_mask
from bench.clip.weights import (
    OPENAI_RELEASES,
    WeightsFile,
    file_sha256,
    find_weights,
    read_weights,
    state_dict_of,
)
from bench.ground.errors import WeightsError

OPENAI_MARKERS = ("input_resolution", "context_length", "vocab_size")
"""Entries of OpenAI's releases that are no weights; only those files have them."""

_COUNTED = ("attn_mask", "embeddings.position_ids")
"""Ends of the names of buffers that follow from the sizes; some tools save them."""


@dataclass(frozen=True)
class LoadedBackbone:
    """A CLIP with its weights and what is known of them.

    Attributes:
        model: open_clip ``CLIP``, float32, on CPU, in eval mode.
        name: Name of the architecture.
        weights_sha256: Hash of the weights file.
        quick_gelu: Whether the activations are QuickGELU.
        pretraining: What the weights were trained on, as far as it is stated.
        image_size: Side of the input in pixels.
    """

    model: nn.Module
    name: str
    weights_sha256: str
    quick_gelu: bool
    pretraining: str
    image_size: int


def load_backbone(ref: BackboneRef, cache_dir: Path | None = None) -> LoadedBackbone:
    """Build the architecture that ``ref`` names and fill it from its weights file.

    Args:
        ref: Architecture, weights file and what is stated about them.
        cache_dir: Folder in which the file's hash is remembered, or None.

    Raises:
        WeightsError: The file is missing, damaged, of another architecture, or its activation
            (QuickGELU or GELU) is stated wrongly or cannot be known.
        UsageError: There is no such architecture.
    """
    path = find_weights(ref)
    config = architecture(ref.model)
    sha256 = file_sha256(path, cache_dir)
    if ref.weights_sha256 is not None and ref.weights_sha256 != sha256:
        raise WeightsError(
            f"{path.name} is not the weights file that was planned with",
            got=f"sha256 {sha256}",
            allowed=f"sha256 {ref.weights_sha256}",
            next_step="put the planned file back, or plan again",
        )
    file = read_weights(path)
    state = state_dict_of(file.content, source=path.name)
    quick_gelu = _decide_quick_gelu(ref, config, file, state, sha256)
    tensors = _clip_tensors(state, config)
    model = build_clip(config, quick_gelu=quick_gelu, device="meta")
    _fill(model, tensors, path=path, name=ref.model)
    return LoadedBackbone(
        model=model.eval(),
        name=Path(ref.model).stem,
        weights_sha256=sha256,
        quick_gelu=quick_gelu,
        pretraining=ref.pretraining or ("OpenAI WIT-400M" if sha256 in OPENAI_RELEASES else ""),
        image_size=int(config["vision_cfg"]["image_size"]),
    )


def _decide_quick_gelu(
    ref: BackboneRef,
    config: Mapping[str, Any],
    file: WeightsFile,
    state: Mapping[str, Tensor],
    sha256: str,
) -> bool:
    """What the weights were trained with; every source that knows must agree."""
    evidence: dict[str, bool] = {}
    if sha256 in OPENAI_RELEASES:
        evidence[f"the file is OpenAI's release of {OPENAI_RELEASES[sha256]}"] = True
    elif any(marker in state for marker in OPENAI_MARKERS):
        evidence["the file has the layout of OpenAI's releases"] = True
    if "quick_gelu" in file.metadata:
        evidence["the header of the file"] = file.metadata["quick_gelu"].lower() == "true"
    if "quick_gelu" in config:
        evidence[f"the configuration {Path(ref.model).name}"] = bool(config["quick_gelu"])
    if not ref.model.endswith(".json") and ref.pretraining:
        import open_clip

        known = open_clip.get_pretrained_cfg(ref.model.removesuffix("-quickgelu"), ref.pretraining)
        if known:
            evidence[f"weights trained on '{ref.pretraining}'"] = bool(known.get("quick_gelu"))
    if ref.quick_gelu is not None:
        evidence["backbone.quick_gelu"] = ref.quick_gelu
    says = "; ".join(f"{source}: {_activation(value)}" for source, value in evidence.items())
    if not evidence:
        raise WeightsError(
            f"whether {Path(ref.weights or '').name} was trained with QuickGELU cannot be known "
            "from the file, and the wrong choice would silently lower every score",
            allowed="backbone.quick_gelu = True (OpenAI's weights and their fine-tunings) or False",
            next_step="set backbone.quick_gelu, or backbone.pretraining to open_clip's tag",
        )
    if len(set(evidence.values())) > 1:
        raise WeightsError(
            "the activation that is asked for is not the one the weights were trained with",
            got=says,
            next_step="remove backbone.quick_gelu, or name a model that fits the weights",
        )
    return next(iter(evidence.values()))


def _activation(quick_gelu: bool) -> str:
    return "QuickGELU" if quick_gelu else "GELU"


def _clip_tensors(state: Mapping[str, Tensor], config: Mapping[str, Any]) -> dict[str, Tensor]:
    """The state dict in open_clip's layout and in float32."""
    tensors = {
        name: tensor
        for name, tensor in state.items()
        if name not in OPENAI_MARKERS and not name.endswith(_COUNTED)
    }
    if "token_embedding.rows" in tensors:
        from bench.clip.mini_clip.tokens import expand_token_rows

        vocabulary = int(config["text_cfg"].get("vocab_size", 49408))
        try:
            tensors = expand_token_rows(tensors, vocabulary)
        except ValueError as error:
            raise WeightsError(f"the token rows do not fit: {error}") from error
    scale = tensors.get("logit_scale")
    if scale is not None and scale.shape == (1,):
        tensors["logit_scale"] = scale[0]  # sharded trainings keep it as a vector
    return {
        name: tensor.to(torch.float32) if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }


def _fill(model: nn.Module, tensors: Mapping[str, Tensor], *, path: Path, name: str) -> None:
    """Move the tensors into a model made on ``meta``; every name and shape must fit."""
    problems = mismatches(dict(model.state_dict()), tensors)
    if problems:
        raise WeightsError(
            f"{path.name} does not hold the weights of {Path(name).stem}",
            got="; ".join(problems),
            next_step="name the model that the file was made for in backbone.model",
        )
    require_finite(tensors, source=path.name)
    model.load_state_dict(tensors, assign=True)
    # The mask is in no file, so it is still on ``meta``.
    model.attn_mask = causal_mask(len(model.get_parameter("positional_embedding")))


def mismatches(
    wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], *, shown: int = 5
) -> list[str]:
    """What does not fit between two sets of tensors, in words; empty when all does."""
    missing = sorted(set(wanted) - set(given))
    unexpected = sorted(set(given) - set(wanted))
    shapes = [
        f"{name} {list(given[name].shape)} instead of {list(wanted[name].shape)}"
        for name in sorted(set(wanted) & set(given))
        if given[name].shape != wanted[name].shape
    ]
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": shapes}
    return [
        f"{len(names)} {kind}: {', '.join(names[:shown])}{', …' if len(names) > shown else ''}"
        for kind, names in kinds.items()
        if names
    ]
