"""Parameters and operations of a method, counted without weights and without computing anything.

Operations are multiply-accumulates (MACs) of matrix products and convolutions, which the
literature prints as "FLOPs". A pass runs on the ``meta`` device and torch's counter looks on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.flop_counter import FlopCounterMode

import methods
from bench.engine.shortcuts import Shortcuts
from bench.speed.setup import Setup
from methods.base import Method

VARIANTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "vl-prompting": {
        "VL prompting, base-to-novel": {
            "n_ctx_vision": 16,
            "n_ctx_text": 16,
            "prompt_depth_vision": 9,
            "prompt_depth_text": 9,
        }
    },
    "actionclip": {"ActionCLIP MeanP": {"fusion": "meanP"}},
    "a5": {"A6": {"temporal_layers": 3}},
}
"""Adapter -> title -> options: what else the tables of the paper have of an adapter."""


@dataclass(frozen=True)
class Cost:
    """What a method costs. GMACs: 10^9 multiply-accumulates; C and T are those of the setup.

    Attributes:
        method: Name of the adapter.
        title: Name in the tables, or of the variant.
        options: Options that differ from the adapter's own.
        parameters: Of the whole method.
        trainable: Those that are trained.
        view: GMACs of one view, class texts given, as the original computes it.
        view_here: The same, with the shortcuts that change no result.
        texts: GMACs of the texts of C classes, all tokens of the context.
        texts_here: The same, with the shortcuts.
    """

    method: str
    title: str
    options: Mapping[str, Any]
    parameters: int
    trainable: int
    view: float
    view_here: float
    texts: float
    texts_here: float


@dataclass(frozen=True)
class NoCost:
    """A method that cannot be counted or timed, and why."""

    method: str
    title: str
    reason: str


class _IndicesStayReal(TorchDispatchMode):
    """Lets integer tensors keep their values beside weights on ``meta``.

    How far the text tower runs depends on where the end tokens are; ``meta`` has no values.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        to = kwargs.get("device")
        if func is torch.ops.aten._to_copy.default and _is_index(args[0]) and _is_meta(to):
            kwargs["device"] = args[0].device
            return func(*args, **kwargs)
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if len({tensor.is_meta for tensor in tensors}) > 1:
            args, kwargs = tree_map_only(Tensor, _shape_of, (args, kwargs))
        return func(*args, **kwargs)


def _is_index(tensor: Tensor) -> bool:
    return not tensor.is_meta and not tensor.is_floating_point()


def _is_meta(device: object) -> bool:
    return device is not None and torch.device(str(device)).type == "meta"


def _shape_of(tensor: Tensor) -> Tensor:
    return tensor if tensor.is_meta else torch.empty_like(tensor, device="meta")


def count(adapter: str, setup: Setup, options: Mapping[str, Any] | None = None) -> Cost:
    """Count one adapter.

    Args:
        adapter: One of ``methods.names()``.
        setup: Backbone and sizes.
        options: Options of the adapter.

    Raises:
        UsageError: Unknown adapter or model, or they do not fit each other.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    # The fused layer of torch is one operation that the counter does not know.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with _IndicesStayReal(), torch.no_grad():
            method = methods.create(
                adapter,
                clip=setup.build("meta"),
                class_names=setup.class_names(),
                num_frames=setup.frames,
                **(options or {}),
            ).eval()
            trainable = method.trainable_names()
            # The counter stumbles over a parameter that is handed from module to module.
            method.requires_grad_(False)
            Shortcuts.none().set_switches(method)
            view, texts = _pass(method, setup)
            Shortcuts().set_switches(method)
            view_here, texts_here = _pass(method, setup)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    sizes = {name: value.numel() for name, value in method.named_parameters()}
    return Cost(
        method=adapter,
        title=method.title,
        options=dict(options or {}),
        parameters=sum(sizes.values()),
        trainable=sum(sizes[name] for name in trainable),
        view=view,
        view_here=view_here,
        texts=texts,
        texts_here=texts_here,
    )


def count_all(adapter: str, setup: Setup) -> list[Cost]:
    """Count an adapter and what else of it the paper's tables have; see ``count``."""
    variants = VARIANTS.get(adapter, {})
    return [
        count(adapter, setup),
        *(
            replace(count(adapter, setup, options), title=title)
            for title, options in variants.items()
        ),
    ]


def _pass(method: Method, setup: Setup) -> tuple[float, float]:
    """GMACs of one view and of the class texts."""
    size = setup.pixels()
    with FlopCounterMode(display=False) as of_texts:
        text = method.encode_text()
    video = torch.empty(1, setup.frames, 3, size, size, device="meta")
    with FlopCounterMode(display=False) as of_view:
        method(video, text)
    # The counter counts a multiply-accumulate as two operations.
    return of_view.get_total_flops() / 2e9, of_texts.get_total_flops() / 2e9
