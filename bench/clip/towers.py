"""CLIP: build the towers with open_clip, fill them from a file, run the text tower.

Nothing here uses the network. Shapes: n texts, L tokens, D text width, E joint width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.clip.architectures import architecture
from bench.clip.backbone_ref import BackboneRef
from bench.clip.finite import require_finite
from bench.clip.weights import (
    OPENAI_RELEASES,
    WeightsFile,
    file_sha256,
    find_weights,
    read_weights,
    state_dict_of,
)
from bench.ground.errors import UsageError, WeightsError

CONTEXT_LENGTH = 77

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


def build_clip(
    config: Mapping[str, Any], *, quick_gelu: bool, device: str | torch.device = "cpu"
) -> nn.Module:
    """An open_clip ``CLIP`` with random weights (on ``meta``: with none).

    Args:
        config: As ``architecture`` gives it.
        quick_gelu: QuickGELU, or PyTorch's GELU.
        device: Where the parameters are made.
    """
    import open_clip

    with torch.device(device):
        model: nn.Module = open_clip.CLIP(
            embed_dim=config["embed_dim"],
            vision_cfg=config["vision_cfg"],
            text_cfg=config["text_cfg"],
            quick_gelu=quick_gelu,
        )
    return model


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
        from bench.data.mini_world.clip.tokens import expand_token_rows

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


def causal_mask(length: int) -> Tensor:
    """[length,length], ``-inf`` above the diagonal and 0 elsewhere."""
    return torch.full((length, length), float("-inf")).triu_(1)


@cache
def _tokenizer() -> Any:
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()


def tokenize(texts: Sequence[str], context_length: int = CONTEXT_LENGTH) -> Tensor:
    """Token ids of CLIP's byte-pair encoding, int64 [n,context_length], zero-padded.

    Raises:
        UsageError: A text has more tokens than the context holds (it is never cut silently).
    """
    tokenizer = _tokenizer()
    ids = torch.zeros(len(texts), context_length, dtype=torch.int64)
    for row, text in enumerate(texts):
        tokens = [tokenizer.sot_token_id, *tokenizer.encode(text), tokenizer.eot_token_id]
        if len(tokens) > context_length:
            raise UsageError(
                f"a text has {len(tokens)} tokens; CLIP reads {context_length}",
                got=text,
                next_step="shorten the class name or the prompt",
            )
        ids[row, : len(tokens)] = torch.tensor(tokens)
    return ids


def end_of_text(ids: Tensor) -> Tensor:
    """Position of the end token of each text, int64 [n]: it has the largest id."""
    return ids.argmax(dim=-1)


class TextTower(nn.Module):
    """CLIP's text tower from token embeddings on; it has no token table.

    Parameter names are those of ViFi-CLIP's ``text_encoder``. The attention is causal, so what
    stands behind the last end token never reaches it: callers may give only the tokens up to
    there (``embeddings[:, : int(eot.max()) + 1]``) and get the same features.

    Args:
        clip: An open_clip ``CLIP``; its modules are shared, not copied.
    """

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.transformer: nn.Module = clip.transformer
        self.positional_embedding: nn.Parameter = clip.positional_embedding
        self.ln_final: nn.Module = clip.ln_final
        self.text_projection: nn.Parameter = clip.text_projection
        self.attn_mask: Tensor
        self.register_buffer("attn_mask", clip.attn_mask, persistent=False)

    def forward(self, embeddings: Tensor, eot: Tensor) -> Tensor:
        """Text features before normalisation, [n,E].

        Args:
            embeddings: Token embeddings without positions, [n,L,D].
            eot: Position of the end token, int64 [n], each < L.
        """
        length = embeddings.shape[1]
        x = embeddings + self.positional_embedding[:length]
        x = self.transformer(x, attn_mask=self.attn_mask[:length, :length])
        x = x[torch.arange(len(x), device=x.device), eot]
        projected: Tensor = self.ln_final(x) @ self.text_projection
        return projected


def normalize(features: Tensor) -> Tensor:
    """Divide by the L2 norm over the last dimension, without an epsilon (as CLIP does)."""
    return features / features.norm(dim=-1, keepdim=True)
