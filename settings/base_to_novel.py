"""Base-to-novel (Table 2): train on 16 shots of the frequent half, score both halves.

Sources: paper Section 4.2 and Table 2. Three few-shot draws ("seeds"); each is scored on the base
classes and, with the novel class names put in, on the novel ones. The harmonic mean is taken of
the two averages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.data.datasets.base import DatasetSpec, NamedList
from settings.base import (
    Evaluation,
    MethodFacts,
    Setting,
    Split,
    Training,
    Trial,
    fill,
    source_training,
)


class BaseToNovel(Setting):
    """Generalisation from the base classes of a dataset to its novel classes."""

    name = "base-to-novel"
    title = "Base-to-novel"
    summary = "train on 16 shots of the base classes, score base and novel; harmonic mean"
    table = "T2"
    spread = "seeds"
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
        """Base and novel for every draw; one draw suffices for a method that is not trained."""
        protocol = dataset.settings[self.name]
        assert protocol.train is not None
        repeats = range(1, (options["repeats"] or protocol.repeats) + 1)
        shots = protocol.shots[0]
        if not method.trains:
            return self._scored(method, dataset, None, shots, "all seeds")
        bridge = (
            source_training(method.starts_from, options=options) if method.starts_from else None
        )
        trials = []
        for repeat in repeats:
            training = Training(
                method=method.name,
                dataset=dataset.name,
                clip_list=fill(protocol.train.clips, shots=shots, repeat=repeat),
                classes=protocol.train.classes,
                setting=self.name,
                shots=shots,
                repeat=repeat,
                starts_from=bridge,
            )
            trials += self._scored(method, dataset, training, shots, f"seed {repeat}")
        return trials

    def _scored(
        self,
        method: MethodFacts,
        dataset: DatasetSpec,
        training: Training | None,
        shots: int,
        member: str,
    ) -> list[Trial]:
        halves: tuple[Split, Split] = ("base", "novel")
        parts: list[tuple[Split, NamedList]] = [
            (half, part) for half in halves for part in dataset.settings[self.name].evaluate[half]
        ]
        return [
            Trial(
                setting=self.name,
                method=method.name,
                dataset=dataset.name,
                split=half,
                shots=shots,
                member=member,
                training=training,
                evaluation=Evaluation(dataset.name, part.clips, part.classes),
            )
            for half, part in parts
        ]


SETTING = BaseToNovel()
