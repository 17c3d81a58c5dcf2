"""Names with CamelCase taken apart: ``Apply Eye Makeup``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.data.lists.class_texts.base import ClassTexts

_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _texts(dataset: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(_WORD_STARTS.sub(" ", name) for name in names)


CLASS_TEXTS = ClassTexts("spaced", "'ApplyEyeMakeup' becomes 'Apply Eye Makeup'", _texts)
