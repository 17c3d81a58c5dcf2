from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.ground.errors import DataError
from bench.ground.worker_pool import Lost, WorkerPool
from tests.places import ROOT


def behave(task: str) -> str:
    if task == "hangs":
        time.sleep(600)
    if task == "dies":
        os.kill(os.getpid(), signal.SIGSEGV)
    if task == "swells":
        hoard = [bytearray(2**20) for _ in range(400)]
        time.sleep(600)
        return str(len(hoard))
    if task == "slow":
        time.sleep(0.5)
    return task.upper()


class Unloadable:
    """Cannot be rebuilt in a worker."""

    def __reduce__(self) -> tuple[object, ...]:
        return (sys.exit, (3,))

    def __call__(self, task: str) -> str:
        return task


@pytest.fixture
def pool() -> Iterator[WorkerPool[str, str]]:
    made = WorkerPool(
        behave,
        2,
        time_limit=3,
        memory_limit=200 << 20,
        start_method="forkserver",
        preload=["tests.bench.data.loading.test_worker_pool"],
    )
    yield made
    made.close()


def test_every_way_to_lose_a_worker_costs_one_task(pool: WorkerPool[str, str]) -> None:
    tasks = ["a", "hangs", "dies", "swells", "b", "c"]
    results = dict(pool.run_as_completed(tasks))
    assert sorted(results) == [0, 1, 2, 3, 4, 5]
    assert [results[n] for n in (0, 4, 5)] == ["A", "B", "C"]
    assert results[1] == Lost("timeout", "no result within 3 s")
    assert results[2] == Lost("crashed", "the decoding process ended with signal 11")
    swollen = results[3]
    assert isinstance(swollen, Lost)
    assert swollen.reason == "memory"
    assert swollen.detail.endswith(" MB; the limit is 200 MB")


def test_a_slow_task_holds_up_no_other(pool: WorkerPool[str, str]) -> None:
    order = [position for position, _ in pool.run_as_completed(["slow", *"abcdefgh"])]
    assert order[-1] == 0
    assert sorted(order) == list(range(9))


def test_a_worker_that_cannot_start_is_no_tasks_fault(capfd: pytest.CaptureFixture[str]) -> None:
    broken: WorkerPool[str, str] = WorkerPool(
        Unloadable(), 1, time_limit=30, start_method="forkserver"
    )
    with pytest.raises(DataError) as caught:
        list(broken.run_as_completed(["a"]))
    broken.close()
    assert str(caught.value) == (
        "a decoding process ended before it could start\n  got:     exit code 1\n"
        "  next:    see what it wrote above; bench doctor says whether the decoders work"
    )


KILLED_PARENT = """
import sys
from tests.bench.ground.test_worker_pool import behave
from bench.ground import worker_pool
worker_pool._GRACE = 0.5
if __name__ == "__main__":
    pool = worker_pool.WorkerPool(behave, 1, time_limit=1)
    results = pool.run_as_completed(["a", "hangs"])
    next(results)
    print(pool._workers[0].process.pid, flush=True)
    next(results)
"""


def test_a_hanging_worker_does_not_outlive_a_killed_parent() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", KILLED_PARENT],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and running(worker):
        time.sleep(0.05)
    assert not running(worker)


def running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False
