"""The compute columns of the paper's Tables 6 and 9, and the same parts counted here.

The columns mix conventions: what each row takes in was found by counting until the sums agreed
(an inference; the paper does not say). ``RULES`` states it row by row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import methods
from bench.speed.counts import Cost, count
from bench.speed.setup import Setup
from results.published import load

_TABLES = ("T6", "T9")


@dataclass(frozen=True)
class Rule:
    """Which parts a printed row takes in.

    Attributes:
        adapter: Which adapter it is.
        frames: Frames of the view.
        text: Whether one text of 77 tokens is in it.
        parameters: Which parameters are counted; None: none are printed.
        why: What the reading rests on, and what is left unexplained.
        options: Options of the adapter.
    """

    adapter: str
    frames: int
    text: bool
    parameters: Literal["all", "trainable"] | None
    why: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parts(self) -> str:
        """In words."""
        options = "".join(f", {name} {value}" for name, value in self.options.items())
        return f"{self.frames} frames{', one text' if self.text else ', no text'}{options}"


_PROMPTS = "prompts run through the whole block, as in the authors' code; "

RULES = (
    Rule(
        "vifi-clip",
        16,
        False,
        "all",
        "image tower alone; 124.7 M was not found: without the token table CLIP has 124.32 M",
    ),
    Rule(
        "vl-prompting",
        16,
        False,
        None,
        _PROMPTS + "10 prompts are those of the released configurations, and do not give 287",
    ),
    Rule(
        "vl-prompting",
        16,
        False,
        None,
        _PROMPTS + "4 vision prompts give 287; so would the bare tower and two texts (unresolved)",
        {"n_ctx_vision": 4},
    ),
    Rule(
        "xclip",
        16,
        True,
        "trainable",
        "everything for one class, its text included; the authors' counter gives 286.95",
    ),
    Rule(
        "actionclip",
        32,
        False,
        "all",
        "twice the frames of the other rows; at 16 it is 281.3. Its parameters take in the token "
        "table (25.3 M), unlike ViFi-CLIP's",
    ),
    Rule("a5", 16, True, None, "one text is in it, as in X-CLIP's row and not in ViFi-CLIP's"),
)


@dataclass(frozen=True)
class PaperRow:
    """A printed row and the same parts counted here.

    Attributes:
        method: Name of the adapter.
        title: Name in the tables.
        parts: What is counted.
        gmacs: Counted here.
        gmacs_printed: The paper's "GFLOPs".
        parameters_m: Counted here, in millions; None: the paper prints none.
        parameters_printed: The paper's.
        throughput_printed: The paper's views a second on an A100, every printed value.
        why: What the reading rests on.
    """

    method: str
    title: str
    parts: str
    gmacs: float
    gmacs_printed: float | None
    parameters_m: float | None
    parameters_printed: float | None
    throughput_printed: tuple[float, ...]
    why: str


def printed(method: str, metric: str) -> tuple[float, ...]:
    """The different values that the two tables print for a method, in their order."""
    values = (
        number.value
        for number in load()
        if number.table in _TABLES and (number.method, number.metric) == (method, metric)
    )
    return tuple(dict.fromkeys(values))


def paper_rows(adapters: Iterable[str], model: str = "ViT-B-16") -> list[PaperRow]:
    """The printed rows of the given adapters, where there are any; the rest is left out."""
    wanted = set(adapters) & set(methods.names())
    return [_row(rule, model) for rule in RULES if rule.adapter in wanted]


def _row(rule: Rule, model: str) -> PaperRow:
    cost = count(rule.adapter, Setup(model, rule.frames, classes=1), rule.options)
    return PaperRow(
        method=rule.adapter,
        title=cost.title,
        parts=rule.parts,
        gmacs=cost.view + (cost.texts if rule.text else 0.0),
        gmacs_printed=next(iter(printed(rule.adapter, "gflops")), None),
        parameters_m=_parameters(rule, cost),
        parameters_printed=next(iter(printed(rule.adapter, "params_m")), None),
        throughput_printed=printed(rule.adapter, "throughput"),
        why=rule.why,
    )


def _parameters(rule: Rule, cost: Cost) -> float | None:
    if rule.parameters is None:
        return None
    return (cost.trainable if rule.parameters == "trainable" else cost.parameters) / 1e6
