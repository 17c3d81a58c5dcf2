"""What a training leaves behind: its weights, and, while it runs, all it needs to go on.

Two different things are kept apart. ``load_weights`` and ``start_from`` take weights only, from a
finished training. ``TrainingState`` continues the very same training where it stopped. Both files
are safetensors: nothing in them is executed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from bench.clip.finite import require_finite
from bench.ground.errors import WeightsError
from bench.ground.files import write_atomically
from methods.base import KeyReport, Method

STATE_FORMAT = 1
NOTE = "trained"
"""Name of the checkpoint's metadata."""

_log = logging.getLogger(__name__)


def snapshot_buffers(method: Method) -> dict[str, Tensor]:
    """Copies of the persistent buffers, to see later which ones training changed."""
    saved = method.state_dict(keep_vars=True)
    return {name: saved[name].detach().clone() for name, _ in _buffers(method) if name in saved}


def changed_names(
    method: Method, buffers: Mapping[str, Tensor], inherited: Iterable[str]
) -> tuple[str, ...]:
    """Names of what must be kept: trained, drawn, inherited from a parent, or changed on the way.

    Buffers that follow from the class names stay as they are in training and are left out, so
    that a checkpoint fits any class list.

    Args:
        method: After training.
        buffers: ``snapshot_buffers`` from before.
        inherited: Names that the parent's checkpoint filled.
    """
    keep = {*method.trainable_names(), *method.kept_names(), *inherited}
    for name, value in _buffers(method):
        if name in buffers and not torch.equal(value, buffers[name].to(value.device)):
            keep.add(name)
    return tuple(sorted(keep))


def save_weights(method: Method, names: Collection[str], path: Path) -> str:
    """Write the named tensors; returns the SHA-256 of the file.

    Raises:
        WeightsError: Training has left NaN or infinity in them.
        OSError: Also on a full disk; no half file is left.
    """
    tensors = method.state_dict()
    trained = dict(method.named_parameters())
    require_finite(
        {name: tensors[name] for name in names if name in trained},
        source=f"the trained {method.name}",
        next_step="lower lr in the recipe, or use precision = 'fp32'",
    )
    # One entry only: safetensors writes several in an order that changes from call to call.
    note = json.dumps({"method": method.name, "class_names": method.class_names})
    data = save(_on_cpu({name: tensors[name] for name in names}), {NOTE: note})
    write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()


def load_weights(method: Method, path: Path) -> KeyReport:
    """Fill a method with a checkpoint of its own training, for evaluation.

    Raises:
        WeightsError: The file is absent or broken, or does not hold exactly what was trained.
    """
    tensors, trained_on = _read(path)
    if trained_on is not None:
        method.make_room(trained_on)
    report = _fill(method, tensors)
    needed = {*method.trainable_names(), *method.kept_names()}
    untrained = sorted(needed & set(report.missing))
    if untrained:
        raise WeightsError(
            f"the checkpoint lacks {len(untrained)} trained tensors of {method.name}",
            got=_some(untrained),
            allowed="a checkpoint of the same method with the same options",
            next_step="train it again: bench run --rerun always",
        )
    return report


def start_from(method: Method, path: Path) -> KeyReport:
    """Fill a method with its parent's weights, before training.

    Parameters that the parent does not have (prompts, temporal modules) keep their own start; the
    report names them as missing. So do tensors with a row for each of the parent's classes, if
    these are other classes; the report names them as ignored.

    Raises:
        WeightsError: The file is absent or broken, or holds a tensor this method has no place for.
    """
    tensors, trained_on = _read(path)
    ignored: set[str] = set()
    if trained_on is not None and trained_on != method.class_names:
        ignored = tensors.keys() & set(method.per_class_names())
    report = _fill(method, {n: tensor for n, tensor in tensors.items() if n not in ignored})
    report = replace(report, ignored=tuple(sorted(ignored)))
    _log.info("initialised from %s: %s", path.parent.name, report)
    return report


def _fill(method: Method, tensors: Mapping[str, Tensor]) -> KeyReport:
    places = method.state_dict(keep_vars=True)
    unexpected = sorted(set(tensors) - set(places))
    misfits = [
        f"{name} {list(tensors[name].shape)} for {list(places[name].shape)}"
        for name in sorted(set(tensors) & set(places))
        if tensors[name].shape != places[name].shape
    ]
    if unexpected or misfits:
        raise WeightsError(
            f"the checkpoint does not fit {method.name}",
            got=_some([*(f"no place for {name}" for name in unexpected), *misfits]),
            allowed="tensors with the names and shapes of the method",
            next_step="use a checkpoint of the same backbone, method and options",
        )
    weights = {name: t for name, t in tensors.items() if isinstance(places[name], nn.Parameter)}
    require_finite(weights, source="the checkpoint")
    with torch.no_grad():
        for name, tensor in tensors.items():
            places[name].copy_(tensor)
    missing = (name for name, _ in method.named_parameters() if name not in tensors)
    return KeyReport(tuple(sorted(tensors)), tuple(missing), (), ())


def trained_classes(path: Path) -> tuple[str, ...]:
    """The classes that a training's checkpoint was trained on.

    Raises:
        WeightsError: The file is absent or broken, or does not say.
    """
    _, names = _read(path)
    if names is None:
        raise WeightsError("the checkpoint does not say its classes", got=str(path))
    return names


def _read(path: Path) -> tuple[dict[str, Tensor], tuple[str, ...] | None]:
    """The tensors of a checkpoint, and the classes it was trained on, if it says so."""
    try:
        with safe_open(path, framework="pt") as file:
            note = json.loads((file.metadata() or {}).get(NOTE, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, _classes_in(note)
    except FileNotFoundError as error:
        raise WeightsError(
            "there is no checkpoint",
            got=str(path),
            next_step="run the training it belongs to: bench run --rerun missing",
        ) from error
    except (SafetensorError, ValueError, RecursionError) as error:
        raise WeightsError(
            "the checkpoint is damaged",
            got=f"{path}: {error}",
            next_step="delete it and run again: bench run --rerun missing",
        ) from error


def _classes_in(note: Any) -> tuple[str, ...] | None:
    """The classes in a checkpoint's note, which a stranger may have written.

    Raises:
        ValueError: It is no such note.
    """
    names = note.get("class_names") if isinstance(note, dict) else ()
    if names is None:
        return None
    if not isinstance(names, list) or not 0 < len(names) <= _MOST_CLASSES:
        raise ValueError("its note on the training is not one that a training writes")
    return tuple(map(str, names))


_MOST_CLASSES = 100_000


@dataclass(frozen=True)
class Progress:
    """How far a training is; everything about it that is not a tensor.

    Attributes:
        key: Key of the job; a state of another job is never used.
        updates: Updates made since the beginning.
        clips_seen: Clips that went through the model in them.
        loss: Mean loss of the last update.
        chunk: Clips that go through the model at once.
        bad_clips: Fields of a ``results.run.records.BadClip`` for each clip that could not be used.
        seconds: Time spent so far, in this attempt and earlier ones.
        scaler: State of the loss scaler.
        replaced: How many times a bad clip was replaced by another.
        left_out: How many times there was nothing in its place.
    """

    key: str
    updates: int
    clips_seen: int
    loss: float | None
    chunk: int
    bad_clips: list[dict[str, str]]
    seconds: float
    scaler: dict[str, Any]
    replaced: int = 0
    left_out: int = 0


@dataclass(frozen=True)
class TrainingState:
    """A training at an update boundary. Random draws need no state: all are seeded by position.

    Attributes:
        progress: Position and counts.
        tensors: ``model.<name>`` and ``optimiser.<name>.<slot>``.
    """

    progress: Progress
    tensors: dict[str, Tensor]

    @classmethod
    def capture(
        cls,
        progress: Progress,
        method: Method,
        kept: Iterable[str],
        optimiser: Optimizer,
        optimised: Iterable[str],
    ) -> TrainingState:
        """Take the state of a running training.

        Args:
            progress: Position and counts.
            method: What is trained.
            kept: Names of the parameters and buffers that training may change.
            optimiser: Its moments are kept.
            optimised: Parameter names in the order of the optimiser.
        """
        values = method.state_dict()
        tensors = {f"model.{name}": values[name] for name in kept}
        slots = optimiser.state_dict()["state"]
        for number, name in enumerate(optimised):
            for slot, value in slots.get(number, {}).items():
                tensors[f"optimiser.{name}.{slot}"] = torch.as_tensor(value)
        return cls(progress, tensors)

    def save(self, path: Path) -> None:
        """Write the state; a kill in between leaves the previous one.

        Raises:
            OSError: Also on a full disk.
        """
        note = {"format": str(STATE_FORMAT), "progress": json.dumps(asdict(self.progress))}
        write_atomically(path, save(_on_cpu(self.tensors), note))

    @classmethod
    def load(cls, path: Path, key: str) -> TrainingState | None:
        """The state of job ``key``, or None (with a line in the log where there was another)."""
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                note = file.metadata() or {}
                if note.get("format") != str(STATE_FORMAT):
                    raise ValueError(f"format {note.get('format')}")
                progress = Progress(**json.loads(note["progress"]))
                if progress.key != key:
                    raise ValueError(f"it belongs to job {progress.key}")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, ValueError, TypeError, KeyError) as error:
            _log.warning("%s cannot be used, training starts from the beginning: %s", path, error)
            return None
        return cls(progress, tensors)

    def restore(self, method: Method, optimiser: Optimizer, optimised: Iterable[str]) -> None:
        """Put the tensors back; learning rates are the schedule's business."""
        places = method.state_dict(keep_vars=True)
        with torch.no_grad():
            for name, tensor in self.tensors.items():
                kind, _, rest = name.partition(".")
                if kind == "model":
                    places[rest].copy_(tensor)
        current = optimiser.state_dict()
        current["state"] = {
            number: slots
            for number, name in enumerate(optimised)
            if (slots := self._slots(f"optimiser.{name}."))
        }
        optimiser.load_state_dict(current)

    def _slots(self, prefix: str) -> dict[str, Tensor]:
        found = {}
        for name, tensor in self.tensors.items():
            slot = name.removeprefix(prefix)
            if name.startswith(prefix) and "." not in slot:
                found[slot] = tensor
        return found


def _buffers(method: Method) -> list[tuple[str, Tensor]]:
    return list(method.named_buffers())


def _on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}


def _some(names: list[str], shown: int = 5) -> str:
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")
