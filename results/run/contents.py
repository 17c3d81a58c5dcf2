"""Reads what a run folder holds: the plan, the records, the failures and the per-clip scores.

Works while the run is going on: records appear whole (they are renamed into place), and a job
without one is simply not there yet.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from bench.ground.errors import DataError
from results.run.layout import FAILURE, RESULT, job_folder
from results.run.plan_file import PlanFile, load_plan
from results.run.ranks import ranks
from results.run.records import EvaluationRecord, Failure, RecordAdapter, TrainRecord

TOP_K = {"top1": 1, "top5": 5}
_UNREADABLE = (OSError, EOFError, ValueError, KeyError, IndexError, BadZipFile, zlib.error)
"""What numpy raises over a damaged file, and over arrays that do not fit each other."""


@dataclass(frozen=True)
class Run:
    """A run as it stands: records and failures are by job key."""

    folder: Path
    plan: PlanFile
    records: Mapping[str, TrainRecord | EvaluationRecord]
    failures: Mapping[str, Failure]

    def job_folder(self, key: str) -> Path:
        """Where a job's record and scores lie."""
        return job_folder(self.folder, key)


@dataclass(frozen=True)
class ClipHits:
    """Per-clip outcomes of one evaluation.

    Attributes:
        ids: Clip ids [n], as in the list.
        values: 100.0 for a hit, 0.0 for a miss, [n].
    """

    ids: NDArray[np.str_]
    values: NDArray[np.float64]


def load_run(folder: Path) -> Run:
    """Read a run folder; only jobs that its plan names are looked at.

    A record that cannot be read becomes a failure with the reason ``record``: a row, not a hole.

    Raises:
        DataError: There is no plan in the folder, or not one that can be read.
    """
    plan = load_plan(folder)
    records: dict[str, TrainRecord | EvaluationRecord] = {}
    failures: dict[str, Failure] = {}
    keys = [t.evaluation for t in plan.trials] + [t.training for t in plan.trials if t.training]
    for key in dict.fromkeys(keys):
        outcome = _read_job(job_folder(folder, key), key)
        if isinstance(outcome, Failure):
            failures[key] = outcome
        elif outcome is not None:
            records[key] = outcome
    return Run(folder, plan, records, failures)


def _read_job(folder: Path, key: str) -> TrainRecord | EvaluationRecord | Failure | None:
    result = folder / RESULT
    failure = folder / FAILURE
    try:
        if result.is_file():
            return RecordAdapter.validate_json(result.read_bytes())
        if failure.is_file():
            return Failure.model_validate_json(failure.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "whole file"
        message = f"unreadable record ({place}: {first['msg']})"
        return Failure(key=key, reason="record", message=message, attempt=0, log=str(folder))
    return None


def scored_hits(record: EvaluationRecord, folder: Path, metric: str) -> ClipHits | None:
    """Which of the clips that gave frames were hit, from the per-clip scores beside a record.

    Args:
        record: The evaluation.
        folder: Its job folder.
        metric: ``top1`` or ``top5``; any other metric has no per-clip form and gives None.

    Returns:
        None where no scores are kept (imported records may lack them).

    Raises:
        DataError: The scores cannot be read.
    """
    path = folder / record.scores
    if metric not in TOP_K or not path.is_file():
        return None
    ids, ranks = _ranks(path, path.stat().st_mtime_ns)
    return ClipHits(ids, np.where(ranks < TOP_K[metric], 100.0, 0.0))


def clip_hits(record: EvaluationRecord, folder: Path, metric: str) -> ClipHits | None:
    """As ``scored_hits``; clips that could not be used but count as wrong are misses.

    Raises:
        DataError: The scores do not fit the record.
    """
    hits = scored_hits(record, folder, metric)
    if hits is None:
        return None
    path = folder / record.scores
    ids, values = hits.ids, hits.values
    scored = set(ids.tolist())
    lost = np.array([clip.clip for clip in record.bad_clips if clip.clip not in scored], str)
    missing = record.counts.scored - len(ids)
    if missing == len(lost) > 0:
        ids = np.concatenate([ids, lost])
        values = np.concatenate([values, np.zeros(len(lost))])
    elif missing != 0:
        raise DataError(
            f"{path} holds {len(ids)} clips, but its record counts {record.counts.scored}",
            next_step=f"remove {folder} and run the job again with: bench run",
        )
    return ClipHits(ids, values)


@lru_cache(maxsize=4096)
def _ranks(path: Path, version: int) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Ids [n] and, for each clip, how many classes come before the true one [n].

    ``version`` keeps a file that was
    written anew from being taken for the old one.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            ids, labels = file["ids"].astype(str), file["labels"].astype(np.int64)
            if "ranks" in file:
                places = file["ranks"].astype(np.int64)
            else:  # files that are older than this array, or not ours
                places = ranks(file["scores"].astype(np.float32), labels)
        if not len(ids) == len(labels) == len(places):
            raise ValueError("arrays of several lengths")
    except _UNREADABLE as error:
        raise DataError(
            f"the scores {path} are damaged",
            got=f"{path.stat().st_size} bytes, not the arrays ids, labels and scores",
            next_step=f"remove {path.parent} and run the job again with: bench run",
        ) from error
    return ids, places
