"""The most memory that something takes: of the device, or of the process."""

from __future__ import annotations

import ctypes
import gc
import re
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class PeakMemory:
    """Measures from its making on.

    On a GPU: what torch holds at most, from the making on, above what it held then. On the CPU:
    how far the process grows (Linux only).
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        gc.collect()
        self._start = self._begin_on_gpu() if device.type == "cuda" else _begin()

    def mib(self) -> float | None:
        """MiB so far; None where the system does not say."""
        if self._start is None:
            return None
        if self._device.type == "cuda":
            return (torch.cuda.max_memory_allocated(self._device) - self._start) / 2**20
        return max(0, _status("VmHWM") - self._start) / 2**10

    def _begin_on_gpu(self) -> int:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self._device)
        return torch.cuda.memory_allocated(self._device)


def _begin() -> int | None:
    """Forget the process's peak; returns its size in KiB, or None where this cannot be done."""
    try:
        # What was freed earlier but is still held would hide what is taken next.
        ctypes.CDLL(None).malloc_trim(0)
        _CLEAR.write_text("5")
        return _status("VmRSS")
    except (OSError, AttributeError, ValueError):
        return None


def _status(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"no {field} in {_STATUS}")
    return int(found[1])
