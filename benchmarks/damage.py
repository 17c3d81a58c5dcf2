"""Real small videos, and every way in which downloads and disks spoil them; all from a seed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

CODECS = {".mp4": "libx264", ".avi": "mpeg4", ".webm": "libvpx-vp9"}
FRAMES = 36

Spoil = Callable[[bytes, np.random.Generator], bytes]


@dataclass(frozen=True)
class DamagedFile:
    """One file.

    Attributes:
        name: Relative path; the folder is the kind of damage.
        kind: What was done to it.
        original: Suffix of the whole video that it was.
    """

    name: str
    kind: str
    original: str


def whole_video(path: Path) -> Path:
    """A good video whose pictures move; its suffix decides the codec."""
    texture = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    picture = np.kron(texture, np.ones((10, 10, 1), np.uint8))
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(CODECS[path.suffix], rate=12)
        stream.width, stream.height, stream.pix_fmt = 160, 112, "yuv420p"
        stream.codec_context.thread_count = 1  # the same file on every run
        for number in range(FRAMES):
            shown = np.ascontiguousarray(picture[number : number + 112, number : number + 160])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def _place(content: bytes, rng: np.random.Generator) -> int:
    return int(rng.integers(1, len(content)))


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    """The end is missing."""
    return content[: _place(content, rng)]


def cut_with_zeros(content: bytes, rng: np.random.Generator) -> bytes:
    """The end was never written, but its place was reserved."""
    kept = _place(content, rng)
    return content[:kept] + bytes(len(content) - kept)


def flip_bits(content: bytes, rng: np.random.Generator) -> bytes:
    """One to 64 bits are wrong, anywhere."""
    spoilt = bytearray(content)
    for _ in range(int(2 ** rng.integers(0, 7))):
        spoilt[int(rng.integers(len(spoilt)))] ^= 1 << int(rng.integers(8))
    return bytes(spoilt)


def flip_header(content: bytes, rng: np.random.Generator) -> bytes:
    """Eight bits are wrong where the container describes itself."""
    spoilt = bytearray(content)
    start = max(0, content.find(b"moov"))
    for _ in range(8):
        place = start + int(rng.integers(min(600, len(content) - start)))
        spoilt[place] ^= 1 << int(rng.integers(8))
    return bytes(spoilt)


def overwrite(content: bytes, rng: np.random.Generator) -> bytes:
    """A block holds something else."""
    length = min(int(2 ** rng.integers(6, 13)), len(content) // 2)
    start = int(rng.integers(len(content) - length))
    return content[:start] + rng.bytes(length) + content[start + length :]


def take_out(content: bytes, rng: np.random.Generator) -> bytes:
    """A block is gone, what follows has moved up."""
    length = min(int(2 ** rng.integers(4, 12)), len(content) // 2)
    start = int(rng.integers(len(content) - length))
    return content[:start] + content[start + length :]


def empty(content: bytes, rng: np.random.Generator) -> bytes:
    """Nothing."""
    return b""


def text(content: bytes, rng: np.random.Generator) -> bytes:
    """What a server says instead of a video."""
    page = b"<!DOCTYPE html><html><head><title>403</title></head><body>Forbidden</body></html>\n"
    return page * int(rng.integers(1, 200))


def archive(content: bytes, rng: np.random.Generator) -> bytes:
    """A zip file that nobody unpacked."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target:
        target.writestr("clip.mp4", rng.bytes(2000))
    return file.getvalue()


def noise(content: bytes, rng: np.random.Generator) -> bytes:
    """Random bytes, perhaps behind a good beginning of a container."""
    return content[: int(rng.integers(0, 64))] + rng.bytes(int(rng.integers(1, 20_000)))


SPOILERS: Mapping[str, Spoil] = {
    "cut": cut,
    "cut_with_zeros": cut_with_zeros,
    "flip_bits": flip_bits,
    "flip_header": flip_header,
    "overwrite": overwrite,
    "take_out": take_out,
    "empty": empty,
    "text": text,
    "archive": archive,
    "noise": noise,
}
SHARES = {"cut": 5, "cut_with_zeros": 4, "flip_bits": 5, "flip_header": 3, "overwrite": 4}
"""How often a kind occurs, where more than once."""


def _kinds() -> Iterator[str]:
    while True:
        for kind in SPOILERS:
            yield from [kind] * SHARES.get(kind, 1)


def damaged_files(folder: Path, count: int, *, seed: int = 0) -> list[DamagedFile]:
    """Write ``count`` damaged files of all kinds, in turns of MP4, AVI and WebM.

    Args:
        folder: Gets ``whole/`` with the good videos and ``damaged/<kind>/``.
        count: How many.
        seed: Of all draws.
    """
    (folder / "whole").mkdir(parents=True, exist_ok=True)
    wholes = {suffix: whole_video(folder / "whole" / f"good{suffix}") for suffix in CODECS}
    contents = {suffix: path.read_bytes() for suffix, path in wholes.items()}
    files = []
    for number, kind in zip(range(count), _kinds(), strict=False):
        rng = np.random.default_rng((seed, number))
        suffix = list(CODECS)[number % len(CODECS)]
        name = f"{kind}/{number:04d}{suffix}"
        path = folder / "damaged" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(SPOILERS[kind](contents[suffix], rng))
        files.append(DamagedFile(name, kind, suffix))
    return files
