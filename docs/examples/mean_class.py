"""A setting of your own: the whole training set, scored by the mean over classes too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.data.datasets.base import DatasetSpec
from settings.base import Evaluation, MethodFacts, Setting, Training, Trial

LISTS = "fully-supervised"


class MeanClass(Setting):
    """The lists of the fully-supervised setting; rare classes count as much as common ones."""

    name = "mean-class"
    title = "Fully-supervised, mean over classes"
    summary = "train on the whole training set, score each clip and each class alike"
    spread = "seeds"
    metrics = ("top1", "mean_class")
    train_clips = "all"

    def skip(self, method: MethodFacts, dataset: DatasetSpec) -> str | None:
        """None, or the reason why this cell does not exist."""
        if LISTS not in dataset.settings:
            return f"{dataset.title} has no whole training set"
        return method.supports(self.name, dataset.name)

    def trials(
        self,
        method: MethodFacts,
        dataset: DatasetSpec,
        catalogue: Mapping[str, DatasetSpec],
        options: Mapping[str, Any],
    ) -> list[Trial]:
        """One trial: one training, one list."""
        lists = dataset.settings[LISTS]
        assert lists.train is not None
        (scored,) = lists.evaluate["-"]
        training = Training(
            method=method.name,
            dataset=dataset.name,
            clip_list=lists.train.clips,
            classes=lists.train.classes,
            setting=self.name,
        )
        return [
            Trial(
                setting=self.name,
                method=method.name,
                dataset=dataset.name,
                split="-",
                shots=None,
                member="seed 1",
                training=training if method.trains else None,
                evaluation=Evaluation(
                    dataset.name, scored.clips, scored.classes, metrics=self.metrics
                ),
            )
        ]


SETTING = MeanClass()
