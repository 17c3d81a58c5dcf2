"""The names inside a run folder; nothing else spells them.

A run folder holds ``plan.json`` (what is measured), ``.scheduler.lock`` (of the ``bench run`` at
work), ``report/`` and ``jobs/<key>/``. A job's folder holds ``job.json``, then ``result.json`` (its
record; the one before is ``result.previous.json``) or ``failure.json``, ``lock`` (of the process
that runs it), ``progress.json`` (how far that is), its checkpoint, state and scores, and
``attempts/<n>/`` with ``log.txt``, ``exit.json`` and ``handle.json`` (how its launcher finds it).
"""

from __future__ import annotations

from pathlib import Path

PLAN = "plan.json"
SCHEDULER_LOCK = ".scheduler.lock"
REPORT = "report"
JOBS = "jobs"

JOB = "job.json"
RESULT = "result.json"
PREVIOUS_RESULT = "result.previous.json"
FAILURE = "failure.json"
LOCK = "lock"
PROGRESS = "progress.json"
CHECKPOINT = "checkpoint.safetensors"
STATE = "state.safetensors"
SCORES = "scores.npz"
ATTEMPTS = "attempts"

LOG = "log.txt"
EXIT = "exit.json"
HANDLE = "handle.json"


def job_folder(run: Path, key: str) -> Path:
    """Where everything about a job lies."""
    return run / JOBS / key
