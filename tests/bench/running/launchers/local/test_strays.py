"""What counts as left behind by an attempt; nothing here kills anything."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.ground import locks
from bench.ground.locks import Holder
from bench.running.launchers.local.strays import left_behind
from results.run.layout import LOCK


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "jobs" / "job" / "attempts" / "1"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own that has nothing to do with the attempt."""
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_without_a_leader_only_marked_processes_are_found(folder: Path) -> None:
    # Session 0 holds what the machine's own services started.
    for leader in (None, Holder(0, 0), Holder(1, 1), Holder(os.getsid(0), 1)):
        assert left_behind(folder, leader) == []


def test_a_reused_process_id_is_a_stranger(
    folder: Path, bystander: subprocess.Popen[bytes]
) -> None:
    since = locks.born(bystander.pid)
    assert since is not None
    assert left_behind(folder, Holder(bystander.pid, since - 1)) == []


def test_a_strangers_name_may_be_no_text(folder: Path) -> None:
    # The system keeps fifteen bytes of it and so cuts the last letter in two.
    renamed = (
        "open('/proc/self/comm', 'wb').write('\u00e9'.encode() * 9); print(flush=True); input()"
    )
    stranger = subprocess.Popen(
        [sys.executable, "-c", renamed],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert stranger.stdout is not None
        stranger.stdout.readline()
        with pytest.raises(UnicodeDecodeError):
            Path(f"/proc/{stranger.pid}/stat").read_bytes().decode()
        assert locks.born(stranger.pid) is not None
        assert left_behind(folder, None) == []
    finally:
        stranger.kill()
        stranger.communicate()


def test_members_of_a_dead_leaders_session_are_found(folder: Path) -> None:
    script = "sleep 60 & echo $!; exit 0"
    leader = subprocess.Popen(
        ["sh", "-c", script], start_new_session=True, stdout=subprocess.PIPE, text=True
    )
    since = locks.born(leader.pid)
    assert leader.stdout is not None
    stray = int(leader.stdout.readline())
    leader.wait()
    assert left_behind(folder, Holder(leader.pid, since or 0)) == [stray]
    os.kill(stray, 9)


def test_the_tag_finds_a_process_in_another_session(folder: Path) -> None:
    process = subprocess.Popen(
        ["sleep", "60"], start_new_session=True, env={"BENCH_ATTEMPT": str(folder)}
    )
    other = subprocess.Popen(
        ["sleep", "60"], start_new_session=True, env={"BENCH_ATTEMPT": f"{folder}0"}
    )
    try:
        assert left_behind(folder, None) == [process.pid]
    finally:
        for one in (process, other):
            one.kill()
            one.wait()


def test_whoever_only_looks_at_the_lock_is_spared(folder: Path) -> None:
    lock = folder.parent.parent / LOCK
    lock.touch()
    script = (
        f"import time; handle = open({str(lock)!r}, MODE);print('open', flush=True); time.sleep(60)"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script.replace("MODE", mode)], stdout=subprocess.PIPE, text=True
        )
        for mode in ("'r'", "'r+'")
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
        assert left_behind(folder, None) == [processes[1].pid]
    finally:
        for process in processes:
            process.kill()
            process.wait()
