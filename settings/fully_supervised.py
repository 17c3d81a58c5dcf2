"""Fully-supervised (Table 4): the whole training set, scored with several views a video.

Sources: paper Section 4.2, Appendix D and Table 4: 16 frames, 4 temporal clips x 3 spatial crops,
softmax scores summed over the views (the recipe holds the views).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.data.datasets.base import DatasetSpec
from settings.base import Evaluation, MethodFacts, Setting, Training, Trial, source_training


class FullySupervised(Setting):
    """Training on everything there is."""

    name = "fully-supervised"
    title = "Fully-supervised"
    summary = "train on the whole training set, score with several views a video"
    table = "T4"
    spread = "seeds"
    metrics = ("top1", "top5")
    fact_columns = ("Frames", "Views")
    train_clips = "all"
    options = {
        "source": "kinetics400",
        "source_list": "train",
        "source_classes": "all",
        "repeats": None,
    }

    def trials(
        self,
        method: MethodFacts,
        dataset: DatasetSpec,
        catalogue: Mapping[str, DatasetSpec],
        options: Mapping[str, Any],
    ) -> list[Trial]:
        """One trial a repeat."""
        protocol = dataset.settings[self.name]
        assert protocol.train is not None
        (part,) = protocol.evaluate["-"]
        bridge = (
            source_training(method.starts_from, options=options)
            if method.trains and method.starts_from
            else None
        )
        return [
            Trial(
                setting=self.name,
                method=method.name,
                dataset=dataset.name,
                split="-",
                shots=None,
                member=f"seed {repeat}" if method.trains else "all seeds",
                training=Training(
                    method=method.name,
                    dataset=dataset.name,
                    clip_list=protocol.train.clips,
                    classes=protocol.train.classes,
                    setting=self.name,
                    repeat=repeat,
                    starts_from=bridge,
                )
                if method.trains
                else None,
                evaluation=Evaluation(dataset.name, part.clips, part.classes),
            )
            for repeat in range(
                1, ((options["repeats"] or protocol.repeats) if method.trains else 1) + 1
            )
        ]


SETTING = FullySupervised()
