"""Looking into one video file, in a worker that may be killed while it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from bench.data.video.decode import DecodeError, Video, open_video, rgb_of
from bench.data.video.storage import locate
from bench.upkeep.checking.verdict import Depth, Inspection

# OpenCV is loaded with the decoders; its threads would compete with the other workers.
cv2.setNumThreads(1)


_HEADER_ONLY = {"skip_frame": "all"}
"""FFmpeg else decodes some frames to learn what is of no interest here."""


_ROUNDING = 1.0
"""Mean difference a byte that two decoders' colour conversions may have."""


@dataclass(frozen=True)
class InspectTask:
    """One file to look into.

    Attributes:
        path: The file.
        depth: ``ends``: first, middle and last frame as a run would decode them; ``all``: every
            frame as well, with the damage that decoders patch.
    """

    path: Path
    depth: Depth


def inspect_clip(task: InspectTask) -> Inspection:
    """Decode a clip's frames and compare their number with what the container announces.

    Never raises: whatever is wrong with a file is its reason.
    """
    try:
        video = open_video(task.path)
        count = len(video)
        places = sorted({0, count // 2, count - 1})
        frames = video.get_frames(places)
        seen = _announced(task.path, video)
        if task.depth == "all":
            expected = dict(zip(places, frames, strict=True))
            damaged, different = _every_frame(task.path, count, expected)
            seen = replace(seen, damaged=damaged, different=different)
    except DecodeError as error:
        return Inspection(error.reason, error.detail)
    except MemoryError as error:
        return Inspection("memory", str(error))
    except Exception as error:  # a decoder's own kind of failure must not end the whole check
        return Inspection("decode_failed", f"{type(error).__name__}: {error}"[:200])
    return seen


def _source(path: Path) -> str | BytesIO:
    clip = locate(path)
    return str(path) if clip.shard is None else BytesIO(clip.read())


def _announced(path: Path, video: Video) -> Inspection:
    seen = Inspection(frames=len(video), decoder=video.decoder)
    try:
        with av.open(_source(path), options=_HEADER_ONLY) as container:
            stream = container.streams.video[0]
            rate = float(stream.average_rate or 0)
            if stream.duration is not None and stream.time_base is not None:
                length: float | None = float(stream.duration * stream.time_base)
            else:
                length = None if container.duration is None else container.duration / av.time_base
            exact = stream.duration is not None or len(container.streams) == 1
            announced = stream.frames
    except (av.error.FFmpegError, OSError, ValueError, IndexError):
        # decord has read it, so that it can be used; what it announces stays unknown.
        return seen
    if rate <= 0:
        return replace(seen, declared=announced or None, exact=True)
    by_time = None if length is None else round(length * rate)
    # Cuts without encoding keep pictures outside of what is shown, so the smaller one counts.
    counts = [count for count in (announced or None, by_time) if count is not None]
    return replace(
        seen,
        seconds=len(video) / rate,
        declared=min(counts) if counts else None,
        exact=exact or announced > 0,
    )


def _every_frame(
    path: Path, count: int, expected: Mapping[int, NDArray[np.uint8]]
) -> tuple[int, int]:
    """A second decoder's opinion.

    Args:
        path: The file.
        count: Frames that it has by the first one.
        expected: Index -> frame [H,W,3] by the first one.

    Returns:
        How many frames could not or not wholly be decoded, and how many of ``expected`` are other
        pictures.

    Raises:
        DecodeError: The file cannot be read to its end.
    """
    damaged = decoded = different = 0
    with av.open(_source(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        try:
            for packet in container.demux(stream):
                damaged += bool(packet.is_corrupt)
                try:
                    for frame in packet.decode():
                        damaged += bool(frame.is_corrupt)
                        if decoded in expected:
                            different += not _alike(expected[decoded], frame)
                        decoded += 1
                except av.error.FFmpegError:
                    damaged += 1
        except av.error.FFmpegError as error:
            detail = f"{decoded} of {count} frames, then: {error.strerror}"
            raise DecodeError("decode_failed", detail, path) from error
    return max(damaged, count - decoded), different


def _alike(one: NDArray[np.uint8], frame: av.VideoFrame) -> bool:
    """Whether two decoders show the same picture, but for rounding."""
    other = rgb_of(frame)
    if one.shape != other.shape:
        return False
    return float(cv2.norm(one, other, cv2.NORM_L1)) <= _ROUNDING * one.size
