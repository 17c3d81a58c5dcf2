"""One job from its ``job.json`` to its result: atomic, and safe to run twice.

Exit codes: see ``Exit``. What a launcher decides by is the file that is left: ``result.json``, or
``failure.json`` with its reason, or neither where the job was stopped or killed.
"""

from __future__ import annotations

import errno
import logging
import sys
from enum import IntEnum
from pathlib import Path

from bench.engine.heartbeat import PROGRESS
from bench.engine.stopping import Interrupted, StopRequest
from bench.ground import locks
from bench.ground.errors import BenchError
from bench.ground.files import write_atomically
from bench.planning.jobs import EvaluateJob, TrainJob, job_name, load_job
from results.run.records import EvaluationRecord, Failure, RecordAdapter, TrainRecord
from results.run.store import FAILURE, LOCK, RESULT

_HEAVY = (
    "bench.data.pipelines.vificlip",
    "bench.engine.scoring.evaluate",
    "bench.engine.training.train",
    "open_clip",
)
"""Modules whose import takes seconds in all."""

_log = logging.getLogger(__name__)


_CUDA_OOM = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""What CUDA's libraries say where their memory runs out, past torch's own allocator."""


class Exit(IntEnum):
    """How a job process ends."""

    DONE = 0
    USER = 1
    """The job cannot work as it is; see ``failure.json``."""
    CUDA_OOM = 71
    OOM = 72
    BUSY = 73
    """Another process is at this job; nothing was done."""
    DISK_FULL = 74
    STOPPED = 75
    """Stopped by a signal, state saved; run it again to go on. No failure."""


_REASONS = {
    Exit.USER: "user",
    Exit.CUDA_OOM: "cuda_oom",
    Exit.OOM: "oom",
    Exit.DISK_FULL: "disk_full",
}


def run_job(job_json: Path) -> int:
    """Run a job in the folder of its ``job.json``, where the folders of other jobs lie beside it.

    Returns:
        An ``Exit`` code.
    """
    folder = job_json.resolve().parent
    try:
        with locks.held(folder / LOCK) as alone:
            if alone:
                return _run_alone(job_json, folder)
    except OSError as error:
        print(f"the job folder cannot be written to: {error}", file=sys.stderr)
        return Exit.USER
    print(f"another process is running {folder.name}", file=sys.stderr)
    return Exit.BUSY


def _run_alone(job_json: Path, folder: Path) -> int:
    try:
        return _run(job_json, folder)
    except Exception as error:
        # Even a job file that cannot be read is a failure with a reason, not a hole.
        return _fail(folder, folder.name, error)
    finally:
        (folder / PROGRESS).unlink(missing_ok=True)


def is_done(folder: Path, job: TrainJob | EvaluateJob) -> bool:
    """Whether a folder holds the whole result of this job."""
    record = read_result(folder / RESULT)
    if record is None or record.key != job.key:
        return False
    product = record.checkpoint if isinstance(record, TrainRecord) else record.scores
    return (folder / product).is_file()


def read_result(path: Path) -> TrainRecord | EvaluationRecord | None:
    """The record in a ``result.json``, or None when there is no valid one."""
    try:
        return RecordAdapter.validate_json(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def preload() -> None:
    """Load what any job needs, once, in a process that forks jobs; looks up the provenance."""
    import importlib

    import methods
    from bench.clip import tokenize
    from bench.engine import provenance

    for module in _HEAVY:
        importlib.import_module(module)
    for adapter in methods.names():
        methods.get(adapter)
    tokenize(["a"])
    provenance.look_up()


def _run(job_json: Path, folder: Path) -> int:
    job = load_job(job_json)
    if is_done(folder, job):
        print(f"{job_name(job)}: done already", flush=True)
        return Exit.DONE
    (folder / FAILURE).unlink(missing_ok=True)
    print(f"{job_name(job)} ({job.key})", flush=True)
    try:
        with StopRequest() as stop:
            record = _execute(job, folder, stop)
    except (Interrupted, KeyboardInterrupt) as error:
        print(f"{job_name(job)}: {error or 'stopped'}; run it again to go on", flush=True)
        return Exit.STOPPED
    except Exception as error:
        return _fail(folder, job.key, error)
    write_atomically(folder / RESULT, record.model_dump_json(indent=1).encode())
    _discard_state(folder)
    return Exit.DONE


def _execute(
    job: TrainJob | EvaluateJob, folder: Path, stop: StopRequest
) -> TrainRecord | EvaluationRecord:
    parents = {} if job.parent is None else {job.parent: folder.parent / job.parent}
    if isinstance(job, TrainJob):
        from bench.engine.training.train import run_training

        return run_training(job, folder, parents, stop=stop)
    from bench.engine.scoring.evaluate import run_evaluation

    return run_evaluation(job, folder, parents, stop=stop)


def _discard_state(folder: Path) -> None:
    """After the result is there, the saved state is of no use."""
    from bench.engine.checkpoint import STATE

    (folder / STATE).unlink(missing_ok=True)


def _fail(folder: Path, key: str, error: Exception) -> Exit:
    """Write ``failure.json``; where even that fails, the log and the exit code remain."""
    code = classify(error)
    if isinstance(error, BenchError):
        print(error, file=sys.stderr, flush=True)
    else:
        _log.error("job %s failed", key, exc_info=error)
    attempt, log = _attempt(folder)
    failure = Failure(
        key=key, reason=_REASONS[code], message=_message(error, code), attempt=attempt, log=log
    )
    try:
        write_atomically(folder / FAILURE, failure.model_dump_json(indent=1).encode())
    except OSError as second:
        print(f"{FAILURE} could not be written either: {second}", file=sys.stderr, flush=True)
    return code


def classify(error: BaseException) -> Exit:
    """The exit code for what went wrong, looking through causes."""
    seen: BaseException | None = error
    while seen is not None:
        text = str(seen)
        if type(seen).__name__ == "OutOfMemoryError" or any(sign in text for sign in _CUDA_OOM):
            return Exit.CUDA_OOM
        if isinstance(seen, MemoryError) or "DefaultCPUAllocator" in text:
            return Exit.OOM
        if isinstance(seen, OSError) and seen.errno in (errno.ENOSPC, errno.EDQUOT):
            return Exit.DISK_FULL
        seen = seen.__cause__ or seen.__context__
    return Exit.USER


def _message(error: Exception, code: Exit) -> str:
    if isinstance(error, BenchError):
        return str(error)
    if code is Exit.DISK_FULL:
        return f"the disk is full: {error}; free some space and run again"
    if code is Exit.CUDA_OOM:
        return (
            f"not enough memory on the GPU: {error}; free it of other programs, let fewer jobs "
            "share it (--jobs-per-gpu 1), or use a larger one, and run again"
        )
    if code is Exit.OOM:
        return f"not enough memory: {error}; run again with fewer jobs at once (--jobs N)"
    return f"{type(error).__name__}: {error}"


def _attempt(folder: Path) -> tuple[int, str]:
    """Number and log file of the running attempt, as the launcher laid them out."""
    numbers = [int(path.name) for path in folder.glob("attempts/*") if path.name.isdigit()]
    if not numbers:
        return 1, ""
    last = max(numbers)
    return last, f"attempts/{last}/log.txt"
