"""Zero-shot (Table 1): train once on the source set, score classes never trained on.

Sources: paper Section 4.2 and Table 1. One model a method; HMDB-51 and UCF-101 are scored on their
three official test splits, K600 on three draws of 160 classes. The ± is over these three.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.data.datasets.base import DatasetSpec
from settings.base import Evaluation, MethodFacts, Setting, Trial, source_training


class ZeroShot(Setting):
    """Cross-dataset transfer from the source set."""

    name = "zero-shot"
    title = "Zero-shot"
    summary = "train once on the source set, score three splits of each unseen target"
    table = "T1"
    spread = "splits"
    train_clips = "0"
    options = {"source": "kinetics400", "source_list": "train", "source_classes": "all"}

    def metrics_for(self, dataset: DatasetSpec) -> tuple[str, ...]:
        """Top-5 too where class lists are drawn, as the paper prints it for K600."""
        protocol = dataset.settings.get(self.name)
        parts = () if protocol is None else protocol.evaluate["-"]
        drawn = any(part.classes != "all" for part in parts)
        return ("top1", "top5") if drawn else self.metrics

    def trials(
        self,
        method: MethodFacts,
        dataset: DatasetSpec,
        catalogue: Mapping[str, DatasetSpec],
        options: Mapping[str, Any],
    ) -> list[Trial]:
        """One trial an evaluation split, all with the same training."""
        training = None
        if method.trains:
            bridge = method.starts_from and source_training(method.starts_from, options=options)
            training = source_training(method.name, options=options, starts_from=bridge or None)
        return [
            Trial(
                setting=self.name,
                method=method.name,
                dataset=dataset.name,
                split="-",
                shots=None,
                member=f"split {number}",
                training=training,
                evaluation=Evaluation(dataset.name, part.clips, part.classes),
            )
            for number, part in enumerate(dataset.settings[self.name].evaluate["-"], 1)
        ]


SETTING = ZeroShot()
