"""What this machine has, found out without touching CUDA."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.ground.errors import UsageError


def named_gpus(environment: Mapping[str, str]) -> list[str] | None:
    """What ``CUDA_VISIBLE_DEVICES`` names, indices or UUIDs; None where it is not set.

    ``-1`` and SLURM's ``NoDevFiles`` stand for no GPU.
    """
    given = environment.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        return None
    parts = (part.strip() for part in given.split(","))
    return [part for part in parts if part not in ("", "-1", "NoDevFiles")]


def gpus(environment: Mapping[str, str], wanted: int | None) -> list[str]:
    """Values for ``CUDA_VISIBLE_DEVICES``, one a GPU.

    An already set ``CUDA_VISIBLE_DEVICES`` is respected (indices or UUIDs); otherwise
    ``nvidia-smi -L`` is asked. torch is not: its question would open a context on every GPU.

    Args:
        environment: The environment variables.
        wanted: How many to use; None: all; 0: none.

    Raises:
        UsageError: Fewer are there than wanted.
    """
    if wanted == 0:
        return []
    named = named_gpus(environment)
    if named is not None:
        found, where = named, f"CUDA_VISIBLE_DEVICES={environment['CUDA_VISIBLE_DEVICES']}"
    else:
        found, where = _asked(), "nvidia-smi -L"
    if wanted is None:
        return found
    if wanted < 0 or wanted > len(found):
        raise UsageError(
            f"--gpus {wanted}: {len(found)} can be seen here ({where})",
            allowed=f"0 to {len(found)}",
            next_step="leave --gpus out to use what there is",
        )
    return found[:wanted]


def _asked() -> list[str]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        answer = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return re.findall(r"^GPU (\d+):", answer.stdout, flags=re.MULTILINE)


def cores() -> int:
    """Cores this process may use: its affinity, cut to the quota of its control group."""
    allowed = len(os.sched_getaffinity(0))
    quota = _quota()
    return allowed if quota is None else max(1, min(allowed, math.floor(quota)))


def _quota() -> float | None:
    for read in (_quota_v2, _quota_v1):
        try:
            return read()
        except (OSError, ValueError):
            continue
    return None


def _quota_v2() -> float | None:
    limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    return None if limit == "max" else int(limit) / int(period)


def _quota_v1() -> float | None:
    folder = Path("/sys/fs/cgroup/cpu")
    limit = int((folder / "cpu.cfs_quota_us").read_text())
    return None if limit < 0 else limit / int((folder / "cpu.cfs_period_us").read_text())


def kills_for_memory() -> int | None:
    """How often the kernel killed a process of our control group for memory so far."""
    for name in ("memory.events", "memory/memory.oom_control"):
        try:
            text = (Path("/sys/fs/cgroup") / name).read_text()
        except OSError:
            continue
        counts = dict(line.split() for line in text.splitlines() if len(line.split()) == 2)
        if "oom_kill" in counts:
            return int(counts["oom_kill"])
    return None
