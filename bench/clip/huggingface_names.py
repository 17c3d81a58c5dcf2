"""CLIP as Hugging Face's ``transformers`` names it, turned into OpenAI's layout.

Exact: the query, key and value projections are stacked, the two joint projections transposed, and
everything else only renamed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_PLACES = {
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
}
_NORMS = {
    "vision_model.pre_layrnorm": "visual.ln_pre",
    "vision_model.post_layernorm": "visual.ln_post",
    "text_model.final_layer_norm": "ln_final",
}
_TRANSPOSED = {
    "visual_projection.weight": "visual.proj",
    "text_projection.weight": "text_projection",
}
_TOWERS = {"vision": "visual.transformer", "text": "transformer"}
_PARTS = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
_LAYER = re.compile(r"(vision|text)_model\.encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")
_BUFFER = re.compile(r"(vision|text)_model\.embeddings\.position_ids")


def is_huggingface(tensors: Mapping[str, Tensor]) -> bool:
    """Whether the names are those of ``transformers.CLIPModel``."""
    return any(name.startswith("vision_model.") for name in tensors) and any(
        name.startswith("text_model.") for name in tensors
    )


def from_huggingface(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights by OpenAI's names; what has no place keeps its name, and is refused later.

    Args:
        tensors: The state dict of a ``CLIPModel``.
    """
    found: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if _BUFFER.fullmatch(name) or re.search(r"\.self_attn\.[kv]_proj\.", name):
            continue  # the numbers 0, 1, 2, …; or stacked with the query
        layer = _LAYER.fullmatch(name)
        module, _, kind = name.rpartition(".")
        if name in _TRANSPOSED:
            found[_TRANSPOSED[name]] = value.T
        elif name in _PLACES:
            found[_PLACES[name]] = value
        elif module in _NORMS:
            found[f"{_NORMS[module]}.{kind}"] = value
        elif layer is not None and layer[3] == "self_attn.q_proj":
            block = f"{_TOWERS[layer[1]]}.resblocks.{layer[2]}"
            three = [tensors.get(name.replace("q_proj", part)) for part in _STACKED]
            whole = [part for part in three if part is not None]
            found[f"{block}.attn.in_proj_{kind}"] = torch.cat(whole)
        elif layer is not None and layer[3] in _PARTS:
            block = f"{_TOWERS[layer[1]]}.resblocks.{layer[2]}"
            found[f"{block}.{_PARTS[layer[3]]}.{kind}"] = value
        else:
            found[name] = value
    return found


_STACKED = ("q_proj", "k_proj", "v_proj")
