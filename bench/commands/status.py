"""``bench status``: how far a run is; works while it runs."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.running.job_views import JobView
    from results.run.plan_file import PlanFile
    from results.run.store import RunStore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--run", metavar="DIR", help="run folder (default: the latest in runs/)")
    parser.add_argument("--jobs", action="store_true", help="one line a job")
    parser.add_argument("--cells", action="store_true", help="one line a cell of the tables")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print how far the run is; 1 if a job failed."""
    from bench.running.job_views import find_run, views

    store = find_run(args.run)
    plan = store.plan()
    jobs = views(store, plan)
    if args.json:
        print(json.dumps(_document(store, jobs), indent=1))
    else:
        _print_text(args, store, plan, jobs)
    return 1 if any(job.state == "failed" for job in jobs.values()) else 0


def _document(store: RunStore, jobs: dict[str, JobView]) -> dict[str, object]:
    scheduler = store.scheduler()
    return {
        "run": str(store.folder),
        "scheduler": None if scheduler is None else scheduler.pid,
        "jobs": [
            {
                "key": key,
                "name": _name(job),
                "state": job.state,
                "reason": job.failure.reason if job.failure else None,
                "attempts": len(store.attempts(key)),
            }
            for key, job in jobs.items()
        ],
    }


def _print_text(
    args: argparse.Namespace, store: RunStore, plan: PlanFile, jobs: dict[str, JobView]
) -> None:
    from bench.running.job_states import described
    from bench.running.progress import heartbeat

    scheduler = store.scheduler()
    at_work = "nothing is at work" if scheduler is None else f"process {scheduler.pid} is at work"
    counts = Counter(job.state for job in jobs.values())
    states = ", ".join(f"{counts[s]} {s}" for s in ("done", "running", "failed", "missing"))
    print(f"{store.folder}: {len(jobs)} jobs: {states}; {at_work}")
    if args.cells:
        _print_cells(plan, jobs)
    for key, job in jobs.items():
        if job.state == "running":
            far = heartbeat(store.job_folder(key))
            print(f"  running  {key[:8]}  {_name(job)}" + (f": {far}" if far else ""))
        elif job.state == "failed" and job.failure is not None:
            print(f"  failed   {key[:8]}  {_name(job)}: {described(job.failure)}")
        elif args.jobs:
            print(f"  {job.state:<7}  {key[:8]}  {_name(job)}")


def _print_cells(plan: PlanFile, jobs: dict[str, JobView]) -> None:
    cells: dict[str, Counter[str]] = {}
    for trial in plan.trials:
        name = f"{trial.dataset}/{trial.setting}/{trial.method}"
        cells.setdefault(name, Counter())[jobs[trial.evaluation].state] += 1
    for name, states in cells.items():
        print(f"  {name:<60} " + ", ".join(f"{count} {state}" for state, count in states.items()))
    for cell in plan.skipped:
        print(f"  {f'{cell.dataset}/{cell.setting}/{cell.method}':<60} no cell: {cell.reason}")


def _name(job: JobView) -> str:
    from bench.planning.jobs import job_name

    return job.key if job.job is None else job_name(job.job)
