"""HMDB-51: three official splits of 70 + 30 clips per class."""

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

_SOURCE = "70 + 30 clips per class in each split (Kuehne et al. 2011)"
_COUNTS = {"train1": 3570, "train2": 3570, "train3": 3570, "val1": 1530, "val2": 1530, "val3": 1530}

DATASET = DatasetSpec(
    name="hmdb51",
    title="HMDB-51",
    summary="three official splits; zero-shot, base-to-novel, few-shot",
    published=True,
    settings=protocols(
        zero_shot=three_splits(), base_to_novel=base_to_novel(), few_shot=few_shot("val1")
    ),
    format="hmdb",
    classes=51,
    official={split: (OfficialCount(clips, _SOURCE),) for split, clips in _COUNTS.items()},
    clips_per_class={f"train{n}": 70 for n in DRAWS} | {f"val{n}": 30 for n in DRAWS},
    listed={
        "val1": 1_530,
        "val2": 1_530,
        "val3": 1_530,
        "base_train": 1_820,
        "base_val": 780,
        "novel_val": 750,
    },
    released=released_files(
        "hmdb_splits",
        {f"val{n}": f"val{n}.txt" for n in DRAWS},
        {
            "all": "hmdb_51_labels.csv",
            "base": "hmdb_51_base_labels.csv",
            "novel": "hmdb_51_novel_labels.csv",
        },
        few_shot=True,
        base_train=True,
    ),
)
