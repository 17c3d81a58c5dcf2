"""What the commands that fill folders share: flags, progress, the report of failures."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from bench.ground.byte_sizes import parse_bytes

_NAMED = 20
_PAUSE_S = 0.2


def byte_size(text: str) -> int:
    """A flag's value such as ``1G``."""
    try:
        size = parse_bytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if size <= 0:
        raise argparse.ArgumentTypeError(f"got {text}, allowed: more than 0")
    return size


@contextmanager
def counter(verb: str) -> Iterator[Callable[[int, int], None]]:
    """A line on the terminal that counts up; nothing where the output goes to a file."""
    shown = 0.0
    live = sys.stderr.isatty()

    def show(done: int, of: int) -> None:
        nonlocal shown
        if live and (time.monotonic() - shown > _PAUSE_S or done == of):
            shown = time.monotonic()
            print(f"\r{done} of {of} clips {verb}", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        if live and shown:
            print(file=sys.stderr)


def print_failures(failures: Mapping[str, tuple[str, str]], verb: str, stream: TextIO) -> None:
    """Name what failed, with reason codes.

    Args:
        failures: Clip -> reason code and detail.
        verb: What did not happen to them.
        stream: Where to.
    """
    counts = Counter(reason for reason, _ in failures.values())
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    noun = "clip" if len(failures) == 1 else "clips"
    print(f"{len(failures)} {noun} could not be {verb} ({reasons}):", file=stream)
    for clip, (reason, detail) in list(failures.items())[:_NAMED]:
        print(f"  {clip}: {reason}" + (f" ({detail})" if detail else ""), file=stream)
    if len(failures) > _NAMED:
        print(f"  and {len(failures) - _NAMED} more", file=stream)
