"""Run folders as a run leaves them, written through the schemas: what the report tests read.

``python -m tests.reports.example_run FOLDER`` writes one to look at.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

import settings
from bench.data.datasets import CATALOGUE
from bench.ground.seeds import derive_seed
from bench.planning.plan_header import planned_setting
from results.run.plan_file import (
    PlanFile,
    PlannedBackbone,
    PlannedDataset,
    PlannedMethod,
    PlannedTrial,
    SkippedCell,
    write_plan,
)
from results.run.records import (
    BadClip,
    Counts,
    EvaluationRecord,
    Failure,
    Protocol,
    Provenance,
    TrainRecord,
)

TITLES = {
    "vanilla-clip": "Vanilla CLIP",
    "actionclip": "ActionCLIP",
    "xclip": "X-CLIP",
    "a5": "A5",
    "a6": "A6",
    "clip-image-ft": "CLIP image-FT",
    "clip-text-ft": "CLIP text-FT",
    "vifi-clip": "ViFi-CLIP",
    "vl-prompting": "VL prompting",
}
SKILL = dict(zip(TITLES, (0.0, 0.5, 0.9, 0.5, 0.55, 0.8, 0.7, 1.2, 1.18), strict=True))
DATASETS = {
    "kinetics400": ("K400", 48, 12),
    "kinetics600": ("K600", 60, 10),
    "hmdb51": ("HMDB-51", 72, 12),
    "ucf101": ("UCF-101", 96, 16),
    "ssv2": ("SSv2", 64, 8),
}
SETTINGS = {
    name: planned_setting(settings.get(name), CATALOGUE.values())
    for name in ("zero-shot", "base-to-novel", "few-shot", "fully-supervised")
}
PROVENANCE = Provenance(
    started="2026-03-01T10:00:00Z",
    seconds=4.2,
    git_commit="0123456789abcdef",
    git_dirty=False,
    packages={"torch": "2.9.0"},
    hardware={"cpu": "example", "cores": 2},
    decoder="decord",
    seeds={"training": 7},
)
Spread = Literal["-", "base", "novel"]


def key_of(*parts: object) -> str:
    """A stable 32-digit job key for the named parts."""
    return "".join(f"{derive_seed(part=str(parts), word=i):08x}" for i in range(4))


@dataclass(frozen=True)
class Example:
    """What an example run holds."""

    methods: tuple[str, ...] = tuple(TITLES)
    synthetic: bool = True
    settings: tuple[str, ...] = tuple(SETTINGS)
    seeds: int = 3
    broken: bool = True
    name: str = "example"
    image_size: int = 32
    lost: int = 1
    """Clips of every scored list that gave no frames and are left out."""

    @property
    def prefix(self) -> str:
        return "mini-" if self.synthetic else ""

    def trials(self) -> Iterator[PlannedTrial]:
        for setting in self.settings:
            for dataset in _datasets_of(setting):
                for method in self.methods:
                    if (method, setting) != ("a6", "zero-shot"):
                        yield from self._cell(setting, dataset, method)

    def _cell(self, setting: str, dataset: str, method: str) -> Iterator[PlannedTrial]:
        trained = method != "vanilla-clip"
        splits: tuple[Spread, ...] = ("base", "novel") if setting == "base-to-novel" else ("-",)
        shots = {"few-shot": (2, 4, 8, 16), "base-to-novel": (16,)}.get(setting, (None,))
        repeats = self.seeds if setting == "base-to-novel" and trained else 1
        members = ["split 1", "split 2", "split 3"]
        if setting != "zero-shot":
            members = [f"seed {n}" for n in range(1, repeats + 1)] if trained else ["all seeds"]
        for k in shots:
            for member in members:
                once = setting == "zero-shot"
                training = key_of(
                    "train",
                    setting,
                    "" if once else dataset,
                    method,
                    k,
                    member[:4] if once else member,
                )
                for split in splits:
                    part = {"base": "base_val", "novel": "novel_val"}.get(split, "val")
                    where = f"{part}{member[-1]}" if once else part
                    yield PlannedTrial(
                        setting=setting,
                        method=method,
                        dataset=self.prefix + dataset,
                        split=split,
                        shots=k,
                        member=member,
                        evaluation=key_of(
                            setting, dataset, method, k if trained else 0, member, split
                        ),
                        training=training if trained else None,
                        clip_list=where,
                        classes="all" if split == "-" else split,
                        num_frames=8,
                        views="4x3" if setting == "fully-supervised" else "1x1",
                        train_data="K400" if trained else "none",
                    )

    def plan(self) -> PlanFile:
        skipped = [
            SkippedCell(
                setting="zero-shot",
                method="a6",
                dataset=self.prefix + dataset,
                reason="A6 learns one prompt for each training class and cannot name new ones",
            )
            for dataset in _datasets_of("zero-shot")
            if "a6" in self.methods and "zero-shot" in self.settings
        ]
        return PlanFile(
            name=self.name,
            created="2026-03-01T09:59:00Z",
            config="configs/mini.py",
            command="bench run --all",
            backbone=PlannedBackbone(
                name="mini-clip", pretraining="captioned stills", weights_sha256="ab" * 32
            ),
            settings={name: SETTINGS[name] for name in self.settings},
            methods={
                name: PlannedMethod(
                    title=TITLES[name],
                    adapter=name,
                    trains=name != "vanilla-clip",
                    citation=f"{TITLES[name]}: the authors, a conference, 2023",
                    provenance={"lr": "paper", "epochs": "inferred"},
                )
                for name in self.methods
            },
            datasets={
                self.prefix + name: PlannedDataset(
                    title=self.prefix + title, synthetic=self.synthetic
                )
                for name, (title, _, _) in DATASETS.items()
            },
            trials=tuple(self.trials()),
            skipped=tuple(skipped),
        )


def _datasets_of(setting: str) -> Sequence[str]:
    return {
        "zero-shot": ("hmdb51", "ucf101", "kinetics600"),
        "base-to-novel": ("kinetics400", "hmdb51", "ucf101", "ssv2"),
        "few-shot": ("hmdb51", "ucf101", "ssv2"),
        "fully-supervised": ("kinetics400",),
    }[setting]


def scores_of(trial: PlannedTrial) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids [n], labels [n] and scores [n,C] fp16 whose accuracy follows the method's skill."""
    dataset = trial.dataset.removeprefix("mini-")
    _, n, classes = DATASETS[dataset]
    clips = np.random.default_rng(derive_seed(dataset=dataset, part=trial.clip_list))
    labels = np.arange(n) % classes
    difficulty = clips.normal(size=n)
    draw = np.random.default_rng(derive_seed(key=trial.evaluation))
    gain = {"few-shot": 0.25 * np.log2(trial.shots or 1), "fully-supervised": 1.3}.get(
        trial.setting, 0.6
    )
    level = {"ucf101": 0.5, "ssv2": -0.9, "kinetics400": 0.2}.get(dataset, 0.0)
    skill = SKILL[trial.method] * gain + level - (0.4 if trial.split == "novel" else 0.0)
    margin = skill - difficulty + draw.normal(scale=0.25, size=n)
    scores = draw.normal(scale=0.4, size=(n, classes))
    scores[np.arange(n), labels] += 1.0 + margin
    ids = np.array(
        [f"{trial.clip_list}/class{label:02d}/clip{i:03d}.mp4" for i, label in enumerate(labels)]
    )
    return ids, labels, scores.astype(np.float16)


def metrics_of(labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Top-1 and top-5 in percent; of equal scores the lower class id comes first."""
    order = np.argsort(-scores.astype(np.float32), axis=1, kind="stable")
    rank = np.argmax(order == labels[:, None], axis=1)
    return {"top1": float(100 * (rank < 1).mean()), "top5": float(100 * (rank < 5).mean())}


def write_evaluation(
    run: Path, trial: PlannedTrial, *, image_size: int = 32, lost: int = 1
) -> None:
    """The folder of a finished evaluation; ``lost`` further clips gave no frames."""
    folder = run / "jobs" / trial.evaluation
    folder.mkdir(parents=True, exist_ok=True)
    ids, labels, scores = scores_of(trial)
    np.savez(folder / "scores.npz", ids=ids, labels=labels, scores=scores)
    n = len(ids)
    record = EvaluationRecord(
        key=trial.evaluation,
        method=trial.method,
        adapter=trial.method,
        training=trial.training,
        metrics=metrics_of(labels, scores),
        counts=Counts(listed=n + lost, present=n + lost, decoded=n, scored=n),
        bad_clips=tuple(
            BadClip(clip=f"val/class00/empty{i or ''}.mp4", reason="empty", detail="0 bytes")
            for i in range(lost)
        ),
        scores="scores.npz",
        protocol=Protocol(
            backbone="mini-clip",
            weights_sha256="ab" * 32,
            quick_gelu=True,
            pretraining="captioned stills",
            dataset=trial.dataset,
            clip_list=trial.clip_list,
            list_sha256=key_of(trial.dataset, trial.clip_list) * 2,
            classes=trial.classes,
            class_names_sha256=key_of(trial.dataset, trial.classes) * 2,
            num_classes=scores.shape[1],
            prompts=("a photo of a jumping red circle.", "a photo of a spinning blue square."),
            pipeline="vificlip",
            num_frames=trial.num_frames or 8,
            image_size=image_size,
            views=trial.views,
            precision="fp32",
            checkpoint="last" if trial.training else "none (zero-shot)",
        ),
        provenance=PROVENANCE,
    )
    (folder / "result.json").write_text(record.model_dump_json(), encoding="utf-8")


def write_training(run: Path, trial: PlannedTrial) -> None:
    """The folder of a finished training."""
    if trial.training is None:
        return
    folder = run / "jobs" / trial.training
    folder.mkdir(parents=True, exist_ok=True)
    record = TrainRecord(
        key=trial.training,
        method=trial.method,
        adapter=trial.method,
        checkpoint="checkpoint.safetensors",
        checkpoint_sha256="cd" * 32,
        epochs=8,
        updates=96,
        clips_seen=3072,
        final_loss=1.234,
        trainable_parameters=1_200_000,
        total_parameters=1_300_000,
        initialised_from=None,
        counts=Counts(listed=192, present=192, decoded=192, scored=192),
        recipe={"lr": 5e-4},
        provenance=PROVENANCE,
    )
    (folder / "result.json").write_text(record.model_dump_json(), encoding="utf-8")


def write_failure(run: Path, key: str, reason: str, message: str) -> None:
    """The folder of a job that failed."""
    folder = run / "jobs" / key
    folder.mkdir(parents=True, exist_ok=True)
    failure = Failure(
        key=key, reason=reason, message=message, attempt=2, log=f"jobs/{key}/attempts/2/log.txt"
    )
    (folder / "failure.json").write_text(failure.model_dump_json(), encoding="utf-8")


def write_example(run: Path, example: Example | None = None) -> PlanFile:
    """Write a run folder.

    With ``broken``: X-CLIP's SSv2 few-shot K=16 training ran out of memory, A5's base-to-novel on
    UCF-101 lacks seed 3, and VL prompting's fully-supervised number was not reached yet.
    """
    example = example or Example()
    run.mkdir(parents=True, exist_ok=True)
    plan = example.plan()
    write_plan(plan, run)
    for trial in plan.trials:
        place = (trial.method, trial.setting, trial.dataset.removeprefix("mini-"))
        if example.broken and place == ("xclip", "few-shot", "ssv2") and trial.shots == 16:
            assert trial.training is not None
            write_failure(run, trial.training, "oom", "killed at 3.9 GB of 3.8 GB")
            continue
        if (
            example.broken
            and place == ("a5", "base-to-novel", "ucf101")
            and trial.member == "seed 3"
        ):
            continue
        if example.broken and place[:2] == ("vl-prompting", "fully-supervised"):
            continue
        write_training(run, trial)
        write_evaluation(run, trial, image_size=example.image_size, lost=example.lost)
    return plan


if __name__ == "__main__":
    write_example(Path(sys.argv[1]))
