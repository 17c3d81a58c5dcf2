"""What the warm process may do to the jobs that are forked from it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

FORKED = """
import os
from bench.running.launchers.local import warm

warm.preload(warm.JOBS)
import torch

child = os.fork()
if child == 0:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    asked = os.environ.get("PYTORCH_NVML_BASED_CUDA_CHECK")
    print(torch.cuda._is_in_bad_fork(), visible, asked, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(torch._C, "_cuda_isInBadFork"), reason="torch without CUDA")
def test_a_forked_job_may_still_use_its_gpu() -> None:
    # torch marks a process that asked for GPUs, on a machine without one as well, and in its forks
    # CUDA cannot be used: "Cannot re-initialize CUDA in forked subprocess".
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "0,1"}
    environment.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    done = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, env=environment
    )
    assert done.stdout.split() == ["False", "0,1", "None"], done.stderr
