"""Workers that compute, apart from the tests of workers that are light (torch is not)."""

from __future__ import annotations

import pytest
import torch

from bench.ground.worker_pool import WorkerPool


def add_up(size: int) -> float:
    return float(torch.ones(size).exp_().log_().sum())


@pytest.mark.parametrize("threads", [1, 4])
def test_a_forked_worker_computes_whatever_threads_its_parent_has_used(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    forked: WorkerPool[int, float] = WorkerPool(add_up, 1, time_limit=20)
    try:
        add_up(1_000_000)
        assert list(forked.run([1_000_000])) == [1_000_000.0]
    finally:
        forked.close()
        torch.set_num_threads(before)
