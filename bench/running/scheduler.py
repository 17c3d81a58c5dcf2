"""Runs the jobs of a plan: order, retries, failures as rows, clean stop, going on after a kill.

All state lies in the run folder. Truth order where sources disagree: a valid ``result.json``, then
``failure.json``, then how the process ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.ground.errors import BenchError
from bench.ground.locks import Holder
from bench.planning import forecast, graph
from bench.planning.jobs import EvaluateJob, TrainJob
from bench.planning.plan import Plan
from bench.running.attempt import LOCK_TAKEN
from bench.running.job_states import JobState, Rerun, described, finished, job_states, records_of
from bench.running.launchers.base import Attempt, Ended, Launcher
from bench.running.run_events import AttemptLimits, Listener, RunOutcome, RunProgress
from results.run.records import Failure
from results.run.store import HANDLE, JOB, LOG, LaunchHandle, RunStore

RETRIES = 2
"""Further attempts at a job that was killed or lost; a job that failed by itself is not retried."""
BACKOFF_S = 0.5
POLL_S = 0.2
PROGRESS = "progress.json"
LOG_TAIL = 4000


@dataclass
class _Watch:
    attempt: int
    folder: Path
    began: float
    gave_up: str = ""
    by_hand: Holder | None = None
    """Who runs it, where no launcher started it."""


@dataclass
class _State:
    waiting: set[str] = field(default_factory=set)
    running: dict[str, _Watch] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    not_before: dict[str, float] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)


class Scheduler:
    """Runs what a plan still lacks.

    Args:
        plan: What is to be measured.
        store: The run folder; this process holds its scheduler lock.
        launcher: Where jobs run.
        launcher_name: What it is called; kept with each attempt.
        listener: Is told what happens.
        rerun: Which jobs count as still lacking.
        limits: When an attempt is given up.
        command: Key and ``job.json`` -> command line of a job.
        stop_requested: Asked often; once it gives True, running jobs are stopped.
    """

    def __init__(
        self,
        plan: Plan,
        store: RunStore,
        launcher: Launcher,
        listener: Listener,
        *,
        launcher_name: str = "local",
        rerun: Rerun = "failed",
        limits: AttemptLimits | None = None,
        command: Callable[[str, Path], list[str]] | None = None,
        stop_requested: Callable[[], bool] = lambda: False,
    ) -> None:
        self._plan, self._store, self._launcher = plan, store, launcher
        self._launcher_name = launcher_name
        self._listener = listener
        self._limits = limits or AttemptLimits()
        self._command = command or (lambda key, job_file: ["bench", "run-job", str(job_file)])
        self._stop_requested = stop_requested
        self._records = records_of(plan, store)
        self._rates = forecast.learnt(plan.jobs, self._records)
        self.states = job_states(plan, store, rerun, self._records)
        self._below = graph.children(plan.parents)
        self._priority = graph.priorities(plan.parents, forecast.ordering(plan.jobs))
        self._rerun = rerun
        self._now = _State()
        self._halted = ""

    @property
    def to_run(self) -> list[str]:
        """Keys that this run would execute."""
        return [key for key, state in self.states.items() if state.will_run]

    def run(self) -> RunOutcome:
        """Run until every job has a result or a failure, or until asked to stop.

        Raises:
            BenchError: The run folder refuses a write, or jobs cannot be started at all.
        """
        began = time.monotonic()
        self._write_jobs()
        self._take_in()
        stopped = False
        try:
            while self._now.waiting or self._now.running:
                if not stopped and (self._halted or self._stop_requested()):
                    stopped = True
                    self._stop_all()
                if stopped and not self._now.running:
                    break
                if not stopped:
                    self._start_ready()
                    self._enforce_limits()
                for ended in (*self._launcher.poll(POLL_S), *self._ended_by_hand()):
                    self._take(ended, stopped)
                self._listener.tick(self.standing())
        finally:
            self._launcher.close()
        cached = sum(1 for state in self.states.values() if state.state == "cached")
        seconds = time.monotonic() - began
        done, failed = tuple(self._now.done), dict(self._now.failed)
        return RunOutcome(done, cached, failed, stopped, self._halted, seconds)

    def _stop_all(self) -> None:
        """Ask our jobs to stop; those that somebody started by hand go on without us."""
        for key, watch in list(self._now.running.items()):
            if watch.by_hand is None:
                self._launcher.stop(key)
            else:
                del self._now.running[key]

    def standing(self) -> RunProgress:
        """How far the run is."""
        now = self._now
        ran = set(self.to_run)
        return RunProgress(
            total=len(ran),
            done=len(now.done),
            failed=sum(1 for key in now.failed if key in ran),
            running=tuple(now.running),
            seconds_left=self._seconds_left(),
        )

    def _write_jobs(self) -> None:
        for key, job in self._plan.jobs.items():
            if self.states[key].state != "cached":
                self._store.write_job(key, job.model_dump_json(indent=1))

    def _take_in(self) -> None:
        """Sort the jobs: waiting, running already, or failed before anything runs."""
        for key, state in self.states.items():
            if state.will_run:
                self._now.waiting.add(key)
                again = self._rerun == "always" or key in self._records
                if again and state.state != "running":
                    self._store.forget(key)
            elif state.state in ("failed", "needs data", "blocked"):
                self._cannot_run(key, state)
        for key in [key for key in self._now.waiting if self._store.may_run(key)]:
            self._adopt(key)

    def _cannot_run(self, key: str, state: JobState) -> None:
        if state.state != "failed" and self._rerun != "never":
            reason = "data" if state.state == "needs data" else "parent"
            self._write_failure(key, reason, state.reason, attempt=0)
        self._now.failed[key] = state.reason

    def _adopt(self, key: str) -> bool:
        """Watch a job that runs already: our launcher's, or one that somebody started by hand."""
        attempts, holder = self._store.attempts(key), self._store.holder(key)
        number = int(attempts[-1].name) if attempts else 0
        handle = self._store.handle(attempts[-1]) if attempts else None
        folder = attempts[-1] if attempts else self._store.job_folder(key)
        by_hand = holder if holder is not None and holder.alive else None
        if handle is not None and handle.launcher != self._launcher_name:
            raise self._of_another_launcher(key, handle.launcher)
        attempt = Attempt(key, number, folder, self._command(key, self._job_file(key)))
        if handle is not None and self._launcher.adopt(attempt, handle.content):
            by_hand = None
        elif by_hand is None:
            return False
        self._now.waiting.discard(key)
        self._now.running[key] = _Watch(number, folder, time.monotonic(), by_hand=by_hand)
        self._listener.started(key, number, self.standing())
        return True

    def _of_another_launcher(self, key: str, launcher: str) -> BenchError:
        return BenchError(
            f"job {key[:8]} was started with --launcher {launcher} and may still run",
            got=f"--launcher {self._launcher_name}",
            next_step=f"go on with --launcher {launcher}; or, if nothing of it runs any more, "
            f"delete the {HANDLE} files below {self._store.jobs}",
        )

    def _ended_by_hand(self) -> list[Ended]:
        """Jobs that were not started by a launcher and that are over."""
        watches = self._now.running.items()
        return [
            Ended(key, rc=None)
            for key, watch in watches
            if watch.by_hand is not None and not watch.by_hand.alive
        ]

    def _job_file(self, key: str) -> Path:
        return self._store.job_folder(key) / JOB

    def _start_ready(self) -> None:
        now = time.monotonic()
        ready = [key for key in self._now.waiting if self._ready(key, now)]
        ready.sort(key=lambda key: (-self._priority[key], key))
        for key in ready[: self._launcher.free]:
            self._store.clear_failure(key)
            folder = self._store.new_attempt(key)
            number = int(folder.name)
            command = self._command(key, self._job_file(key))
            handle = self._launcher.start(Attempt(key, number, folder, command))
            self._store.write_handle(folder, LaunchHandle(self._launcher_name, handle))
            self._now.waiting.discard(key)
            self._now.running[key] = _Watch(number, folder, now)
            self._now.tries[key] = self._now.tries.get(key, 0) + 1
            self._listener.started(key, number, self.standing())

    def _ready(self, key: str, now: float) -> bool:
        if self._now.not_before.get(key, 0.0) > now:
            return False
        open_parents = self._now.waiting | self._now.running.keys()
        return not any(parent in open_parents for parent in self._plan.parents[key])

    def _enforce_limits(self) -> None:
        now = time.monotonic()
        for key, watch in self._now.running.items():
            if watch.gave_up or watch.by_hand is not None:
                continue
            limit, stall = self._limits.timeout_s, self._limits.stall_s
            if limit is not None and now - watch.began > limit:
                watch.gave_up = f"stopped after {limit:g} s (--timeout)"
            elif stall is not None and min(now - watch.began, self._silence(watch)) > stall:
                watch.gave_up = f"no sign of progress for {stall:g} s (--stall)"
            if watch.gave_up:
                self._launcher.stop(key)

    def _silence(self, watch: _Watch) -> float:
        """Seconds since the job last wrote to its log or said how far it is."""
        changed = 0.0
        for path in (watch.folder / LOG, watch.folder.parent.parent / PROGRESS):
            if path.exists():
                changed = max(changed, path.stat().st_mtime)
        return time.time() - changed

    def _take(self, ended: Ended, stopped: bool) -> None:
        key = ended.key
        watch = self._now.running.pop(key)
        record = finished(self._store, key)
        if record is not None:
            self._store.clear_failure(key)
            seconds = record.provenance.seconds
            self._rates.learn(self._plan.jobs[key], seconds)
            self._now.done.append(key)
            self._listener.ended(key, "done", f"{seconds:.1f} s", self.standing())
            return
        if ended.rc == LOCK_TAKEN and self._adopt(key):
            return
        failure = self._store.failure(key)
        if stopped:
            self._store.clear_failure(key)
            self._listener.ended(key, "stopped", "will go on where it stopped", self.standing())
            return
        if watch.gave_up:
            reason, message = "timeout", watch.gave_up
        elif failure is not None:
            reason, message = failure.reason, ""
        else:
            reason, message = _unexplained(ended, watch.folder / LOG)
        if reason == "disk_full":
            self._halted = "the disk is full"
        if reason in ("killed", "lost") and self._now.tries.get(key, 1) <= RETRIES:
            self._again(key, message)
        else:
            self._fail(key, reason, message, watch.attempt)

    def _again(self, key: str, message: str) -> None:
        tries = self._now.tries.get(key, 1)
        self._now.tries[key] = tries
        self._now.not_before[key] = time.monotonic() + BACKOFF_S * 2 ** (tries - 1)
        self._now.waiting.add(key)
        self._listener.ended(key, "again", message, self.standing())

    def _fail(self, key: str, reason: str, message: str, attempt: int) -> None:
        if message:
            self._write_failure(key, reason, message, attempt)
        failure = self._store.failure(key)
        line = described(failure) if failure is not None else f"{reason}: {message}"
        self._now.failed[key] = line
        self._listener.ended(key, "failed", line, self.standing())
        for child in sorted(graph.descendants(key, self._below) & self._now.waiting):
            because = f"its training {key[:8]} failed: {line}"
            self._write_failure(child, "parent", because, attempt=0)
            self._now.waiting.discard(child)
            self._now.failed[child] = f"parent: {because}"
            self._listener.ended(child, "failed", self._now.failed[child], self.standing())

    def _write_failure(self, key: str, reason: str, message: str, attempt: int) -> None:
        log = f"attempts/{attempt}/{LOG}" if attempt else ""
        self._store.write_failure(
            Failure(key=key, reason=reason, message=message, attempt=attempt, log=log)
        )

    def _seconds_left(self) -> float | None:
        """Work left over slots, but at least the longest chain left."""
        now = time.monotonic()
        left: dict[str, float] = {}
        for key in (*self._now.waiting, *self._now.running):
            seconds = self._job_seconds(self._plan.jobs[key])
            if seconds is None:
                return None
            watch = self._now.running.get(key)
            left[key] = seconds if watch is None else max(0.0, seconds - (now - watch.began))
        if not left:
            return 0.0
        inside = {
            key: tuple(parent for parent in self._plan.parents[key] if parent in left)
            for key in left
        }
        chains = graph.priorities(inside, left)
        return max(sum(left.values()) / max(1, self._launcher.slots), max(chains.values()))

    def _job_seconds(self, job: TrainJob | EvaluateJob) -> float | None:
        return self._rates.seconds_from_any(job)


def _unexplained(ended: Ended, log: Path) -> tuple[str, str]:
    """Why an attempt ended that left neither a result nor a failure."""
    if ended.out_of_memory:
        return "oom", (
            "killed by the kernel: the machine ran out of memory; run again with fewer jobs at "
            "once (--jobs N)"
        )
    if ended.signal is not None:
        return "killed", f"killed by signal {ended.signal}"
    if ended.rc is None:
        return "lost", "the process disappeared without an exit status"
    if ended.rc == LOCK_TAKEN:
        return "lost", "another process was at this job and left no result"
    if ended.rc > 128:
        return "killed", f"ended by signal {ended.rc - 128}"
    tail = _tail(log).strip()
    last = f", after: {tail.splitlines()[-1].strip()}" if tail else ""
    return "user", f"exit status {ended.rc} without a result{last}\n{tail}".strip()


def _tail(log: Path) -> str:
    try:
        return log.read_bytes()[-LOG_TAIL:].decode(errors="replace")
    except OSError:
        return ""
