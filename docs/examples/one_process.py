"""A launcher of your own: each job is a plain process of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field

from pydantic import Field

from bench.ground import locks
from bench.running.launchers.base import (
    Attempt,
    Ended,
    Handle,
    LauncherDefinition,
    LaunchOptions,
)


class OneProcessOptions(LaunchOptions):
    """Flags of ``bench run --launcher one-process``, beside ``--grace``."""

    at_once: int = Field(default=1, ge=1, description="jobs that run at once")


@dataclass
class Watched:
    """A running job; ``child`` is None where an earlier scheduler started it."""

    leader: locks.Holder
    child: subprocess.Popen[bytes] | None = None
    kill_at: float | None = None

    def ended(self, key: str) -> Ended | None:
        """How it ended, or None while it runs."""
        if self.child is None:
            return None if self.leader.alive else Ended(key, rc=None)
        status = self.child.poll()
        if status is None:
            return None
        return Ended(key, status, signal=-status if status < 0 else None)

    def send(self, number: signal.Signals) -> None:
        """Signal the job and what it started."""
        if self.leader.alive:
            os.killpg(self.leader.pid, number)


@dataclass
class OneProcess:
    """Starts ``bench run-job`` once per attempt."""

    options: OneProcessOptions
    running: dict[str, Watched] = field(default_factory=dict)

    @property
    def slots(self) -> int:
        """Jobs that run at once."""
        return self.options.at_once

    @property
    def free(self) -> int:
        """Attempts that could be started now."""
        return max(0, self.slots - len(self.running))

    def describe(self) -> str:
        """Where jobs run, for people."""
        return f"{self.slots} at once, each in a new process"

    def prepare(self) -> None:
        """Nothing here takes long."""

    def start(self, attempt: Attempt) -> Handle:
        """Start a process that outlives this one; the handle says how to find it again."""
        with (attempt.folder / "log.txt").open("ab") as log:
            child = subprocess.Popen(
                attempt.command,
                env={**os.environ, **attempt.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        leader = locks.Holder(child.pid, locks.born(child.pid) or 0)
        self.running[attempt.key] = Watched(leader, child)
        return {"pid": leader.pid, "born": leader.born}

    def adopt(self, attempt: Attempt, handle: Handle) -> bool:
        """Watch a process that an earlier scheduler started."""
        leader = locks.Holder(handle["pid"], handle["born"])
        if leader.alive:
            self.running[attempt.key] = Watched(leader)
        return leader.alive

    def poll(self, timeout_s: float) -> list[Ended]:
        """Wait for attempts to end."""
        deadline = time.monotonic() + timeout_s
        while True:
            for watched in self.running.values():
                if watched.kill_at is not None and time.monotonic() >= watched.kill_at:
                    watched.send(signal.SIGKILL)
            over = [one.ended(key) for key, one in self.running.items()]
            ended = [one for one in over if one is not None]
            for one in ended:
                del self.running[one.key]
            if ended or time.monotonic() >= deadline:
                return ended
            time.sleep(0.02)

    def stop(self, key: str) -> None:
        """Ask an attempt to stop; it is killed after the grace time."""
        self.running[key].kill_at = time.monotonic() + self.options.grace
        self.running[key].send(signal.SIGTERM)

    def close(self) -> None:
        """Kill what still runs."""
        for watched in self.running.values():
            watched.send(signal.SIGKILL)
            if watched.child is not None:
                watched.child.wait()
        self.running.clear()


LAUNCHER = LauncherDefinition(
    name="one-process",
    summary="a new process per job, on this machine",
    create=OneProcess,
    options=OneProcessOptions,
)
