"""Compare the adapters with what the original code of their methods computed (``bench parity``)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

import methods as methods_room
from bench.ground.errors import unknown_name
from methods.base import Method
from methods.parity.golden_case import Golden, load_goldens
from methods.parity.subject import GoldenSubject, subject_of

ParityStatus = Literal["pass", "miss", "no adapter yet"]

TOLERANCES = {
    "formula": 1e-6,
    "scores": 2e-4,
    "features": 1e-4,
    "loss": 1e-4,
    "gradients": 2e-3,
    "after a step": 1e-3,
}
"""Largest absolute difference; for gradients, of the norms, relative."""

TINY_GRADIENT = 1e-5
"""Gradient norms below this are round-off and are compared absolutely."""


@dataclass(frozen=True)
class ParityResult:
    """One comparison.

    Attributes:
        case: Golden case, with its mode where it has several.
        adapter: Name of the adapter, or ``""`` where there is none yet.
        check: What was compared.
        difference: The largest one, or None where nothing could be compared.
        tolerance: What is allowed, or None for a comparison of names.
        status: ``pass``, ``miss`` or ``no adapter yet``.
        note: What was compared in detail, or why it failed.
    """

    case: str
    adapter: str
    check: str
    difference: float | None
    tolerance: float | None
    status: ParityStatus
    note: str = ""


def run_parity(
    goldens: Path | None = None, methods: Sequence[str] | None = None
) -> list[ParityResult]:
    """Put the adapters to the golden cases that they name in ``parity``.

    Args:
        goldens: Folder of cases; None: those that come with the project.
        methods: Names of adapters; None: every one, and cases without an adapter are listed.

    Raises:
        UsageError: There is no such adapter.
        DataError: There is no such case, or a case is damaged.
    """
    for name in methods or ():
        if name not in methods_room.names():
            raise unknown_name("adapter", name, methods_room.names())
    chosen = methods_room.names() if methods is None else tuple(methods)
    facts = {name: methods_room.facts(name) for name in chosen}
    results: list[ParityResult] = []
    for golden in load_goldens(goldens):
        adapters = [name for name in chosen if golden.name in facts[name].parity]
        for name in adapters:
            for mode in facts[name].parity[golden.name].split(","):
                results += _compare(name, golden, mode)
        if not adapters and methods is None:
            results.append(
                ParityResult(golden.name, "", "-", None, None, "no adapter yet", "not compared")
            )
    return results


def _compare(adapter: str, golden: Golden, mode: str) -> list[ParityResult]:
    subject = subject_of(adapter, golden, mode)
    case = f"{golden.name}/{mode}" if mode else golden.name
    results: list[ParityResult] = []
    for check in (_formula, _outputs, _training):
        try:
            for name, difference, tolerance, note in check(subject):
                status: ParityStatus = "pass" if difference <= (tolerance or 0.0) else "miss"
                results.append(
                    ParityResult(case, adapter, name, difference, tolerance, status, note)
                )
        except Exception as error:  # an adapter may raise anything; it is a miss with its reason
            note = f"{type(error).__name__}: {error}".replace("\n", " ")
            label = check.__name__.removeprefix("_")
            results.append(ParityResult(case, adapter, label, None, None, "miss", note))
    return results


Compared = tuple[str, float, float | None, str]


def _formula(subject: GoldenSubject) -> Iterator[Compared]:
    difference = subject.golden.check_formula()
    yield "formula", difference, TOLERANCES["formula"], "weights and input rebuilt"


def _outputs(subject: GoldenSubject) -> Iterator[Compared]:
    golden = subject.golden
    method, report = subject.build()
    lacking = abs(subject.released_keys() - len(report.matched))
    wrong = len(report.missing) + len(report.unexpected) + lacking
    yield "released keys", float(wrong), None, str(report)
    strings = set(golden.spec["tokenizer_strings"]) ^ set(method.prompts)
    yield "prompts", float(len(strings)), None, ", ".join(map(repr, sorted(strings)[:2]))
    features = subject.intermediates(method)
    for name in (n for n in golden.outputs if n.startswith("mid.") or n in features):
        given = name in features
        gap = _gap(features[name], golden.outputs[name]) if given else float("inf")
        yield name, gap, TOLERANCES["features"], "" if given else "not given by intermediates()"
    with torch.no_grad():
        scores = method(golden.video())
        reused = method(golden.video(), method.encode_text())
    yield "scores", _gap(scores, golden.outputs["out.logits"]), TOLERANCES["scores"], ""
    yield "scores, text once", _gap(reused, scores), TOLERANCES["scores"], "encode_text() reused"
    if "out.loss_hard_ce" in golden.outputs:
        with torch.no_grad():
            loss = method.loss(golden.video(), torch.tensor(golden.spec["labels"]))
        yield "loss, hard", _gap(loss, golden.outputs["out.loss_hard_ce"]), TOLERANCES["loss"], ""


def _training(subject: GoldenSubject) -> Iterator[Compared]:
    golden, mode = subject.golden, subject.mode
    if not mode:
        return
    method, _ = subject.build()
    loss = subject.loss(method)
    yield "loss", _gap(loss, golden.outputs["out.loss"]), TOLERANCES["loss"], ""
    wanted = [subject.parameter_name(key) for key in golden.spec["trainable"][mode]]
    wrong = set(wanted) ^ set(method.trainable_names())
    yield "trainable", float(len(wrong)), None, ", ".join(sorted(wrong)[:3])
    loss.backward()
    gap = _gradient_gap(method, wanted, golden.outputs[f"grad.{mode}"])
    yield "gradients", gap, TOLERANCES["gradients"], f"{len(wanted)} norms, relative"
    for label, key in (("step", "weight_decay"), ("decay_step", "decay_step_weight_decay")):
        output = golden.outputs.get(f"out.logits_after_{label}.{mode}")
        if output is not None:
            scores = _after_step(subject, golden.spec["step"][key])
            note = f"AdamW, weight decay {golden.spec['step'][key]:g}"
            yield f"after {label}", _gap(scores, output), TOLERANCES["after a step"], note


def _after_step(subject: GoldenSubject, weight_decay: float) -> Tensor:
    method, _ = subject.build()
    optimizer = subject.optimizer(method, weight_decay)
    subject.loss(method).backward()
    optimizer.step()
    with torch.no_grad():
        scores: Tensor = method(subject.golden.video())
    return scores


def _gradient_gap(method: Method, names: Sequence[str], norms: Tensor) -> float:
    parameters = dict(method.named_parameters())
    worst = 0.0
    for name, norm in zip(names, norms.tolist(), strict=True):
        gradient = parameters[name].grad
        got = 0.0 if gradient is None else float(gradient.norm())
        gap = abs(got - norm)
        if norm > TINY_GRADIENT:
            gap /= norm
        elif gap <= TINY_GRADIENT:
            gap = 0.0
        worst = max(worst, gap)
    return worst


def _gap(got: Tensor, wanted: Tensor) -> float:
    """The largest absolute difference; infinite for another shape or for NaN."""
    if got.shape != wanted.shape:
        return float("inf")
    gap = float((got.detach() - wanted).abs().max())
    return gap if gap == gap else float("inf")


def passed(results: Sequence[ParityResult]) -> bool:
    """Whether nothing missed; cases without an adapter do not count as passes or as misses."""
    return any(result.status == "pass" for result in results) and not any(
        result.status == "miss" for result in results
    )


def report(results: Sequence[ParityResult], as_json: bool = False) -> str:
    """The comparisons as a table with a closing line, or as JSON."""
    counts = Counter(result.status for result in results)
    if as_json:
        body = {
            "passed": passed(results),
            "counts": dict(counts),
            "results": [asdict(result) for result in results],
        }
        return json.dumps(body, indent=2)
    from tabulate import tabulate

    show: Callable[[float | None], str] = lambda v: "-" if v is None else f"{v:.2g}"  # noqa: E731
    rows = [
        [r.case, r.adapter or "-", r.check, show(r.difference), show(r.tolerance), r.status, r.note]
        for r in results
    ]
    headers = ["case", "adapter", "check", "difference", "tolerance", "status", "note"]
    table = tabulate(rows, headers=headers, disable_numparse=True, maxcolwidths=[None] * 6 + [60])
    summary = f"{counts['pass']} passed, {counts['miss']} missed"
    if counts["no adapter yet"]:
        summary += f", {counts['no adapter yet']} cases without an adapter yet"
    return f"{table}\n\n{summary}"
