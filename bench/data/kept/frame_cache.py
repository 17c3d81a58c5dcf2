"""Evaluation frames on disk, one file a clip, shared by all methods that sample and crop alike.

A file is written under another name and moved, so that readers never see half of one; a checksum
inside tells a damaged file, which is made again. The cache is only ever a saving: when the disk is
full, there is no room or the folder cannot be written, frames are computed as without it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import zlib
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from bench.data.kept.limited_folder import LimitedFolder
from bench.data.pipelines import EXTENSIONS
from bench.data.pipelines.base import ClipFrames, Pipeline, PipelineSpec
from bench.data.video import decode
from bench.data.video.storage import locate

_log = logging.getLogger(__name__)


class CachedPipeline:
    """A pipeline that remembers what it gave. Random pipelines pass through untouched.

    Args:
        pipeline: What computes the frames.
        folder: Where they are kept; made on the first write.
        limit: Bytes of all files in ``folder`` together; what was not used for longest makes room.
            None: half of what the disk has left without the cache.
    """

    def __init__(self, pipeline: Pipeline, folder: Path, *, limit: int | None = None) -> None:
        self.spec: PipelineSpec = pipeline.spec
        self.hits = 0
        self._pipeline = pipeline
        self._folder = folder / fingerprint(pipeline.spec)
        self._room = LimitedFolder(folder, limit)

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
                self._room.used(entry)
                return found
        made = self._pipeline(path)
        if entry is not None and not self._room.closed:
            self._room.put(entry, _serialise(made))
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


def fingerprint(spec: PipelineSpec) -> str:
    """Name of everything but the clip that decides the frames: spec, code and libraries."""
    code = EXTENSIONS.code_sha256(spec.name)
    facts = {"spec": spec.fingerprint(), "code": code, "versions": _versions()}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


@cache
def _versions() -> dict[str, str]:
    libraries = ("mmaction2", "mmcv-lite", "opencv-python", "numpy", "pillow", "torchvision")
    return {**decode.versions(), **{name: metadata.version(name) for name in libraries}}


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
        _log.warning("cached frames %s are damaged (%s); made again", entry, error)
        return None
    if checksum != _checksum(clip.frames, clip.frame_inds):
        _log.warning("cached frames %s are damaged (checksum); made again", entry)
        return None
    return clip
