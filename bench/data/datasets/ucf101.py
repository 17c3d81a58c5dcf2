"""UCF-101: three official splits."""

from __future__ import annotations

from bench.data.datasets.base import (
    DRAWS,
    DatasetSpec,
    OfficialCount,
    base_to_novel,
    few_shot,
    protocols,
    released_files,
    three_splits,
)

_SOURCE = "UCF101TrainTestSplits-RecognitionTask (Soomro et al. 2012)"
_COUNTS = {"train1": 9537, "train2": 9586, "train3": 9624, "val1": 3783, "val2": 3734, "val3": 3696}

DATASET = DatasetSpec(
    name="ucf101",
    title="UCF-101",
    summary="three official splits; zero-shot, base-to-novel, few-shot",
    published=True,
    settings=protocols(
        zero_shot=three_splits(), base_to_novel=base_to_novel(), few_shot=few_shot("val1")
    ),
    format="ucf",
    classes=101,
    official={split: (OfficialCount(clips, _SOURCE),) for split, clips in _COUNTS.items()},
    listed={
        "val1": 3_783,
        "val2": 3_734,
        "val3": 3_696,
        "base_train": 5_385,
        "base_val": 2_088,
        "novel_val": 1_695,
    },
    released=released_files(
        "ucf_splits",
        {f"val{n}": f"val{n}.txt" for n in DRAWS},
        {
            "all": "ucf_101_labels.csv",
            "base": "ucf_101_base_labels.csv",
            "novel": "ucf_101_novel_labels.csv",
        },
        few_shot=True,
        base_train=True,
    ),
)
