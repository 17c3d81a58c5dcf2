"""The paper's matrix at full size: ViT-B/16, the real datasets, the released recipes.

``bench plan --config configs/paper.py`` lists every job without data or weights. See
``docs/data.md`` for what must lie where, and ``_base_/datasets.py`` for the variables.
"""

import os

_base_ = [
    "_base_/methods.py",
    "_base_/settings.py",
    "_base_/datasets.py",
    "_base_/recipes.py",
]

name = "paper"
summary = "the paper's tables at full size"
backbone = dict(
    model="ViT-B-16",
    weights=os.environ.get("BENCH_WEIGHTS", "weights/ViT-B-16.pt"),
    quick_gelu=True,
    pretraining="OpenAI CLIP",
)
workers = 8
# Frames of all test lists would take hundreds of gigabytes; features are kept nevertheless.
cache_frames = False
