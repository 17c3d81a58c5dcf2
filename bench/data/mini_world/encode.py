"""Writing frames as small video files, byte for byte the same on every run."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

FRAME_RATE = 12

_CODECS: dict[str, tuple[tuple[str, dict[str, str]], ...]] = {
    ".mp4": (
        # without the look-ahead, whose choices for pictures this small vary from run to run
        ("libx264", {"preset": "veryfast", "crf": "20", "tune": "zerolatency"}),
        ("mpeg4", {"qscale": "3", "flags": "+qscale"}),
    ),
    ".avi": (("mpeg4", {"qscale": "3", "flags": "+qscale"}),),
    ".webm": (
        ("libvpx", {"crf": "8", "b": "800k", "deadline": "realtime", "cpu-used": "8"}),
        ("libvpx-vp9", {"crf": "20", "b": "800k", "deadline": "realtime", "cpu-used": "8"}),
    ),
}


def _encoder(suffix: str) -> tuple[str, dict[str, str]]:
    """The first encoder for this container that the installed PyAV has."""
    for name, options in _CODECS[suffix]:
        try:
            av.codec.Codec(name, "w")
        except av.error.FFmpegError:
            continue
        return name, options
    raise RuntimeError(f"PyAV {av.__version__} has no encoder for {suffix} files")


def write_video(path: Path, frames: NDArray[np.uint8]) -> None:
    """Encode ``frames`` (uint8 RGB [n,H,W,3], H and W even) into ``path``; the suffix decides how.

    Raises:
        OSError: The file cannot be written.
        RuntimeError: The installed PyAV has no encoder for this container.
    """
    name, options = _encoder(path.suffix)
    # bitexact: no library version and no random identifier in the file
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(name, rate=FRAME_RATE, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
