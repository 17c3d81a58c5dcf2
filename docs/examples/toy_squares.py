"""A dataset of your own that others can install: its lists, and texts for its classes."""

from __future__ import annotations

from collections.abc import Sequence

from bench.data.datasets.base import DatasetSpec, few_shot, full, protocols
from bench.data.lists.class_texts.base import ClassTexts

DATASET = DatasetSpec(
    name="toy-squares",
    title="Toy squares",
    summary="three colours; few-shot and fully-supervised",
    settings=protocols(few_shot=few_shot("val"), fully_supervised=full()),
    classes=3,
)


def _texts(dataset: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{name} on a noisy ground" for name in names)


CLASS_TEXTS = ClassTexts("on-noise", "names with what is behind the squares", _texts)
