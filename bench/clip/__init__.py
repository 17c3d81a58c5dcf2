"""CLIP for adapters: tokens, the text tower, and the checks of released weights.

The names come from ``bench.clip.towers``, which imports torch on first use of one of them; what
planning needs of this room (``backbone_ref``, ``weights``) stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.clip.architectures import architecture
    from bench.clip.towers import (
        CONTEXT_LENGTH,
        OPENAI_MARKERS,
        LoadedBackbone,
        TextTower,
        build_clip,
        causal_mask,
        end_of_text,
        load_backbone,
        mismatches,
        normalize,
        tokenize,
    )

__all__ = [
    "CONTEXT_LENGTH",
    "OPENAI_MARKERS",
    "LoadedBackbone",
    "TextTower",
    "architecture",
    "build_clip",
    "causal_mask",
    "end_of_text",
    "load_backbone",
    "mismatches",
    "normalize",
    "tokenize",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'bench.clip' has no attribute '{name}'")
    room = "architectures" if name == "architecture" else "towers"
    return getattr(importlib.import_module(f"bench.clip.{room}"), name)
