"""What decoding a clip showed, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from bench.data.video.decode import MEANING as DECODE_MEANING

State = Literal["ok", "suspect", "bad"]
Depth = Literal["ends", "all"]

MEANING: MappingProxyType[str, str] = MappingProxyType(
    {
        **{str(code): meaning for code, meaning in DECODE_MEANING.items()},
        "unfinished": "a download of it has not finished",
        "fewer_frames": "there are fewer frames than the container says",
        "timeout": "decoding took longer than the time limit",
        "memory": "decoding took more than the memory limit",
        "crashed": "the decoder brought its process down",
        "hidden_damage": "the decoder patches damaged frames without a word",
        "decoders_disagree": "two decoders show different pictures",
        "maybe_fewer_frames": "the pictures end before the container does, or the sound is longer",
        "shorter_than_annotated": "the clip is shorter than its name says",
        "few_frames": "there are fewer frames than a clip is sampled to; some are repeated",
    }
)
"""Reason code -> meaning."""

SUSPICIONS = (
    "hidden_damage",
    "decoders_disagree",
    "maybe_fewer_frames",
    "shorter_than_annotated",
    "few_frames",
)
"""Codes of clips that give frames all the same."""

_TOLERATED_SHARE = 0.02
_TOLERATED_FRAMES = 2
"""Writers count dropped and delayed pictures in different ways."""
_TOLERATED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a worker saw of a clip; facts only, so that they can be kept.

    Attributes:
        reason: Code of ``MEANING``; empty when the wanted frames decoded.
        detail: What the decoder said, one line.
        frames: Frames of the video as the harness counts them.
        seconds: Their time by the video's own rate.
        declared: Frames that the container announces.
        exact: Whether it announces them for the pictures alone.
        damaged: Frames that are damaged although they decode; None when they were not looked for.
        different: Of first, middle and last frame, those that a second decoder shows otherwise.
        decoder: Library that gave the frames.
    """

    reason: str = ""
    detail: str = ""
    frames: int | None = None
    seconds: float | None = None
    declared: int | None = None
    exact: bool = False
    damaged: int | None = None
    different: int | None = None
    decoder: str = ""


@dataclass(frozen=True)
class Verdict:
    """Whether a clip can be used.

    Attributes:
        state: ``suspect`` clips give frames, but perhaps not those one thinks.
        reason: Code of ``MEANING``, empty for ``ok``.
        detail: One line.
    """

    state: State
    reason: str = ""
    detail: str = ""


def judge(seen: Inspection, *, annotated_seconds: float | None, min_frames: int) -> Verdict:
    """The verdict on a clip; the first reason that holds is given.

    Args:
        seen: What a worker saw.
        annotated_seconds: Length by the annotation; None when it says nothing.
        min_frames: Frames that a clip is sampled to.
    """
    if seen.reason:
        return Verdict("bad", seen.reason, seen.detail)
    assert seen.frames is not None
    if seen.declared is not None and _falls_short(seen.frames, seen.declared):
        detail = f"{seen.frames} of {seen.declared} frames"
        if seen.exact:
            return Verdict("bad", "fewer_frames", detail)
        return Verdict("suspect", "maybe_fewer_frames", detail)
    if seen.damaged:
        return Verdict("suspect", "hidden_damage", f"{seen.damaged} of {seen.frames} frames")
    if seen.different:
        detail = f"{seen.different} of first, middle and last frame"
        return Verdict("suspect", "decoders_disagree", detail)
    if annotated_seconds is not None and seen.seconds is not None:
        short = annotated_seconds - seen.seconds
        if short > _TOLERATED_SECONDS:
            detail = f"{seen.seconds:.1f} of {annotated_seconds:g} s"
            return Verdict("suspect", "shorter_than_annotated", detail)
    if seen.frames < min_frames:
        return Verdict("suspect", "few_frames", f"{seen.frames} of {min_frames} frames")
    return Verdict("ok")


def _falls_short(frames: int, declared: int) -> bool:
    return declared - frames > max(_TOLERATED_FRAMES, declared * _TOLERATED_SHARE)
