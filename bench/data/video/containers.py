"""What a video container says about its own length, read from a few header bytes.

Decoders open some truncated files without a word and give fewer frames, so that a clip cut in half
would be sampled as if it were whole. The containers of the benchmark's datasets declare how many
bytes they have (MP4 boxes, RIFF chunks, EBML elements), which tells without decoding anything.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Literal

Kind = Literal["mp4", "avi", "webm"]

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
_BOXES = frozenset(
    b"ftyp styp moov mdat free skip wide udta uuid moof mfra sidx ssix meta emsg prft pdin".split()
)


def kind(path: Path) -> Kind | None:
    """The container by its first bytes, or None for any other.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return kind_of(file)


def kind_of(file: BinaryIO) -> Kind | None:
    """The container of an opened file, by its first bytes."""
    file.seek(0)
    return _kind(file.read(12))


def missing_bytes(path: Path) -> int | None:
    """How many bytes the file lacks by its container's own account.

    Returns:
        None for a file of zero bytes; 0 when complete, or when the container does not say.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return missing_in(file, os.fstat(file.fileno()).st_size)


def missing_in(file: BinaryIO, size: int) -> int | None:
    """As ``missing_bytes``, for an opened file of ``size`` bytes."""
    if size == 0:
        return None
    file.seek(0)
    head = file.read(12)
    found = _kind(head)
    if found == "mp4":
        return _mp4_shortfall(file, size)
    if found == "avi":
        return _avi_shortfall(head, size)
    if found == "webm":
        return _webm_shortfall(file, size)
    return 0


def _kind(head: bytes) -> Kind | None:
    if head[4:8] == b"ftyp":
        return "mp4"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[:4] == _EBML:
        return "webm"
    return None


def _mp4_shortfall(file: BinaryIO, size: int) -> int:
    """ISO 14496-12, 4.2: boxes of (size, type), size 1 = 64 bit follow, 0 = to the end."""
    start = 0
    while start + 8 <= size:
        file.seek(start)
        header = file.read(16)
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length < 8 or header[4:8] not in _BOXES:
            # To the end of the file, or damaged: the decoder must tell.
            return 0
        start += length
    return max(0, start - size)


def _avi_shortfall(head: bytes, size: int) -> int:
    """RIFF: size of the chunk after its 8-byte header; writers of streams leave 0 or all ones."""
    length = int.from_bytes(head[4:8], "little")
    if length in (0, 0xFFFFFFFF):
        return 0
    # The pad byte of an odd chunk is often left out.
    shortfall = 8 + length - size
    return shortfall if shortfall > 1 else 0


def _webm_shortfall(file: BinaryIO, size: int) -> int:
    """RFC 8794: id, then a size of variable width; all ones = unknown."""
    file.seek(4)
    header = _variable_size(file)
    if header is None:
        return 0
    file.seek(header, os.SEEK_CUR)
    if file.read(4) != _SEGMENT:
        return 0
    segment = _variable_size(file)
    if segment is None:
        return 0
    return max(0, file.tell() + segment - size)


def _variable_size(file: BinaryIO) -> int | None:
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    value = int.from_bytes(first + rest, "big") & ((1 << 7 * width) - 1)
    return None if value == (1 << 7 * width) - 1 else value
