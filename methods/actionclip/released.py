"""What ActionCLIP's authors and mmaction2 released, read into the adapter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from bench.clip import state_dict_of
from bench.ground.errors import WeightsError
from methods.actionclip.shift_marker import is_shifted, shifted_name
from methods.base import KeyReport
from methods.checkpoints.export import state_of
from methods.checkpoints.released import load_checked, read_released

if TYPE_CHECKING:
    from methods.actionclip.adapter import ActionClip

_TOWER_CONTAINERS = ("model_state_dict", "state_dict")
_FUSION_CONTAINER = "fusion_model_state_dict"
_FUSION = "fusion."
_POSITIONS = "fusion.frame_position_embeddings.weight"


def load(method: ActionClip, source: Path | Mapping[str, Any]) -> KeyReport:
    """See ``ActionClip.load_released``."""
    content, name = read_released(source)
    _check_shift(method, content, name)
    tensors = released_names(content, name)
    rows, table = tensors.get(_POSITIONS), method.state_dict().get(_POSITIONS)
    if rows is not None and table is not None and rows.shape[1:] == table.shape[1:]:
        tensors[_POSITIONS] = _fill_rows(table, rows, method.num_frames, name)
    return load_checked(method, tensors, source=name)


def _check_shift(method: ActionClip, content: Mapping[str, Any], source: str) -> None:
    """A file that was made with the temporal shift says so in its names: the option must agree."""
    towers = state_dict_of(content, _TOWER_CONTAINERS, source=source)
    shifted = is_shifted(towers)
    in_blocks = any(name.startswith("visual.transformer.resblocks.") for name in towers)
    if in_blocks and shifted != method.temporal_shift:
        made = "with" if shifted else "without"
        raise WeightsError(
            f"{source} was made {made} ActionCLIP's temporal shift"
            + (" (.net. in its names)" if shifted else " (no .net. in its names)"),
            got=f"temporal_shift = {method.temporal_shift}",
            allowed=f"temporal_shift = {shifted}",
            next_step=f"set the method's option temporal_shift = {shifted}",
        )


def released_names(content: Mapping[str, Any], source: str) -> dict[str, Tensor]:
    """The tensors of a released file by the names that ``ActionClip`` uses.

    Args:
        content: The original's two state dicts, or mmaction2's one (``clip.``, ``adapter.``).
        source: What to call the file in errors.

    Raises:
        WeightsError: There are no tensors where they should be.
    """
    towers = state_dict_of(content, _TOWER_CONTAINERS, source=source)
    if any(key.startswith("adapter.") for key in towers):
        towers = {
            key.removeprefix("clip.").replace("adapter.", _FUSION, 1): value
            for key, value in towers.items()
        }
    # With the temporal shift the original wraps every block of the image tower.
    tensors = {key.replace(".net.", ".", 1): value for key, value in towers.items()}
    if content.get(_FUSION_CONTAINER):
        fusion = state_dict_of(content, (_FUSION_CONTAINER,), source=source)
        tensors.update({_FUSION + key: value for key, value in fusion.items()})
    return tensors


def _fill_rows(table: Tensor, rows: Tensor, num_frames: int, source: str) -> Tensor:
    """``table`` with its first rows from a file, which must be enough for ``num_frames``."""
    if len(rows) < num_frames:
        raise WeightsError(
            f"{source} has too few frame positions",
            got=f"{len(rows)} positions, num_frames = {num_frames}",
            allowed=f"num_frames <= {len(rows)}",
        )
    if len(rows) >= len(table):
        return rows
    return torch.cat([rows.to(table.dtype), table[len(rows) :].to(rows.device)])
    # as many rows as table


def content_of(method: ActionClip) -> dict[str, Any]:
    """As ActionCLIP's training saves it: two state dicts, ``.net.`` in shifted blocks."""
    tensors = state_of(method)
    fusion = {name: value for name, value in tensors.items() if name.startswith(_FUSION)}
    towers = {name: value for name, value in tensors.items() if name not in fusion}
    return {
        "model_state_dict": {
            shifted_name(name) if method.temporal_shift else name: value
            for name, value in towers.items()
        },
        _FUSION_CONTAINER: {
            f"module.{name.removeprefix(_FUSION)}": value for name, value in fusion.items()
        },
    }
