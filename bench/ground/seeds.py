"""Seeds derived by hashing names, so that adding one thing never changes another's draws."""

from __future__ import annotations

import hashlib
import json


def derive_seed(**axes: str | int | None) -> int:
    """A seed in [0, 2**32) that depends on nothing but the named axes.

    Args:
        **axes: What the draw may depend on, for example ``dataset="hmdb51", repeat=1``.

    Returns:
        The first four bytes of the SHA-256 of the axes, sorted by name.
    """
    text = json.dumps(axes, sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's global generators (torch only if it is imported)."""
    import random
    import sys

    import numpy

    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    torch = sys.modules.get("torch")
    if torch is not None:
        # ``torch.manual_seed`` formats a stack trace on every call while CUDA is not in use.
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(seed)
