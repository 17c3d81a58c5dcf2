"""Token embeddings of which only the rows of known words are stored."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

IDS, ROWS, WHOLE = "token_embedding.ids", "token_embedding.rows", "token_embedding.weight"
_SPREAD = 0.02


def untrained_rows(vocab_size: int, width: int) -> Tensor:
    """The table that the training started from, [vocab_size,width]: normal draws.

    A word that the weights never saw keeps its row: it differs from all others and means nothing.
    """
    draws = np.random.default_rng(0).standard_normal((vocab_size, width), dtype=np.float32)
    return torch.from_numpy(draws * np.float32(_SPREAD))


def expand_token_rows(state_dict: Mapping[str, Tensor], vocab_size: int) -> dict[str, Tensor]:
    """Put ``token_embedding.weight`` in the place of the stored ids and rows.

    Args:
        state_dict: Holds ``token_embedding.ids`` [K] (integers) and ``token_embedding.rows``
            [K,width]; anything without both is returned as it is.
        vocab_size: Rows of the whole table.

    Returns:
        A new mapping; every tensor but the table is the one that was given.

    Raises:
        ValueError: An id lies outside the vocabulary, or ids and rows differ in number.
    """
    rest = {name: value for name, value in state_dict.items() if name not in (IDS, ROWS)}
    if len(rest) + 2 != len(state_dict):
        return dict(state_dict)
    ids, rows = state_dict[IDS].long(), state_dict[ROWS]
    if ids.ndim != 1 or rows.ndim != 2 or len(ids) != len(rows):
        raise ValueError(
            f"{IDS} {tuple(ids.shape)} and {ROWS} {tuple(rows.shape)} do not belong together"
        )
    if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < vocab_size:
        raise ValueError(
            f"{IDS} run from {int(ids.min())} to {int(ids.max())}; the vocabulary has {vocab_size}"
        )
    table = untrained_rows(vocab_size, rows.shape[1])
    table[ids] = rows.float()
    return {**rest, WHOLE: table}
