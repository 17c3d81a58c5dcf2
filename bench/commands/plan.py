"""``bench plan``: what would be run, what is cached, and why. Nothing is run."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands import matrix_flags
from bench.ground.words import plural

if TYPE_CHECKING:
    from bench.planning.forecast import Forecast
    from bench.planning.plan import Plan
    from bench.running.job_states import JobState, Rerun
    from results.run.store import RunStore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    matrix_flags.add_matrix_flags(parser)
    parser.add_argument(
        "--rerun",
        default="failed",
        choices=("failed", "missing", "always", "never"),
        help="what a run with this flag would execute (default: failed, that is missing + failed)",
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print the plan."""
    from bench.planning.plan import make_plan
    from results.run.store import RunStore

    config = matrix_flags.configuration(args)
    plan = make_plan(config, matrix_flags.selection(args))
    store = RunStore(matrix_flags.run_folder(args, config))
    show(plan, store, args.rerun, as_json=args.json)
    return 0


def show(plan: Plan, store: RunStore, rerun: Rerun, *, as_json: bool) -> None:
    """Print every job with its state, and the forecasts."""
    from bench.planning import forecast
    from bench.running.job_states import job_states, records_of
    from results.run.records import TrainRecord

    records = records_of(plan, store)
    states = job_states(plan, store, rerun, records)
    lacking = ("cached", "not needed")
    todo = [plan.jobs[key] for key, state in states.items() if state.state not in lacking]
    time = forecast.hours(todo, forecast.learnt(plan.jobs, records))
    sizes = {
        record.adapter: (store.job_folder(key) / record.checkpoint).stat().st_size
        for key, record in records.items()
        if isinstance(record, TrainRecord)
    }
    weights = next(iter(plan.jobs.values())).backbone.weights if plan.jobs else None
    space = forecast.disk(todo, None if weights is None else Path(weights), sizes)
    if as_json:
        print(json.dumps(_document(plan, store, states, time, space), indent=1))
    else:
        _print_text(plan, store, states, time, space)


def _document(
    plan: Plan, store: RunStore, states: dict[str, JobState], time: Forecast, space: Forecast
) -> dict[str, object]:
    return {
        "schema_version": 1,
        "run": str(store.folder),
        "config": plan.file.config,
        "jobs": [
            {
                "key": key,
                "kind": job.kind,
                "method": job.method.row,
                "dataset": job.clips.dataset,
                "clip_list": job.clips.clip_list,
                "classes": job.clips.classes,
                "clips": job.clips.listed,
                "parents": list(plan.parents[key]),
                "state": states[key].state,
                "reason": states[key].reason,
            }
            for key, job in plan.jobs.items()
        ],
        "trials": [trial.model_dump(mode="json") for trial in plan.file.trials],
        "skipped": [cell.model_dump(mode="json") for cell in plan.file.skipped],
        "job_hours": {"value": time.value, "rests_on": time.rests_on},
        "disk_bytes": {"value": space.value, "rests_on": space.rests_on},
    }


def _print_text(
    plan: Plan, store: RunStore, states: dict[str, JobState], time: Forecast, space: Forecast
) -> None:
    print(f"configuration {plan.file.name}: {plan.file.config}\n")
    print(f"{'job':<8}  {'after':<8}  what")
    for key, job in plan.jobs.items():
        state = states[key]
        size = "?" if job.clips.listed is None else str(job.clips.listed)
        after = " ".join(parent[:8] for parent in plan.parents[key])
        what = f"{job.method.row:<16} {job.clips.dataset}/{job.clips.clip_list}"
        line = f"{key[:8]}  {after:<8}  {job.kind:<8}  {what:<46} {size:>7} clips  {state.state}"
        print(f"{line}: {state.reason}" if _worth_saying(state) else line)
    for cell in plan.file.skipped:
        print(f"no cell   {cell.dataset}/{cell.setting}/{cell.method}: {cell.reason}")
    for need in dict.fromkeys(need for several in plan.needs.values() for need in several):
        print(f"needed    {need}")
    counts = Counter(state.state for state in states.values())
    kinds = Counter(job.kind for job in plan.jobs.values())
    print(
        f"\n{plural(len(plan.jobs), 'job')} ({plural(kinds['train'], 'training')}, "
        f"{plural(kinds['evaluate'], 'evaluation')}) for {plural(len(plan.file.trials), 'number')} "
        f"in {store.folder}: " + ", ".join(f"{count} {state}" for state, count in counts.items())
    )
    print(f"job-hours  {_hours(time)}")
    print(f"disk       {_bytes(space)}")


def _worth_saying(state: JobState) -> bool:
    # What is needed is listed once below, not after every job.
    return bool(state.reason) and state.state not in ("needs data", "blocked")


def _hours(time: Forecast) -> str:
    return time.rests_on if time.value is None else f"{time.value:.2f} ({time.rests_on})"


def _bytes(space: Forecast) -> str:
    if space.value is None:
        return space.rests_on
    return f"{space.value / 1e6:.1f} MB ({space.rests_on})"
