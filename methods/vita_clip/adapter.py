"""Vita-CLIP: a frozen CLIP whose frames read video, frame and summary prompts; text contexts.

Checked against TalalWasim/Vita-CLIP at commit c858299; names are those of its checkpoints.

Shapes: B videos, T frames, C classes, L tokens, n contexts, D text width, E joint width.

Kept as it is there: ``cls_proj``, through which the frames see each other, is frozen at its random
start (the option ``train_cls_proj`` trains it), so it is part of every checkpoint; the temperature
is trained and not clamped; all that is trained decays.

Differences, on purpose:

- Its zero-shot mode cannot run and its zero-shot features were never released. What is done here is
  inferred from its options: classes that a model was not trained on are scored with CLIP's own text
  features of the bare names (``zero_shot_template``), the learned contexts are left out. A context
  that all classes share may be used for new ones too (``new_classes="context"``).
- A video of another number of frames is refused. There it is silently cut into several videos, or
  breaks.
- Token embeddings of the class names that a file holds are made anew from the class list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.clip import TextTower, end_of_text, normalize, tokenize
from bench.ground.errors import UsageError
from methods.base import KeyReport, Method
from methods.image_tower import require_plain
from methods.vita_clip.blocks import VitaAttention, VitaImageTower
from methods.vita_clip.facts import VITA_CLIP
from methods.vita_clip.released import Contexts, content_of, load

_STD = 0.02
_TRAINED = ("summary", "local", "global", "time_embed")
"""Parts of the names of what is trained in the image tower."""
_CONTEXT = "prompt_learner.ctx"


class TextTowerWithTable(TextTower):
    """CLIP's text tower with its token table, both frozen."""

    def __init__(self, clip: Any) -> None:
        super().__init__(clip)
        self.token_embedding: nn.Embedding = clip.token_embedding


class PromptLearner(nn.Module):
    """Holds the text contexts, [C,n,D] or [n,D]."""

    def __init__(self, ctx: Tensor) -> None:
        super().__init__()
        self.ctx = nn.Parameter(ctx)


class VitaClip(Method, facts=VITA_CLIP):
    """See the module's text.

    Options:
        num_global_prompts: Prompts per block for all frames; 0: none.
        local_prompts: Whether each frame has a prompt, which all frames of its video read.
        summary_token: Whether each frame has a token that has seen all frames.
        train_cls_proj: Whether the projection that both use is trained.
        n_ctx_text: Learned tokens in the text; 0: CLIP's text features of the bare names.
        class_specific_ctx: Whether each class has contexts of its own.
        ctx_position: Where the class name stands: ``end``, ``middle`` or ``front``.
        ctx_init: Words that one shared context starts from, as many tokens as words; ``""``:
            random. The two options before are then without effect.
        new_classes: How classes are scored that the contexts were not trained on: ``bare`` or
            ``context``.
        zero_shot_template: Prompt around a bare name.

    Attributes:
        cut_text: True: the text tower runs on the tokens up to the last end token (same result).
    """

    token_ids: Tensor
    eot: Tensor
    context_rows: Tensor
    token_order: Tensor

    def __init__(
        self, clip: Any, class_names: Sequence[str], num_frames: int, **options: Any
    ) -> None:
        super().__init__(clip, class_names, num_frames, **options)
        require_plain(clip.visual, self.title)
        _check(options)
        self._words = str(options["ctx_init"]).replace("_", " ").split()
        self._count = len(self._words) or int(options["n_ctx_text"])
        self._per_class = bool(options["class_specific_ctx"]) and not self._words
        self._position = str(options["ctx_position"])
        self._bare_new_classes = options["new_classes"] == "bare"
        self._template = str(options["zero_shot_template"])
        self._trained_classes = self.class_names
        self.logit_scale: nn.Parameter = clip.logit_scale
        with torch.device(clip.visual.proj.device):
            self.visual = VitaImageTower(
                clip.visual,
                num_frames,
                options["num_global_prompts"],
                local=bool(options["local_prompts"]),
                summary=bool(options["summary_token"]),
            )
        self.textual = TextTowerWithTable(clip)
        # After everything else that is drawn, which must not depend on the number of classes.
        if self._count:
            self.prompt_learner = PromptLearner(self._first_context())
        self.cut_text = True
        self.set_classes(class_names)
        self._projections = tuple(n for n, _ in self.named_parameters() if ".cls_proj." in n)
        self._freeze(train_projections=bool(options["train_cls_proj"]))

    def _freeze(self, *, train_projections: bool) -> None:
        trained = [
            name
            for name, _ in self.named_parameters()
            if name in ("logit_scale", _CONTEXT)
            or (name.startswith("visual.") and any(part in name for part in _TRAINED))
        ]
        self.freeze_all_but([*trained, *(self._projections if train_projections else ())])

    def _first_context(self) -> Tensor:
        table = self.textual.token_embedding.weight.detach()
        width = table.shape[1]
        if self._words:
            ids = tokenize([" ".join(self._words)], len(self.textual.positional_embedding))[0]
            return table[ids[1 : 1 + self._count].to(table.device)].clone()
        classes = (len(self.class_names),) if self._per_class else ()
        return torch.empty(*classes, self._count, width, device=table.device).normal_(std=_STD)

    @property
    def shortcuts(self) -> bool:
        """Whether prompts only give keys and values, and the last block one row; may be set."""
        return self.visual.shortcuts

    @shortcuts.setter
    def shortcuts(self, value: bool) -> None:
        for module in (self.visual, *self.visual.blocks):
            module.shortcuts = value

    @property
    def fused_attention(self) -> bool:
        """Whether the image tower's attention is one fused operation; may be set."""
        return all(attention.fused for attention in self._attentions())

    @fused_attention.setter
    def fused_attention(self, value: bool) -> None:
        for attention in self._attentions():
            attention.fused = value

    def _attentions(self) -> list[VitaAttention]:
        return [module for module in self.visual.modules() if isinstance(module, VitaAttention)]

    def kept_names(self) -> tuple[str, ...]:
        """The projections stay at their random start and no other file has them."""
        return self._projections

    def per_class_names(self) -> tuple[str, ...]:
        """The contexts, if each class has its own."""
        return (_CONTEXT,) if self._count and self._per_class else ()

    def make_room(self, class_names: Sequence[str]) -> None:
        """Get ready for contexts that were trained on ``class_names``."""
        self._trained_classes = tuple(class_names)
        if self.per_class_names():
            ctx = self.prompt_learner.ctx
            shape = (len(class_names), *ctx.shape[1:])
            self.prompt_learner.ctx = nn.Parameter(ctx.detach().new_zeros(shape), ctx.requires_grad)
        self.set_classes(self.class_names)

    def set_classes(self, class_names: Sequence[str]) -> None:
        """Score another class list; the weights stay.

        The learned contexts are used if they were trained on every one of the classes (with a
        shared context and ``new_classes="context"``: always), else none of them is.
        """
        self.class_names = tuple(class_names)
        names = [name.replace("_", " ") for name in class_names]
        self._with_context = self._may_use_context()
        if self._with_context:
            words = " ".join(self._words or ["X"] * self._count)
            self.prompts = tuple(f"{words} {name}." for name in names)
        else:
            self.prompts = tuple(self._template.format(name) for name in names)
        length = len(self.textual.positional_embedding)
        ids = tokenize(self.prompts, context_length=length)
        eot = end_of_text(ids)
        order = torch.arange(length).repeat(len(names), 1)  # [C,L]
        rows = torch.zeros(len(names), dtype=torch.int64)
        if self._with_context:
            sizes = end_of_text(tokenize(names, context_length=length)) - 1
            order = _token_order(self._position, self._count, sizes, length)
            if self._per_class:
                rows = _rows(self.class_names, self._trained_classes)
        self._text_length = int(eot.max()) + 1
        device = self.textual.positional_embedding.device
        found = {"token_ids": ids, "eot": eot, "context_rows": rows, "token_order": order}
        for name, tensor in found.items():
            self.register_buffer(name, tensor.to(device), persistent=False)

    def _may_use_context(self) -> bool:
        if not self._count:
            return False
        known = set(self.class_names) <= set(self._trained_classes)
        return known or not self._bare_new_classes

    def encode_text(self) -> Tensor:
        """Text features [C,E] before normalisation."""
        length = self._text_length if self.cut_text else self.token_ids.shape[1]
        tokens: Tensor = self.textual.token_embedding(self.token_ids[:, :length])  # [C,L,D]
        if self._with_context:
            ctx = self.prompt_learner.ctx.to(tokens.dtype)
            ctx = ctx[self.context_rows] if self._per_class else ctx.expand(len(tokens), -1, -1)
            # [C,n,D]
            tokens = torch.cat([tokens[:, :1], ctx, tokens[:, 1 + self._count :]], dim=1)  # [C,L,D]
            if self._position != "end":
                order = self.token_order[:, :length, None]  # [C,L,1]
                tokens = tokens.gather(1, order.expand(-1, -1, tokens.shape[2]))  # [C,L,D]
        features: Tensor = self.textual(tokens, self.eot)
        return features

    def encode_frames(self, video: Tensor) -> Tensor:
        """Frame features [B,T,E] before normalisation; ``video`` [B,T,3,H,W].

        Raises:
            UsageError: The video has another number of frames than the model.
        """
        frames = video.shape[1]
        if frames != self.num_frames:
            raise UsageError(
                f"this {self.title} reads {self.num_frames} frames per video",
                got=f"{frames} frames",
                allowed=f"{self.num_frames}: its frame positions are learned",
                next_step=f"sample {self.num_frames} frames, or train it with {frames}",
            )
        features: Tensor = self.visual(video)
        return features

    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        """Logits [B,C]: scaled cosine of the averaged frame features and the text features."""
        similarity = normalize(frames.mean(dim=1)) @ normalize(text).T  # [B,C]
        return self.logit_scale.exp() * similarity

    def original_content(self) -> dict[str, Any]:
        """See ``Method``."""
        return content_of(self)

    def load_released(self, source: Path | Mapping[str, Any]) -> KeyReport:
        """Load a released Vita-CLIP checkpoint of as many frames; see ``Method``.

        If the file's contexts were trained on other classes than the method's, contexts of each
        class are left out and the report says so; the classes then are new ones.
        """
        contexts = Contexts(self._count, tuple(self._words), per_class=self._per_class)
        report, own = load(self, source, contexts)
        self._trained_classes = self.class_names if own else ()
        self.set_classes(self.class_names)
        return report

    @torch.no_grad()
    def intermediates(self, video: Tensor) -> dict[str, Tensor]:
        """Features on the way to the scores, by the names that the golden files use."""
        frames = self.encode_frames(video)
        return {
            "mid.frame_features": frames,
            "mid.video_features": frames.mean(dim=1),
            "mid.text_features": self.encode_text(),
        }


def _token_order(position: str, count: int, sizes: Tensor, length: int) -> Tensor:
    """Which token of "start, contexts, name, rest" stands where, [C,length].

    Args:
        position: Of the name.
        count: Contexts.
        sizes: Tokens of each name, [C].
        length: Tokens of a text.
    """
    before = {"end": count, "middle": count // 2, "front": 0}[position]
    order = torch.arange(length).repeat(len(sizes), 1)  # [C,L]
    for row, size in zip(order, sizes.tolist(), strict=True):
        name = torch.arange(1 + count, 1 + count + size)
        row[1 + before : 1 + before + size] = name
        row[1 + before + size : 1 + count + size] = torch.arange(1 + before, 1 + count)
    return order


def _rows(class_names: Sequence[str], trained: Sequence[str]) -> Tensor:
    """The row of each class in the list that was trained on, [C]."""
    if tuple(class_names) == tuple(trained):
        return torch.arange(len(trained))
    return torch.tensor([trained.index(name) for name in class_names])


def _check(options: Mapping[str, Any]) -> None:
    for option in ("num_global_prompts", "n_ctx_text"):
        if not isinstance(options[option], int) or options[option] < 0:
            raise UsageError(
                f"vita-clip: {option} must be a whole number", got=options[option], allowed=">= 0"
            )
    shared = not options["class_specific_ctx"] or bool(str(options["ctx_init"]).strip())
    if options["new_classes"] == "context" and not shared:
        raise UsageError(
            "vita-clip: contexts of each class cannot serve new classes",
            got="new_classes = context with class_specific_ctx = True",
            next_step="set class_specific_ctx to False, or new_classes to bare",
        )
