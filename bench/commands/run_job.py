"""``bench run-job FILE``: what a launcher starts; not meant for people, but it works for them."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the argument."""
    parser.add_argument("job", type=Path, help="a job.json")


def run(args: argparse.Namespace) -> int:
    """Run one job; its result is written beside the file."""
    from bench.engine.job.run_job import run_job

    return run_job(args.job)
