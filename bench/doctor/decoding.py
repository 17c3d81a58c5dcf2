"""Codecs, tried out: a clip is encoded here and now and decoded with each decoder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

# PyAV before decord, see bench.doctor.libraries.
import av
import decord
import numpy as np
from numpy.typing import NDArray

from bench.data.video.decord_output import decord_silenced
from bench.doctor.finding import Finding
from bench.planning.config import RunConfig

AREA = "decoding"
FRAMES = 24
_SIDE = 64
_STEP = 10
_TOLERANCE = 4.0
"""Grey levels, of 255, that encoding may shift; neighbouring frames differ by ``_STEP``."""


@dataclass(frozen=True)
class Tried:
    """A codec in the container that the datasets have it in.

    Attributes:
        title: For people.
        encoder: FFmpeg's name.
        suffix: Container.
        used_by: Annotation formats whose videos are such; empty: none of the benchmark's.
    """

    title: str
    encoder: str
    suffix: str
    used_by: tuple[str, ...]


TRIED = (
    Tried("H.264 in mp4", "libx264", ".mp4", ("kinetics", "msrvtt")),
    Tried("MPEG-4 in avi", "mpeg4", ".avi", ("hmdb", "ucf")),
    Tried("VP8 in webm", "libvpx", ".webm", ("ssv2",)),
    Tried("VP9 in webm", "libvpx-vp9", ".webm", ("ssv2",)),
)


def codecs(config: RunConfig) -> Iterator[Finding]:
    """Every codec with every decoder; what a configuration does not need is a warning only."""
    needed = {dataset.format for dataset in config.datasets.values()}
    with tempfile.TemporaryDirectory() as folder:
        for tried in TRIED:
            yield try_codec(tried, Path(folder), needed=bool(needed & set(tried.used_by)))


def try_codec(tried: Tried, folder: Path, *, needed: bool) -> Finding:
    """Encode and decode.

    Args:
        tried: What.
        folder: Where the clip is written.
        needed: Whether the configuration has such videos.
    """
    file = folder / f"{tried.encoder}{tried.suffix}"
    try:
        _encode(file, tried.encoder)
    except (av.error.FFmpegError, ValueError) as error:
        detail = f"not tried: PyAV {av.__version__} cannot encode it ({error})"
        return Finding(AREA, tried.title, "warning", detail, "pip install --force-reinstall av")
    problems: dict[str, str] = {}
    for name, decode in DECODERS.items():
        try:
            problem = _compare(decode(file))
        except Exception as error:  # a decoder's own kind of failure is what is looked for
            problem = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:120]}"
        if problem:
            problems[name] = problem
    said = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
    if not problems:
        return Finding(AREA, tried.title, "ok", f"{FRAMES} frames, exact with decord and PyAV")
    if len(problems) < len(DECODERS):
        mend = f"pip install --force-reinstall {'av' if 'PyAV' in problems else 'decord==0.6.0'}"
        return Finding(AREA, tried.title, "warning", said, mend)
    mend = "pip install --force-reinstall av decord==0.6.0"
    return Finding(AREA, tried.title, "broken" if needed else "warning", said, mend)


def _encode(file: Path, encoder: str) -> None:
    with av.open(str(file), "w") as container:
        stream = container.add_stream(encoder, rate=12)
        stream.width, stream.height, stream.pix_fmt = _SIDE, _SIDE, "yuv420p"
        stream.bit_rate = 2_000_000
        stream.codec_context.thread_count = 1
        for number in range(FRAMES):
            picture = np.full((_SIDE, _SIDE, 3), _grey(number), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def _grey(number: int) -> int:
    return 8 + _STEP * number


def _compare(frames: NDArray[np.uint8]) -> str:
    """What is wrong with decoded frames, or ""."""
    if len(frames) != FRAMES:
        return f"{len(frames)} of {FRAMES} frames"
    means = frames.reshape(FRAMES, -1).mean(axis=1)
    off = np.abs(means - [_grey(number) for number in range(FRAMES)])
    if off.max() > _TOLERANCE:
        return f"frame {int(off.argmax())} is another one or has other colours"
    return ""


def _with_decord(file: Path) -> NDArray[np.uint8]:
    with decord_silenced():
        reader = decord.VideoReader(str(file), num_threads=1)
        frames: NDArray[np.uint8] = reader.get_batch(list(range(len(reader)))).asnumpy()
    return frames


def _with_pyav(file: Path) -> NDArray[np.uint8]:
    with av.open(str(file)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(frames)


DECODERS: dict[str, Callable[[Path], NDArray[np.uint8]]] = {
    "decord": _with_decord,
    "PyAV": _with_pyav,
}
