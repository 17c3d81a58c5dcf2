"""Few-shot (Table 3): K clips a class from training split 1, scored on test split 1.

Sources: paper Section 4.2 and Table 3. One released draw a K. The draws come from training split 1,
so only test split 1 (val1, or SSv2's validation set) is free of them; the other splits overlap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.data.datasets.base import DatasetSpec
from settings.base import (
    Evaluation,
    MethodFacts,
    Setting,
    Training,
    Trial,
    fill,
    source_training,
)


class FewShot(Setting):
    """Learning from K clips a class."""

    name = "few-shot"
    title = "Few-shot"
    summary = "train on K = 2, 4, 8, 16 clips a class, score test split 1"
    table = "T3"
    spread = "seeds"
    column_per_shots = True
    options = {
        "source": "kinetics400",
        "source_list": "train",
        "source_classes": "all",
        "shots": None,
        "repeats": None,
    }

    def trials(
        self,
        method: MethodFacts,
        dataset: DatasetSpec,
        catalogue: Mapping[str, DatasetSpec],
        options: Mapping[str, Any],
    ) -> list[Trial]:
        """One trial a K and repeat; an untrained method has one number that holds for every K."""
        protocol = dataset.settings[self.name]
        assert protocol.train is not None
        (part,) = protocol.evaluate["-"]
        evaluation = Evaluation(dataset.name, part.clips, part.classes)
        bridge = (
            source_training(method.starts_from, options=options)
            if method.trains and method.starts_from
            else None
        )
        repeats = (options["repeats"] or protocol.repeats) if method.trains else 1
        return [
            Trial(
                setting=self.name,
                method=method.name,
                dataset=dataset.name,
                split="-",
                shots=shots,
                member=f"seed {repeat}" if method.trains else "all seeds",
                training=Training(
                    method=method.name,
                    dataset=dataset.name,
                    clip_list=fill(protocol.train.clips, shots=shots, repeat=repeat),
                    classes=protocol.train.classes,
                    setting=self.name,
                    shots=shots,
                    repeat=repeat,
                    starts_from=bridge,
                )
                if method.trains
                else None,
                evaluation=evaluation,
            )
            for shots in options["shots"] or protocol.shots
            for repeat in range(1, repeats + 1)
        ]


SETTING = FewShot()
