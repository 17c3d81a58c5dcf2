"""Small real video files, good and bad, made with PyAV."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np

CODECS = {".mp4": "libx264", ".avi": "mpeg4", ".webm": "libvpx-vp9"}


def write_video(
    path: Path, *, frames: int = 24, size: tuple[int, int] = (64, 48), codec: str | None = None
) -> Path:
    """A video in which every frame differs; ``size`` is (width, height)."""
    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec or CODECS[path.suffix], rate=12)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            picture = np.full((height, width, 3), number * 9 % 256, np.uint8)
            picture[height // 4 : height // 2, number : number + 8] = (255, 40, number % 256)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def write_audio(path: Path) -> Path:
    """A file with sound and no pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        for number in range(10):
            silence = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, number * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def cut_in_half(source: Path, target: Path) -> Path:
    """The first half of a file's bytes."""
    content = source.read_bytes()
    target.write_bytes(content[: len(content) // 2])
    return target


def pad(path: Path, size: int) -> Path:
    """Make an mp4 file ``size`` bytes long with a box that decoders skip."""
    content = path.read_bytes()
    room = size - len(content)
    path.write_bytes(content + struct.pack(">I4s", room, b"free") + bytes(room - 8))
    return path
