"""Cores, memory, disks, GPUs and clusters, found out without opening a CUDA context."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from bench.doctor.finding import Finding
from bench.ground.byte_sizes import format_bytes
from bench.ground.gpus import cores
from bench.planning.config import RunConfig

AREA = "machine"
_LOW_MEMORY = 4 * 2**30
_LOW_DISK = 10 * 2**30
_NO_DISK = 2**30
_LOW_SHARED = 64 * 2**20
_UNLIMITED = 2**60
"""Version 1 of control groups writes a number near 2^63 for no limit."""


def processors(config: RunConfig) -> Iterator[Finding]:
    """Cores that this process may use, and whether the decoding processes fit on them."""
    usable, installed = cores(), os.cpu_count() or 1
    detail = f"{usable}" if usable == installed else f"{usable} usable of {installed}"
    if config.workers > usable:
        yield Finding(
            AREA,
            "cores",
            "warning",
            f"{detail}; the configuration decodes in {config.workers} processes a job",
            f"workers = {usable} in the configuration",
        )
    else:
        yield Finding(AREA, "cores", "ok", detail)


def memory() -> Iterator[Finding]:
    """Main memory, cut to the limit of the control group."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = memory_limit()
    usable = total if limit is None else min(total, limit)
    detail = format_bytes(usable)
    if usable < total:
        detail += f" (limit of the control group; the machine has {format_bytes(total)})"
    low = usable < _LOW_MEMORY
    yield Finding(
        AREA,
        "memory",
        "warning" if low else "ok",
        detail,
        "give the container or job more memory" if low else "",
    )


def memory_limit() -> int | None:
    """Bytes that the control group allows, or None."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            text = (Path("/sys/fs/cgroup") / name).read_text().strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < _UNLIMITED:
            return int(text)
    return None


def shared_memory() -> Iterator[Finding]:
    """``/dev/shm``, which containers make small."""
    place = Path("/dev/shm")
    if not place.is_dir():
        yield Finding(AREA, "/dev/shm", "warning", "not there", "mount a tmpfs at /dev/shm")
        return
    size = shutil.disk_usage(place).total
    low = size < _LOW_SHARED
    mend = "start the container with --shm-size=1g" if low else ""
    yield Finding(AREA, "/dev/shm", "warning" if low else "ok", format_bytes(size), mend)


def disks(config: RunConfig) -> Iterator[Finding]:
    """Room and locks where runs and caches go."""
    places = {"runs": Path("runs"), "cache": Path(config.cache).expanduser()}
    for name, wanted in places.items():
        yield disk(name, wanted.absolute())


def disk(name: str, wanted: Path) -> Finding:
    """Whether a folder, there or not yet, can be filled.

    Args:
        name: What goes there.
        wanted: The folder.
    """
    place = next(folder for folder in (wanted, *wanted.parents) if folder.exists())
    move = "cache = '<folder>' in the configuration" if name == "cache" else "bench run --out DIR"
    if not place.is_dir():
        return Finding(AREA, name, "broken", f"{place} is a file", f"move it away, or {move}")
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"x")
            file.flush()
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        detail = f"{place} cannot be written to or locked: {error.strerror or error}"
        return Finding(AREA, name, "broken", detail, move)
    free = shutil.disk_usage(place).free
    detail = f"{format_bytes(free)} free for {wanted}"
    if free < _NO_DISK:
        return Finding(AREA, name, "broken", detail, f"free some space, or {move}")
    if free < _LOW_DISK:
        return Finding(AREA, name, "warning", detail, f"free some space, or {move}")
    return Finding(AREA, name, "ok", detail)


def gpus() -> Iterator[Finding]:
    """What the driver sees."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        yield Finding(AREA, "GPUs", "ok", "none (no nvidia-smi): everything runs on the CPU")
        return
    wanted = "name,memory.total,driver_version,compute_cap"
    try:
        answer = subprocess.run(
            [tool, f"--query-gpu={wanted}", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=15,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stdout", None) or str(error)).strip().splitlines()
        yield Finding(
            AREA,
            "GPUs",
            "warning",
            f"nvidia-smi fails: {said[0] if said else error}",
            "load the NVIDIA driver (sudo modprobe nvidia), or install it again",
        )
        return
    for number, line in enumerate(answer.stdout.strip().splitlines()):
        name, total, driver, capability = (part.strip() for part in line.split(","))
        detail = f"{name}, {total}, driver {driver}, compute capability {capability}"
        yield Finding(AREA, f"GPU {number}", "ok", detail)


def clusters() -> Iterator[Finding]:
    """Optional: SLURM and Ray."""
    yield _cluster("SLURM", shutil.which("sbatch") is not None, "submitit", "slurm")
    yield _cluster("Ray", None, "ray", "ray")


def _cluster(name: str, commands: bool | None, package: str, extra: str) -> Finding:
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        version = None
    if commands is False:
        return Finding(AREA, name, "ok", "no sbatch here (optional)")
    if version is None:
        status = Finding(AREA, name, "ok", f"{package} is not installed (optional)")
        if commands:
            return Finding(
                AREA,
                name,
                "warning",
                f"sbatch is there, {package} is not",
                f"pip install 'clip-video-bench[{extra}]'",
            )
        return status
    return Finding(AREA, name, "ok", f"{package} {version}")
