"""Golden cases: tiny models whose weights follow from a formula, with the original's outputs.

A case is ``<case>.json`` (how to rebuild the model and its input) and ``<case>.safetensors`` (what
the original code of the method computed: fp32, CPU, eval). The formula: a tensor is ``mean + std *
z`` with ``z`` from numpy's frozen legacy generator, seeded with the CRC-32 of the tensor's name.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.clip import build_clip
from bench.ground.errors import DataError

METHODS = Path(__file__).resolve().parents[1]

_TABLE = "token_embedding.weight"


@cache
def _value(key: str, shape: tuple[int, ...], mean: float, std: float) -> Tensor:
    draws = np.random.RandomState(zlib.crc32(key.encode("utf-8"))).standard_normal(shape)
    return torch.from_numpy(np.asarray(mean + std * draws, dtype=np.float64).astype(np.float32))


@dataclass(frozen=True)
class Golden:
    """One case.

    Attributes:
        name: The case.
        spec: Its json.
        outputs: What the original computed, by name.
    """

    name: str
    spec: Mapping[str, Any]
    outputs: Mapping[str, Tensor]

    def value(self, key: str, shape: Sequence[int], mean: float, std: float) -> Tensor:
        """The tensor that the formula gives for a name; never change it in place."""
        return _value(self.spec["salt"] + key, tuple(shape), mean, std)

    def weights(self) -> dict[str, Tensor]:
        """Every weight of the method by its original name."""
        return {key: self.value(key, *entry) for key, entry in self.spec["tensors"].items()}

    def video(self) -> Tensor:
        """The input, [B,T,3,H,W]."""
        return self.value("input.video", *self.spec["input"]["input.video"])

    def soft_targets(self, smoothing: float = 0.1) -> Tensor:
        """Smoothed one-hot targets [B,C]."""
        classes = len(self.spec["class_names"])
        hot = torch.nn.functional.one_hot(torch.tensor(self.spec["labels"]), classes)
        return hot * (1.0 - smoothing) + smoothing / classes

    def checkpoint(self) -> dict[str, Any]:
        """The released file's content: containers, prefixes and class-dependent buffers.

        The class-dependent buffers are NaN: an adapter that uses them fails.
        """
        weights = self.weights()
        content: dict[str, Any] = {}
        parts = self.spec["checkpoint"]["parts"]
        for part in parts:
            target = _container(content, part)
            for key, tensor in weights.items():
                if _selected(key, part["select"]):
                    target[part["prefix"] + part["rename"].get(key, key)] = tensor
        for key, entry in self.spec["derived"].items():
            buffer = torch.full(entry["shape"], float("nan"))
            _container(content, parts[0])[parts[0]["prefix"] + key] = buffer
        return content

    def clip(self) -> nn.Module:
        """A CLIP of the case's size: the formula's token table, everything else random."""
        sizes = self.spec["clip"]
        vision, text = sizes["vision"], sizes["text"]
        config = {
            "embed_dim": sizes["embed_dim"],
            "vision_cfg": {
                "width": vision["width"],
                "layers": vision["layers"],
                "head_width": vision["width"] // vision["heads"],
                "patch_size": vision["patch_size"],
                "image_size": vision["image_size"],
            },
            "text_cfg": dict(text),
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(zlib.crc32(self.name.encode()))
            model = build_clip(config, quick_gelu=sizes["activation"].startswith("quickgelu"))
        table = self.value(_TABLE, *self.spec["tensors"][_TABLE])
        with torch.no_grad():
            model.get_parameter(_TABLE).copy_(table)
        return model.eval()

    def check_formula(self) -> float:
        """The largest difference between rebuilt tensors and the case's spot values."""
        entries = {**self.spec["tensors"], **self.spec["input"]}
        return max(
            abs(float(value) - float(rebuilt))
            for key, spot in self.spec["spot_values"].items()
            for value, rebuilt in zip(
                spot["first"], self.value(key, *entries[key]).flatten()[:3], strict=True
            )
        )


def _container(content: dict[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    if not part["container"]:
        return content
    inner: dict[str, Any] = content.setdefault(part["container"], {})
    return inner


def _selected(key: str, select: Mapping[str, Any]) -> bool:
    if key in select.get("exclude", ()):
        return False
    if "startswith" in select and not key.startswith(select["startswith"]):
        return False
    return "not_startswith" not in select or not key.startswith(select["not_startswith"])


def load_goldens(folder: Path | None = None) -> list[Golden]:
    """The cases of a folder, or those that come with the project, by name.

    Raises:
        DataError: The folder holds no case, or a case lacks its outputs or is damaged.
    """
    cases = METHODS.glob("*/goldens/*.json") if folder is None else folder.glob("*.json")
    files = sorted(cases, key=lambda file: file.stem)
    if not files:
        raise DataError(
            "no golden case", got=str(folder), allowed="a folder of <case>.json + .safetensors"
        )
    return [load_golden(file) for file in files]


def load_golden(file: Path) -> Golden:
    """One case.

    Args:
        file: Its ``.json``; the ``.safetensors`` lies beside it.

    Raises:
        DataError: It lacks its outputs or is damaged.
    """
    try:
        spec = json.loads(file.read_bytes())
        outputs = load_file(file.with_suffix(".safetensors"))
        return Golden(spec["case"], spec, outputs)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise DataError(
            f"golden case {file.stem} cannot be read: {type(error).__name__}: {error}",
            got=str(file),
            next_step="fetch the case again; it needs its .json and its .safetensors",
        ) from error
