"""Does an adapter keep the contract? (``bench check-method NAME``, and any test suite)

    from bench.testing import conformance, load_plugins

    def test_mine() -> None:
        assert load_plugins(["mine.py"]) == []
        checks = conformance.run("mine")
        assert conformance.passed(checks), conformance.report(checks)

The checks run on a tiny CLIP with random weights, on the CPU, in seconds. They look at the adapter
from outside, the way the engine uses it; what it computes is the business of ``bench parity``.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from bench.conformance import behaviour, weights
from bench.conformance import device as another
from bench.conformance.subject import Failed, Skipped, Subject, first_line
from bench.ground.errors import UsageError, unknown_name

CheckStatus = Literal["pass", "fail", "skip"]

CHECKS: Mapping[str, Callable[[Subject], str]] = {
    "facts": behaviour.facts,
    "shapes": behaviour.shapes,
    "finite values": behaviour.finite,
    "gradients": weights.gradients,
    "parameter groups": weights.groups,
    "no late parameters": weights.no_late_parameters,
    "class lists": behaviour.class_lists,
    "save and load": weights.round_trip,
    "starts from": weights.starts_from,
    "batch independence": behaviour.batches,
    "frame counts": behaviour.frames,
    "autocast": behaviour.autocast,
    "another device": another.device,
    "determinism": behaviour.determinism,
    "text reuse": behaviour.text_reuse,
    "targets": behaviour.targets,
    "frozen image tower": behaviour.frozen_tower,
    "released keys": weights.released,
    "no pickled code": weights.no_code,
}
"""Every check by name, in the order of the report."""

NUM_FRAMES = 4


@dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
        name: A key of ``CHECKS``.
        status: ``skip``: it does not apply to this adapter.
        reason: What was measured, what is wrong, or why it does not apply.
        seconds: How long it took.
    """

    name: str
    status: CheckStatus
    reason: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.status:<4}  {self.name:<18}  {self.reason}"


def run(
    name: str,
    *,
    options: Mapping[str, Any] | None = None,
    num_frames: int = NUM_FRAMES,
    only: Sequence[str] | None = None,
) -> list[Check]:
    """Put an adapter to the checks.

    Args:
        name: Name of the adapter; load its plug-in first (``load_plugins``).
        options: Options that differ from its defaults.
        num_frames: Frames per video in all checks but ``frame counts``; at least 2.
        only: Names of checks, or None for all.

    Raises:
        UsageError: There is no such adapter, option or check, or its plug-in is broken.
    """
    if num_frames < 2:
        raise UsageError("the checks need videos", got=f"num_frames = {num_frames}", allowed=">= 2")
    for wanted in only or ():
        if wanted not in CHECKS:
            raise unknown_name("check", wanted, CHECKS)
    chosen = CHECKS if only is None else {check: CHECKS[check] for check in only}
    with tempfile.TemporaryDirectory(prefix="bench-conformance-") as folder, _one_thread():
        subject = Subject(name, num_frames, options or {}, Path(folder))
        for option in subject.options:
            if option not in subject.cls.options:
                raise unknown_name(f"option of {name}", option, subject.cls.options)
        return [_outcome(check, act, subject) for check, act in chosen.items()]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Matrices this small are slower on several threads, the more so on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _outcome(name: str, act: Callable[[Subject], str], subject: Subject) -> Check:
    began = time.perf_counter()
    status: CheckStatus = "pass"
    try:
        reason = act(subject)
    except Failed as finding:
        status, reason = "fail", str(finding)
    except Skipped as why:
        status, reason = "skip", str(why)
    except Exception as error:  # an adapter may raise anything; that is a finding too
        status, reason = "fail", first_line(error)
    return Check(name, status, reason, round(time.perf_counter() - began, 3))


def passed(checks: Sequence[Check]) -> bool:
    """Whether there are checks and none failed."""
    return bool(checks) and all(check.status != "fail" for check in checks)


def report(checks: Sequence[Check], as_json: bool = False) -> str:
    """The checks as lines with a closing one, or as JSON."""
    counts = Counter(check.status for check in checks)
    if as_json:
        body = {
            "passed": passed(checks),
            "counts": {status: counts[status] for status in ("pass", "fail", "skip")},
            "checks": [asdict(check) for check in checks],
        }
        return json.dumps(body, indent=1)
    seconds = sum(check.seconds for check in checks)
    closing = (
        f"{counts['pass']} passed, {counts['fail']} failed, {counts['skip']} do not apply "
        f"({seconds:.1f} s)"
    )
    return "\n".join([*map(str, checks), closing])
