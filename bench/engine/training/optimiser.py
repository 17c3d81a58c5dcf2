"""AdamW over the groups a method declares."""

from __future__ import annotations

from collections import Counter

from torch.optim import AdamW

from bench.planning.recipe import Recipe
from methods.base import Method


def build_optimiser(method: Method, recipe: Recipe) -> AdamW:
    """AdamW with one torch group for each of ``method.parameter_groups``, at the peak rate.

    The decay reaches every parameter of a group, biases and norms included, as in the original,
    unless the group says otherwise.

    Raises:
        ValueError: The groups do not hold every trainable parameter exactly once.
    """
    groups = method.parameter_groups()
    _check_partition(method, [name for group in groups for name in group.names])
    parameters = dict(method.named_parameters())
    return AdamW(
        [
            {
                "params": [parameters[name] for name in group.names],
                "lr": recipe.lr * group.lr_scale,
                "weight_decay": (
                    recipe.weight_decay if group.weight_decay is None else group.weight_decay
                ),
            }
            for group in groups
        ],
        lr=recipe.lr,
        betas=recipe.betas,
        eps=recipe.eps,
        fused=True,
    )


def optimised_names(method: Method) -> tuple[str, ...]:
    """Parameter names in the order in which ``build_optimiser`` numbers them."""
    return tuple(name for group in method.parameter_groups() for name in group.names)


def _check_partition(method: Method, names: list[str]) -> None:
    trainable = set(method.trainable_names())
    repeated = sorted(name for name, times in Counter(names).items() if times > 1)
    missing = sorted(trainable - set(names))
    extra = sorted(set(names) - trainable)
    if repeated or missing or extra:
        raise ValueError(
            f"parameter_groups of {method.name} must hold every trainable parameter once: "
            f"repeated {repeated}, missing {missing}, not trainable {extra}"
        )
