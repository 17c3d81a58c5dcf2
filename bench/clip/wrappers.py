"""State dicts as other tools wrap them: containers, prefixes of every name, other names of CLIP.

Training tools put their own names in front: ``torch.compile`` ``_orig_mod.``, data parallelism
``module.``, Lightning ``model.``; and keep the weights under other keys: DeepSpeed under
``module``, averaged weights under ``model_ema``. All of that is taken off, and what was done is
said. Whatever is left has to fit the model exactly, so nothing wrong can be loaded this way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from bench.clip.huggingface_names import from_huggingface, is_huggingface
from bench.ground.errors import WeightsError

CONTAINERS = ("model", "state_dict", "model_state_dict")
"""Keys that hold the state dict in the files of the methods' authors."""
OTHER_CONTAINERS = (
    "module",
    "model_ema",
    "ema",
    "ema_state_dict",
    "model_ema_state_dict",
    "state_dict_ema",
    "net",
    "network",
    "weights",
    "params",
)
"""Keys that other tools use; tried after those of the authors."""

_ANYWHERE = ("_orig_mod.", "_checkpoint_wrapped_module.", "_fsdp_wrapped_module.")
"""What compilers and memory savers put into names, wherever they wrap a module."""
_IN_FRONT = ("module.", "model.", "net.", "network.", "clip.", "clip_model.")
"""What wrappers put in front of all names; taken off as often as it is there."""
_TEXT = ("transformer.", "ln_final.", "positional_embedding", "text_projection", "token_embedding.")
_DEEPEST = 3
"""Containers in containers."""


@dataclass(frozen=True)
class Unwrapped:
    """The tensors of a file and what had to be taken off to get at them.

    Attributes:
        tensors: By the names that are left.
        held: The mapping of the file that holds them.
        container: Keys that lead to it, with dots; '' where the tensors are at the top.
        prefix: What was taken off in front of every name.
        steps: What was done beyond an author's container and ``module.``, in words.
    """

    tensors: dict[str, Tensor]
    held: Mapping[str, Any]
    container: str
    prefix: str
    steps: tuple[str, ...]


def unwrap(
    content: Mapping[str, Any], containers: Sequence[str] = CONTAINERS, *, source: str
) -> Unwrapped:
    """The tensors by name, out of whatever a training tool put around them.

    Args:
        content: What a file holds.
        containers: Keys that may hold the state dict, tried first and in order.
        source: What to call it in errors.

    Raises:
        WeightsError: There are no tensors where they should be, or two get the same name.
    """
    keys, held = _opened(content, containers)
    tensors = {str(name): value for name, value in held.items() if isinstance(value, Tensor)}
    if not tensors:
        raise WeightsError(
            f"{source} holds no tensors by name",
            got="top-level keys: " + ", ".join(map(str, list(content)[:10])),
            allowed="a state dict, or one under " + ", ".join(map(repr, containers)),
            next_step="save the state dict alone: torch.save(model.state_dict(), file)",
        )
    steps = [f"its weights lie under '{key}'" for key in keys if key in OTHER_CONTAINERS]
    steps += _beside(content, keys)
    clean = {_without_inner(name): value for name, value in tensors.items()}
    prefix, clean = _without_front(clean)
    inner = sorted({part for part in _ANYWHERE if any(part in name for name in tensors)})
    taken = [*inner, *([prefix] if prefix not in ("", "module.") else [])]
    if taken:
        steps.append("taken off the names: " + ", ".join(f"'{part}'" for part in taken))
    clean = _in_clip_names(clean, steps)
    if len(clean) < len(tensors) and not is_huggingface(tensors):
        raise WeightsError(
            f"{source} holds tensors that have the same name without {', '.join(map(repr, taken))}",
            got=f"{len(tensors)} tensors, {len(clean)} different names",
            next_step="save the state dict of the model alone",
        )
    return Unwrapped(clean, held, ".".join(keys), _whole_prefix(tensors), tuple(steps))


def at_home(tensors: Mapping[str, Tensor], places: Mapping[str, object]) -> dict[str, Tensor]:
    """Tensors by the names of a module that itself has a part which wrappers are called by.

    A method that holds CLIP as ``self.model`` writes ``model.`` in front of all names, as Lightning
    does. Where the names only fit with it, it is put back.

    Args:
        tensors: Names after ``unwrap``.
        places: The module's own names.
    """
    for front in _IN_FRONT:
        if tensors and all(name not in places and front + name in places for name in tensors):
            return {front + name: value for name, value in tensors.items()}
    return dict(tensors)


def _opened(
    content: Mapping[str, Any], containers: Sequence[str]
) -> tuple[list[str], Mapping[str, Any]]:
    """The keys that lead to the tensors, and what holds them."""
    keys: list[str] = []
    while len(keys) < _DEEPEST:
        bare = any(isinstance(value, Tensor) for value in content.values())
        names = containers if bare else (*containers, *OTHER_CONTAINERS)
        inside = [name for name in names if isinstance(content.get(name), Mapping)]
        if not inside:
            break
        keys.append(inside[0])
        content = content[inside[0]]
    return keys, content


def _beside(content: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """A line on averaged weights that lie beside the chosen ones."""
    averaged = [
        name
        for name in OTHER_CONTAINERS
        if "ema" in name and keys and name != keys[0] and isinstance(content.get(name), Mapping)
    ]
    return [f"the averaged weights beside them, '{averaged[0]}', are not used"] if averaged else []


def _without_inner(name: str) -> str:
    for part in _ANYWHERE:
        name = name.replace(part, "")
    return name


def _without_front(tensors: Mapping[str, Tensor]) -> tuple[str, dict[str, Tensor]]:
    """What all names begin with that a wrapper puts there, and the tensors without it."""
    prefix = ""
    found = dict(tensors)
    while (
        front := next((f for f in _IN_FRONT if all(n.startswith(f) for n in found)), None)
    ) is not None:
        prefix += front
        found = {name.removeprefix(front): value for name, value in found.items()}
    return prefix, found


def _whole_prefix(tensors: Mapping[str, Tensor]) -> str:
    """What wrappers put in front of every name, as it stands in the file."""
    pattern = "|".join(re.escape(part) for part in (*_IN_FRONT, *_ANYWHERE))
    fronts = [re.match(f"(?:{pattern})*", name) for name in tensors]
    shared = min((front[0] for front in fronts if front is not None), key=len)
    return shared if all(name.startswith(shared) for name in tensors) else ""


def _in_clip_names(tensors: dict[str, Tensor], steps: list[str]) -> dict[str, Tensor]:
    """Names of Hugging Face's CLIP and of open_clip's two-tower class turned into OpenAI's."""
    if is_huggingface(tensors):
        steps.append("Hugging Face's names turned into OpenAI's")
        return from_huggingface(tensors)
    if "text.token_embedding.weight" in tensors and "visual.conv1.weight" in tensors:
        steps.append("taken off the text tower's names: 'text.'")
        return {
            name.removeprefix("text.") if name.startswith(_OF_TEXT) else name: value
            for name, value in tensors.items()
        }
    return tensors


_OF_TEXT = tuple(f"text.{part}" for part in _TEXT)
