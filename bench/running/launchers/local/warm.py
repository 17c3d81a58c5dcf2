"""The warm process: imports what every job imports once, then forks one process a job.

Started by the local launcher as ``python -m bench.running.launchers.local.warm``; they speak over a
socket, one JSON object per message. It opens no video, starts no thread and asks for no GPU
(libraries that do so while they are imported are told that there is none), so that forking is safe.
When the launcher goes away it lets the running jobs end, writes how they ended, and leaves.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.ground import locks
from bench.running import attempt
from bench.running.launchers.local import strays

JOBS = (
    "torch",
    "open_clip",
    "bench.data.loading.clip_loader",
    "bench.data.pipelines.vificlip",
    "methods.base",
    "bench.engine.job.run_job:preload",
)
"""What a job needs: modules, or functions of modules that are called."""
MESSAGE_LIMIT = 1 << 18
_NO_GPU = {"CUDA_VISIBLE_DEVICES": "", "PYTORCH_NVML_BASED_CUDA_CHECK": "1"}
"""With these torch says that there is no GPU without asking the driver."""


@dataclass
class _Child:
    key: str
    folder: Path
    began: float
    born: int


class WarmProcess:
    """Reads requests, forks jobs, reports their ends.

    Args:
        channel: The socket to the launcher.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel: socket.socket | None = channel
        self._children: dict[int, _Child] = {}
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(channel, selectors.EVENT_READ)
        self._selector.register(self._wake_read, selectors.EVENT_READ)

    def serve(self) -> int:
        """Work until the launcher is gone and no job is left; gives the exit status."""
        self._say({"event": "ready", "threads": _threads()})
        while self._channel is not None or self._children:
            for key, _ in self._selector.select(timeout=1.0):
                if key.fileobj is self._channel:
                    self._receive()
                else:
                    self._drain()
            self._reap()
        return 0

    def _receive(self) -> None:
        assert self._channel is not None
        try:
            message = self._channel.recv(MESSAGE_LIMIT)
        except ConnectionResetError:
            message = b""
        if not message:
            self._selector.unregister(self._channel)
            self._channel.close()
            self._channel = None
            return
        self._fork(json.loads(message))

    def _fork(self, request: dict[str, Any]) -> None:
        folder = Path(request["folder"])
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            self._become(request, folder)
        self._children[pid] = _Child(request["key"], folder, began, locks.born(pid) or 0)
        self._say({"event": "started", "key": request["key"], "pid": pid})

    def _become(self, request: dict[str, Any], folder: Path) -> None:
        """The forked process: run the attempt and never return."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            self._selector.close()
            os.close(self._wake_read)
            os.close(self._wake_write)
            if self._channel is not None:
                self._channel.close()
            if attempt.enter(folder, request["number"], request["env"]):
                status = _run(request["argv"], folder)
            else:
                status = attempt.LOCK_TAKEN
        except BaseException:  # whatever it is, this process ends here and its log says why
            traceback.print_exc()
        finally:
            # Not sys.exit: what was registered for the warm process's own end is not ours.
            os._exit(status)

    def _drain(self) -> None:
        try:
            while os.read(self._wake_read, 4096):
                pass
        except BlockingIOError:
            return

    def _reap(self) -> None:
        while self._children:
            try:
                pid, raw = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is not None:
                self._ended(pid, child, raw)

    def _ended(self, pid: int, child: _Child, raw: int) -> None:
        status = os.waitstatus_to_exitcode(raw)
        received = -status if status < 0 else None
        attempt.write_exit(
            child.folder, status=status, received=received, seconds=time.monotonic() - child.began
        )
        strays.sweep(child.folder, locks.Holder(pid, child.born))
        self._say({"event": "ended", "key": child.key, "rc": status, "signal": received})

    def _say(self, message: dict[str, Any]) -> None:
        if self._channel is None:
            return
        try:
            self._channel.send(json.dumps(message).encode())
        except (BrokenPipeError, ConnectionResetError):
            return  # the launcher is gone; reading the socket will say so too


def _run(argv: list[str], folder: Path) -> int:
    """Run a command: a job in this very process, anything else in its place."""
    if argv[:2] == ["bench", "run-job"]:
        from bench.engine.job.run_job import run_job

        job_file = Path(argv[2])
        return attempt.finish(folder, lambda: run_job(job_file))
    try:
        os.execvpe(argv[0], argv, os.environ)
    except OSError as error:
        print(f"{argv[0]}: {error.strerror}", file=sys.stderr)
        return 127


def _threads() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Threads:"):
            return int(line.split()[1])
    return 1


def preload(names: Iterable[str]) -> None:
    """Import modules and call functions, given as in ``JOBS``, so that forking stays safe.

    Some libraries ask torch for a GPU while they are imported (``mmengine.device``). The driver,
    once asked, works in no process that is forked afterwards.
    """
    with _no_gpu():
        for name in names:
            module, _, function = name.partition(":")
            loaded = importlib.import_module(module)
            if function:
                getattr(loaded, function)()


@contextmanager
def _no_gpu() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _NO_GPU}
    os.environ.update(_NO_GPU)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def main() -> int:
    """Entry of ``python -m bench.running.launchers.local.warm``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--preload", default="")
    arguments = parser.parse_args()
    channel = socket.socket(fileno=arguments.fd)
    preload(filter(None, arguments.preload.split(",")))
    gc.collect()
    # Objects made so far are never freed: without this the first collection in every job would
    # copy all their pages.
    gc.freeze()
    return WarmProcess(channel).serve()


if __name__ == "__main__":
    sys.exit(main())
