"""``bench logs JOB``: what a job wrote."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.commands.flag_values import at_least_one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("job", help="the first digits of the job's key")
    parser.add_argument("--run", metavar="DIR", help="run folder (default: the latest in runs/)")
    parser.add_argument("--attempt", type=int, metavar="N", help="default: the last one")
    parser.add_argument("--tail", type=at_least_one, metavar="N", help="only the last N lines")


def run(args: argparse.Namespace) -> int:
    """Print the log of an attempt and how it ended."""
    from bench.ground.errors import DataError, unknown_name
    from bench.running.job_views import find_run, job_by_prefix
    from results.run.layout import LOG

    store = find_run(args.run)
    key = job_by_prefix(store, args.job)
    attempts = store.attempts(key)
    if not attempts:
        failure = store.failure(key)
        raise DataError(
            f"job {key[:8]} was never started", got=failure.message if failure else None
        )
    numbers = {path.name: path for path in attempts}
    wanted = attempts[-1].name if args.attempt is None else str(args.attempt)
    if wanted not in numbers:
        raise unknown_name("attempt", wanted, numbers)
    _print(numbers[wanted] / LOG, args.tail)
    end = store.exit_of(numbers[wanted])
    said = "no word of its end" if end is None else ", ".join(f"{k} {v}" for k, v in end.items())
    print(f"-- attempt {wanted} of {len(attempts)}: {said}")
    return 0


def _print(log: Path, tail: int | None) -> None:
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    for line in lines if tail is None else lines[-tail:]:
        print(line)
