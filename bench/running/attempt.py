"""What happens inside the process of an attempt, before and after the job itself.

The process leads a session of its own, so that a signal to its group reaches what it started; it
writes to ``log.txt`` by file, so that it outlives whoever watches it; it holds the job's lock, so
that nobody runs the job twice; and it says how it ended in ``exit.json``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from bench.ground import locks
from bench.ground.files import write_atomically
from results.run.store import EXIT, LOCK, LOG

LOCK_WAIT_S = 2.0
LOCK_TAKEN = 73
"""Exit status when somebody else runs the job, as ``bench run-job`` has it too."""
TAG = "BENCH_ATTEMPT"
"""Environment variable that names the attempt's folder in everything it starts."""


def enter(folder: Path, number: int, env: dict[str, str]) -> bool:
    """Make this freshly forked process the leader of an attempt.

    Args:
        folder: The attempt's folder.
        number: The attempt's number.
        env: Variables for the job.

    Returns:
        False when somebody else holds the job's lock.
    """
    os.setsid()
    _redirect(folder / LOG)
    for received in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(received, signal.SIG_DFL)
    os.environ.update({**env, TAG: str(folder)})
    held = locks.take(folder.parent.parent / LOCK, attempt=number, wait_s=LOCK_WAIT_S)
    if held is None:
        print("another process runs this job; nothing was done", file=sys.stderr)
        return False
    os.set_inheritable(held, True)
    return True


def _redirect(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(nothing, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(nothing)
    os.close(out)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)


def finish(folder: Path, work: Callable[[], int]) -> int:
    """Run the job in this process and write how it ended.

    Returns:
        The exit status: what ``work`` gave, or 1 where it raised.
    """
    began = time.monotonic()
    try:
        status = work()
    except SystemExit as request:
        status = request.code if isinstance(request.code, int) else int(request.code is not None)
    except BaseException:  # the process ends here; its log must say why
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    write_exit(folder, status=status, received=None, seconds=time.monotonic() - began)
    return status


def write_exit(folder: Path, *, status: int, received: int | None, seconds: float) -> None:
    """Write ``exit.json`` unless the job did; a disk that refuses it is not an error of the job."""
    if (folder / EXIT).exists():
        return
    text = json.dumps({"rc": status, "signal": received, "seconds": round(seconds, 3)})
    try:
        write_atomically(folder / EXIT, text)
    except OSError as error:
        print(f"exit.json could not be written: {error}", file=sys.stderr)
