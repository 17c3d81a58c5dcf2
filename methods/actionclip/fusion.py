"""ActionCLIP's fusion heads: the frame features of a clip to one feature.

Checked against sallymmx/ActionCLIP at commit 31c34df (``modules/Visual_Prompt.py``). Names are
those of its ``fusion_model_state_dict`` without ``module.``. Kept as they are there:

- the position table that LSTM, Conv_1D and Transf_cls carry and never read;
- the LayerNorm epsilon of 1e-12 in Transf;
- Conv_1D reads [T,E] as [E,T] without transposing;
- the attention of all layers of Transf_cls starts with equal weights.

No head normalises its output. Shapes: B clips, T frames, E joint width.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from open_clip.transformer import LayerNorm, QuickGELU, Transformer
from torch import Tensor, nn

from bench.ground.errors import UsageError, unknown_name

LAYERS = 6
"""Of both transformers; fixed in the original."""
_HEAD_WIDTH = 64
_CLS_HEADS = 8
_STD = 0.02


class MeanP(nn.Module):
    """The mean over the frames; no parameter.

    Args:
        clip: An open_clip ``CLIP``, as for every head.
        num_frames: T, as for every head.
    """

    unread: tuple[str, ...] = ()
    """Names of parameters that take no part in the output."""

    def __init__(self, clip: Any, num_frames: int) -> None:
        super().__init__()

    def forward(self, frames: Tensor) -> Tensor:
        """[B,E] from [B,T,E], as in every head."""
        return frames.mean(dim=1)


class _FrameTable(nn.Module):
    """A head with a table of frame positions: as many rows as CLIP reads tokens."""

    unread: tuple[str, ...] = ("frame_position_embeddings.weight",)

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.width = int(clip.text_projection.shape[1])
        self.frame_position_embeddings = nn.Embedding(len(clip.positional_embedding), self.width)
        nn.init.normal_(self.frame_position_embeddings.weight, std=_STD)


class Transf(_FrameTable):
    """A transformer over the frames, with a second residual around it, then the mean.

    Raises:
        UsageError: There are more frames than positions, or the widths do not fit.
    """

    unread = ()

    def __init__(self, clip: Any, num_frames: int) -> None:
        super().__init__(clip)
        rows = self.frame_position_embeddings.num_embeddings
        if num_frames > rows:
            raise UsageError(
                "ActionCLIP's Transf has too few frame positions",
                got=f"num_frames = {num_frames}",
                allowed=f"at most {rows}",
            )
        heads = max(1, clip.ln_final.weight.shape[0] // _HEAD_WIDTH)
        _check_heads("Transf", self.width, heads)
        self.transformer = Transformer(
            self.width,
            LAYERS,
            heads,
            act_layer=QuickGELU,
            norm_layer=partial(LayerNorm, eps=1e-12),
        )
        for module in self.transformer.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=_STD)
                nn.init.zeros_(module.bias)

    def forward(self, frames: Tensor) -> Tensor:
        """[B,E]."""
        positions = self.frame_position_embeddings.weight[: frames.shape[1]]  # [T,E]
        mixed: Tensor = self.transformer(frames + positions)
        return (mixed + frames).mean(dim=1)


class Lstm(_FrameTable):
    """A one-layer LSTM with a residual, then the mean."""

    def __init__(self, clip: Any, num_frames: int) -> None:
        super().__init__(clip)
        self.lstm_visual = nn.LSTM(self.width, self.width, batch_first=True)

    def forward(self, frames: Tensor) -> Tensor:
        """[B,E]."""
        states: Tensor = self.lstm_visual(frames)[0]  # [B,T,E]
        return (states + frames).mean(dim=1)


class Conv1d(_FrameTable):
    """A convolution of every channel with a residual, then the mean.

    It starts as a shift in time: a quarter of the channels reads the neighbour before, half of
    them stay, a quarter reads the one behind.
    """

    def __init__(self, clip: Any, num_frames: int) -> None:
        super().__init__(clip)
        width = self.width
        self.shift = nn.Conv1d(width, width, 3, padding=1, groups=width, bias=False)
        with torch.no_grad():
            self.shift.weight.zero_()
            self.shift.weight[: width // 4, 0, 0] = 1.0
            self.shift.weight[width // 4 : width // 4 + width // 2, 0, 1] = 1.0
            self.shift.weight[-width // 4 :, 0, 2] = 1.0

    def forward(self, frames: Tensor) -> Tensor:
        """[B,E]."""
        length, width = frames.shape[1:]
        # The original reinterprets the memory where one would expect a transpose.
        mixed: Tensor = self.shift(frames.reshape(-1, width, length))  # [B,E,T]
        return (mixed.transpose(1, 2) + frames).mean(dim=1)  # [B,T,E] -> [B,E]


class _ClsAggregate(nn.Module):
    """The transformer of Transf_cls; its number of frames is fixed."""

    def __init__(self, width: int, num_frames: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, _CLS_HEADS, batch_first=True)
        self.transformer_enc = nn.TransformerEncoder(
            layer, LAYERS, norm=nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.cls_token = nn.Parameter(_folded_normal(torch.empty(1, 1, width)))
        self.pos_embed = nn.Parameter(_folded_normal(torch.empty(1, num_frames + 1, width)))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                _folded_normal(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, frames: Tensor) -> Tensor:
        first = self.cls_token.expand(len(frames), -1, -1)  # [B,1,E]
        tokens = torch.cat([first, frames], dim=1) + self.pos_embed  # [B,T+1,E]
        mixed: Tensor = self.transformer_enc(tokens)
        return mixed[:, 0]


class TransfCls(_FrameTable):
    """A post-norm transformer with a class token, which is the output; dropout 0.1 in training.

    Raises:
        UsageError: The joint width is not a multiple of 8.
    """

    def __init__(self, clip: Any, num_frames: int) -> None:
        super().__init__(clip)
        _check_heads("Transf_cls", self.width, _CLS_HEADS)
        self.num_frames = num_frames
        self.transformer = _ClsAggregate(self.width, num_frames)

    def forward(self, frames: Tensor) -> Tensor:
        """[B,E].

        Raises:
            UsageError: The clip has another number of frames.
        """
        if frames.shape[1] != self.num_frames:
            raise UsageError(
                f"this ActionCLIP with Transf_cls reads {self.num_frames} frames per video",
                got=f"{frames.shape[1]} frames",
                allowed=f"{self.num_frames}: its frame positions are learned",
                next_step=f"sample {self.num_frames} frames",
            )
        fused: Tensor = self.transformer(frames)
        return fused


def _check_heads(name: str, width: int, heads: int) -> None:
    if width % heads:
        raise UsageError(
            f"ActionCLIP's {name} does not fit this backbone: {heads} attention heads",
            got=f"a joint width of {width}",
            allowed=f"a multiple of {heads}",
            next_step="choose another fusion or another backbone",
        )


def _folded_normal(tensor: Tensor) -> Tensor:
    """What the original draws as a "truncated" normal: values beyond 2 sigma wrap around 0."""
    with torch.no_grad():
        return tensor.normal_().fmod_(2).mul_(_STD)


FUSIONS: dict[str, Callable[[Any, int], nn.Module]] = {
    "Transf": Transf,
    "meanP": MeanP,
    "Transf_cls": TransfCls,
    "LSTM": Lstm,
    "Conv_1D": Conv1d,
}
"""By the names that the original's configurations use."""


def build_fusion(name: str, clip: Any, num_frames: int) -> nn.Module:
    """A fusion head with fresh weights.

    Args:
        name: One of ``FUSIONS``.
        clip: An open_clip ``CLIP``; gives the widths.
        num_frames: T.

    Raises:
        UsageError: There is no such head, or it does not fit the backbone or T.
    """
    if name not in FUSIONS:
        raise unknown_name("fusion of actionclip", name, FUSIONS)
    with torch.device(clip.text_projection.device):
        return FUSIONS[name](clip, num_frames)
