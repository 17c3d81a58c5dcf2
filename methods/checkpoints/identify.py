"""What a checkpoint file is: method, backbone, frames, and what becomes of every tensor.

The file is read as data (``bench/clip/weights.py``). The guess is then put to the test: the adapter
is built in the size and with the options that the shapes tell, and its own ``load_released``
decides.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import methods
from bench.clip import WeightsFile, build_clip, causal_mask, file_sha256, read_weights, unwrap
from bench.ground.errors import BenchError, WeightsError
from methods.base import KeyReport, Method
from methods.checkpoints import layouts as signatures
from methods.checkpoints.configuration import frames_in, vifi_method_in
from methods.checkpoints.layouts import Sizes

TRAINED = "trained"
"""Metadata entry of the checkpoints that this project's trainings write."""

_DEFAULT_FRAMES = 8


@dataclass(frozen=True)
class Identity:
    """What is known of a checkpoint.

    Attributes:
        file: Its path.
        sha256: Of the file.
        bytes: Its size.
        layout: ``torch``, ``torchscript`` or ``safetensors``.
        container: Key that holds the tensors, '' where they are at the top.
        beside: Other keys at the top.
        prefix: What was taken off every name: ``module.``, ``_orig_mod.`` and the like, or ''.
        tensors: Number of tensors.
        parameters: Number of values in them.
        method: Adapter it belongs to, or None.
        trained_here: Whether a training of this project wrote it.
        sizes: Towers, or None where the file does not hold both.
        frames: Frames per video, or None where nothing says.
        classes: Classes it has rows for, or None.
        options: Options of the adapter that the shapes tell.
        report: What the adapter makes of every tensor; None if it was not tried.
        problem: Why the adapter refuses it, or ''.
    """

    file: str
    sha256: str
    bytes: int
    layout: str
    container: str
    beside: tuple[str, ...]
    prefix: str
    tensors: int
    parameters: int
    method: str | None
    trained_here: bool
    sizes: Sizes | None
    frames: int | None
    classes: int | None
    options: Mapping[str, Any] = field(default_factory=dict)
    report: KeyReport | None = None
    problem: str = ""


def identify(path: Path) -> Identity:
    """Look at a checkpoint; nothing in it is executed.

    Raises:
        WeightsError: Missing, truncated, no checkpoint, or with code in its pickle.
    """
    file = read_weights(path)
    unwrapped = unwrap(file.content, source=path.name)
    tensors = unwrapped.tensors
    note = _note(file)
    around = _with_fusion(tensors, file.content)
    method = note or signatures.method_of(around, file.content)
    if method == "vifi-clip" and note is None:
        # Image-FT and text-FT write the same tensors; the configuration tells them apart.
        method = vifi_method_in(file.content) or method
    frames = signatures.frames_of(around)
    found = Identity(
        file=str(path),
        sha256=file_sha256(path),
        bytes=path.stat().st_size,
        layout=file.layout,
        container=unwrapped.container,
        beside=_beside(file.content, unwrapped.container.split(".")[0]),
        prefix=unwrapped.prefix,
        tensors=len(tensors),
        parameters=sum(value.numel() for value in tensors.values()),
        method=method,
        trained_here=note is not None,
        sizes=signatures.sizes_of(around),
        frames=frames if frames is not None else frames_in(file.content),
        classes=signatures.classes_of(around),
        options={} if method is None else signatures.options_of(method, around),
    )
    return _tried(found, file.content, tensors)


def _beside(content: Mapping[str, Any], container: str) -> tuple[str, ...]:
    return tuple(str(key) for key in content if key != container) if container else ()


def _note(file: WeightsFile) -> str | None:
    """The adapter that a training of this project names in the file's metadata."""
    try:
        note = json.loads(file.metadata.get(TRAINED, "null"))
    except (ValueError, RecursionError):
        return None
    return str(note["method"]) if isinstance(note, dict) and "method" in note else None


def _with_fusion(tensors: Mapping[str, Tensor], content: Mapping[str, Any]) -> dict[str, Tensor]:
    """ActionCLIP keeps its fusion head in a second state dict; here it is named ``fusion.``."""
    fusion = content.get("fusion_model_state_dict")
    extra = fusion.items() if isinstance(fusion, Mapping) else ()
    return {**tensors, **{f"fusion.{key.removeprefix('module.')}": value for key, value in extra}}


def _tried(found: Identity, content: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Identity:
    """``found`` with what the adapter makes of it."""
    from dataclasses import replace

    if found.method is None or found.method not in methods.names():
        return found
    if found.trained_here:
        return found
    if found.sizes is None:
        return replace(found, problem="it does not hold both towers")
    try:
        method = _build(found)
        return replace(found, report=method.load_released(content))
    except WeightsError as error:
        return replace(found, problem=str(error), report=getattr(error, "report", None))
    except BenchError as error:
        return replace(found, problem=str(error))


def _build(found: Identity) -> Method:
    """The adapter in the size of the file; its weights are left as memory happens to be."""
    assert found.method is not None and found.sizes is not None
    clip = build_clip(found.sizes.config(), quick_gelu=True, device="meta")
    clip = clip.to_empty(device="cpu")
    with torch.no_grad():
        for parameter in clip.parameters():
            parameter.zero_()
    return methods.create(
        found.method,
        clip=_with_mask(clip, found.sizes.context),
        class_names=[f"class {number}" for number in range(found.classes or 2)],
        num_frames=found.frames or _DEFAULT_FRAMES,
        **found.options,
    )


def _with_mask(clip: nn.Module, context: int) -> nn.Module:
    clip.attn_mask = causal_mask(context)
    return clip


def groups(names: Iterable[str]) -> dict[str, int]:
    """Names by the module they belong to: ``visual.transformer.resblocks.*`` -> how many."""
    return dict(Counter(_group(name) for name in names))


def _group(name: str) -> str:
    numbered = re.match(r"(.*?)\.\d+\.", name)
    if numbered is not None:
        return f"{numbered[1]}.*"
    return name.rsplit(".", 1)[0] if name.count(".") > 1 else name.split(".")[0]
