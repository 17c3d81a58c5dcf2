"""Something-Something v2: classes that differ in the order of frames."""

from __future__ import annotations

from bench.data.datasets.base import (
    DatasetSpec,
    OfficialCount,
    base_to_novel,
    few_shot,
    protocols,
    released_files,
)

_SOURCE = "Something-Something v2 (Goyal et al. 2017, Qualcomm)"

DATASET = DatasetSpec(
    name="ssv2",
    title="SSv2",
    summary="order-sensitive; base-to-novel, few-shot",
    published=True,
    settings=protocols(base_to_novel=base_to_novel(), few_shot=few_shot("val")),
    format="ssv2",
    classes=174,
    # The labels of its test split are held out.
    official={
        "train": (OfficialCount(168_913, _SOURCE),),
        "val": (OfficialCount(24_777, _SOURCE),),
    },
    listed={"val": 24_777, "base_train": 125_937, "base_val": 17_562, "novel_val": 7_215},
    released=released_files(
        "ssv2_splits",
        {"val": "validation.txt"},
        {
            "all": "ssv2_labels.csv",
            "base": "ssv2_174_base_labels.csv",
            "novel": "ssv2_174_novel_labels.csv",
        },
        few_shot=True,
        base_train=True,
    ),
)
