"""ActionCLIP's temporal shift: patches take channels over from the frames before and behind.

Checked against sallymmx/ActionCLIP at commit 31c34df (``modules/temporal_shift.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from methods.image_tower import run_block, take_over

_SHARE = 8
"""One in so many channels comes from the next frame, one from the frame before."""


class ShiftedBlock(nn.Module):
    """A block of the image tower whose input, the residual path included, is shifted in time.

    Args:
        block: CLIP's block; its modules are taken over.
        num_frames: T.
    """

    def __init__(self, block: nn.Module, num_frames: int) -> None:
        super().__init__()
        take_over(self, block)
        self.num_frames = num_frames

    def forward(
        self, q_x: Tensor, k_x: None = None, v_x: None = None, attn_mask: Tensor | None = None
    ) -> Tensor:
        """Tokens [B * T,L,D] after the block; the signature is that of open_clip's block."""
        return run_block(self, shifted(q_x, self.num_frames), mask=attn_mask)


def shift_in_time(visual: Any, num_frames: int) -> None:
    """Shift the tokens before every block of an image tower."""
    blocks = visual.transformer.resblocks
    for index, block in enumerate(blocks):
        blocks[index] = ShiftedBlock(block, num_frames)


def shifted(tokens: Tensor, num_frames: int) -> Tensor:
    """Tokens [B * T,L,D] whose patches have channels of other frames; the class token stays.

    The first eighth of the channels is that of the next frame, the second eighth that of the frame
    before; where there is no such frame they are 0.
    """
    fold = tokens.shape[-1] // _SHARE
    clips = tokens.unflatten(0, (-1, num_frames))
    patches = clips[:, :, 1:]
    none = torch.zeros_like(patches[:, :1, :, :fold])
    from_next = torch.cat([patches[:, 1:, :, :fold], none], dim=1)
    from_before = torch.cat([none, patches[:, :-1, :, fold : 2 * fold]], dim=1)
    moved = torch.cat([from_next, from_before, patches[..., 2 * fold :]], dim=-1)
    return torch.cat([clips[:, :, :1], moved], dim=2).flatten(0, 1)


def shifted_name(name: str) -> str:
    """The original's name of a tensor when the blocks of the image tower are shifted."""
    return _BLOCK.sub(r"\1net.", name, count=1)


def is_shifted(names: Iterable[str]) -> bool:
    """Whether a released file was made with the temporal shift; its names tell."""
    return any(_SHIFTED_BLOCK.match(name) for name in names)


_BLOCK = re.compile(r"^((?:clip\.)?visual\.transformer\.resblocks\.\d+\.)")
_SHIFTED_BLOCK = re.compile(r"(?:clip\.)?visual\.transformer\.resblocks\.\d+\.net\.")
