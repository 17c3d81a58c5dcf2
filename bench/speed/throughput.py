"""Views a second through a method, and the memory that takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

import methods
from bench.engine.precision import resolve_precision
from bench.speed.memory import PeakMemory
from bench.speed.setup import Setup

WARM_UP = 2
FEWEST = 5
SECONDS = 0.5
"""Passes are repeated for so long, and at least ``FEWEST`` times."""


@dataclass(frozen=True)
class Throughput:
    """How fast views are scored, the class texts given.

    Attributes:
        method: Name of the adapter.
        title: Name in the tables.
        views_per_second: By the median pass.
        milliseconds: Of the median pass.
        slowest: Of the slowest pass, milliseconds.
        passes: That were timed, after the warm-up.
        peak_mib: Most memory, weights included; None where it cannot be measured.
        precision: Number format.
    """

    method: str
    title: str
    views_per_second: float
    milliseconds: float
    slowest: float
    passes: int
    peak_mib: float | None
    precision: str


def measure(
    adapter: str,
    setup: Setup,
    *,
    batch: int,
    device: torch.device,
    options: Mapping[str, Any] | None = None,
) -> Throughput:
    """Time passes of ``batch`` views of noise, on random weights.

    Args:
        adapter: One of ``methods.names()``.
        setup: Backbone and sizes.
        batch: Views a pass.
        device: Where.
        options: Options of the adapter.

    Raises:
        UsageError: Unknown adapter or model, or they do not fit each other.
    """
    precision = resolve_precision("amp-fp16", device)
    clip: Any = setup.build()
    size = setup.pixels()
    with torch.no_grad():
        # What libraries take once is not the first method's.
        clip.encode_image(torch.zeros(1, 3, size, size))
    peak = PeakMemory(device)
    method = methods.create(
        adapter,
        clip=clip,
        class_names=setup.class_names(),
        num_frames=setup.frames,
        **(options or {}),
    )
    method.to(device).eval()
    video = torch.randn(batch, setup.frames, 3, size, size, device=device)
    with torch.no_grad(), precision.autocast():
        text = method.encode_text()
        times = _times(lambda: method(video, text), device)
    median = statistics.median(times)
    return Throughput(
        method=adapter,
        title=method.title,
        views_per_second=batch / median,
        milliseconds=1e3 * median,
        slowest=1e3 * max(times),
        passes=len(times),
        peak_mib=peak.mib(),
        precision=precision.used,
    )


def _times(work: Callable[[], object], device: torch.device) -> list[float]:
    """Seconds of each pass after the warm-up."""
    for _ in range(WARM_UP):
        work()
    times: list[float] = []
    while len(times) < FEWEST or sum(times) < SECONDS:
        _wait(device)
        started = time.perf_counter()
        work()
        _wait(device)
        times.append(time.perf_counter() - started)
    return times


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
