"""GPUs or cores of this machine, one process per job, forked from a warm process."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from bench.ground import gpus as inventory
from bench.ground import locks
from bench.ground.errors import BenchError
from bench.ground.locks import Holder
from bench.running.launchers.base import Attempt, Ended, Handle, LaunchOptions
from bench.running.launchers.local import strays, warm
from results.run.store import EXIT, LOCK

POLL_S = 0.1
DEATHS_ALLOWED = 3
"""Warm processes that may die one after another before any of them gets ready."""


class LocalOptions(LaunchOptions):
    """What ``bench run --launcher local`` can be told."""

    gpus: int | None = Field(default=None, description="GPUs to use (default: all; 0: CPU)")
    jobs_per_gpu: int = Field(default=1, ge=1, description="jobs that share a GPU")
    jobs: int | None = Field(
        default=None, ge=1, description="jobs at once on the CPU (default: cores)"
    )


@dataclass
class _Running:
    """An attempt under watch; ``slot`` None: adopted, and its device is not one of ours."""

    folder: Path
    slot: int | None
    pid: int | None = None
    born: int | None = None
    watched: bool = True
    """Whether a living warm process will report its end."""
    kill_at: float | None = None
    oom_kills: int | None = None

    @property
    def leader(self) -> Holder | None:
        """The process that leads the attempt's session, once it is known."""
        if self.pid is None or self.born is None:
            return None
        return Holder(self.pid, self.born)


class LocalLauncher:
    """Runs attempts on this machine.

    Args:
        devices: ``CUDA_VISIBLE_DEVICES`` of each slot; ``""``: a slot without a GPU.
        preload: Modules that the warm process imports.
        grace_s: Seconds between SIGTERM and SIGKILL.
    """

    def __init__(
        self, devices: Sequence[str], *, preload: Sequence[str] = (), grace_s: float = 30.0
    ) -> None:
        self.devices = tuple(devices)
        self.slots = len(self.devices)
        self._preload = tuple(preload)
        self._grace_s = grace_s
        self._running: dict[str, _Running] = {}
        self._warm: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._ready = False
        self._deaths = 0
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close())

    def describe(self) -> str:
        """Where jobs run, for people."""
        cards = sorted({device for device in self.devices if device})
        if not cards:
            return f"{self.slots} at once on the CPU"
        return f"{self.slots} at once on GPU {', '.join(cards)}"

    @property
    def warm_pid(self) -> int | None:
        """Process id of the warm process, or None while there is none."""
        return None if self._warm is None else self._warm.pid

    @property
    def free(self) -> int:
        """Attempts that could be started now."""
        return max(0, self.slots - len(self._running))

    def prepare(self) -> None:
        """Start the warm process; returns at once."""
        if self._warm is not None:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = [
            sys.executable,
            "-m",
            "bench.running.launchers.local.warm",
            "--fd",
            str(theirs.fileno()),
        ]
        single = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        self._warm = subprocess.Popen(
            [*argv, "--preload", ",".join(self._preload)],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
            env={**os.environ, **single, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
        )
        theirs.close()
        self._channel, self._ready = ours, False

    def start(self, attempt: Attempt) -> Handle:
        """Start an attempt in a free slot; the handle names the slot's device."""
        self.prepare()
        slot = self._slot_with(None)
        assert slot is not None, "start() without a free slot"
        request = {
            "key": attempt.key,
            "number": attempt.number,
            "folder": str(attempt.folder),
            "argv": list(attempt.argv),
            "env": {**attempt.env, "CUDA_VISIBLE_DEVICES": self.devices[slot]},
        }
        self._running[attempt.key] = _Running(
            attempt.folder, slot, oom_kills=inventory.kills_for_memory()
        )
        assert self._channel is not None
        try:
            self._channel.send(json.dumps(request).encode())
        except (BrokenPipeError, ConnectionResetError):
            self._warm_died()
        return {"device": self.devices[slot]}

    def adopt(self, attempt: Attempt, handle: Handle) -> bool:
        """Watch a job that an earlier scheduler started; it takes a slot like any other.

        Its process is the one that holds the job's lock.
        """
        holder = locks.holder(attempt.job_folder / LOCK)
        if holder is None or not holder.alive or holder.attempt != attempt.number:
            return False
        slot = self._slot_with(str(handle["device"]))
        self._running[attempt.key] = _Running(
            attempt.folder, slot, holder.pid, holder.born, watched=False
        )
        return True

    def _slot_with(self, device: str | None) -> int | None:
        """A free slot, of that device where one is named."""
        taken = {running.slot for running in self._running.values()}
        for number, own in enumerate(self.devices):
            if number not in taken and device in (None, own):
                return number
        return None

    def poll(self, timeout_s: float) -> list[Ended]:
        """Wait for attempts to end, at most ``timeout_s`` seconds."""
        deadline = time.monotonic() + timeout_s
        while True:
            ended = [*self._heard(min(POLL_S, max(0.0, deadline - time.monotonic())))]
            ended += self._missed()
            self._escalate()
            if ended or time.monotonic() >= deadline:
                return ended

    def stop(self, key: str) -> None:
        """Ask an attempt to stop; it is killed after the grace time."""
        running = self._running.get(key)
        if running is None or running.kill_at is not None:
            return
        running.kill_at = time.monotonic() + self._grace_s
        if running.pid is None and not self._ready and self._warm is not None:
            self._warm.kill()  # it is still importing: nothing was started yet
        self._signal(running, signal.SIGTERM)

    def close(self) -> None:
        """Kill what still runs and let the warm process go."""
        for running in self._running.values():
            self._signal(running, signal.SIGKILL)
            strays.sweep(running.folder, running.leader)
        self._running.clear()
        if self._channel is not None:
            self._channel.close()
        if self._warm is not None:
            if not self._ready:
                self._warm.kill()
            try:
                self._warm.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._warm.kill()
                self._warm.wait()
        self._warm = self._channel = None
        self._log.close()

    def _heard(self, wait_s: float) -> list[Ended]:
        """What the warm process says."""
        if self._channel is None:
            time.sleep(wait_s)
            return []
        ended: list[Ended] = []
        while select.select([self._channel], [], [], 0.0 if ended else wait_s)[0]:
            try:
                message = self._channel.recv(warm.MESSAGE_LIMIT)
            except ConnectionResetError:
                continue  # it died with requests unread; what it said before can still be read
            if not message:
                self._warm_died()
                break
            ended += self._understood(json.loads(message))
            wait_s = 0.0
        return ended

    def _understood(self, message: dict[str, object]) -> list[Ended]:
        event, key = message["event"], str(message.get("key", ""))
        if event == "ready":
            self._ready, self._deaths = True, 0
        elif event == "started" and key in self._running:
            running = self._running[key]
            running.pid = int(str(message["pid"]))
            running.born = locks.born(running.pid)
            if running.kill_at is not None:
                self._signal(running, signal.SIGTERM)
        elif event == "ended" and key in self._running:
            rc, received = message["rc"], message["signal"]
            return [
                self._over(
                    key, int(str(rc)), received if isinstance(received, int) else None, swept=True
                )
            ]
        return []

    def _over(self, key: str, rc: int | None, received: int | None, *, swept: bool) -> Ended:
        running = self._running.pop(key)
        if not swept:
            strays.sweep(running.folder, running.leader)
        now = inventory.kills_for_memory()
        more = running.oom_kills is not None and now is not None and now > running.oom_kills
        return Ended(key, rc, received, out_of_memory=more and received == signal.SIGKILL)

    def _missed(self) -> list[Ended]:
        """Attempts that no warm process reports on and that are over."""
        ended = []
        for key, running in list(self._running.items()):
            if running.watched or self._alive(running):
                continue
            content = _exit_of(running.folder)
            if content is None:
                ended.append(self._over(key, None, None, swept=False))
            else:
                ended.append(self._over(key, content[0], content[1], swept=False))
        return ended

    def _alive(self, running: _Running) -> bool:
        return running.leader is not None and running.leader.alive

    def _escalate(self) -> None:
        for running in self._running.values():
            if running.kill_at is not None and time.monotonic() >= running.kill_at:
                self._signal(running, signal.SIGKILL)
                strays.sweep(running.folder, running.leader)

    def _signal(self, running: _Running, number: signal.Signals) -> None:
        if running.pid is None or running.pid <= 1 or not self._alive(running):
            return
        try:
            os.killpg(running.pid, number)
        except ProcessLookupError:
            # Between fork and setsid there is no such group yet.
            try:
                os.kill(running.pid, number)
            except ProcessLookupError:
                return

    def _warm_died(self) -> None:
        """Its jobs live on; from now on they are watched by process id."""
        assert self._warm is not None and self._channel is not None
        self._channel.close()
        status = self._warm.wait()
        was_ready = self._ready
        self._warm = self._channel = None
        for running in self._running.values():
            running.watched = False
            if running.pid is None:
                self._find_leader(running)
        if not was_ready:
            self._deaths += 1
        if self._deaths >= DEATHS_ALLOWED:
            raise BenchError(
                f"the process that starts jobs died {self._deaths} times before it was ready "
                f"(exit status {status})",
                got=self._last_words(),
                next_step="fix what the message says and run the same command again",
            )

    def _find_leader(self, running: _Running) -> None:
        """An attempt that was asked for, without word whether it started."""
        holder = locks.holder(running.folder.parent.parent / LOCK)
        if holder is not None and holder.attempt == int(running.folder.name):
            running.pid, running.born = holder.pid, holder.born

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "(it wrote nothing)"


def _exit_of(folder: Path) -> tuple[int | None, int | None] | None:
    try:
        content = json.loads((folder / EXIT).read_bytes())
    except (OSError, ValueError):
        return None
    return content.get("rc"), content.get("signal")


def create(options: LocalOptions) -> LocalLauncher:
    """The launcher for this machine.

    Raises:
        UsageError: The options do not fit the machine.
    """
    cards = inventory.gpus(os.environ, options.gpus)
    devices = (
        [card for card in cards for _ in range(options.jobs_per_gpu)]
        if cards
        else [""] * (options.jobs or inventory.cores())
    )
    return LocalLauncher(devices, preload=warm.JOBS, grace_s=options.grace)
