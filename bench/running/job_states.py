"""Where each job of a plan stands, and which of them the next run would start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.data.lists.clip_lists import is_there
from bench.planning import graph
from bench.planning.plan import Plan
from results.run.records import EvaluationRecord, Failure, TrainRecord
from results.run.store import RunStore

Rerun = Literal["failed", "missing", "always", "never"]
_FACTS = 160
"""Characters of what was got and what is allowed that a line of a failure shows."""

State = Literal[
    "cached", "to run", "waiting", "running", "failed", "needs data", "blocked", "not needed"
]


@dataclass(frozen=True)
class JobState:
    """Where a job stands.

    ``to run`` and ``waiting`` (for a parent) will be run; ``failed``, ``needs data`` and
    ``blocked`` (by a parent that is one of these) will not; ``not needed`` is a training whose
    evaluations are all there.
    """

    state: State
    reason: str = ""

    @property
    def will_run(self) -> bool:
        """Whether the next run executes the job, or goes on with it."""
        return self.state in ("to run", "waiting", "running")


def finished(store: RunStore, key: str) -> TrainRecord | EvaluationRecord | None:
    """The valid record of a job; a training without its checkpoint has none."""
    record = store.record(key)
    if isinstance(record, TrainRecord) and not store.checkpoint_there(record):
        return None
    return record


def records_of(plan: Plan, store: RunStore) -> dict[str, TrainRecord | EvaluationRecord]:
    """The records of a plan's finished jobs."""
    found = {key: finished(store, key) for key in plan.jobs}
    return {key: record for key, record in found.items() if record is not None}


def job_states(
    plan: Plan,
    store: RunStore,
    rerun: Rerun = "failed",
    records: Mapping[str, TrainRecord | EvaluationRecord] | None = None,
) -> dict[str, JobState]:
    """The state of every job, in the plan's order.

    Args:
        plan: What is to be measured.
        store: The run folder; need not exist.
        rerun: What the next run is asked to do.
        records: The result of ``records_of`` where the caller has it already.
    """
    known = records_of(plan, store) if records is None else records
    regained = {} if rerun == "never" else _regained(plan, known)
    done = set() if rerun == "always" else set(known) - set(regained)
    targets = {trial.evaluation for trial in plan.file.trials}
    wanted = graph.to_run(targets, plan.parents, done)
    states: dict[str, JobState] = {}
    for key in plan.jobs:
        if key in done:
            states[key] = JobState("cached")
        elif key not in wanted:
            states[key] = JobState("not needed", "every number that needs it is there")
        else:
            states[key] = _wanted(key, plan, store, rerun, states)
            if key in regained and states[key].state == "to run":
                states[key] = JobState("to run", _there_now(regained[key]))
    return states


def _regained(plan: Plan, records: Mapping[str, TrainRecord | EvaluationRecord]) -> dict[str, int]:
    """Numbers that were computed without clips whose files have come since -> how many clips.

    Only those that need nothing but scoring: a training that took days does not begin anew by
    itself because a file has come.
    """
    found: dict[str, int] = {}
    for key, record in records.items():
        trained = all(parent in records for parent in plan.parents[key])
        if isinstance(record, EvaluationRecord) and trained:
            root = Path(plan.jobs[key].clips.root)
            lost = [bad.clip for bad in record.bad_clips if bad.reason == "missing"]
            come = sum(is_there(root / clip) for clip in lost)
            found.update({key: come} if come else {})
    return found


def _there_now(clips: int) -> str:
    noun = "1 clip that was" if clips == 1 else f"{clips:,} clips that were"
    return f"{noun} missing when it ran can be read now"


def _wanted(
    key: str, plan: Plan, store: RunStore, rerun: Rerun, states: Mapping[str, JobState]
) -> JobState:
    holder = store.holder(key)
    if holder is not None and holder.alive:
        return JobState("running", f"process {holder.pid}")
    if key in plan.needs:
        return JobState("needs data", "; ".join(plan.needs[key]))
    above = [(parent, states[parent]) for parent in plan.parents[key]]
    for parent, state in above:
        if state.state in ("failed", "needs data", "blocked"):
            return JobState("blocked", f"its training {parent[:8]}: {state.reason}")
    failure = store.failure(key)
    if failure is not None and failure.reason in ("data", "parent"):
        failure = None  # what it lacked is there now
    if rerun == "never" and failure is None:
        return JobState("blocked", "not run yet, and --rerun never")
    if failure is not None and rerun in ("missing", "never"):
        return JobState("failed", described(failure))
    again = f"failed before: {described(failure)}" if failure is not None else ""
    if any(state.will_run for _, state in above):
        return JobState("waiting", again or f"for training {above[0][0][:8]}")
    return JobState("to run", again or _news(key, store, rerun))


def _news(key: str, store: RunStore, rerun: Rerun) -> str:
    if rerun == "always":
        return "asked for again"
    return "interrupted before" if store.attempts(key) else "never run"


def described(failure: Failure) -> str:
    """A failure in one line: ``user: ValueError: ...``, with what was got and what is allowed."""
    lines = failure.message.strip().splitlines() or ["no message"]
    if lines[0].startswith("Traceback"):
        return f"{failure.reason}: {lines[-1]}"
    facts = [line.strip() for line in lines[1:3] if line.startswith(("  got: ", "  allowed: "))]
    told = "; ".join(" ".join(fact.split()) for fact in facts)
    short = told if len(told) <= _FACTS else told[:_FACTS] + "…"
    return f"{failure.reason}: {lines[0]}" + (f" ({short})" if told else "")
