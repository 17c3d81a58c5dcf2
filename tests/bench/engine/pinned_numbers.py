"""A tiny training and evaluation of every row of the paper in every setting, and what they gave.

The engine's own code is in no key: ``FORMAT`` in ``bench/planning/jobs.py`` stands for it. Whoever
changes a number must raise it; ``test_pinned_numbers`` notices. Pin the numbers again with

    python -m tests.bench.engine.pinned_numbers
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import methods
from bench.clip.backbone_ref import BackboneRef
from bench.clip.mini_clip import MODEL_FILE, WEIGHTS_FILE
from bench.data.lists.class_names import class_table, names_sha256
from bench.data.lists.clip_lists import ListEntry, list_text, load_clips, read_list
from bench.data.lists.clips_ref import ClipsRef
from bench.data.pipelines import EXTENSIONS as PIPELINES
from bench.engine.build import build_method
from bench.engine.heartbeat import Heartbeat
from bench.engine.initial_weights import fill_for_scoring
from bench.engine.precision import pick_device, resolve_precision
from bench.engine.scoring.evaluate import Scorer
from bench.engine.shortcuts import Shortcuts
from bench.engine.stopping import StopRequest
from bench.engine.training.train import run_training
from bench.planning.config import RunConfig
from bench.planning.jobs import FORMAT, EvaluateJob, MethodRef, TrainJob
from bench.planning.load_config import load_config
from bench.planning.preprocessing import preprocessing_ref
from bench.planning.recipe import Recipe
from bench.planning.row_facts import row_facts
from tests.places import GOLDENS

FILE = Path(__file__).with_suffix(".json")
COMMAND = "python -m tests.bench.engine.pinned_numbers"
RELATIVE = 1e-4
ROUNDED = {"vita-clip": 1e-3}
"""Its pipeline rounds floats to grey levels, so that a last bit of the processor's may show."""

CLASSES = {"seen": ("run", "jump", "wave"), "unseen": ("drink", "smile")}
SCORED_ON = {"zero-shot": "unseen", "base-to-novel": "unseen"}
"""Setting -> class list, where it is not the one that was trained on."""
_VIDEOS = ("v0_160x120_90f.mp4", "v1_120x200_17f.mp4")
_SHALLOW = {"prompt_depth_vision": 2, "prompt_depth_text": 2}
"""The mini CLIP has fewer blocks than the paper's."""
_SMALL = {"num_frames": 2, "image_size": 32, "micro_batch": 2, "replicas": 2, "accumulation": 1}
# With a large eps AdamW moves in proportion to the gradient, so that rounding stays rounding.
_GENTLE = {"precision": "fp32", "eps": 1e-2, "lr": 1e-4, "warmup_epochs": 0}


@dataclass(frozen=True)
class Numbers:
    """What one cell gave.

    Attributes:
        loss: After the last update; None without training.
        scores: Of every clip and class.
    """

    loss: float | None
    scores: tuple[tuple[float, ...], ...]


@cache
def paper() -> RunConfig:
    return load_config("paper")


def cells() -> list[tuple[str, str]]:
    """Every setting with every row that it has."""
    return [(setting, row) for setting in paper().settings for row in paper().rows(setting)]


def make_clips(root: Path) -> None:
    """Four clips of two committed videos, with a list for each list of classes."""
    for number in range(4):
        shutil.copy(GOLDENS / "pipeline" / "videos" / _VIDEOS[number % 2], root / f"{number}.mp4")
    for name, classes in CLASSES.items():
        entries = [ListEntry(f"{number}.mp4", number % len(classes)) for number in range(4)]
        (root / f"{name}.txt").write_bytes(list_text(entries))
        (root / f"{name}.csv").write_bytes(class_table(classes))


def _clips(root: Path, name: str) -> ClipsRef:
    return ClipsRef(
        dataset="two videos",
        root=str(root),
        clip_list=name,
        list_file=str(root / f"{name}.txt"),
        list_sha256=read_list(root / f"{name}.txt").sha256,
        classes=name,
        class_file=str(root / f"{name}.csv"),
        classes_sha256=names_sha256(CLASSES[name]),
    )


def _recipe(setting: str, row: str) -> Recipe:
    dataset = paper().settings[setting].datasets[0]
    chosen = paper().recipe_for(row, setting, dataset).model_dump()
    length = {"updates": 2} if chosen["updates"] is not None else {"epochs": 2}
    return Recipe(**{**chosen, **_SMALL, **_GENTLE, **length})


def _common(setting: str, row: str, root: Path, *, training: bool) -> dict[str, Any]:
    recipe, facts = _recipe(setting, row), row_facts(paper(), row).facts
    options = {**facts.options, **paper().options_for(row, setting)}
    options |= {name: value for name, value in _SHALLOW.items() if name in options}
    return {
        "method": MethodRef(row=row, adapter=facts.name, options=options),
        "backbone": BackboneRef(model=str(MODEL_FILE), weights=str(WEIGHTS_FILE)),
        "recipe": recipe,
        "preprocessing": preprocessing_ref(facts.preprocessing, recipe, training=training),
        "seed": 1,
        "clips": _clips(root, "seen" if training else SCORED_ON.get(setting, "seen")),
    }


def numbers(setting: str, row: str, root: Path) -> Numbers:
    """Train and score one cell.

    Args:
        setting: Whose recipe, options and classes are taken.
        row: A row of the paper's tables.
        root: What ``make_clips`` filled.
    """
    facts, parents = row_facts(paper(), row), dict[str, Path]()
    parent, loss = None, None
    for trained in (facts.starts_from, row if facts.trains else None):
        if trained is not None:
            job = TrainJob(**_common(setting, trained, root, training=True), parent=parent)
            folder = root / job.key
            folder.mkdir(exist_ok=True)
            loss = run_training(job, folder, parents, shortcuts=Shortcuts()).final_loss
            parent, parents[job.key] = job.key, folder
    scoring = EvaluateJob(**_common(setting, row, root, training=False), parent=parent)
    scores = _scores(scoring, root, parents)
    return Numbers(loss, tuple(tuple(map(float, clip)) for clip in scores))


def _scores(job: EvaluateJob, root: Path, parents: dict[str, Path]) -> NDArray[np.float32]:
    clips = load_clips(job.clips, policy=job.policy)
    built = build_method(job, clips.class_names)
    fill_for_scoring(built.method, job, parents)
    precision = resolve_precision(job.recipe.precision, pick_device())
    scorer = Scorer(job, built, clips, precision, Shortcuts())
    return scorer.run(Heartbeat(root), StopRequest()).scores


def code_of(row: str) -> str:
    """The part of a row's code that is in its keys."""
    facts = row_facts(paper(), row).facts
    pipeline = PIPELINES.code_sha256(facts.preprocessing.pipeline)
    return f"{methods.EXTENSIONS.code_sha256(facts.name)} {pipeline}"


def close(found: Numbers, pinned: Numbers, tolerance: float) -> bool:
    """Whether two sets of numbers differ by no more than rounding."""
    if (found.loss is None) != (pinned.loss is None):
        return False
    losses = np.array([found.loss or 0.0, pinned.loss or 0.0])
    ours, theirs = np.array(found.scores), np.array(pinned.scores)
    return bool(
        abs(losses[0] - losses[1]) <= tolerance * abs(losses[1])
        and ours.shape == theirs.shape
        and np.all(np.abs(ours - theirs) <= tolerance * np.abs(theirs).max())
    )


def complaint(cell: str, found: Numbers, pinned: dict[str, Any], code: str) -> str | None:
    """None, or what to do about a cell that gives other numbers than those in ``FILE``."""
    if cell not in pinned["numbers"]:
        return f"{cell} is not pinned: run {COMMAND}"
    row = cell.split(" / ")[1]
    if close(found, Numbers(**pinned["numbers"][cell]), ROUNDED.get(row, RELATIVE)):
        return None
    if pinned["code"].get(row) != code:
        return f"{cell} gives other numbers, and its own code is new: run {COMMAND}"
    if pinned["format"] != FORMAT:
        return f"{cell} gives other numbers, and FORMAT was raised: run {COMMAND}"
    return (
        f"{cell} gives other numbers, and its own code is as it was: raise FORMAT in "
        f"bench/planning/jobs.py, then run {COMMAND}"
    )


def measured(root: Path) -> Iterator[tuple[str, str, Numbers]]:
    """Name, row and numbers of every cell."""
    for setting, row in cells():
        yield f"{setting} / {row}", row, numbers(setting, row, root)


def main() -> int:
    """Pin the numbers; refuses to hide a change of the engine."""
    pinned = json.loads(FILE.read_text()) if FILE.exists() else None
    made: dict[str, Any] = {"format": FORMAT, "code": {}, "numbers": {}}
    with tempfile.TemporaryDirectory() as folder:
        make_clips(Path(folder))
        for cell, row, found in measured(Path(folder)):
            made["code"][row] = code_of(row)
            made["numbers"][cell] = {"loss": found.loss, "scores": found.scores}
            said = None if pinned is None else complaint(cell, found, pinned, code_of(row))
            if said is not None and "raise FORMAT" in said:
                print(said, file=sys.stderr)
                return 1
    rounded = json.loads(json.dumps(made), parse_float=lambda text: float(f"{float(text):.7g}"))
    FILE.write_text(json.dumps(rounded, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
