"""Sizes as people write them: ``50G``, ``512M``, ``1.5T``; powers of 1024."""

from __future__ import annotations

import re

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[KMGT]?)(?:i?B)?", re.IGNORECASE)


def parse_bytes(text: str) -> int:
    """Bytes of a size.

    Raises:
        ValueError: It is none; the message says what would be.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"got {text}, allowed: a number with K, M, G or T, for example 50G")
    return int(float(match["number"]) * _UNITS[match["unit"].upper()])


def format_bytes(count: float) -> str:
    """A size for people: ``1.5 GiB``."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} TiB"
