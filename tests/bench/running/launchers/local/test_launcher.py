"""The local launcher with real processes: slots, kills, orphans, the death of the warm process."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.ground import gpus as inventory
from bench.ground import locks
from bench.ground.errors import BenchError, UsageError
from bench.running import launchers
from bench.running.launchers.base import Attempt, Ended
from bench.running.launchers.local import LAUNCHER
from bench.running.launchers.local.launcher import LocalLauncher, LocalOptions
from results.run.store import LOCK, RunStore

Start = Callable[..., Attempt]
PATIENCE_S = 30.0


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "run")


@pytest.fixture
def launcher() -> Iterator[LocalLauncher]:
    made = LocalLauncher(["", ""], grace_s=0.5)
    yield made
    made.close()


def attempt(store: RunStore, key: str, *argv: str) -> Attempt:
    folder = store.new_attempt(key)
    return Attempt(key, int(folder.name), folder, argv)


def ends(launcher: LocalLauncher, count: int = 1) -> list[Ended]:
    found: list[Ended] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(found) < count and time.monotonic() < deadline:
        found += launcher.poll(1.0)
    assert len(found) == count
    return found


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    return locks.born(pid) is not None


def pid_in(path: Path) -> int:
    eventually(lambda: path.is_file() and path.read_text().strip())
    return int(path.read_text())


def leader(store: RunStore, key: str) -> locks.Holder:
    eventually(lambda: store.holder(key))
    holder = store.holder(key)
    assert holder is not None
    return holder


def test_a_command_runs_with_its_log_its_lock_and_its_end(
    store: RunStore, launcher: LocalLauncher
) -> None:
    started = attempt(store, "job", "sh", "-c", "echo out; echo err >&2; sleep 0.3; exit 3")
    launcher.start(started)
    assert launcher.free == 1
    holder = leader(store, "job")
    assert (holder.alive, holder.attempt) == (True, 1)
    assert ends(launcher) == [Ended("job", 3)]
    assert launcher.free == 2
    assert store.holder("job") is None
    assert (started.folder / "log.txt").read_text() == "out\nerr\n"
    end = store.exit_of(started.folder)
    assert end is not None
    assert (end["rc"], end["signal"]) == (3, None)
    assert end["seconds"] >= 0.3


def test_a_command_that_does_not_exist_says_so_in_its_log(
    store: RunStore, launcher: LocalLauncher
) -> None:
    started = attempt(store, "job", "/no/such/program")
    launcher.start(started)
    assert ends(launcher) == [Ended("job", 127)]
    assert "/no/such/program: No such file or directory" in (started.folder / "log.txt").read_text()


def test_a_job_is_forked_from_the_warm_process_without_a_new_interpreter(
    store: RunStore, tmp_path: Path
) -> None:
    # An unreadable job file is the engine's own failure: no interpreter starts, nothing hangs.
    launcher = LocalLauncher([""], preload=("json",))
    try:
        job_file = store.job_folder("job") / "job.json"
        started = attempt(store, "job", "bench", "run-job", str(job_file))
        job_file.write_text("no json")
        launcher.start(started)
        (ended,) = ends(launcher)
        assert ended.rc == 1
        failure = json.loads((store.job_folder("job") / "failure.json").read_text())
        assert failure["reason"] == "user"
        assert failure["log"] == "attempts/1/log.txt"
    finally:
        launcher.close()


def test_every_slot_has_its_own_device_and_none_is_hidden_from_no_one(store: RunStore) -> None:
    launcher = LocalLauncher(["GPU-a", "3", ""])
    try:
        show = ("sh", "-c", 'echo "[$CUDA_VISIBLE_DEVICES] $CUDA_DEVICE_ORDER"; sleep 0.5')
        started = [attempt(store, f"job{number}", *show) for number in range(3)]
        for one in started:
            launcher.start(one)
        assert launcher.free == 0
        ends(launcher, 3)
        logs = sorted((one.folder / "log.txt").read_text() for one in started)
        assert logs == ["[3] PCI_BUS_ID\n", "[GPU-a] PCI_BUS_ID\n", "[] PCI_BUS_ID\n"]
    finally:
        launcher.close()


def test_a_killed_job_is_reported_with_its_signal(store: RunStore, launcher: LocalLauncher) -> None:
    started = attempt(store, "job", "sleep", "60")
    launcher.start(started)
    os.kill(leader(store, "job").pid, signal.SIGKILL)
    assert ends(launcher) == [Ended("job", -9, signal.SIGKILL)]
    end = store.exit_of(started.folder)
    assert end is not None
    assert end["signal"] == 9


@pytest.mark.parametrize(("kills", "expected"), [((3, 4), True), ((3, 3), False)])
def test_a_kill_for_memory_is_told_from_others(
    store: RunStore,
    launcher: LocalLauncher,
    monkeypatch: pytest.MonkeyPatch,
    kills: tuple[int, int],
    expected: bool,
) -> None:
    # What the kernel counts for our control group, before and after.
    counted = iter(kills)
    monkeypatch.setattr(inventory, "kills_for_memory", lambda: next(counted))
    launcher.start(attempt(store, "job", "sh", "-c", "kill -9 $$"))
    assert ends(launcher) == [Ended("job", -9, signal.SIGKILL, out_of_memory=expected)]


def test_stopping_asks_first_and_kills_after_the_grace_time(
    store: RunStore, launcher: LocalLauncher
) -> None:
    polite = "trap 'echo saved; exit 75' TERM; while :; do sleep 0.05; done"
    stubborn = "trap '' TERM; while :; do sleep 0.05; done"
    started = [
        attempt(store, name, "sh", "-c", script)
        for name, script in (("polite", polite), ("stubborn", stubborn))
    ]
    for one in started:
        launcher.start(one)
        leader(store, one.key)
    time.sleep(0.5)
    launcher.poll(0.5)
    for one in started:
        launcher.stop(one.key)
    found = {ended.key: (ended.rc, ended.signal) for ended in ends(launcher, 2)}
    assert found == {"polite": (75, None), "stubborn": (-9, signal.SIGKILL)}
    assert (started[0].folder / "log.txt").read_text().endswith("saved\n")


def test_a_job_is_stopped_even_before_the_warm_process_is_ready(
    store: RunStore, launcher: LocalLauncher
) -> None:
    launcher.start(attempt(store, "job", "sleep", "60"))
    launcher.stop("job")
    (ended,) = ends(launcher)
    assert ended.rc in (None, -signal.SIGTERM)
    assert store.holder("job") is None


@pytest.mark.parametrize("escape", ["exec", "fork"])
def test_grandchildren_that_left_the_session_are_swept(
    store: RunStore, launcher: LocalLauncher, tmp_path: Path, escape: str
) -> None:
    note = tmp_path / "pid"
    exec_script = f"setsid sh -c 'echo $$ > {note}; exec sleep 60' & sleep 0.3"
    fork_script = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        f"        open({str(note)!r}, 'w').write(str(os.getpid()))\n"
        "        time.sleep(60)\n"
        "    os._exit(0)\n"
        "time.sleep(0.3)\n"
    )
    # Without its environment only the inherited lock tells whose it is.
    fork_argv = ("env", "-i", sys.executable, "-c", fork_script)
    argv = ("sh", "-c", exec_script) if escape == "exec" else fork_argv
    launcher.start(attempt(store, "job", *argv))
    stray = pid_in(note)
    assert ends(launcher) == [Ended("job", 0)]
    eventually(lambda: not alive(stray))


def test_jobs_outlive_the_warm_process_and_their_end_is_seen(
    store: RunStore, launcher: LocalLauncher
) -> None:
    started = attempt(store, "job", "sh", "-c", "sleep 1.0; echo finished")
    launcher.start(started)
    job = leader(store, "job")
    assert launcher.poll(0.5) == []
    assert launcher.warm_pid is not None
    os.kill(launcher.warm_pid, signal.SIGKILL)
    assert job.alive
    (ended,) = ends(launcher)
    # Nobody was its parent any more: no status, and the result decides.
    assert ended == Ended("job", None)
    assert (started.folder / "log.txt").read_text() == "finished\n"
    launcher.start(attempt(store, "next", "true"))
    assert ends(launcher) == [Ended("next", 0)]


def test_a_warm_process_that_never_gets_ready_is_given_up_with_its_message(
    store: RunStore,
) -> None:
    launcher = LocalLauncher([""], preload=("no_such_module_anywhere",))
    with pytest.raises(BenchError) as caught:
        for number in range(4):
            launcher.start(attempt(store, f"job{number}", "true"))
            ends(launcher)
    launcher.close()
    assert caught.value.what == (
        "the process that starts jobs died 3 times before it was ready (exit status 1)"
    )
    assert "No module named 'no_such_module_anywhere'" in str(caught.value.got)


def test_a_job_that_somebody_else_runs_is_left_alone(
    store: RunStore, launcher: LocalLauncher
) -> None:
    started = attempt(store, "job", "echo", "ran twice")
    held = locks.take(store.job_folder("job") / LOCK)
    assert held is not None
    launcher.start(started)
    (ended,) = ends(launcher)
    assert ended.rc == 73
    assert "ran twice" not in (started.folder / "log.txt").read_text()
    os.close(held)


def test_a_running_job_is_adopted_by_a_new_launcher(store: RunStore) -> None:
    first, second = LocalLauncher(["0", "1"]), LocalLauncher(["0", "1"])
    try:
        over = attempt(store, "short", "sleep", "0.1")
        first.start(over)
        running = attempt(store, "long", "sleep", "1.5")
        handle = first.start(running)
        ends(first)
        assert second.adopt(running, handle)
        assert not second.adopt(over, handle)
        assert second.free == 1
        # The device of the adopted job is taken, the other one is free.
        shown = attempt(store, "other", "sh", "-c", "echo $CUDA_VISIBLE_DEVICES")
        second.start(shown)
        assert {ended.key for ended in ends(second, 2)} == {"long", "other"}
        assert (shown.folder / "log.txt").read_text().strip() == {"0": "1", "1": "0"}[
            handle["device"]
        ]
    finally:
        first.close()
        second.close()


def test_launchers_are_chosen_by_name() -> None:
    assert "local" in launchers.EXTENSIONS.names()
    with pytest.raises(UsageError, match="unknown launcher 'lokal'; did you mean 'local'"):
        launchers.EXTENSIONS.get("lokal")


def test_devices_come_from_the_variable_that_is_set_already() -> None:
    assert inventory.gpus({"CUDA_VISIBLE_DEVICES": "2, GPU-7f,5"}, None) == ["2", "GPU-7f", "5"]
    assert inventory.gpus({"CUDA_VISIBLE_DEVICES": "2,3"}, 1) == ["2"]
    assert inventory.gpus({"CUDA_VISIBLE_DEVICES": "2,3"}, 0) == []
    assert inventory.gpus({"CUDA_VISIBLE_DEVICES": ""}, None) == []
    assert inventory.gpus({"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, None) == []
    with pytest.raises(UsageError) as caught:
        inventory.gpus({"CUDA_VISIBLE_DEVICES": "2,3"}, 4)
    assert str(caught.value).splitlines()[:2] == [
        "--gpus 4: 2 can be seen here (CUDA_VISIBLE_DEVICES=2,3)",
        "  allowed: 0 to 2",
    ]


def test_devices_come_from_nvidia_smi_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\n"
        "echo 'GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-11)'\n"
        "echo 'GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-22)'\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert inventory.gpus({}, None) == ["0", "1"]


def test_several_jobs_may_share_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    made = LAUNCHER.create(LocalOptions(jobs_per_gpu=2))
    assert (made.slots, made.describe()) == (4, "4 at once on GPU 4, 6")
    made.close()
    cpu = LAUNCHER.create(LocalOptions(gpus=0, jobs=3))
    assert (cpu.slots, cpu.describe()) == (3, "3 at once on the CPU")
    cpu.close()
