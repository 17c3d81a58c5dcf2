"""What an adapter must do with its weights: gradients, groups, checkpoints, released files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import methods
from bench.conformance.subject import (
    OTHER_CLASSES,
    Failed,
    Skipped,
    Subject,
    first_line,
    move,
    require_equal,
    some,
)
from bench.engine import checkpoint
from bench.ground.errors import BenchError, WeightsError
from methods.base import KeyReport, Method
from methods.parity.golden_case import load_goldens
from methods.parity.subject import subject_of

_PASSES = 4
"""Passes whose gradients are added up, for methods that leave a part out at random."""


def gradients(subject: Subject) -> str:
    """The loss reaches every trainable parameter and no frozen one."""
    method = subject.trained().train()
    if not method.trains:
        raise Skipped("not trained")
    for number in range(_PASSES):
        subject.loss(method, seed=number).backward()
    parameters = dict(method.named_parameters())
    trainable = set(method.trainable_names())
    unreached = [name for name in trainable if not _moved(parameters[name])]
    if unreached:
        raise Failed(
            f"no gradient reaches {len(unreached)} of {len(trainable)} trainable parameters: "
            f"{some(sorted(unreached))}; freeze them, or use them"
        )
    frozen = [name for name, value in parameters.items() if name not in trainable]
    reached = [name for name in frozen if parameters[name].grad is not None]
    if reached:
        raise Failed(f"frozen parameters get a gradient: {some(reached)}")
    return f"{len(trainable)} parameters reached, {len(frozen)} frozen"


def _moved(parameter: Tensor) -> bool:
    return parameter.grad is not None and bool((parameter.grad != 0).any())


def groups(subject: Subject) -> str:
    """``parameter_groups`` holds every trainable name once and nothing else."""
    method = subject.build()
    if not method.trains:
        raise Skipped("not trained")
    counts = Counter(name for group in method.parameter_groups() for name in group.names)
    trainable = set(method.trainable_names())
    for what, names in (
        ("lacks", trainable - set(counts)),
        ("holds what is not trainable", set(counts) - trainable),
        ("holds twice", {name for name, times in counts.items() if times > 1}),
    ):
        if names:
            raise Failed(f"parameter_groups {what}: {some(sorted(names))}")
    return f"{len(method.parameter_groups())} groups"


def no_late_parameters(subject: Subject) -> str:
    """Parameters exist from the start and stay the same objects: the optimiser holds them."""
    method = subject.build()
    before = {name: id(value) for name, value in method.named_parameters()}
    kept = set(method.state_dict())
    for what, act in (
        ("a forward pass", lambda: subject.scores(method)),
        ("the loss", lambda: subject.loss(method)),
        ("set_classes", lambda: method.set_classes(OTHER_CLASSES)),
    ):
        act()
        after = {name: id(value) for name, value in method.named_parameters()}
        changed = sorted(
            name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
        )
        if changed:
            raise Failed(f"{what} made, dropped or replaced parameters: {some(changed)}")
        if set(method.state_dict()) != kept:
            raise Failed(
                f"{what} changed what state_dict() holds: "
                f"{some(sorted(set(method.state_dict()) ^ kept))}"
            )
    return f"{len(before)} parameters"


def round_trip(subject: Subject) -> str:
    """A checkpoint of the engine carries the method into another process and class list."""
    method, path = subject.saved(seed=1)
    loaded = subject.build(seed=2)
    report = checkpoint.load_weights(loaded, path)
    what = "saved and loaded again; kept_names() must name what is drawn at the start and frozen"
    worst = require_equal(subject.scores(loaded), subject.scores(method), what)
    elsewhere = subject.build(OTHER_CLASSES, seed=3)
    checkpoint.load_weights(elsewhere, path)
    method.set_classes(OTHER_CLASSES)
    require_equal(
        subject.scores(elsewhere), subject.scores(method), "loaded into another class list"
    )
    return f"{len(report.matched)} tensors, largest difference {worst:.1g}"


def starts_from(subject: Subject) -> str:
    """The checkpoint of the method it starts from fits."""
    wanted = subject.cls.starts_from
    if wanted is None:
        raise Skipped("starts from CLIP")
    if wanted not in methods.names():
        raise Skipped(f"starts from the row '{wanted}', which is not the name of an adapter")
    parent = subject.build(adapter=wanted)
    move(parent)
    path = subject.folder / "parent.safetensors"
    checkpoint.save_weights(parent, parent.trainable_names(), path)
    try:
        report = checkpoint.start_from(subject.build(), path)
    except BenchError as error:
        raise Failed(f"the checkpoint of {wanted} is refused: {first_line(error)}") from error
    return f"{wanted}: {len(report.matched)} tensors taken over, {len(report.missing)} its own"


def released(subject: Subject) -> str:
    """``load_released`` reports every tensor and refuses what does not fit, by name."""
    method, content = _released_content(subject)
    try:
        report = method.load_released(content)
    except NotImplementedError as error:
        raise Skipped(f"no released weights: {first_line(error)}") from error
    if not isinstance(report, KeyReport):
        raise Failed(f"load_released gave {type(report).__name__}, not a KeyReport")
    if not report.matched or report.missing or report.unexpected:
        raise Failed(f"of a file with exactly its tensors it says: {report}")
    tensors = _largest(content)
    name = next((key for key in tensors if "ln_post.weight" in key), next(iter(tensors)))
    prefix = "module." if name.startswith("module.") else ""
    alien = {**tensors, f"{prefix}alien.weight": torch.ones(2)}
    _refused(method, content, alien, "an alien tensor")
    short = {**tensors, name: torch.ones(1, *tensors[name].shape)}
    _refused(method, content, short, f"another shape of {name}")
    lacking = {key: value for key, value in tensors.items() if key != name}
    _refused(method, content, lacking, f"a file without {name}", name)
    return str(report)


def _released_content(subject: Subject) -> tuple[Method, dict[str, Any]]:
    """The method and what a file of its authors holds: a golden case's, or its own names."""
    for golden in load_goldens():
        modes = subject.cls.parity.get(golden.name)
        if modes is not None:
            put = subject_of(subject.adapter, golden, modes.split(",")[0])
            return put.build()[0], golden.checkpoint()
    state = subject.trained(seed=1).state_dict()
    return subject.build(seed=2), {"model": {f"module.{k}": v.clone() for k, v in state.items()}}


def _largest(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """The state dict with most tensors; a released file may have several."""
    inner = [dict(value) for value in content.values() if isinstance(value, Mapping)]
    candidates = [dict(content), *inner]
    return max(
        ({k: v for k, v in each.items() if isinstance(v, Tensor)} for each in candidates), key=len
    )


def _refused(
    method: Method,
    content: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    what: str,
    missing: str | None = None,
) -> None:
    """``load_released`` must refuse the changed file, or name the tensor as missing."""
    largest = _largest(content).keys()
    changed = {
        key: tensors if isinstance(value, Mapping) and value.keys() == largest else value
        for key, value in content.items()
    }
    if content.keys() >= largest:
        changed = dict(tensors)
    try:
        report = method.load_released(changed)
    except WeightsError:
        return
    except Exception as error:
        raise Failed(f"load_released meets {what} with {first_line(error)}") from error
    named = missing is not None and any(missing.endswith(name) for name in report.missing)
    if not named:
        raise Failed(f"load_released takes {what} without a word; refuse it with a WeightsError")


class _Trap:
    """What a hostile checkpoint holds: unpickling it makes a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def no_code(subject: Subject) -> str:
    """``load_released`` runs nothing that a file asks for, and refuses what is not a checkpoint."""
    method = subject.build()
    mark = subject.folder / "executed"
    hostile, cut = subject.folder / "hostile.pth", subject.folder / "cut.pth"
    torch.save({"model": {"a": torch.ones(64)}, "config": _Trap(mark)}, hostile)
    cut.write_bytes(hostile.read_bytes()[:300])
    for path, what in ((hostile, "a pickle that runs code"), (cut, "a truncated file")):
        try:
            method.load_released(path)
        except WeightsError:
            pass
        except NotImplementedError as error:
            raise Skipped(f"no released weights: {first_line(error)}") from error
        except Exception as error:
            raise Failed(f"load_released meets {what} with {first_line(error)}") from error
        else:
            raise Failed(f"load_released takes {what}")
        if mark.exists():
            raise Failed("load_released ran code from a pickle; read it with released_tensors()")
    return "nothing is run"
