"""Values of flags that several commands have, for ``add_argument(type=...)``."""

from __future__ import annotations

import argparse


def at_least_one(text: str) -> int:
    """A flag's value that counts something."""
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text}, allowed: 1 or more")
    return int(text)


def seconds(text: str) -> float:
    """A flag's value that is a time, above 0 and finite."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text}, allowed: more than 0")
    return value
