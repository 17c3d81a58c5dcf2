"""What a run folder holds, read back without its configuration: jobs, states, cells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.ground.errors import DataError, UsageError, nearest
from bench.ground.locks import Holder
from bench.planning.jobs import EvaluateJob, TrainJob, load_job
from results.run.layout import JOB, PLAN
from results.run.plan_file import PlanFile, PlannedTrial
from results.run.records import EvaluationRecord, Failure, TrainRecord
from results.run.store import RunStore

RUNS = Path("runs")
State = Literal["done", "running", "failed", "missing"]


@dataclass(frozen=True)
class JobView:
    """A job of a run as its folder shows it.

    Attributes:
        key: Its key.
        job: What it is; None where it was planned and its ``job.json`` is not there.
        state: Where it stands.
        record: Its result.
        failure: Why it has none.
        holder: Who runs it.
    """

    key: str
    job: TrainJob | EvaluateJob | None
    state: State
    record: TrainRecord | EvaluationRecord | None = None
    failure: Failure | None = None
    holder: Holder | None = None


def find_run(given: str | None, flag: str = "--run DIR") -> RunStore:
    """The run folder that was named, or the one that was planned last.

    Args:
        given: What was named.
        flag: How a command line names one, for the error.

    Raises:
        DataError: It is no run folder, or there is none.
    """
    if given is not None:
        for folder in (Path(given), RUNS / given):
            if (folder / PLAN).is_file():
                return RunStore(folder)
        names = [path.parent.name for path in RUNS.glob(f"*/{PLAN}")]
        guess = nearest(Path(given).name, names)
        there = "it has no " + PLAN if Path(given).is_dir() else "there is no such folder"
        raise DataError(
            f"{given} is no run folder: {there}"
            + (f"; did you mean '{RUNS / guess}'?" if guess else ""),
            next_step="make one with: bench run --all",
        )
    found = sorted(RUNS.glob(f"*/{PLAN}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise DataError(
            f"no run under {RUNS.absolute()}",
            next_step=f"make one with: bench run --all; or name its folder: {flag}",
        )
    return RunStore(found[-1].parent)


def view(store: RunStore, key: str) -> JobView:
    """One job as its folder shows it now."""
    path = store.job_folder(key) / JOB
    job = load_job(path) if path.is_file() else None
    record = store.record(key)
    if record is not None:
        return JobView(key, job, "done", record=record)
    holder = store.holder(key)
    if holder is not None and holder.alive:
        return JobView(key, job, "running", holder=holder)
    failure = store.failure(key)
    if failure is not None:
        return JobView(key, job, "failed", failure=failure)
    return JobView(key, job, "missing")


def views(store: RunStore, plan: PlanFile) -> dict[str, JobView]:
    """Every job that the plan's numbers need, the trainings of trainings included."""
    found: dict[str, JobView] = {}
    keys = [key for t in plan.trials for key in (t.training, t.evaluation) if key is not None]
    while keys:
        key = keys.pop(0)
        if key not in found:
            found[key] = view(store, key)
            job = found[key].job
            if job is not None and job.parent is not None:
                keys.append(job.parent)
    return found


def job_by_prefix(store: RunStore, prefix: str) -> str:
    """The key of the job that begins with ``prefix``.

    Raises:
        UsageError: There is none, or several.
    """
    keys = sorted(path.name for path in store.jobs.glob("*") if path.is_dir())
    found = [key for key in keys if key.startswith(prefix)]
    if len(found) == 1:
        return found[0]
    if not found:
        guess = nearest(prefix, [key[:8] for key in keys])
        raise UsageError(
            f"no job '{prefix}' in {store.folder}"
            + (f"; did you mean '{guess}'?" if guess else ""),
            next_step="bench status --jobs lists them",
        )
    raise UsageError(
        f"several jobs begin with '{prefix}'",
        got=", ".join(key[:12] for key in found[:5]),
        next_step="give more of the key",
    )


def trials_of_cell(plan: PlanFile, cell: str) -> list[PlannedTrial]:
    """The numbers of a cell, named as ``dataset/setting/method`` in any order.

    ``base``, ``novel`` and a number of shots (``16-shot``) narrow it down.

    Raises:
        UsageError: A part of the name is unknown, or no number has them all.
    """
    splits = ("base", "novel")
    shots = {f"{trial.shots}-shot": trial.shots for trial in plan.trials if trial.shots is not None}
    known = [*plan.datasets, *plan.settings, *plan.methods, *splits, *shots]
    chosen = list(plan.trials)
    for part in filter(None, cell.split("/")):
        if part not in known:
            guess = nearest(part, known)
            raise UsageError(
                f"unknown part '{part}' of cell '{cell}'"
                + (f"; did you mean '{guess}'?" if guess else ""),
                allowed="dataset/setting/method, of " + ", ".join(known),
            )
        chosen = [
            trial
            for trial in chosen
            if part in (trial.dataset, trial.setting, trial.method, trial.split)
            or shots.get(part) == trial.shots is not None
        ]
    if not chosen:
        reasons = [
            f"{skipped.dataset}/{skipped.setting}/{skipped.method}: {skipped.reason}"
            for skipped in plan.skipped
            if {skipped.dataset, skipped.setting, skipped.method} >= set(cell.split("/"))
        ]
        cells = sorted({f"{t.dataset}/{t.setting}/{t.method}" for t in plan.trials})
        guess = nearest(cell, cells)
        raise UsageError(
            f"no number of this run is '{cell}'" + (f"; did you mean '{guess}'?" if guess else ""),
            got="; ".join(reasons) or None,
            next_step="bench status --cells lists the cells",
        )
    return chosen
