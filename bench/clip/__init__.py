"""CLIP for adapters: tokens, the text tower, and the reading and checking of weight files.

Names are imported on first use, and torch with those that need it: what planning needs of this
room stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.clip.architectures import architecture
    from bench.clip.finite import require_finite
    from bench.clip.inert_pickle import Inert
    from bench.clip.load import OPENAI_MARKERS, LoadedBackbone, load_backbone, mismatches
    from bench.clip.towers import (
        CONTEXT_LENGTH,
        TextTower,
        build_clip,
        causal_mask,
        end_of_text,
        normalize,
        tokenize,
    )
    from bench.clip.weights import WeightsFile, file_sha256, read_weights, state_dict_of
    from bench.clip.wrappers import at_home, unwrap

_PLACES = {
    "architectures": ("architecture",),
    "finite": ("require_finite",),
    "inert_pickle": ("Inert",),
    "load": ("OPENAI_MARKERS", "LoadedBackbone", "load_backbone", "mismatches"),
    "towers": (
        "CONTEXT_LENGTH",
        "TextTower",
        "build_clip",
        "causal_mask",
        "end_of_text",
        "normalize",
        "tokenize",
    ),
    "wrappers": ("at_home", "unwrap"),
    "weights": ("WeightsFile", "file_sha256", "read_weights", "state_dict_of"),
}

__all__ = [
    "CONTEXT_LENGTH",
    "OPENAI_MARKERS",
    "Inert",
    "LoadedBackbone",
    "TextTower",
    "WeightsFile",
    "architecture",
    "at_home",
    "build_clip",
    "causal_mask",
    "end_of_text",
    "file_sha256",
    "load_backbone",
    "mismatches",
    "normalize",
    "read_weights",
    "require_finite",
    "state_dict_of",
    "tokenize",
    "unwrap",
]


def __getattr__(name: str) -> object:
    for module, names in _PLACES.items():
        if name in names:
            return getattr(importlib.import_module(f"bench.clip.{module}"), name)
    raise AttributeError(f"module 'bench.clip' has no attribute '{name}'")
