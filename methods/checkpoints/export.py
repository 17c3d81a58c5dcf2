"""Write a trained method as its authors' code saves it, so that their code loads it.

Only weights are written: no optimiser state and no pickled configuration.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.ground.errors import WeightsError
from bench.ground.files import write_atomically
from methods.base import KeyReport, Method


def state_of(method: Method, *, prefix: str = "") -> dict[str, Tensor]:
    """Copies of a method's tensors on the CPU, with a prefix in front of every name."""
    return {
        prefix + name: value.detach().cpu().contiguous().clone()
        for name, value in method.state_dict().items()
    }


def export_original(method: Method, path: Path) -> KeyReport:
    """Write a method's weights in its authors' layout, and read them back.

    Args:
        method: Filled with the weights.
        path: The new file; its folder exists.

    Returns:
        What the method's own reader of released files makes of it.

    Raises:
        UsageError: The method has no layout of its authors.
        WeightsError: The file does not come back as it was.
    """
    content = method.original_content()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    data = io.BytesIO()
    torch.save(content, data)
    write_atomically(path, data.getvalue())
    report = method.load_released(path)
    after = method.state_dict()
    changed = [name for name, value in before.items() if not torch.equal(value, after[name])]
    if changed:
        raise WeightsError(
            f"{path.name} does not give the weights back",
            got=f"{len(changed)} tensors differ: {', '.join(changed[:5])}",
            next_step="report this; the file must not be used",
        )
    return report


def layout_in_words(content: Mapping[str, Any]) -> str:
    """``model (85 tensors)``: which keys of a file hold how many tensors."""
    parts = [
        f"{key} ({len(value)} tensors)"
        for key, value in content.items()
        if isinstance(value, Mapping)
    ]
    return ", ".join(parts) or f"{len(content)} tensors at the top"
