"""Which facts two numbers must share to be ranked together.

In the fingerprint: everything that makes the task easier or harder whatever the method: the
backbone and what it was pre-trained on, the clips and class names that were scored, how many of
the clips and which of them gave no frames, the frames, pixels and views a method was given,
whether clips were scored that had been trained on, and whether the checkpoint was chosen by its
score (one that others released counts as a choice of its own, since nobody can tell).

Not in it, but shown with every cell: what belongs to the method (prompt texts, frame sampling and
normalisation) and the arithmetic precision.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from results.run.records import EvaluationRecord

Facts = dict[str, str]

_AGREE = (
    "backbone",
    "weights_sha256",
    "quick_gelu",
    "pretraining",
    "dataset",
    "clip_list",
    "list_sha256",
    "classes",
    "class_names_sha256",
    "num_classes",
    "num_frames",
    "image_size",
    "views",
)
_SHOWN = ("pipeline", "precision", "checkpoint")

_UNSELECTED = ("last", "none (zero-shot)")
"""CLIP as it comes and the last checkpoint agree: neither was chosen by its score."""


def agreeing_facts(record: EvaluationRecord) -> Facts:
    """The facts of one evaluation that are part of the fingerprint."""
    protocol = record.protocol
    facts = {name: str(getattr(protocol, name)) for name in _AGREE}
    chosen = "no" if protocol.checkpoint in _UNSELECTED else protocol.checkpoint
    facts["checkpoint chosen by score"] = chosen
    facts["clips scored"] = str(record.counts.scored)
    # Only where there are some, so that all other fingerprints are as they were.
    if record.bad_clips:
        named = "\n".join(sorted(clip.clip for clip in record.bad_clips))
        digest = hashlib.sha256(named.encode(errors="surrogateescape")).hexdigest()[:8]
        facts["clips without frames"] = f"{len(record.bad_clips)} (sha256 {digest})"
    if protocol.videos:
        facts["videos"] = protocol.videos
    if protocol.overlap:
        facts["scored clips that were trained on"] = str(protocol.overlap)
    return facts


def shown_facts(record: EvaluationRecord) -> Facts:
    """The facts of one evaluation that belong to the method; they may differ in a ranking."""
    protocol = record.protocol
    facts = {name: str(getattr(protocol, name)) for name in _SHOWN}
    return {"prompts": " · ".join(protocol.prompts), **facts}


def fingerprint(records: Sequence[EvaluationRecord]) -> str:
    """Hash of the facts of a cell's members; members that agree count once.

    So three seeds scored on one list have the fingerprint of one number on that list, and the
    order of the members does not matter.
    """
    distinct = sorted({json.dumps(agreeing_facts(r), sort_keys=True) for r in records})
    return hashlib.sha256("\n".join(distinct).encode()).hexdigest()[:12]


def differences(
    ours: Sequence[EvaluationRecord], others: Sequence[EvaluationRecord]
) -> dict[str, tuple[str, str]]:
    """The facts in which two cells differ: name -> (ours, the other's)."""
    left, right = _merged(ours), _merged(others)
    return {
        name: (left.get(name, "-"), right.get(name, "-"))
        for name in sorted(left.keys() | right.keys())
        if left.get(name) != right.get(name)
    }


def _merged(records: Sequence[EvaluationRecord]) -> Facts:
    gathered: dict[str, set[str]] = {}
    for record in records:
        for name, value in agreeing_facts(record).items():
            gathered.setdefault(name, set()).add(value)
    return {name: ", ".join(sorted(values)) for name, values in gathered.items()}
