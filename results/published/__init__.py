"""The published numbers: every table of the paper as data, read with ``load()``.

Source: Rasheed et al., "Fine-tuned CLIP Models are Efficient Video Learners", CVPR 2023
(arXiv 2212.03640), Tables 1 to 11. Numbers of synthetic datasets have no published counterpart.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

COLUMNS = (
    "table",
    "row_kind",
    "setting",
    "dataset",
    "split",
    "shots",
    "method",
    "method_printed",
    "group",
    "frames",
    "views",
    "metric",
    "value",
    "std",
    "pretraining",
    "train_data",
    "source",
    "note",
)
"""Columns of the ledger, and of every tidy CSV this project writes."""

CITATION = "Rasheed et al., Fine-tuned CLIP Models are Efficient Video Learners, CVPR 2023"


@dataclass(frozen=True)
class PublishedNumber:
    """One printed number.

    Attributes:
        table: ``T1`` … ``T11``.
        setting: Setting name as in ``settings``.
        dataset: Title as in the dataset catalogue, for example ``HMDB-51``.
        split: ``-``, ``base``, ``novel`` or ``hm``.
        shots: As printed: ``''`` (not stated), ``all``, or a number of clips a class.
        method: Row name as in this project's configurations where there is one.
        method_printed: As printed.
        group: ``uni-modal``, ``adapting`` or ``tuning``.
        frames: Frames a view, or None where not stated.
        views: Temporal clips x spatial crops, or ``''``.
        metric: ``top1``, ``top5``, ``hm``, ``gflops``, …
        value: As printed; percent for accuracies.
        std: The printed ±, or None.
        pretraining: ``clip``, ``k400-bridged`` or ``''``.
        train_data: What it was trained on.
        source: Where the number is printed.
        note: A remark on it.
    """

    table: str
    setting: str
    dataset: str
    split: str
    shots: str
    method: str
    method_printed: str
    group: str
    frames: int | None
    views: str
    metric: str
    value: float
    std: float | None
    pretraining: str
    train_data: str
    source: str
    note: str


def _number(row: dict[str, str]) -> PublishedNumber:
    return PublishedNumber(
        table=row["table"],
        setting=row["setting"],
        dataset=row["dataset"],
        split=row["split"],
        shots=row["shots"],
        method=row["method"],
        method_printed=row["method_printed"],
        group=row["group"],
        frames=int(row["frames"]) if row["frames"] else None,
        views=row["views"],
        metric=row["metric"],
        value=float(row["value"]),
        std=float(row["std"]) if row["std"] else None,
        pretraining=row["pretraining"],
        train_data=row["train_data"],
        source=row["source"],
        note=row["note"],
    )


@lru_cache(maxsize=1)
def load() -> tuple[PublishedNumber, ...]:
    """Every printed result, in the order of the tables; printed gains are left out.

    They are differences of other rows and follow from them.
    """
    numbers = []
    for path in sorted(Path(__file__).parent.glob("table*.csv")):
        with path.open(newline="", encoding="utf-8") as handle:
            reader = csv.DictReader(handle)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise ValueError(f"{path.name}: columns {reader.fieldnames}, expected {COLUMNS}")
            numbers += [_number(row) for row in reader if row["row_kind"] == "result"]
    return tuple(numbers)
