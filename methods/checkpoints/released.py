"""Checkpoints that authors released: read as data, loaded against an explicit allow-list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.clip import at_home, mismatches, read_weights, require_finite, state_dict_of
from bench.ground.errors import WeightsError
from methods.base import KeyReport
from methods.checkpoints.layouts import described, method_of, sizes_of


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
    """The one state dict of a released file, without wrappers' names, and the file's name."""
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
        WeightsError: A tensor is missing, unexpected or of another shape, or holds NaN.
    """
    tensors = at_home(tensors, module.state_dict())
    ignored = _matching(tensors, ignore)
    used = {name: tensor for name, tensor in tensors.items() if name not in ignored}
    wanted = dict(module.state_dict())
    absent = {name for name in wanted if name not in used}
    allowed = _matching(absent, may_miss)
    required = {name: tensor for name, tensor in wanted.items() if name not in allowed}
    problems = mismatches(required, used)
    if problems:
        raise _misfit(module, source, required, tensors, ignored, problems)
    require_finite({name: used[name] for name in used if name in _weights(module)}, source=source)
    with torch.no_grad():
        for name, tensor in used.items():
            wanted[name].copy_(tensor)
    return KeyReport(
        matched=tuple(sorted(used)),
        missing=tuple(sorted(allowed)),
        unexpected=(),
        ignored=tuple(sorted(ignored)),
    )


class MisfitError(WeightsError):
    """A checkpoint does not fit.

    Attributes:
        report: What became of each tensor; of another shape counts as missing and unexpected.
    """

    report: KeyReport


def _misfit(
    module: nn.Module,
    source: str,
    required: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    ignored: set[str],
    problems: Sequence[str],
) -> MisfitError:
    fitting = {
        name
        for name, value in required.items()
        if name in tensors and tensors[name].shape == value.shape
    }
    wanted, given = module.state_dict(), dict(tensors)
    same = (method_of(wanted), sizes_of(wanted)) == (method_of(given), sizes_of(given))
    looks = None if same else described(given)
    error = MisfitError(
        f"{source} does not fit {getattr(module, 'title', type(module).__name__)}"
        + (f"; it looks like {looks}" if looks else ""),
        got="; ".join(problems),
        next_step="choose the method and the backbone that the checkpoint was made with",
    )
    error.report = KeyReport(
        matched=tuple(sorted(fitting)),
        missing=tuple(sorted(set(required) - fitting)),
        unexpected=tuple(sorted(set(tensors) - fitting - ignored)),
        ignored=tuple(sorted(ignored)),
    )
    return error


def _weights(module: nn.Module) -> set[str]:
    """Names of a module's parameters; buffers may be masks, which hold infinity."""
    return {name for name, _ in module.named_parameters()}


def _matching(names: Iterable[str], patterns: Iterable[str]) -> set[str]:
    compiled = [re.compile(pattern) for pattern in patterns]
    return {name for name in names if any(pattern.fullmatch(name) for pattern in compiled)}
