"""Weights must be numbers: NaN and infinity in a file are found where it is loaded."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from bench.ground.errors import WeightsError


def require_finite(
    tensors: Mapping[str, Tensor],
    *,
    source: str,
    next_step: str = (
        "use a checkpoint from before the training went wrong, or fetch the file again"
    ),
) -> None:
    """Refuse weights that hold NaN or infinity.

    Args:
        tensors: What is about to be loaded; masks, which hold infinity on purpose, left out.
        source: What to call the file in errors.
        next_step: What to do about it.

    Raises:
        WeightsError: A value is not finite; names the tensors.
    """
    broken = {
        name: int((~tensor.isfinite()).sum())
        for name, tensor in tensors.items()
        # A sum is finite only if all of it is; the other way round it is looked at again.
        if tensor.is_floating_point() and not bool(tensor.sum().isfinite())
    }
    broken = {name: count for name, count in broken.items() if count}
    if broken:
        shown = [f"{count:,} of {tensors[n].numel():,} in {n}" for n, count in broken.items()]
        more = f" and {len(shown) - 3} more tensors" if len(shown) > 3 else ""
        raise WeightsError(
            f"{source} holds values that are not finite (NaN or infinity)",
            got=", ".join(shown[:3]) + more,
            next_step=next_step,
        )
