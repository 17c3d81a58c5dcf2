"""Work in processes that may hang or die without harm.

A worker has one task at a time. One that takes longer than the time limit or more than the memory
limit, or that its decoder brings down, is killed and replaced by a new one, and the task is
reported as lost.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from bench.ground.errors import DataError
from bench.ground.safe_path import start_forkserver

StartMethod = Literal["fork", "forkserver", "spawn"]
Task = TypeVar("Task")
Result = TypeVar("Result")

_PARENT_CHECK = 5.0
"""Seconds after which an idle worker looks whether its parent still lives."""
_MEMORY_CHECK = 0.1
"""Seconds between two looks at the memory of the workers."""
_GRACE = 30.0
"""Seconds past the time limit after which a worker ends itself: its parent must be dead."""
_READY = "ready"
"""What a worker sends before anything else; one that ends without it says nothing about a task."""
_BURIAL = 5.0
"""Seconds to wait for a killed worker; one that hangs in a dead file system is left behind."""


@dataclass(frozen=True)
class Lost:
    """What became of a task without a result.

    Attributes:
        reason: ``timeout`` or ``memory``: over a limit; ``crashed`` with its worker.
        detail: One line.
    """

    reason: Literal["timeout", "memory", "crashed"]
    detail: str


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    position: int | None = None
    deadline: float = 0.0
    ready: bool = False


@dataclass
class _Progress(Generic[Task, Result]):
    """One pass over the tasks."""

    source: Iterator[Task]
    done: dict[int, Result | Lost | Exception] = field(default_factory=dict)
    given: int = 0
    yielded: int = 0
    exhausted: bool = False


class WorkerPool(Generic[Task, Result]):
    """Applies a function to tasks in processes, in order, each under a time limit.

    Args:
        function: What a worker does; an exception it raises is raised again by ``run``.
        workers: Number of processes; started on first use.
        time_limit: Seconds for one task.
        memory_limit: Bytes of main memory that a worker may hold; None: any number. Looked at ten
            times a second, where the system tells (Linux).
        start_method: How processes are started. ``fork`` shares what is imported already;
            ``forkserver`` and ``spawn`` need a picklable function.
        preload: Modules that a ``forkserver`` imports once for all its workers.
    """

    def __init__(
        self,
        function: Callable[[Task], Result],
        workers: int,
        *,
        time_limit: float,
        memory_limit: int | None = None,
        start_method: StartMethod = "fork",
        preload: Sequence[str] = (),
    ) -> None:
        self._function = function
        self._count = workers
        self._time_limit = time_limit
        self._memory_limit = memory_limit
        self._context: Any = multiprocessing.get_context(start_method)
        if start_method == "forkserver" and preload:
            self._context.set_forkserver_preload(list(preload))
        self._workers: list[_Worker] = []
        self._memory_due = 0.0

    def run(self, tasks: Iterable[Task]) -> Iterator[Result | Lost]:
        """Results in the order of the tasks; up to twice as many as workers are made ahead."""
        progress: _Progress[Task, Result] = _Progress(iter(tasks))
        with self._working():
            while True:
                self._assign(progress)
                if progress.yielded in progress.done:
                    yield self._take(progress, progress.yielded)
                elif progress.yielded < progress.given:
                    self._collect(progress)
                else:
                    return

    def run_as_completed(self, tasks: Iterable[Task]) -> Iterator[tuple[int, Result | Lost]]:
        """Positions of tasks with their results, as they come: a slow task holds up no other."""
        progress: _Progress[Task, Result] = _Progress(iter(tasks))
        with self._working():
            while True:
                self._assign(progress)
                if progress.done:
                    position = next(iter(progress.done))
                    yield position, self._take(progress, position)
                elif progress.yielded < progress.given:
                    self._collect(progress)
                else:
                    return

    @contextmanager
    def _working(self) -> Iterator[None]:
        while len(self._workers) < self._count:
            self._workers.append(self._start())
        try:
            yield
        finally:
            self._abandon()

    @staticmethod
    def _take(progress: _Progress[Task, Result], position: int) -> Result | Lost:
        result = progress.done.pop(position)
        if isinstance(result, Exception):
            raise result
        progress.yielded += 1
        return result

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            _kill(worker)
        self._workers.clear()

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        end = self._time_limit + _GRACE
        process = self._context.Process(
            target=_serve, args=(self._function, theirs, end), daemon=True
        )
        if self._context.get_start_method() == "forkserver":
            start_forkserver()
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _assign(self, progress: _Progress[Task, Result]) -> None:
        """Give idle workers the next tasks, up to a window ahead of what was yielded."""
        for worker in self._workers:
            if worker.position is not None:
                continue
            if progress.exhausted or progress.given >= progress.yielded + 2 * self._count:
                return
            try:
                task = next(progress.source)
            except StopIteration:
                progress.exhausted = True
                return
            worker.position = progress.given
            worker.deadline = time.monotonic() + self._time_limit
            progress.given += 1
            try:
                worker.pipe.send(task)
            except BrokenPipeError:
                self._lose(worker, progress, _crash(worker))

    def _collect(self, progress: _Progress[Task, Result]) -> None:
        """Wait for a result, a death, a deadline or the time to look at the memory."""
        busy = [worker for worker in self._workers if worker.position is not None]
        patience = max(0.0, min(worker.deadline for worker in busy) - time.monotonic())
        if self._memory_limit is not None:
            patience = min(patience, _MEMORY_CHECK)
        ready = wait([worker.pipe for worker in busy], patience)
        for worker in busy:
            if worker.pipe in ready:
                self._receive(worker, progress)
            elif time.monotonic() >= worker.deadline:
                detail = f"no result within {self._time_limit:g} s"
                self._lose(worker, progress, Lost("timeout", detail))
        self._watch_memory(progress)

    def _watch_memory(self, progress: _Progress[Task, Result]) -> None:
        if self._memory_limit is None or time.monotonic() < self._memory_due:
            return
        self._memory_due = time.monotonic() + _MEMORY_CHECK
        for worker in self._workers:
            held = 0 if worker.position is None else _memory_held(worker.process.pid)
            if held > self._memory_limit:
                over = f"the decoding process held {held >> 20} MB; the limit is "
                detail = f"{over}{self._memory_limit >> 20} MB"
                self._lose(worker, progress, Lost("memory", detail))

    def _receive(self, worker: _Worker, progress: _Progress[Task, Result]) -> None:
        assert worker.position is not None
        try:
            message = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            self._lose(worker, progress, _crash(worker))
            return
        if not worker.ready:
            worker.ready = True
            worker.deadline = time.monotonic() + self._time_limit
            return
        progress.done[worker.position] = message
        worker.position = None

    def _lose(self, worker: _Worker, progress: _Progress[Task, Result], lost: Lost) -> None:
        assert worker.position is not None
        progress.done[worker.position] = lost
        self._replace(worker)

    def _replace(self, worker: _Worker) -> None:
        _kill(worker)
        self._workers[self._workers.index(worker)] = self._start()

    def _abandon(self) -> None:
        """After a pass: workers still at a task that nobody waits for make room."""
        for worker in [worker for worker in self._workers if worker.position is not None]:
            _kill(worker)
            self._workers.remove(worker)


def _kill(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.join(_BURIAL)
    worker.pipe.close()


def _memory_held(process: int) -> int:
    """Bytes of its own that a process has in main memory; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{process}/statm").read_text().split()
    except OSError:
        return 0  # it has ended, which shows at its pipe, or this is not Linux
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")


def _crash(worker: _Worker) -> Lost:
    """What to say of a worker that has ended by itself.

    Raises:
        DataError: It never got as far as to work, and another one would not either.
    """
    worker.process.join(timeout=1)
    code = worker.process.exitcode
    how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    if not _has_started(worker):
        raise DataError(
            "a decoding process ended before it could start",
            got=how,
            next_step="see what it wrote above; bench doctor says whether the decoders work",
        )
    return Lost("crashed", f"the decoding process ended with {how}")


def _has_started(worker: _Worker) -> bool:
    """Whether it said that it is ready, also where that was not read yet."""
    try:
        return worker.ready or (worker.pipe.poll() and worker.pipe.recv() == _READY)
    except (EOFError, OSError):
        return False


def _serve(function: Callable[[Any], Any], pipe: Connection, end: float) -> None:
    """A worker's life: tasks until the pipe closes or the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _compute_alone()
    parent = os.getppid()
    try:
        pipe.send(_READY)
    except BrokenPipeError:
        return
    while True:
        # Workers forked later hold our pipe open too, so a dead parent gives no end of file.
        while not pipe.poll(_PARENT_CHECK):
            if os.getppid() != parent:
                return
        try:
            task = pipe.recv()
        except EOFError:
            return
        # A decoder that hangs outlives a parent that was killed; the system's alarm ends it.
        signal.setitimer(signal.ITIMER_REAL, end)
        try:
            result = function(task)
        except Exception as error:  # handed to the parent, which raises it
            result = _portable(error)
        signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            pipe.send(result)
        except BrokenPipeError:
            return


def _compute_alone() -> None:
    """Keep to one thread: those of a parent's OpenMP do not survive a fork, and are waited for."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


def _portable(error: Exception) -> Exception:
    """An exception that survives the way to the parent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # what pickle raises is whatever the error's own class raises
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
