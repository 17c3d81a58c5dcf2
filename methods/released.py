"""Checkpoints that authors released: read as data, loaded against an explicit allow-list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.clip import mismatches
from bench.errors import WeightsError
from bench.weights import read_weights, state_dict_of
from methods.base import KeyReport


def read_released(source: Path | Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """What a released file holds, and what to call it in errors.

    Args:
        source: The file, or its content.

    Raises:
        WeightsError: The file is missing, damaged, or has code in its pickle.
    """
    if isinstance(source, Mapping):
        return source, "the checkpoint"
    return read_weights(source).content, source.name


def released_tensors(source: Path | Mapping[str, Any]) -> tuple[dict[str, Tensor], str]:
    """The one state dict of a released file, without ``module.``, and the file's name."""
    content, name = read_released(source)
    return state_dict_of(content, source=name), name


def load_checked(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    source: str,
    ignore: Iterable[str] = (),
    may_miss: Iterable[str] = (),
) -> KeyReport:
    """Copy tensors into a module; names and shapes must fit but for what is allowed by name.

    Args:
        module: What is filled; nothing changes if this raises.
        tensors: Tensors by the module's own names.
        source: What to call the checkpoint in errors.
        ignore: Regular expressions (whole name) of tensors that are left out.
        may_miss: Regular expressions of the module's tensors that a checkpoint may lack.

    Raises:
        WeightsError: A tensor is missing, unexpected or of another shape.
    """
    ignored = _matching(tensors, ignore)
    used = {name: tensor for name, tensor in tensors.items() if name not in ignored}
    wanted = dict(module.state_dict())
    absent = {name for name in wanted if name not in used}
    allowed = _matching(absent, may_miss)
    required = {name: tensor for name, tensor in wanted.items() if name not in allowed}
    problems = mismatches(required, used)
    if problems:
        raise WeightsError(
            f"{source} does not fit {getattr(module, 'title', type(module).__name__)}",
            got="; ".join(problems),
            next_step="choose the method and the backbone that the checkpoint was made with",
        )
    with torch.no_grad():
        for name, tensor in used.items():
            wanted[name].copy_(tensor)
    return KeyReport(
        matched=tuple(sorted(used)),
        missing=tuple(sorted(allowed)),
        unexpected=(),
        ignored=tuple(sorted(ignored)),
    )


def _matching(names: Iterable[str], patterns: Iterable[str]) -> set[str]:
    compiled = [re.compile(pattern) for pattern in patterns]
    return {name for name in names if any(pattern.fullmatch(name) for pattern in compiled)}
