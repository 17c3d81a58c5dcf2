"""The names of the label file as they are."""

from __future__ import annotations

from bench.data.lists.class_texts.base import ClassTexts

CLASS_TEXTS = ClassTexts("raw", "names as they are", lambda dataset, names: tuple(names))
