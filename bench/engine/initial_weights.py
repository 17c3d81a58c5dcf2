"""The weights that a job starts with: of an earlier training, of a released file, or CLIP's own."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

import torch

from bench.clip.weights import file_sha256, read_weights
from bench.engine import checkpoint
from bench.engine.build import parent_checkpoint
from bench.ground.errors import WeightsError
from bench.planning.jobs import EvaluateJob, ReleasedRef, TrainJob
from methods.base import KeyReport, Method
from results.run.layout import CHECKPOINT

_log = logging.getLogger(__name__)


def inherit(method: Method, job: TrainJob, parents: Mapping[str, Path]) -> tuple[str, ...]:
    """Fill a method with what its training starts from.

    Args:
        method: With CLIP's weights.
        job: Names a parent, or a released file, or neither.
        parents: Key of the parent training -> its folder.

    Returns:
        Names of the tensors that are no longer CLIP's; the checkpoint must hold them.

    Raises:
        WeightsError: The checkpoint is missing, does not fit, or is not the planned file.
    """
    if job.parent is not None:
        source = parent_checkpoint(parents, job.parent, CHECKPOINT)
        return checkpoint.start_from(method, source).matched
    if job.released is None:
        return ()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    _fill(method, job.released, scored=False)
    after = method.state_dict()
    return tuple(name for name, value in before.items() if not torch.equal(value, after[name]))


def fill_for_scoring(method: Method, job: EvaluateJob, parents: Mapping[str, Path]) -> None:
    """Fill a method with the weights that are scored; nothing to do for CLIP as it comes.

    Raises:
        WeightsError: The checkpoint is missing, does not fit, lacks what the method trains, or is
            not the planned file.
    """
    if job.parent is not None:
        source = parent_checkpoint(parents, job.parent, CHECKPOINT)
        checkpoint.load_weights(method, source)
    elif job.released is not None:
        report = _fill(method, job.released, scored=True)
        # What the method left out of the file itself, rows of other classes, it does without.
        absent = set(report.missing) - set(report.ignored)
        lacking = sorted(set(method.trainable_names()) & absent)
        if lacking:
            raise WeightsError(
                f"{Path(job.released.path).name} lacks what {method.title} trains",
                got=f"{len(lacking)} tensors missing: {', '.join(lacking[:5])}",
                next_step=f"train {method.name} from it with starts_from_released, or score it as "
                "the method it belongs to (bench checkpoint FILE)",
            )


def _fill(method: Method, ref: ReleasedRef, *, scored: bool) -> KeyReport:
    path = Path(ref.path)
    if not path.is_file():
        raise WeightsError("no such weights file", got=ref.path, next_step="check the path")
    sha256 = file_sha256(path)
    if ref.sha256 != sha256:
        raise WeightsError(
            f"{path.name} is not the file that was planned with",
            got=f"sha256 {sha256}",
            allowed=f"sha256 {ref.sha256}",
            next_step="put the planned file back, or plan again",
        )
    trainer = trained_here(path)
    if trainer is None:
        report = method.load_released(path)
    elif scored and trainer != method.name:
        raise WeightsError(
            f"{path.name} is a checkpoint of {trainer}, not of {method.name}",
            got=ref.path,
            next_step=f"score it with --method {trainer}",
        )
    elif scored:
        report = checkpoint.load_weights(method, path)
    else:
        report = checkpoint.start_from(method, path)
    _log.info("%s: %s", path.name, report)
    return report


def trained_here(path: Path) -> str | None:
    """Name of the adapter whose checkpoint a file is, if this project's trainings wrote it."""
    if path.suffix != ".safetensors":
        return None
    try:
        note = json.loads(read_weights(path).metadata.get(checkpoint.NOTE, "{}"))
    except (ValueError, RecursionError):
        return None
    return note.get("method") if isinstance(note, dict) else None
