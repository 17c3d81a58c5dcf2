"""A video file to RGB frames: decord first, PyAV where decord cannot.

Every way a file can be unusable has a reason code, so that a result can say how many clips it
is based on and why the others are missing. Nothing is replaced: a clip either gives exactly the
frames that were asked for or raises ``DecodeError``.

Decoding runs in C code that cannot be interrupted from Python. A file that makes a decoder hang is
caught by the time limit of ``bench.data.loading.clip_loader`` when worker processes are used, and
only then.
"""

from __future__ import annotations

import logging
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, Protocol

import av
import decord
import numpy as np
from decord._ffi.base import DECORDError
from numpy.typing import NDArray

from bench.data.video import containers
from bench.data.video.decord_output import decord_silenced
from bench.data.video.storage import ShardError, in_shard
from bench.ground.errors import DataError

Reason = Literal[
    "missing",
    "directory",
    "not_readable",
    "empty",
    "not_video",
    "no_video_stream",
    "truncated",
    "decode_failed",
    "no_frames",
    "changed",
]

MEANING: dict[Reason, str] = {
    "missing": "there is no such file",
    "directory": "this is a folder, not a file",
    "not_readable": "the file may not be read",
    "empty": "the file has zero bytes",
    "not_video": "the file is not a video",
    "no_video_stream": "the file has no video stream",
    "truncated": "the file ends before its container does",
    "decode_failed": "the video is damaged",
    "no_frames": "the video has no frames",
    "changed": "the file changed while it was read",
}

_log = logging.getLogger(__name__)
decord.logging.set_level(decord.logging.QUIET)
av.logging.set_level(av.logging.PANIC)


class DecodeError(DataError):
    """A file gives no usable frames.

    Args:
        reason: Code, see ``Reason``.
        detail: What the decoder said, one line.
        path: The file, when known.
    """

    def __init__(self, reason: Reason, detail: str = "", path: Path | None = None) -> None:
        self.reason: Reason = reason
        self.detail = detail
        self.path = path
        name = "a video" if path is None else str(path)
        super().__init__(
            f"cannot decode {name}: {MEANING[reason]} ({reason})", got=detail if detail else None
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (DecodeError, (self.reason, self.detail, self.path))


class Video(Protocol):
    """An opened video; its length is the number of frames."""

    decoder: str
    """Which library serves it: ``decord`` or ``pyav``."""

    def __len__(self) -> int: ...

    def get_frames(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """RGB frames, uint8 [n,H,W,3], for 0-based ``indices`` in any order, repeats allowed.

        The array may be read-only.

        Raises:
            DecodeError: A frame cannot be decoded.
            IndexError: An index is not in ``range(len(self))``.
        """
        ...


def open_video(path: Path) -> Video:
    """Open a video file.

    Raises:
        DecodeError: The file is unusable; ``reason`` says how.
    """
    file = _check_file(path)
    try:
        with decord_silenced():
            reader = decord.VideoReader(file.source(), num_threads=1)
        if len(reader) > 0:
            return _DecordVideo(file, reader)
        failure = "decord counts no frames"
    except (RuntimeError, DECORDError) as error:
        failure = _first_line(error)
    video = _PyAVVideo(file)
    _log.info("%s: decoded by PyAV because decord said: %s", path, failure)
    return video


@cache
def versions() -> dict[str, str]:
    """Versions of the decoders, for the record."""
    return {"decord": metadata.version("decord"), "av": metadata.version("av")}


@dataclass(frozen=True)
class _File:
    """A file as it was when it was opened; of a clip in a shard, its bytes."""

    path: Path
    size: int
    mtime_ns: int
    inode: int
    content: bytes | None = None

    def source(self) -> str | BytesIO:
        """What a decoder opens."""
        return str(self.path) if self.content is None else BytesIO(self.content)

    def kind(self) -> containers.Kind | None:
        """Its container."""
        if self.content is None:
            return containers.kind(self.path)
        return containers.kind_of(BytesIO(self.content))

    def check_unchanged(self) -> None:
        """Refuse frames of which some may be of another content.

        Raises:
            DecodeError: The file is another one by now.
        """
        if self.content is not None:
            return
        try:
            facts = self.path.stat()
        except OSError as error:
            raise DecodeError("changed", error.strerror or str(error), self.path) from error
        if facts.st_size != self.size:
            detail = f"it had {self.size} bytes and now has {facts.st_size}"
            raise DecodeError("changed", detail, self.path)
        if (facts.st_mtime_ns, facts.st_ino) != (self.mtime_ns, self.inode):
            raise DecodeError("changed", "it was written to or replaced", self.path)

    def failed(self, reason: Reason, detail: str = "") -> DecodeError:
        """The error of a decoder, or that the file has changed under it."""
        try:
            self.check_unchanged()
        except DecodeError as error:
            return error
        return DecodeError(reason, detail, self.path)


def _check_file(path: Path) -> _File:
    try:
        facts = path.stat()
        mode = facts.st_mode
        if stat.S_ISDIR(mode):
            raise DecodeError("directory", path=path)
        if not stat.S_ISREG(mode):
            # Opening a named pipe would wait for a writer for ever.
            raise DecodeError("not_readable", "not a regular file", path)
        shortfall = containers.missing_bytes(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        packed = _packed(path)
        if packed is None:
            raise DecodeError("missing", path=path) from error
        return packed
    except OSError as error:
        raise DecodeError("not_readable", error.strerror or str(error), path) from error
    _check_length(path, shortfall)
    return _File(path, facts.st_size, facts.st_mtime_ns, facts.st_ino)


def _check_length(path: Path, shortfall: int | None) -> None:
    if shortfall is None:
        raise DecodeError("empty", path=path)
    if shortfall > 0:
        raise DecodeError("truncated", f"{shortfall} bytes are missing at the end", path)


def _packed(path: Path) -> _File | None:
    """A clip that lies in a shard, whole in memory, or None where no index names it."""
    clip = in_shard(path)
    if clip is None:
        return None
    try:
        content = clip.read()
    except ShardError as error:
        raise DecodeError(error.what, error.detail, path) from error
    except OSError as error:
        raise DecodeError("not_readable", error.strerror or str(error), path) from error
    _check_length(path, containers.missing_in(BytesIO(content), len(content)))
    return _File(path, clip.size, clip.mtime_ns, 0, content)


def rgb_of(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """A frame of PyAV as uint8 [H,W,3]."""
    pixels: NDArray[np.uint8] = frame.to_ndarray(format="rgb24", **_one_thread())
    return pixels


@cache
def _one_thread() -> dict[str, int]:
    """Converting on all cores makes workers wait for each other; older PyAV never did."""
    try:
        av.VideoFrame(16, 16, "rgb24").to_ndarray(format="rgb24", threads=1)
    except TypeError:
        return {}
    return {"threads": 1}


def _check_indices(indices: Sequence[int], length: int) -> NDArray[np.int64]:
    wanted = np.asarray(indices, dtype=np.int64)
    if wanted.size and (wanted.min() < 0 or wanted.max() >= length):
        raise IndexError(f"frame indices {wanted.tolist()} outside 0..{length - 1}")
    return wanted


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _ffmpeg_says(error: Exception) -> str:
    """FFmpeg's own words, without the path and the number."""
    said = getattr(error, "strerror", None) or _first_line(error)
    log = getattr(error, "log", None)
    return f"{said}; {log[2].strip()}" if log else str(said)


class _DecordVideo:
    """Frames through decord; PyAV takes over when decord fails in the middle."""

    decoder = "decord"

    def __init__(self, file: _File, reader: decord.VideoReader) -> None:
        self._file = file
        self._reader = reader
        self._length = len(reader)

    def __len__(self) -> int:
        return self._length

    def get_frames(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        wanted = _check_indices(indices, self._length)
        inverse = None
        unique = wanted
        if not _rising(wanted):
            unique, inverse = np.unique(wanted, return_inverse=True)
        try:
            with decord_silenced():
                batch = self._reader.get_batch(unique.tolist())
                frames = np.from_dlpack(_Exported(batch)).view(np.uint8)
        except (RuntimeError, DECORDError, IndexError) as error:
            return self._second_opinion(wanted, _first_line(error))
        self._file.check_unchanged()
        return frames if inverse is None else frames[inverse]

    def _second_opinion(self, wanted: NDArray[np.int64], failure: str) -> NDArray[np.uint8]:
        """Frames from PyAV, if it sees the same video as decord does."""
        fallback = _PyAVVideo(self._file)
        if len(fallback) != self._length:
            detail = f"{len(fallback)} of {self._length} frames can be decoded; decord: {failure}"
            raise self._file.failed("decode_failed", detail)
        frames = fallback.get_frames(wanted.tolist())
        _log.info("%s: decoded by PyAV because decord said: %s", self._file.path, failure)
        self.decoder = "pyav"
        return frames


class _Exported:
    """A decord array in the form that numpy takes over without copying it; read-only there."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __dlpack__(self, **_: object) -> Any:
        return self._batch.to_dlpack()

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)  # kDLCPU of dlpack.h


def _rising(values: NDArray[np.int64]) -> bool:
    return bool(np.all(values[1:] > values[:-1]))


class _PyAVVideo:
    """Frames through PyAV, always decoded from the start: slow and exact."""

    decoder = "pyav"

    def __init__(self, file: _File) -> None:
        self._file = file
        self._length = self._count()
        if self._length == 0:
            raise file.failed("no_frames")

    def __len__(self) -> int:
        return self._length

    def _count(self) -> int:
        """Frames that decode, which a header does not tell (webm has no count in it)."""
        try:
            container = av.open(self._file.source())
        except (av.error.FFmpegError, OSError, ValueError) as error:
            found = self._file.kind()
            reason: Reason = "not_video" if found is None else "decode_failed"
            raise self._file.failed(reason, _ffmpeg_says(error)) from error
        with container:
            if not container.streams.video:
                raise self._file.failed("no_video_stream")
            declared = container.streams.video[0].frames
            try:
                count = sum(1 for _ in container.decode(video=0))
            except (av.error.FFmpegError, OSError, ValueError) as error:
                raise self._file.failed("decode_failed", _ffmpeg_says(error)) from error
        if count < declared:
            detail = f"{count} of {declared} frames can be decoded"
            raise self._file.failed("decode_failed", detail)
        return count

    def get_frames(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        wanted = _check_indices(indices, self._length)
        needed = set(wanted.tolist())
        found: dict[int, NDArray[np.uint8]] = {}
        try:
            with av.open(self._file.source()) as container:
                for position, frame in enumerate(container.decode(video=0)):
                    if position in needed:
                        found[position] = rgb_of(frame)
                    if len(found) == len(needed):
                        break
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise self._file.failed("decode_failed", _ffmpeg_says(error)) from error
        self._file.check_unchanged()
        if len(found) < len(needed):
            raise self._file.failed("decode_failed", "a second pass gave fewer frames")
        return np.stack([found[index] for index in wanted.tolist()])
