"""One video file to a smaller one with the same frames in the same order.

Every frame of the original becomes one frame of the copy, so that sampling by frame number picks
the same moments. Sound is left out. The copy is opened again by the decoder that runs use before
it gets its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from bench.data.video.decode import DecodeError, open_video
from bench.data.video.storage import clip_source

LIKENESS = 24.0
"""Largest mean difference, of 255, between thumbnails of a copy's and an original's frame."""

_STAMP = 16
_LAMBDA = 118
"""FFmpeg's FF_QP2LAMBDA: units of ``global_quality`` a step of ``qscale``."""
_UNKNOWN_RATE = 25
_LARGEST_DENOMINATOR = 65535
"""MPEG-4 keeps the rate's denominator in 16 bits."""


@dataclass(frozen=True)
class Codec:
    """How copies are encoded.

    Attributes:
        encoder: FFmpeg's name.
        suffix: Extension of the files.
        container: FFmpeg's name of the container.
        quality: Value of ``crf`` (``qscale`` for mpeg4) when none is asked for.
        options: Further options of the encoder.
    """

    encoder: str
    suffix: str
    container: str
    quality: int
    options: Mapping[str, str]


CODECS: MappingProxyType[str, Codec] = MappingProxyType(
    {
        # Key frames as the encoder likes them: more make files larger, and 16 or 32 frames of ten
        # seconds slower to decode.
        "h264": Codec("libx264", ".mp4", "mp4", 20, {"preset": "fast"}),
        "vp9": Codec(
            "libvpx-vp9",
            ".webm",
            "webm",
            28,
            {"b": "0", "deadline": "good", "cpu-used": "5"},
        ),
        "mpeg4": Codec("mpeg4", ".mp4", "mp4", 3, {"flags": "+qscale"}),
    }
)


def available_codecs() -> tuple[str, ...]:
    """Those whose encoder the installed PyAV has."""
    return tuple(name for name, codec in CODECS.items() if _has(codec.encoder))


def _has(encoder: str) -> bool:
    try:
        av.codec.Codec(encoder, "w")
    except av.error.FFmpegError:
        return False
    return True


class ResizeError(Exception):
    """A video cannot be made smaller.

    Args:
        reason: A reason code of ``bench.data.video.decode``, or ``frame_count``, ``wrong_size``,
            ``looks_different``, ``encode_failed``.
        detail: One line.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[object, ...]:
        return (ResizeError, (self.reason, self.detail))


@dataclass(frozen=True)
class Shape:
    """What a file holds.

    Attributes:
        frames: Their number.
        height: In pixels, as a run sees them.
        width: In pixels.
    """

    frames: int
    height: int
    width: int

    @property
    def short_side(self) -> int:
        """The smaller of the two."""
        return min(self.height, self.width)

    def scaled(self, short_side: int) -> Shape:
        """With this short side; both sides even, as encoders need them."""
        height, width = (
            short_side
            if side == self.short_side
            else round(side * Fraction(short_side, self.short_side) / 2) * 2
            for side in (self.height, self.width)
        )
        return Shape(self.frames, height, width)


@dataclass(frozen=True)
class Look:
    """A file as a run sees it.

    Attributes:
        shape: Frames and size.
        ends: First and last frame, uint8 [2,H,W,3].
    """

    shape: Shape
    ends: NDArray[np.uint8]


def look_at(path: Path) -> Look:
    """Open a file with the decoder that runs use.

    Raises:
        ResizeError: The file is unusable; the first or the last frame cannot be decoded.
    """
    try:
        video = open_video(path)
        ends = video.get_frames([0, len(video) - 1])
    except DecodeError as error:
        raise ResizeError(error.reason, error.detail) from error
    return Look(Shape(len(video), ends.shape[1], ends.shape[2]), ends)


def resize_video(
    source: Path, original: Look, target: Path, wanted: Shape, codec: Codec, quality: int
) -> None:
    """Write a smaller copy and verify it.

    Args:
        source: The original; only read.
        original: What it looks like.
        target: The new file; its name need not have the codec's extension.
        wanted: What it is to hold.
        codec: How it is encoded.
        quality: ``crf``, or ``qscale`` for mpeg4: less is better.

    Raises:
        ResizeError: The original cannot be decoded to its end, or the copy is not as it should be.
        OSError: The copy cannot be written.
    """
    written = _encode(source, original, target, wanted, codec, quality)
    if written != wanted.frames:
        raise ResizeError("frame_count", f"{written} of {wanted.frames} frames can be decoded")
    _verify(look_at(target), original, wanted)


def _verify(made: Look, original: Look, wanted: Shape) -> None:
    found = made.shape
    if found.frames != wanted.frames:
        raise ResizeError("frame_count", f"the copy has {found.frames} of {wanted.frames} frames")
    if found != wanted:
        size = f"{found.width}x{found.height}"
        raise ResizeError(
            "wrong_size", f"the copy has {size} pixels, not {wanted.width}x{wanted.height}"
        )
    for which, one, other in zip(("first", "last"), made.ends, original.ends, strict=True):
        difference = float(np.abs(_stamp(one) - _stamp(other)).mean())
        if difference > LIKENESS:
            detail = f"the {which} frame differs by {difference:.0f} of 255 from the original's"
            raise ResizeError("looks_different", detail)


def _stamp(frame: NDArray[np.uint8]) -> NDArray[np.float64]:
    small = cv2.resize(frame, (_STAMP, _STAMP), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float64)


def _encode(
    source: Path, original: Look, target: Path, wanted: Shape, codec: Codec, quality: int
) -> int:
    """Frames written."""
    count = 0
    try:
        with av.open(str(target), "w", format=codec.container) as copy:
            for frame, rate in _frames(source, original, wanted):
                if count == 0:
                    stream = _add_stream(copy, codec, quality, rate, wanted)
                # By number, not by its own time: clips that were cut without encoding have odd
                # times, and sampling goes by number.
                frame.pts, frame.time_base = count, 1 / rate
                copy.mux(stream.encode(frame))
                count += 1
            if count:
                copy.mux(stream.encode(None))
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror) from error
        raise ResizeError("encode_failed", str(error.strerror or error)) from error
    return count


def _add_stream(
    copy: OutputContainer, codec: Codec, quality: int, rate: Fraction, wanted: Shape
) -> VideoStream:
    name = "global_quality" if codec.encoder == "mpeg4" else "crf"
    value = quality * _LAMBDA if codec.encoder == "mpeg4" else quality
    options = {**codec.options, name: str(value)}
    stream = copy.add_stream(codec.encoder, rate=rate, options=options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = wanted.width, wanted.height, "yuv420p"
    stream.codec_context.thread_count = 1
    return stream


def _frames(
    source: Path, original: Look, wanted: Shape
) -> Iterator[tuple[av.VideoFrame, Fraction]]:
    """Every frame in the wanted size, upright as a run sees it, with the rate of frames."""
    turns: int | None = None
    try:
        with av.open(clip_source(source)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            rate = Fraction(stream.average_rate or stream.guessed_rate or _UNKNOWN_RATE)
            rate = rate.limit_denominator(_LARGEST_DENOMINATOR)
            for frame in container.decode(stream):
                if turns is None:
                    turns = _turns(frame, original)
                if turns:
                    turned = np.rot90(frame.to_ndarray(format="rgb24"), turns)
                    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(turned), "rgb24")
                yield (
                    frame.reformat(
                        width=wanted.width,
                        height=wanted.height,
                        format="yuv420p",
                        interpolation="BICUBIC",
                    ),
                    rate,
                )
    except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise ResizeError("decode_failed", said) from error


def _turns(frame: av.VideoFrame, original: Look) -> int:
    """Quarter turns that make a frame look as the decoder that runs use shows it.

    The decoders do not agree on whether a rotation that a file asks for is carried out.
    """
    if frame.rotation == 0:
        return 0
    pixels = frame.to_ndarray(format="rgb24")
    stamps = [_stamp(np.ascontiguousarray(np.rot90(pixels, turns))) for turns in range(4)]
    shown = _stamp(original.ends[0])
    return int(np.argmin([np.abs(stamp - shown).mean() for stamp in stamps]))
