"""What a checkpoint looks like, from the names and shapes of its tensors alone.

Sources: the layouts that the authors' code writes, as the adapters' modules describe them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

Tensors = Mapping[str, Tensor]

_MARKS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "a5": ((r"clipmodel\.visual\..*",),),
    "vita-clip": ((r"visual\.time_embed",),),
    "xclip": ((r"(prompts_generator|mit)\..*",),),
    "vl-prompting": ((r"(image|text)_encoder\.(.*\.)?VPT(_shallow)?",), (r"prompt_learner\.ctx",)),
    "vifi-clip": ((r"(image|text)_encoder\..*",),),
    "actionclip": ((r"(fusion|adapter)\..*",), (r"frame_position_embeddings\.weight",)),
    "vanilla-clip": ((r"visual\.proj", r"text_projection", r"token_embedding\.weight"),),
}
"""Adapter -> alternatives of names that a checkpoint must all have; the first that fits wins."""

_FUSION = "fusion_model_state_dict"

_KNOWN = {
    (768, 12, 32, 224, 512): "ViT-B-32",
    (768, 12, 16, 224, 512): "ViT-B-16",
    (1024, 24, 14, 224, 768): "ViT-L-14",
    (1024, 24, 14, 336, 768): "ViT-L-14-336",
    (96, 3, 8, 32, 64): "mini_clip",
}


@dataclass(frozen=True)
class Sizes:
    """The towers of a CLIP, as far as shapes tell them (not the number of heads).

    Attributes:
        width: Of the image tower.
        layers: Of the image tower.
        patch: Side of a patch in pixels.
        image: Side of the image in pixels.
        joint: E.
        text_width: Of the text tower.
        text_layers: Of the text tower.
        context: Tokens per text.
        vocabulary: Rows of the token table; CLIP's where the file has no table.
    """

    width: int
    layers: int
    patch: int
    image: int
    joint: int
    text_width: int
    text_layers: int
    context: int
    vocabulary: int

    def __str__(self) -> str:
        key = (self.width, self.layers, self.patch, self.image, self.joint)
        towers = (
            f"image {self.layers} x {self.width}, patch {self.patch}, {self.image} px; "
            f"text {self.text_layers} x {self.text_width}; joint {self.joint}"
        )
        return f"{_KNOWN[key]} ({towers})" if key in _KNOWN else towers

    def config(self) -> dict[str, Any]:
        """An open_clip configuration of this size; CLIP's heads are 64 wide."""
        heads = {side: 64 if side % 64 == 0 else 32 for side in (self.width, self.text_width)}
        return {
            "embed_dim": self.joint,
            "vision_cfg": {
                "width": self.width,
                "layers": self.layers,
                "head_width": heads[self.width],
                "patch_size": self.patch,
                "image_size": self.image,
            },
            "text_cfg": {
                "context_length": self.context,
                "vocab_size": self.vocabulary,
                "width": self.text_width,
                "heads": max(1, self.text_width // heads[self.text_width]),
                "layers": self.text_layers,
            },
        }


def method_of(tensors: Tensors, top_level: Mapping[str, Any] | None = None) -> str | None:
    """Name of the adapter whose checkpoints look like this, or None.

    Args:
        tensors: The state dict, without ``module.``.
        top_level: What the file holds around it.
    """
    if top_level is not None and _FUSION in top_level:
        return "actionclip"
    for adapter, alternatives in _MARKS.items():
        for patterns in alternatives:
            if all(any(re.fullmatch(pattern, name) for name in tensors) for pattern in patterns):
                return adapter
    return None


def sizes_of(tensors: Tensors) -> Sizes | None:
    """The size of the CLIP in a checkpoint; None where it does not hold both towers."""
    found = _found(tensors, r"(.*?)(conv1|patch_embed\.proj)\.weight", dims=4)
    image = "" if found is None else found.split("conv1")[0].split("patch_embed")[0]
    text = _found(tensors, r"(.*?)text_projection", dims=2)
    projection = tensors.get(f"{image}proj")
    positions = tensors.get(f"{image}positional_embedding", tensors.get(f"{image}pos_embed"))
    if found is None or text is None or projection is None or positions is None:
        return None
    around = text.removesuffix("text_projection")
    table = _found(tensors, r".*token_embedding\.weight", dims=2)
    patch = int(tensors[found].shape[2])
    context = tensors.get(f"{around}positional_embedding")
    return Sizes(
        width=int(tensors[found].shape[0]),
        layers=count(tensors, rf"{re.escape(image)}(transformer\.res)?blocks\.(\d+)\..*"),
        patch=patch,
        image=patch * math.isqrt(max(0, len(positions) - 1)),
        joint=int(projection.shape[1]),
        text_width=int(tensors[text].shape[0]),
        text_layers=count(tensors, rf"{re.escape(around)}transformer\.resblocks\.(\d+)\..*"),
        context=77 if context is None else len(context),
        vocabulary=49408 if table is None else len(tensors[table]),
    )


def count(tensors: Tensors, pattern: str) -> int:
    """How many different numbers the last group of ``pattern`` takes in the names."""
    found = (re.fullmatch(pattern, name) for name in tensors)
    return len({match.groups()[-1] for match in found if match is not None})


def _found(tensors: Tensors, pattern: str, dims: int) -> str | None:
    names = (name for name, value in tensors.items() if value.ndim == dims)
    return next((name for name in names if re.fullmatch(pattern, name)), None)


def frames_of(tensors: Tensors) -> int | None:
    """Frames per video, where the checkpoint has a parameter for each of them."""
    for name, axis in (
        ("mit.positional_embedding", 1),
        ("temporalEmbedding.weight", 0),
        ("visual.time_embed", 0),
    ):
        if name in tensors and tensors[name].ndim > axis:
            return int(tensors[name].shape[axis])
    return None


def classes_of(tensors: Tensors) -> int | None:
    """Number of classes, where the checkpoint has a row for each of them."""
    for name in ("prompt_learner.token_prefix", "prompt_learner.complete_text_embeddings"):
        if name in tensors:
            return len(tensors[name])
    return None


def options_of(adapter: str, tensors: Tensors) -> dict[str, Any]:
    """Options of the adapter that the shapes tell; the others keep their defaults."""
    read = _OPTIONS.get(adapter)
    return {} if read is None else read(tensors)


def _prompts(tensors: Tensors) -> dict[str, Any]:
    vision = tensors.get("image_encoder.VPT")
    context = tensors.get("prompt_learner.ctx")
    deep = {
        tower: count(tensors, rf"{tower}_encoder\.transformer\.resblocks\.(\d+)\.VPT_shallow")
        for tower in ("image", "text")
    }
    options: dict[str, Any] = {"prompt_depth_text": 1 + deep["text"]}
    if context is not None:
        options["n_ctx_text"] = len(context)
    if vision is None:
        return {**options, "prompt_depth_vision": 0}
    return {**options, "n_ctx_vision": len(vision), "prompt_depth_vision": 1 + deep["image"]}


def _xclip(tensors: Tensors) -> dict[str, Any]:
    return {
        "mit_layers": count(tensors, r"mit\.resblocks\.(\d+)\..*"),
        "prompts_layers": count(tensors, r"prompts_generator\.decoder\.(\d+)\..*"),
    }


def _actionclip(tensors: Tensors) -> dict[str, Any]:
    for part, fusion in (
        ("transformer.cls_token", "Transf_cls"),
        ("lstm_visual.", "LSTM"),
        ("shift.", "Conv_1D"),
        ("transformer.resblocks.", "Transf"),
    ):
        if any(re.match(rf"(fusion|adapter)\.{re.escape(part)}", name) for name in tensors):
            return {"fusion": fusion, **_shift(tensors)}
    return {"fusion": "meanP", **_shift(tensors)}


def _shift(tensors: Tensors) -> dict[str, Any]:
    """The original wraps every block of the image tower when it shifts: ``resblocks.N.net.``."""
    marked = any(re.match(r".*visual\..*resblocks\.\d+\.net\.", name) for name in tensors)
    return {"temporal_shift": True} if marked else {}


def _a5(tensors: Tensors) -> dict[str, Any]:
    return {"temporal_layers": count(tensors, r"temporalModelling\.resblocks\.(\d+)\..*")}


def _vita(tensors: Tensors) -> dict[str, Any]:
    prompts, context = tensors.get("visual.global_prompts"), tensors.get("prompt_learner.ctx")
    options: dict[str, Any] = {
        "num_global_prompts": 0 if prompts is None else int(prompts.shape[1]),
        "local_prompts": any(name.endswith(".local_prompts") for name in tensors),
        "summary_token": any(".summary_" in name for name in tensors),
        "n_ctx_text": 0 if context is None else int(context.shape[-2]),
    }
    if context is not None:
        options["class_specific_ctx"] = context.ndim == 3
    return options


_OPTIONS: Mapping[str, Callable[[Tensors], dict[str, Any]]] = {
    "vl-prompting": _prompts,
    "xclip": _xclip,
    "actionclip": _actionclip,
    "a5": _a5,
    "vita-clip": _vita,
}


def described(tensors: Tensors) -> str | None:
    """``xclip on ViT-B-16 (...), 8 frames``; None where nothing is recognised."""
    adapter, sizes, frames = method_of(tensors), sizes_of(tensors), frames_of(tensors)
    if adapter is None:
        return None
    text = adapter if sizes is None else f"{adapter} on {sizes}"
    return text if frames is None else f"{text}, {frames} frames"
