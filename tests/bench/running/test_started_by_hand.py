"""``bench run-job`` typed by somebody while ``bench run`` wants the same job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from bench.testing import tiny_benchmark
from results.run.store import RunStore


def test_a_job_started_by_hand_is_waited_for(tmp_path: Path) -> None:
    with tiny_benchmark(folder=tmp_path) as bench:
        chosen = ("--method", "vanilla-clip", "--setting", "few-shot", "--plain")
        assert bench.run(*chosen).exit_code == 0
        before = bench.numbers()
        store = RunStore(bench.run_folder)
        (key,) = (folder.name for folder in store.jobs.iterdir())
        (store.job_folder(key) / "result.json").unlink()
        by_hand = subprocess.Popen(
            [sys.executable, "-m", "bench.cli", "run-job", store.job_folder(key) / "job.json"],
            stdout=subprocess.DEVNULL,
        )
        while store.holder(key) is None:
            assert by_hand.poll() is None
            time.sleep(0.005)
        os.kill(by_hand.pid, signal.SIGSTOP)
        shown = bench.plan(*chosen[:4]).output
        assert f"process {by_hand.pid}" in shown
        goes_on = threading.Timer(4.0, os.kill, (by_hand.pid, signal.SIGCONT))
        goes_on.start()
        outcome = bench.run(*chosen)
        goes_on.join()
        assert by_hand.wait() == 0
        assert (outcome.exit_code, outcome.errors) == (0, "")
        assert len(store.attempts(key)) == 1
        assert bench.numbers() == before
