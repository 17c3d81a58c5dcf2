"""How many classes and clips the real datasets' lists have, for plans made without the data.

Source: the ViFi-CLIP release's lists and labels (counted), see ``DatasetSpec.listed``.
"""

from __future__ import annotations

from bench.data.datasets import CATALOGUE
from bench.data.lists.derive import ZERO_SHOT_CLASSES, rule_for
from bench.ground.errors import UsageError


def expected_classes(dataset: str, classes: str) -> int | None:
    """How many classes a class list of a real dataset has; None when it is not known."""
    total = CATALOGUE[dataset].classes if dataset in CATALOGUE else None
    if total is None:
        return None
    if classes.startswith("zero_shot_"):
        return ZERO_SHOT_CLASSES
    return {"all": total, "base": total - total // 2, "novel": total // 2}.get(classes)


def expected_clips(dataset: str, clip_list: str, classes: str) -> int | None:
    """How many clips a list of a real dataset has; None when it is not known."""
    known = CATALOGUE[dataset].listed.get(clip_list) if dataset in CATALOGUE else None
    if known is not None:
        return known
    try:
        shots = rule_for(clip_list).shots
    except UsageError:
        return None  # a list of the user's own; its length shows once it is there
    count = expected_classes(dataset, classes)
    return shots * count if shots is not None and count is not None else None
