"""How long and how large: forecasts from measured jobs only, with what they rest on.

The unit of work is a pixel that passes through the model: clips x views x frames x S x S, three
times that in training (forward and backward pass; the ratio is a rule of thumb, but training and
evaluation are never mixed in one forecast). What was never measured is unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.planning.jobs import EvaluateJob, TrainJob
from results.run.records import EvaluationRecord, TrainRecord

Record = TrainRecord | EvaluationRecord
Kind = tuple[str, str, str]
"""What jobs of like speed share: train or evaluate, adapter, architecture."""


@dataclass(frozen=True)
class Forecast:
    """A figure with its grounds; ``value`` None: unknown.

    Attributes:
        value: Hours, or bytes.
        rests_on: One sentence for people.
    """

    value: float | None
    rests_on: str


def work(job: TrainJob | EvaluateJob) -> float | None:
    """Pixels through the model, or None when the list's length is unknown."""
    if job.clips.listed is None:
        return None
    recipe = job.recipe
    frames = job.clips.listed * recipe.num_frames * recipe.image_size**2
    if isinstance(job, TrainJob):
        return 3.0 * frames * recipe.epochs
    return float(frames * recipe.views_clips * recipe.views_crops)


def kind_of(job: TrainJob | EvaluateJob) -> Kind:
    """Which measured jobs may speak for this one."""
    return (job.kind, job.method.adapter, Path(job.backbone.model).stem)


def ordering(jobs: Mapping[str, TrainJob | EvaluateJob]) -> dict[str, float]:
    """Work of every job for putting the long ones first; unknown lengths count as the longest."""
    known = {key: work(job) for key, job in jobs.items()}
    longest = max((value for value in known.values() if value is not None), default=1.0)
    return {key: longest if value is None else value for key, value in known.items()}


class Rates:
    """Seconds a unit of work, by kind of job, learnt from finished ones."""

    def __init__(self) -> None:
        self._seconds: dict[Kind, float] = defaultdict(float)
        self._work: dict[Kind, float] = defaultdict(float)
        self.jobs = 0

    def learn(self, job: TrainJob | EvaluateJob, seconds: float) -> None:
        """Take a finished job into account."""
        amount = work(job)
        if amount:
            self._seconds[kind_of(job)] += seconds
            self._work[kind_of(job)] += amount
            self.jobs += 1

    def seconds(self, job: TrainJob | EvaluateJob) -> float | None:
        """Forecast of one job; None when no like job was measured or its length is unknown."""
        amount, kind = work(job), kind_of(job)
        if amount is None or not self._work.get(kind):
            return None
        return self._seconds[kind] * amount / self._work[kind]

    def seconds_from_any(self, job: TrainJob | EvaluateJob) -> float | None:
        """Like ``seconds``, but where no like job was measured, all measured jobs speak."""
        amount = work(job)
        total = sum(self._work.values())
        own = self.seconds(job)
        if own is not None or amount is None or not total:
            return own
        return sum(self._seconds.values()) * amount / total


def learnt(jobs: Mapping[str, TrainJob | EvaluateJob], records: Mapping[str, Record]) -> Rates:
    """Rates from the records of a run."""
    rates = Rates()
    for key, record in records.items():
        rates.learn(jobs[key], record.provenance.seconds)
    return rates


def hours(todo: Iterable[TrainJob | EvaluateJob], rates: Rates) -> Forecast:
    """Job-hours (hours one slot would be busy) of the jobs that still lack a result."""
    jobs = list(todo)
    forecasts = [rates.seconds(job) for job in jobs]
    unknown = sum(1 for value in forecasts if value is None)
    if not jobs:
        return Forecast(0.0, "nothing is to be run")
    if unknown:
        return Forecast(
            None,
            f"unknown: {unknown} of {len(jobs)} jobs without a result are of a kind never measured "
            "in this run folder, or their lists are not there",
        )
    measured = sum(value for value in forecasts if value is not None)
    return Forecast(measured / 3600, f"rests on {rates.jobs} measured jobs of this run folder")


def disk(
    todo: Iterable[TrainJob | EvaluateJob], weights: Path | None, sizes: Mapping[str, int]
) -> Forecast:
    """Bytes that checkpoints and scores of the jobs take.

    Args:
        todo: The jobs.
        weights: The backbone's weights file.
        sizes: Adapter -> size of a checkpoint of it that was measured.
    """
    total, grounds = 0.0, set()
    for job in todo:
        if isinstance(job, EvaluateJob):
            if job.clips.listed is None or job.clips.num_classes is None:
                return Forecast(None, "unknown: the lists are not there")
            total += 2.0 * job.clips.listed * job.clips.num_classes
        elif job.method.adapter in sizes:
            total += sizes[job.method.adapter]
            grounds.add("checkpoints of this run folder")
        elif weights is not None and weights.is_file():
            total += weights.stat().st_size
            grounds.add("the size of the backbone's weights file for each checkpoint")
        else:
            return Forecast(None, "unknown: neither weights nor a checkpoint to measure")
    grounds.add("2 bytes a score")
    return Forecast(total, "rests on " + " and ".join(sorted(grounds)))
