"""A device that is not the CPU, on a machine that has none: for finding tensors left behind.

What runs on the CPU alone never shows a tensor that stayed there when its module moved to a GPU.
Here a tensor can lie ``ELSEWHERE``: it computes what it would compute on the CPU, but an operation
that mixes it with a tensor that is here is refused, as a GPU would refuse it.

    with pretended_device():
        move(module)
        scores = module(video.to(ELSEWHERE))
    values(scores)

The device's name is ``meta:1``: of all that torch knows without hardware, ``meta`` is the one
through which gradients can be sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

ELSEWHERE = torch.device("meta", 1)
_HERE = torch.device("cpu")
_CROSSES = ("aten::_to_copy", "aten::copy_")
"""Operations that carry a tensor from one device to another."""
_TAKES_INDICES = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")
"""Operations on a GPU's tensor whose indices may be on the CPU."""


class MixedDevicesError(RuntimeError):
    """An operation was given tensors of two devices."""


class _There(Tensor):
    """A tensor ``ELSEWHERE``; ``value`` is what it would hold."""

    value: Tensor

    @staticmethod
    def __new__(cls, value: Tensor, requires_grad: bool = False) -> _There:
        tensor: _There = Tensor._make_wrapper_subclass(
            cls,
            value.size(),
            strides=value.stride(),
            storage_offset=value.storage_offset(),
            dtype=value.dtype,
            layout=value.layout,
            device=ELSEWHERE,
            requires_grad=requires_grad,
        )
        tensor.value = value
        return tensor

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"elsewhere({self.value!r})"

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls,
        operation: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        return _carry_out(operation, args, dict(kwargs or {}))


class _Device(TorchDispatchMode):
    """Makes ``device=ELSEWHERE`` and ``.to(ELSEWHERE)`` give tensors that hold values."""

    def __torch_dispatch__(
        self,
        operation: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        return _carry_out(operation, args, dict(kwargs or {}))


class _FromData(TorchFunctionMode):
    """Tensors from Python's numbers: torch makes those of this device without values."""

    def __torch_function__(
        self,
        function: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        options = dict(kwargs or {})
        if function not in (torch.tensor, torch.as_tensor) or "device" not in options:
            return function(*args, **options)
        device, learns = options.pop("device"), options.pop("requires_grad", False)
        made = function(*args, **options)
        return (made if device is None else made.to(device)).requires_grad_(learns)


@contextmanager
def pretended_device() -> Iterator[None]:
    """Within, ``ELSEWHERE`` is a device like any other."""
    with _FromData(), _Device():
        yield


@torch.no_grad()
def move(module: nn.Module) -> None:
    """Do to a module what ``module.to(device)`` does: move its parameters and buffers."""
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None:
                there = _There(parameter.detach())
                part._parameters[name] = nn.Parameter(there, parameter.requires_grad)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = _There(buffer)


def values(tensor: Tensor) -> Tensor:
    """What a tensor holds, wherever it is, as a tensor without graph that is here."""
    return (tensor.value if isinstance(tensor, _There) else tensor).detach()


def is_elsewhere(tensor: Tensor) -> bool:
    """Whether the tensor moved."""
    return isinstance(tensor, _There)


def _carry_out(operation: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """One operation, on the CPU, with its result where a GPU would have it.

    Raises:
        MixedDevicesError: It needs tensors of both places at once.
    """
    name = operation.name().split(".")[0]
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    if name not in _CROSSES:
        _refuse_mixtures(name, args, tensors)
    there = any(map(is_elsewhere, tensors))
    if kwargs.get("device") is not None:
        there = torch.device(kwargs["device"]) == ELSEWHERE
        if there:
            kwargs["device"] = _HERE
    elif name == "aten::copy_":
        there = is_elsewhere(args[0])
    inner_args, inner_kwargs = tree_map(_inner, (list(args), kwargs))
    result = operation(*inner_args, **inner_kwargs)
    if not there:
        return result
    known = {id(leaf.value): leaf for leaf in tensors if isinstance(leaf, _There)}
    return tree_map(_wrapper(known), result)


def _wrapper(known: Mapping[int, _There]) -> Callable[[Any], Any]:
    """What puts a result elsewhere; an operation in place gives the tensor that it was given."""

    def wrap(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor) or isinstance(leaf, _There):
            return leaf
        return known[id(leaf)] if id(leaf) in known else _There(leaf)

    return wrap


def _inner(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, _There) else leaf


def _refuse_mixtures(name: str, args: Sequence[Any], tensors: Sequence[Tensor]) -> None:
    """Numbers (tensors without dimensions) may be on the CPU, and so may indices."""
    if name in _TAKES_INDICES:
        indexed, indices, *rest = args
        of_indices = [leaf for leaf in tree_leaves(list(indices)) if isinstance(leaf, Tensor)]
        if not is_elsewhere(indexed) and any(map(is_elsewhere, of_indices)):
            raise MixedDevicesError(f"{name}: a tensor on the CPU with indices on another device")
        tensors = [leaf for leaf in (indexed, *tree_leaves(rest)) if isinstance(leaf, Tensor)]
    here = [leaf for leaf in tensors if leaf.ndim and not is_elsewhere(leaf)]
    if here and any(map(is_elsewhere, tensors)):
        shapes = ", ".join(str(list(leaf.shape)) for leaf in here)
        raise MixedDevicesError(
            f"{name}: a tensor on the CPU ({shapes}) beside one on another device"
        )
