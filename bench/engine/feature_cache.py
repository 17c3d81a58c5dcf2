"""Image features of test clips, shared by all methods whose image tower is CLIP's own.

Whether two methods may share is measured, not believed: the features of one fixed noise clip are
part of the key. Any difference in weights, code, options, precision or kernels gives other
features of that clip, and with them another folder.
"""

from __future__ import annotations

import hashlib
import json
import logging
import zlib
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bench.clip import LoadedBackbone
from bench.data.kept.frame_cache import fingerprint
from bench.data.kept.limited_folder import LimitedFolder
from bench.data.lists.clips import Clip
from bench.data.pipelines.base import PipelineSpec
from bench.data.video.storage import locate
from bench.engine.precision import Precision
from bench.planning.jobs import EvaluateJob, TrainJob
from methods.base import Method

_log = logging.getLogger(__name__)


def may_share(method: Method) -> bool:
    """Whether a method scores by ``encode_frames`` and says that training leaves it alone."""
    return method.frozen_image_tower and type(method).forward is Method.forward


class FeatureCache:
    """Frame features [views,T,E] of clips, one small file each.

    The cache is only ever a saving: where it cannot be read or written, features are computed.

    Args:
        folder: Folder of all features; made on the first write.
        space: What ``feature_space`` gave.
        seed: Seed of random views, else None.
        limit: Bytes of all features in ``folder``, see ``LimitedFolder``.
    """

    def __init__(
        self, folder: Path, space: str, seed: int | None, *, limit: int | None = None
    ) -> None:
        self._folder = folder / space
        self._seed = seed
        self._room = LimitedFolder(
            folder, limit, what="feature cache", without="features are computed again"
        )
        self.hits = 0

    def get(self, clip: Clip) -> Tensor | None:
        """The features of a clip, or None."""
        entry = self._entry(clip)
        if entry is None:
            return None
        try:
            with safe_open(entry, framework="pt") as file:
                features: Tensor = file.get_tensor("features")
                checksum = file.metadata()["crc32"]
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError, KeyError, TypeError) as error:
            _log.warning("cached features %s are damaged (%s); made again", entry, error)
            return None
        if checksum != _checksum(features):
            _log.warning("cached features %s are damaged (checksum); made again", entry)
            return None
        self.hits += 1
        self._room.used(entry)
        return features

    def holds(self, clip: Clip) -> bool:
        """Whether there is a file for a clip; it is not read, so it may be damaged."""
        entry = self._entry(clip)
        return entry is not None and entry.exists()

    @property
    def closed(self) -> bool:
        """Whether nothing is kept any more."""
        return self._room.closed

    def put(self, clip: Clip, features: Tensor) -> None:
        """Keep the features of a clip."""
        entry = self._entry(clip)
        if entry is None or self._room.closed:
            return
        kept = features.detach().cpu().contiguous()
        self._room.put(entry, save({"features": kept}, {"crc32": _checksum(kept)}))

    def _entry(self, clip: Clip) -> Path | None:
        """The file of a clip, named after where it lies, its size and its date."""
        try:
            file = locate(clip.path)
        except OSError:
            return None
        identity = [str(clip.path.absolute()), file.size, file.mtime_ns]
        if self._seed is not None:
            identity += [self._seed, clip.id]
        name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
        return self._folder / name[:2] / f"{name}.safetensors"


@torch.no_grad()
def feature_space(
    method: Method,
    backbone: LoadedBackbone,
    job: EvaluateJob | TrainJob,
    spec: PipelineSpec,
    precision: Precision,
) -> str:
    """Name of everything but the clip that decides the features.

    Args:
        method: On its device, in eval mode, with the weights that will be used.
        backbone: What it was built on.
        job: Normalisation.
        spec: Frames.
        precision: Number format of the image tower.
    """
    size = (1, spec.num_frames, 3, spec.image_size, spec.image_size)
    noise = torch.randn(size, generator=torch.Generator().manual_seed(0))
    with precision.autocast():
        probe = method.encode_frames(noise.to(precision.device)).cpu().contiguous()
    facts = {
        "weights": backbone.weights_sha256,
        "model": backbone.name,
        "quick_gelu": backbone.quick_gelu,
        "frames": fingerprint(spec),
        "normalisation": [job.preprocessing.mean, job.preprocessing.std],
        "precision": precision.used,
        "device": precision.device.type,
        "probe": hashlib.sha256(_bytes(probe)).hexdigest(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _bytes(tensor: Tensor) -> bytes:
    return tensor.reshape(-1).view(torch.uint8).numpy().tobytes()


def _checksum(tensor: Tensor) -> str:
    return str(zlib.crc32(_bytes(tensor)))
