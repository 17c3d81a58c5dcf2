"""Kinetics-600: classes that the source set lacks, three draws of them."""

from __future__ import annotations

from bench.data.datasets.base import (
    DRAWS,
    DatasetSpec,
    OfficialCount,
    protocols,
    released_files,
    three_class_draws,
)

_CVDF = "CVDF's version (docs.voxel51.com, kinetics-600)"
_ORIGINAL = "clips still on YouTube (docs.voxel51.com, kinetics-600)"
_MMACTION = "mmaction2's copy (tools/data/kinetics)"

DATASET = DatasetSpec(
    name="kinetics600",
    title="K600",
    summary="classes that the source set lacks, three draws; zero-shot",
    published=True,
    settings=protocols(zero_shot=three_class_draws()),
    format="kinetics",
    draws_without="kinetics400",
    classes=600,
    official={
        "train": (
            OfficialCount(427_549, _CVDF),
            OfficialCount(383_393, _MMACTION),
            OfficialCount(370_582, _ORIGINAL),
        ),
        "val": (
            OfficialCount(29_793, _CVDF),
            OfficialCount(27_910, _MMACTION),
            OfficialCount(28_313, _ORIGINAL),
        ),
        "test": (OfficialCount(72_924, _CVDF), OfficialCount(56_618, _ORIGINAL)),
    },
    listed={"zero_shot_1": 14_084, "zero_shot_2": 13_978, "zero_shot_3": 14_136},
    released=released_files(
        "k600_splits",
        {f"zero_shot_{n}": f"ZS_split{n}_K600_eval.txt" for n in DRAWS},
        {
            "all": "kinetics_600_labels.csv",
            **{f"zero_shot_{n}": f"ZS_split{n}_K600.csv" for n in DRAWS},
        },
        halves=False,
    ),
)
