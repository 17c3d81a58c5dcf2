"""Does an adapter move to a GPU as a whole? Looked at without one.

See ``bench.conformance.pretended_device``.
"""

from __future__ import annotations

from torch import Tensor

from bench.conformance.pretended_device import (
    ELSEWHERE,
    MixedDevicesError,
    is_elsewhere,
    move,
    pretended_device,
    values,
)
from bench.conformance.subject import OTHER_CLASSES, Failed, Subject, require_equal, some
from methods.base import Method


def device(subject: Subject) -> str:
    """On another device: the same scores, loss and gradients, also with a class list set there."""
    method, moved = subject.trained(), subject.trained()
    wanted = [subject.scores(method)]
    gradients: dict[str, Tensor] = {}
    if method.trains:
        loss = subject.loss(method)
        loss.backward()
        wanted.append(loss)
        gradients = _gradients(method)
    method.set_classes(OTHER_CLASSES)
    wanted.append(subject.scores(method))
    try:
        got = _results_elsewhere(subject, moved)
    except MixedDevicesError as error:
        raise Failed(
            f"after .to(device): {error}; keep tensors as parameters or "
            "buffers, and make new ones with device=... of one of them"
        ) from error
    worst = max(
        require_equal(own, right, "scores or loss on another device")
        for own, right in zip(got, wanted, strict=True)
    )
    found = _gradients(moved)
    if found.keys() != gradients.keys():
        raise Failed(f"on another device other gradients: {some(sorted(found ^ gradients.keys()))}")
    scale = max((float(value.abs().max()) for value in gradients.values()), default=1.0)
    for name, right in gradients.items():
        require_equal(found[name] / scale, right / scale, f"gradient of {name} on another device")
    return f"{len(gradients)} gradients are equal, scores differ by {worst:.1g}"


def _results_elsewhere(subject: Subject, method: Method) -> list[Tensor]:
    """Scores, loss where there is one, and the scores of a class list that is set after moving."""
    with pretended_device():
        move(method)
        video, targets = subject.video().to(ELSEWHERE), subject.targets().to(ELSEWHERE)
        results = [subject.scores(method, video)]
        if method.trains:
            loss = subject.loss(method, targets, video=video)
            loss.backward()
            results.append(loss)
        method.set_classes(OTHER_CLASSES)
        results.append(subject.scores(method, video))
    if not all(map(is_elsewhere, results)):
        raise Failed("scores or loss come back on the CPU although the model was moved")
    return [values(result) for result in results]


def _gradients(method: Method) -> dict[str, Tensor]:
    return {
        name: values(parameter.grad)
        for name, parameter in method.named_parameters()
        if parameter.grad is not None
    }
