"""What architectures can be adapted: CLIP with a vision transformer and CLIP's own text tower.

Reads open_clip's configurations as files, so that planning can refuse a model without torch.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bench.ground.errors import UsageError, unknown_name

VOCABULARY = 49408
"""Tokens of CLIP's byte-pair encoding."""

_SIZES = ("context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio", "ls_init_value")
"""Entries of a text tower that change its size and not what it reads or how it is read out."""
_CLIPS_OWN: Mapping[str, object] = {
    "hf_tokenizer_name": None,
    "tokenizer_kwargs": None,
    "tokenizer_mode": None,
    "no_causal_mask": False,
    "pool_type": "argmax",
    "embed_cls": False,
    "final_ln_after_pool": False,
    "pad_id": 0,
    "proj_bias": False,
    "proj_type": "linear",
    "output_tokens": False,
}
"""What the entries are in CLIP that say how a text is cut into tokens, masked and read out."""


def architecture(model: str) -> dict[str, Any]:
    """The open_clip configuration of a model name, or of a JSON file.

    Raises:
        UsageError: Unknown name, unreadable file, or not a CLIP with a vision transformer and
            CLIP's tokenizer, mask and pooling.
    """
    if model.endswith(".json"):
        config = _read(Path(model), model)
    else:
        named = _named()
        if model not in named:
            raise unknown_name("CLIP model", model, list(named))
        config = _read(named[model], model)
    for key in ("embed_dim", "vision_cfg", "text_cfg"):
        if key not in config:
            raise UsageError(f"the model configuration of {model} lacks '{key}'")
    vision, text = config["vision_cfg"], config["text_cfg"]
    if isinstance(vision.get("layers", 12), list) or "timm_model_name" in vision:
        raise _no_clip(model, "its image tower is not a plain vision transformer")
    if config.get("custom_text") or "hf_model_name" in text or text.get("proj_bias"):
        raise _no_clip(model, "its text tower is not CLIP's")
    _check_text(model, text)
    vision.setdefault("image_size", 224)
    return config


def _check_text(model: str, text: Mapping[str, Any]) -> None:
    """Refuse a tower whose texts CLIP's tokenizer, mask and pooling would get wrong.

    MetaCLIP 2 and CLIPA are built by open_clip's ``CLIP`` class too, with other tokenizers; their
    text features would be wrong and nothing would say so.
    """
    foreign = [
        f"{key} = {text[key]}"
        for key in text
        if key not in _SIZES
        and (key not in _CLIPS_OWN or text[key] != _CLIPS_OWN[key])
        and not (key == "eos_id" and text.get("pool_type", "argmax") != "eos")
    ]
    if text.get("vocab_size", VOCABULARY) != VOCABULARY:
        foreign.insert(0, f"vocab_size = {text['vocab_size']}")
    if foreign:
        raise _no_clip(model, "its texts are not tokenised, masked and read out as CLIP's", foreign)


def _no_clip(model: str, why: str, got: list[str] | None = None) -> UsageError:
    return UsageError(
        f"{model} cannot be adapted here: {why}",
        got=", ".join(got) if got else None,
        allowed="CLIP with a vision transformer, for example ViT-B-16, ViT-B-32, ViT-L-14",
    )


@cache
def _named() -> dict[str, Path]:
    """Name -> file of the configurations that open_clip comes with."""
    found = importlib.util.find_spec("open_clip")
    folders = [] if found is None else list(found.submodule_search_locations or ())
    files = sorted(
        file for folder in folders for file in Path(folder, "model_configs").glob("*.json")
    )
    return {file.stem: file for file in files}


def _read(path: Path, model: str) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise UsageError(
            f"the model configuration {path.name} cannot be read: {error}", got=model
        ) from error
