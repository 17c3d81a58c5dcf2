"""Keeping a C library's chatter off the console without losing anybody else's words."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

_DECORD = re.compile(rb"^\[\d\d:\d\d:\d\d\] \S*/src/\S+\.cc:\d+: .*$")


@contextmanager
def decord_silenced() -> Iterator[None]:
    """Drop what decord writes straight to file descriptor 2; other lines are written afterwards.

    decord's own log level governs FFmpeg's messages only. What it says of a failure is in the
    exception as well.
    """
    try:
        original = os.dup(2)
    except OSError:  # there is no standard error to protect
        yield
        return
    caught = os.memfd_create("stderr")
    os.dup2(caught, 2)
    try:
        yield
    finally:
        os.dup2(original, 2)
        os.close(original)
        text = _content(caught)
        os.close(caught)
        if text:
            _pass_on(text)


def _content(handle: int) -> bytes:
    size = os.lseek(handle, 0, os.SEEK_END)
    return os.pread(handle, size, 0) if size else b""


def _pass_on(text: bytes) -> None:
    kept = [line for line in text.splitlines(keepends=True) if not _DECORD.match(line.rstrip())]
    if kept:
        os.write(2, b"".join(kept))
