"""How many classes and clips the real datasets' lists have, for plans made without the data.

Source: the ViFi-CLIP release's lists and labels (counted); K400's training list, which is not in
the release, as the paper gives it (about 240,000).
"""

from __future__ import annotations

from types import MappingProxyType

from bench.data.lists.derive import ZERO_SHOT_CLASSES, rule_for
from bench.ground.errors import UsageError

_CLASSES = {"kinetics400": 400, "kinetics600": 600, "hmdb51": 51, "ucf101": 101, "ssv2": 174}

_CLIPS: MappingProxyType[tuple[str, str], int] = MappingProxyType(
    {
        ("kinetics400", "train"): 240_000,
        ("kinetics400", "train_tiny"): 60_000,
        ("kinetics400", "val"): 19_877,
        ("kinetics400", "base_val"): 9_944,
        ("kinetics400", "novel_val"): 9_933,
        ("kinetics600", "zero_shot_1"): 14_084,
        ("kinetics600", "zero_shot_2"): 13_978,
        ("kinetics600", "zero_shot_3"): 14_136,
        ("hmdb51", "val1"): 1_530,
        ("hmdb51", "val2"): 1_530,
        ("hmdb51", "val3"): 1_530,
        ("hmdb51", "base_train"): 1_820,
        ("hmdb51", "base_val"): 780,
        ("hmdb51", "novel_val"): 750,
        ("ucf101", "val1"): 3_783,
        ("ucf101", "val2"): 3_734,
        ("ucf101", "val3"): 3_696,
        ("ucf101", "base_train"): 5_385,
        ("ucf101", "base_val"): 2_088,
        ("ucf101", "novel_val"): 1_695,
        ("ssv2", "val"): 24_777,
        ("ssv2", "base_train"): 125_937,
        ("ssv2", "base_val"): 17_562,
        ("ssv2", "novel_val"): 7_215,
    }
)


def expected_classes(dataset: str, classes: str) -> int | None:
    """How many classes a class list of a real dataset has; None when it is not known."""
    total = _CLASSES.get(dataset)
    if total is None:
        return None
    if classes.startswith("zero_shot_"):
        return ZERO_SHOT_CLASSES
    return {"all": total, "base": total - total // 2, "novel": total // 2}.get(classes)


def expected_clips(dataset: str, clip_list: str, classes: str) -> int | None:
    """How many clips a list of a real dataset has; None when it is not known."""
    known = _CLIPS.get((dataset, clip_list))
    if known is not None:
        return known
    try:
        shots = rule_for(clip_list).shots
    except UsageError:
        return None  # a list of the user's own; its length shows once it is there
    count = expected_classes(dataset, classes)
    return shots * count if shots is not None and count is not None else None
