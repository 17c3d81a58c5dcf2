"""Evaluation frames on disk, one file a clip, shared by all methods that sample and crop alike.

A file is written under another name and moved, so that readers never see half of one; a checksum
inside tells a damaged file, which is made anew. The cache is only ever a saving: when the disk is
full, the limit is reached or the folder cannot be written, frames are computed as without it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import tempfile
import zlib
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from bench.data import decode
from bench.data.pipelines.base import ClipFrames, Pipeline, PipelineSpec
from bench.data.storage import locate

DEFAULT_LIMIT = 32 * 2**30
KEEP_FREE = 2**30
"""Bytes of the disk that the cache leaves alone."""

_log = logging.getLogger(__name__)


class CachedPipeline:
    """A pipeline that remembers what it gave. Random pipelines pass through untouched.

    Args:
        pipeline: What computes the frames.
        folder: Where they are kept; made on the first write.
        limit: Bytes of all files in ``folder`` together, after which nothing is added.
    """

    def __init__(self, pipeline: Pipeline, folder: Path, *, limit: int = DEFAULT_LIMIT) -> None:
        self.spec: PipelineSpec = pipeline.spec
        self.hits = 0
        self._pipeline = pipeline
        self._root = folder
        self._folder = folder / fingerprint(pipeline.spec)
        self._limit = limit
        self._used: int | None = None
        self._closed = pipeline.spec.random

    def __call__(self, path: Path) -> ClipFrames:
        """Frames of one video, from the cache where it has them.

        Raises:
            DecodeError: The file gives no usable frames.
        """
        if self.spec.random:
            return self._pipeline(path)
        entry = self._entry(path)
        if entry is not None:
            found = _read(entry)
            if found is not None:
                self.hits += 1
                return found
        made = self._pipeline(path)
        if entry is not None and not self._closed:
            self._write(entry, made)
        return made

    def _entry(self, path: Path) -> Path | None:
        """The cache file of a video, named after where it lies, its size and its date."""
        try:
            file = locate(path)
        except OSError:
            return None
        identity = f"{path.absolute()}\0{file.size}\0{file.mtime_ns}"
        name = hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()[:32]
        return self._folder / name[:2] / f"{name}.safetensors"

    def _write(self, entry: Path, clip: ClipFrames) -> None:
        data = _serialise(clip)
        try:
            entry.parent.mkdir(parents=True, exist_ok=True)
            if not self._has_room(len(data)):
                return
            handle, temporary = tempfile.mkstemp(dir=entry.parent, suffix=".tmp")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                Path(temporary).replace(entry)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            self._close(f"cannot be written ({errno.errorcode.get(error.errno or 0, error)})")
            return
        self._used = (self._used or 0) + len(data)

    def _has_room(self, size: int) -> bool:
        if self._used is None:
            self._used = _bytes_below(self._root)
        if self._used + size > self._limit:
            self._close(f"has reached its limit of {self._limit / 2**30:.3g} GiB")
            return False
        if shutil.disk_usage(self._root).free < size + KEEP_FREE:
            self._close(f"has less than {KEEP_FREE / 2**30:.3g} GiB of disk left")
            return False
        return True

    def _close(self, why: str) -> None:
        """Stop adding and say so, once."""
        self._closed = True
        _log.warning("the frame cache %s %s; frames are decoded again from now on", self._root, why)


def fingerprint(spec: PipelineSpec) -> str:
    """Name of everything but the clip that decides the frames: spec, code and libraries."""
    facts = {"spec": spec.fingerprint(), "code": _code(spec.name), "versions": _versions()}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


@cache
def _versions() -> dict[str, str]:
    libraries = ("mmaction2", "mmcv-lite", "opencv-python", "numpy", "pillow", "torchvision")
    return {**decode.versions(), **{name: metadata.version(name) for name in libraries}}


@cache
def _code(pipeline: str) -> str:
    here = Path(__file__).parent
    files = (here / "decode.py", here / "transforms.py", here / "pipelines" / f"{pipeline}.py")
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _serialise(clip: ClipFrames) -> bytes:
    tensors: dict[str, NDArray[np.generic]] = {
        "frames": np.ascontiguousarray(clip.frames),
        "frame_inds": np.ascontiguousarray(clip.frame_inds),
    }
    checksum = _checksum(clip.frames, clip.frame_inds)
    return save(tensors, metadata={"crc32": checksum, "decoder": clip.decoder})


def _checksum(frames: NDArray[np.uint8], frame_inds: NDArray[np.int64]) -> str:
    return str(zlib.crc32(frame_inds.tobytes(), zlib.crc32(np.ascontiguousarray(frames).data)))


def _read(entry: Path) -> ClipFrames | None:
    """A cached clip, or None when there is none or it is damaged."""
    try:
        with safe_open(entry, framework="numpy") as file:
            clip = ClipFrames(
                frames=file.get_tensor("frames"),
                frame_inds=file.get_tensor("frame_inds"),
                decoder=file.metadata()["decoder"],
            )
            checksum = file.metadata()["crc32"]
    except FileNotFoundError:
        return None
    except (SafetensorError, OSError, KeyError, TypeError) as error:
        _log.warning("cached frames %s are damaged (%s); made anew", entry, error)
        return None
    if checksum != _checksum(clip.frames, clip.frame_inds):
        _log.warning("cached frames %s are damaged (checksum); made anew", entry)
        return None
    return clip


def _bytes_below(folder: Path) -> int:
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(base) / name).stat().st_size
            except FileNotFoundError:
                continue
    return total
