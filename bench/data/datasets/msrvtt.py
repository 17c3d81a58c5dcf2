"""MSR-VTT: captions instead of classes."""

from __future__ import annotations

from bench.data.datasets.base import DatasetSpec, OfficialCount

DATASET = DatasetSpec(
    name="msrvtt",
    title="MSR-VTT",
    summary="captions, for retrieval; in no setting yet",
    published=True,
    format="msrvtt",
    official={
        "train": (OfficialCount(9000, "9k training clips (Gabeur et al. 2020)"),),
        "test": (OfficialCount(1000, "1kA test (JSFusion, Yu et al. 2018)"),),
    },
)
