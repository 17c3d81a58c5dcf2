"""Finds and kills what an attempt left behind. Anything not surely its own is left alone."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from bench.ground import locks
from bench.running.attempt import TAG
from results.run.store import LOCK


def left_behind(folder: Path, leader: locks.Holder | None) -> list[int]:
    """Processes of an attempt besides its leader, wherever they went.

    Found by session, by the tag in their environment (programs that were started) or by the job's
    lock that they inherited (copies of the job that called ``setsid``).

    Args:
        folder: The attempt's folder.
        leader: The process that led the attempt's session, or None when it is not known.
    """
    tag = f"{TAG}={folder}".encode()
    lock = str(folder.parent.parent / LOCK)
    session = _session_of(leader)
    spared = {os.getpid(), os.getppid(), 0 if leader is None else leader.pid}
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in spared:
            continue
        mine = session is not None and _session(entry) == session
        if mine or tag in _environment(entry) or _holds(entry, lock):
            found.append(int(entry.name))
    return found


def sweep(folder: Path, leader: locks.Holder | None) -> int:
    """Kill what an attempt left behind; gives the number of processes."""
    strays = left_behind(folder, leader)
    for pid in strays:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return len(strays)


def _session_of(leader: locks.Holder | None) -> int | None:
    """The session that the leader made, None where it cannot be told from another's.

    A process id is not reused while a session of that number has members; it may be when the
    session is empty, and then the number belongs to a stranger.
    """
    if leader is None or leader.pid <= 1 or leader.pid == os.getsid(0):
        return None
    return leader.pid if locks.born(leader.pid) in (None, leader.born) else None


def _session(entry: Path) -> int | None:
    try:
        facts = (entry / "stat").read_bytes()
    except OSError:
        return None
    fields = locks.after_name(facts)
    return None if fields[0] == b"Z" else int(fields[3])


def _environment(entry: Path) -> list[bytes]:
    try:
        return (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _holds(entry: Path, path: str) -> bool:
    """Whether a process has the lock open as its holder has, not as somebody who only looks."""
    try:
        return any(
            str(link.readlink()) == path and _writable(entry / "fdinfo" / link.name)
            for link in (entry / "fd").iterdir()
        )
    except OSError:
        return False


def _writable(info: Path) -> bool:
    for line in info.read_text().splitlines():
        if line.startswith("flags:"):
            return int(line.split()[1], 8) & os.O_ACCMODE == os.O_RDWR
    return False
