"""CLIP's towers: build them with open_clip, make tokens, run the text tower.

Nothing here uses the network. Shapes: n texts, L tokens, D text width, E joint width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from bench.ground.errors import UsageError

CONTEXT_LENGTH = 77


def build_clip(
    config: Mapping[str, Any], *, quick_gelu: bool, device: str | torch.device = "cpu"
) -> nn.Module:
    """An open_clip ``CLIP`` with random weights (on ``meta``: with none).

    Args:
        config: As ``architecture`` gives it.
        quick_gelu: QuickGELU, or PyTorch's GELU.
        device: Where the parameters are made.
    """
    import open_clip

    with torch.device(device):
        model: nn.Module = open_clip.CLIP(
            embed_dim=config["embed_dim"],
            vision_cfg=config["vision_cfg"],
            text_cfg=config["text_cfg"],
            quick_gelu=quick_gelu,
        )
    return model


def causal_mask(length: int) -> Tensor:
    """[length,length], ``-inf`` above the diagonal and 0 elsewhere.

    Example:
        >>> causal_mask(2)
        tensor([[0., -inf],
                [0., 0.]])
    """
    return torch.full((length, length), float("-inf")).triu_(1)


@cache
def _tokenizer() -> Any:
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()


def tokenize(texts: Sequence[str], context_length: int = CONTEXT_LENGTH) -> Tensor:
    """Token ids of CLIP's byte-pair encoding, int64 [n,context_length], zero-padded.

    Raises:
        UsageError: A text has more tokens than the context holds (it is never cut silently).

    Example:
        >>> tokenize(["a dog"], context_length=6)
        tensor([[49406,   320,  1929, 49407,     0,     0]])
    """
    tokenizer = _tokenizer()
    ids = torch.zeros(len(texts), context_length, dtype=torch.int64)
    for row, text in enumerate(texts):
        tokens = [tokenizer.sot_token_id, *tokenizer.encode(text), tokenizer.eot_token_id]
        if len(tokens) > context_length:
            raise UsageError(
                f"a text has {len(tokens)} tokens; CLIP reads {context_length}",
                got=text,
                next_step="shorten the class name or the prompt",
            )
        ids[row, : len(tokens)] = torch.tensor(tokens)
    return ids


def end_of_text(ids: Tensor) -> Tensor:
    """Position of the end token of each text, int64 [n]: it has the largest id.

    Example:
        >>> end_of_text(tokenize(["a dog", "dog"]))
        tensor([3, 2])
    """
    return ids.argmax(dim=-1)


class TextTower(nn.Module):
    """CLIP's text tower from token embeddings on; it has no token table.

    Parameter names are those of ViFi-CLIP's ``text_encoder``. The attention is causal, so what
    stands behind the last end token never reaches it: callers may give only the tokens up to
    there (``embeddings[:, : int(eot.max()) + 1]``) and get the same features.

    Args:
        clip: An open_clip ``CLIP``; its modules are shared, not copied.
    """

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.transformer: nn.Module = clip.transformer
        self.positional_embedding: nn.Parameter = clip.positional_embedding
        self.ln_final: nn.Module = clip.ln_final
        self.text_projection: nn.Parameter = clip.text_projection
        self.attn_mask: Tensor
        self.register_buffer("attn_mask", clip.attn_mask, persistent=False)

    def forward(self, embeddings: Tensor, eot: Tensor) -> Tensor:
        """Text features before normalisation, [n,E].

        Args:
            embeddings: Token embeddings without positions, [n,L,D].
            eot: Position of the end token, int64 [n], each < L.
        """
        length = embeddings.shape[1]
        x = embeddings + self.positional_embedding[:length]  # [n,L,D]
        x = self.transformer(x, attn_mask=self.attn_mask[:length, :length])
        x = x[torch.arange(len(x), device=x.device), eot]  # [n,D]
        projected: Tensor = self.ln_final(x) @ self.text_projection  # [n,E]
        return projected


def normalize(features: Tensor) -> Tensor:
    """Divide by the L2 norm over the last dimension, without an epsilon (as CLIP does).

    Example:
        >>> normalize(torch.tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """
    return features / features.norm(dim=-1, keepdim=True)
