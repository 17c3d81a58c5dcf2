"""What Vita-CLIP's authors released, read into the adapter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from bench.clip import tokenize
from bench.ground.errors import WeightsError
from methods.base import KeyReport
from methods.checkpoints.export import state_of
from methods.checkpoints.released import load_checked, released_tensors

if TYPE_CHECKING:
    from methods.vita_clip.adapter import VitaClip

_CLASS_BUFFERS = r"prompt_learner\.token_(prefix|suffix)"
_CONTEXT = "prompt_learner.ctx"
_SUFFIX = "prompt_learner.token_suffix"
_TABLE = "textual.token_embedding.weight"
_TIMES = "visual.time_embed"
_OTHER_TEXT = 0.1
"""Token embeddings that differ by more than this share of their norm are another text's."""


@dataclass(frozen=True)
class Contexts:
    """The text contexts of an adapter.

    Attributes:
        count: Learned tokens in the text.
        words: Words that they start from, or none.
        per_class: Whether each class has its own.
    """

    count: int
    words: tuple[str, ...]
    per_class: bool


def load(
    method: VitaClip, source: Path | Mapping[str, Any], contexts: Contexts
) -> tuple[KeyReport, bool]:
    """See ``VitaClip.load_released``.

    Returns:
        What became of each tensor, and whether the contexts belong to the method's classes.
    """
    tensors, name = released_tensors(source)
    times = tensors.get(_TIMES)
    if times is not None and times.dim() == 2 and len(times) != method.num_frames:
        raise WeightsError(
            f"{name} was trained on {len(times)} frames per video and cannot read another number",
            got=f"num_frames = {method.num_frames}",
            allowed=len(times),
            next_step=f"evaluate it with {len(times)} frames",
        )
    ignore, may_miss = [_CLASS_BUFFERS], []
    own = not contexts.count or _belongs(tensors, method.class_names, contexts)
    if not contexts.count:
        # The original has no text tower at all then.
        ignore.append(r"prompt_learner\.ctx")
        may_miss.append(r"textual\..*")
    elif not own and contexts.per_class:
        ignore.append(r"prompt_learner\.ctx")
        may_miss.append(r"prompt_learner\.ctx")
    report = load_checked(method, tensors, source=name, ignore=ignore, may_miss=may_miss)
    return report, own


def _belongs(
    tensors: Mapping[str, Tensor], class_names: tuple[str, ...], contexts: Contexts
) -> bool:
    """Whether a file's contexts belong to this class list, as far as the file tells."""
    ctx, suffix = tensors.get(_CONTEXT), tensors.get(_SUFFIX)
    if contexts.per_class and ctx is not None and len(ctx) != len(class_names):
        return False
    if suffix is None or _TABLE not in tensors:
        return True
    count = contexts.count
    words = " ".join(contexts.words or ["X"] * count)
    names = [name.replace("_", " ") for name in class_names]
    ids = tokenize([f"{words} {name}." for name in names], suffix.shape[1] + 1 + count)
    wanted = tensors[_TABLE].float()[ids[:, 1 + count :].to(suffix.device)]  # [C,L-1-n,D]
    if wanted.shape != suffix.shape:
        return False
    gap = (suffix.float() - wanted).norm(dim=(1, 2)) / wanted.norm(dim=(1, 2))  # [C]
    return not bool((gap > _OTHER_TEXT).any())


def content_of(method: VitaClip) -> dict[str, Any]:
    """As Vita-CLIP's training saves it, with the class names' token embeddings.

    Its loader is strict, so the two buffers have to be there. Without contexts it has no text
    tower.
    """
    tensors = state_of(method, prefix="module.")
    if not method._count:
        return {"model": {n: t for n, t in tensors.items() if ".textual." not in n}}
    names = [name.replace("_", " ") for name in method._trained_classes or method.class_names]
    words = " ".join(method._words or ["X"] * method._count)
    length = len(method.textual.positional_embedding)
    ids = tokenize([f"{words} {name}." for name in names], context_length=length)
    table = method.textual.token_embedding.weight.detach().cpu()
    tensors["module.prompt_learner.token_prefix"] = table[ids[:, :1]]
    tensors[f"module.{_SUFFIX}"] = table[ids[:, 1 + method._count :]]
    return {"model": tensors}
