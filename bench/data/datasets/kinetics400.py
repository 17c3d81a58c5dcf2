"""Kinetics-400: the source set; base-to-novel and fully-supervised."""

from __future__ import annotations

from bench.data.datasets.base import (
    DatasetSpec,
    OfficialCount,
    base_to_novel,
    full,
    protocols,
    released_files,
)

_CVDF = "CVDF's csv (cvdfoundation/kinetics-dataset, arrange_by_classes.py)"
_SHRUNK = "DeepMind's later tarball (open-mmlab/mmaction2#533)"
_MMACTION = "mmaction2's copy (tools/data/kinetics)"

DATASET = DatasetSpec(
    name="kinetics400",
    title="K400",
    summary="source set; base-to-novel and fully-supervised",
    published=True,
    settings=protocols(base_to_novel=base_to_novel(), fully_supervised=full()),
    format="kinetics",
    classes=400,
    official={
        "train": (
            OfficialCount(246_534, _CVDF),
            OfficialCount(240_436, _MMACTION),
            OfficialCount(219_561, _SHRUNK),
        ),
        "val": (
            OfficialCount(19_906, _CVDF),
            OfficialCount(19_796, _MMACTION),
            OfficialCount(18_014, _SHRUNK),
        ),
        "test": (OfficialCount(39_805, _CVDF),),
    },
    # The training list is not in the release; its length is about what the paper says.
    listed={
        "train": 240_000,
        "train_tiny": 60_000,
        "val": 19_877,
        "base_val": 9_944,
        "novel_val": 9_933,
    },
    released=released_files(
        "k400_splits",
        {"val": "val.txt", "train_tiny": "train_tiny.txt"},
        {
            "all": "kinetics_400_labels.csv",
            "base": "kinetics_400_base_labels.csv",
            "novel": "kinetics_400_novel_labels.csv",
        },
        optional={"train": "train.txt"},
    ),
)
