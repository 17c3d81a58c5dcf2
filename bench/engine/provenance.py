"""What a number was made with: code, packages, machine. Looked up once per process."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from datetime import datetime, timezone
from functools import cache
from importlib import metadata
from pathlib import Path

import torch

from results.run.records import Provenance

_PACKAGES = (
    "torch",
    "torchvision",
    "open_clip_torch",
    "timm",
    "decord",
    "av",
    "mmengine",
    "mmaction2",
    "mmcv-lite",
    "numpy",
    "opencv-python",
    "safetensors",
)
_PROJECT = Path(__file__).resolve().parents[2]


class Stopwatch:
    """Start time and duration of a job; earlier attempts of the same training are added."""

    def __init__(self) -> None:
        self.started = datetime.now(timezone.utc)
        self.earlier = 0.0

    @property
    def seconds(self) -> float:
        """Seconds since the start, and those of earlier attempts."""
        return self.earlier + (datetime.now(timezone.utc) - self.started).total_seconds()


def provenance(
    watch: Stopwatch, device: torch.device, *, decoder: str, seeds: dict[str, int]
) -> Provenance:
    """The provenance of a result that is ready now.

    Git remotes are not looked at, so that no address or token can reach a record.

    Args:
        watch: Started with the job.
        device: Where it ran.
        decoder: What decoded the clips.
        seeds: Seeds by what they were used for.
    """
    commit, dirty = _git_state()
    return Provenance(
        started=watch.started.isoformat(timespec="seconds"),
        seconds=round(watch.seconds, 3),
        git_commit=commit,
        git_dirty=dirty,
        packages=dict(_packages()),
        hardware=dict(_hardware(str(device))),
        decoder=decoder,
        seeds=seeds,
        peak_memory_mb=_peak_memory_mb(device),
    )


def look_up() -> None:
    """Find out what stays the same for all jobs of a process and its forks."""
    _git_state()
    _packages()
    _cpu_name()


@cache
def _git_state() -> tuple[str | None, bool | None]:
    """Commit of the harness and whether its tracked files differ; None outside a checkout."""
    if not (_PROJECT / ".git").exists():
        return None, None
    try:
        commit = _git("rev-parse", "HEAD")
        dirty = bool(_git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None, None
    return commit, dirty


def _git(*arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(_PROJECT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


@cache
def _packages() -> tuple[tuple[str, str], ...]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return tuple(found.items())


@cache
def _hardware(device: str) -> tuple[tuple[str, str | int | float], ...]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    facts: dict[str, str | int | float] = {
        "cpu": _cpu_name(),
        "cores": os.cpu_count() or 1,
        "memory_gb": round(memory / 2**30, 1),
        "device": device,
    }
    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(device)
        facts["gpu"] = properties.name
        facts["gpu_memory_gb"] = round(properties.total_memory / 2**30, 1)
        facts["cuda"] = str(torch.version.cuda)
    return tuple(facts.items())


@cache
def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.machine()
    return platform.machine()


def _peak_memory_mb(device: torch.device) -> float:
    """Peak of the device's memory, or of this process on the CPU, in MiB."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return round(peak * (unit / 2**20), 1)
