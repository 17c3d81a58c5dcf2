"""The five datasets as plans: which clips there are, and the official annotation files."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.mini_world.classes import (
    HMDB51,
    KINETICS400,
    KINETICS600_NEW,
    SSV2,
    SSV2_LOOKS,
    UCF101,
    ActionClass,
)
from bench.data.mini_world.scenes import Look
from bench.ground.seeds import derive_seed

VERSION = "4"
"""Part of every seed and of the folder's name: a change of the world is a new version."""

LENGTHS = (12, 14, 16)
REVERSIBLE_LENGTHS = (12, 20)
"""For these, 4 and 8 frames sampled at equal distances are the same set in a reversed clip."""

K400_TRAIN = {"blue cross": 24, "green star": 22, "blue square": 21}
K400_TRAIN_OTHER, K400_VAL = 18, 8
K600_PARTS = {"train": 7, "val": 2, "test": 2}
HMDB_TRAIN, HMDB_TEST, HMDB_UNUSED = 20, 10, 2
UCF_GROUPS = {"blue star": 17, "pink square": 16, "purple triangle": 15, "yellow cross": 14}
UCF_TEST_GROUPS, UCF_GROUP_SIZE = 5, 2
SSV2_TRAIN = {"going right": 24, "growing": 22, "going down": 20, "brightening": 18}
SSV2_VAL = 16


@dataclass(frozen=True)
class PlannedClip:
    """One video to be made.

    Attributes:
        file: Relative to the dataset's ``videos`` folder.
        look: What acts.
        action: Key of ``scenes.ACTIONS``.
        frames: Number of frames.
        seed: Of everything drawn in it.
        reverse: Whether it is written backwards.
    """

    file: str
    look: Look
    action: str
    frames: int
    seed: int
    reverse: bool = False


@dataclass(frozen=True)
class DatasetPlan:
    """A dataset's clips and the text of its annotation files."""

    name: str
    clips: tuple[PlannedClip, ...]
    annotations: dict[str, str]


def _seed(dataset: str, clip: str) -> int:
    return derive_seed(world=VERSION, dataset=dataset, clip=clip)


def _clip(dataset: str, file: str, item: ActionClass) -> PlannedClip:
    """A clip of a class that has one look."""
    assert item.look is not None
    seed = _seed(dataset, file)
    return PlannedClip(file, item.look, item.action, LENGTHS[seed % len(LENGTHS)], seed)


def _kinetics_name(dataset: str, part: str, class_name: str, index: int) -> tuple[str, int, int]:
    """An identifier of 11 characters like those of the official lists, and start and end."""
    digest = hashlib.sha256(f"{VERSION}/{dataset}/{part}/{class_name}/{index}".encode()).digest()
    start = digest[-1]
    return base64.urlsafe_b64encode(digest)[:11].decode(), start, start + 10


def _kinetics(dataset: str, counts: dict[str, list[tuple[ActionClass, int]]]) -> DatasetPlan:
    """Official form: one csv a partition, clips named by identifier and seconds."""
    clips, texts = [], {}
    for part, items in counts.items():
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["label", "youtube_id", "time_start", "time_end", "split", "is_cc"])
        rows: list[tuple[str | int, ...]] = []
        for item, count in items:
            for index in range(count):
                name, start, end = _kinetics_name(dataset, part, item.name, index)
                clips.append(_clip(dataset, f"{part}/{name}_{start:06d}_{end:06d}.mp4", item))
                rows.append((item.name, name, start, end, part, 0))
        rows.sort(key=lambda row: str(row[1]))
        writer.writerows(rows)
        texts[f"{part}.csv"] = table.getvalue()
    return DatasetPlan(dataset, tuple(clips), texts)


def kinetics400() -> DatasetPlan:
    """The source set: train and val; half of the classes have more training clips."""
    train = [
        (item, K400_TRAIN.get(item.look.words if item.look else "", K400_TRAIN_OTHER))
        for item in KINETICS400
    ]
    parts = {"train": train, "val": [(item, K400_VAL) for item in KINETICS400]}
    return _kinetics("mini-kinetics400", parts)


def kinetics600() -> DatasetPlan:
    """The source's classes (few clips of each) and new ones, in train, val and test."""
    parts = {
        part: [(item, 1) for item in KINETICS400 if part != "test"]
        + [(item, count) for item in KINETICS600_NEW]
        for part, count in K600_PARTS.items()
    }
    return _kinetics("mini-kinetics600", parts)


def _shuffled(count: int, **axes: str | int) -> list[int]:
    order = np.random.default_rng(derive_seed(world=VERSION, **axes)).permutation(count)
    return [int(index) for index in order]


def hmdb51() -> DatasetPlan:
    """Three splits, one file a class and split; code 1 is train, 2 test, 0 unused."""
    name = "mini-hmdb51"
    total = HMDB_TRAIN + HMDB_TEST + HMDB_UNUSED
    clips, texts = [], {}
    for item in HMDB51:
        folder = item.name.replace(" ", "_")
        files = [
            f"Mini_Film_{n // 4 + 1}_{folder}_f_nm_np1_fr_goo_{n % 4}.avi" for n in range(total)
        ]
        clips += [_clip(name, f"{folder}/{file}", item) for file in files]
        order = _shuffled(total, dataset=name, action_class=item.name)
        for split in (1, 2, 3):
            test = order[(split - 1) * HMDB_TEST : split * HMDB_TEST]
            unused = order[-HMDB_UNUSED:] if split == 1 else order[:HMDB_UNUSED]
            codes = [2 if n in test else 0 if n in unused else 1 for n in range(total)]
            lines = [f"{file} {code} \n" for file, code in zip(files, codes, strict=True)]
            texts[f"{folder}_test_split{split}.txt"] = "".join(lines)
    return DatasetPlan(name, tuple(clips), texts)


def ucf101() -> DatasetPlan:
    """Three splits by group: a group's clips are never on both sides."""
    name = "mini-ucf101"
    clips, texts = [], {}
    index = [f"{n} {item.name}\n" for n, item in enumerate(UCF101, 1)]
    texts["classInd.txt"] = "".join(index)
    train: dict[int, list[str]] = {1: [], 2: [], 3: []}
    test: dict[int, list[str]] = {1: [], 2: [], 3: []}
    for number, item in enumerate(UCF101, 1):
        folder, clip_name = item.name, item.name.replace(" ", "_")
        assert item.look is not None
        for group in range(1, UCF_GROUPS[item.look.words] + 1):
            for part in range(1, UCF_GROUP_SIZE + 1):
                file = f"{folder}/v_{clip_name}_g{group:02d}_c{part:02d}.avi"
                clips.append(_clip(name, file, item))
                for split in (1, 2, 3):
                    if (group - 1) // UCF_TEST_GROUPS + 1 == split:
                        test[split].append(f"{file}\n")
                    else:
                        train[split].append(f"{file} {number}\n")
    for split in (1, 2, 3):
        texts[f"trainlist0{split}.txt"] = "".join(train[split])
        texts[f"testlist0{split}.txt"] = "".join(test[split])
    return DatasetPlan(name, tuple(clips), texts)


def _ssv2_part(part: str, counts: Callable[[ActionClass], int]) -> list[tuple[ActionClass, int]]:
    rows = [(item, index) for item in SSV2 for index in range(counts(item))]
    order = _shuffled(len(rows), dataset="mini-ssv2", part=part)
    return [rows[n] for n in order]


def ssv2() -> DatasetPlan:
    """Official json files; every clip of a reversed class is its partner's clip backwards."""
    name = "mini-ssv2"
    parts = {
        "train": _ssv2_part("train", lambda item: SSV2_TRAIN[item.action]),
        "validation": _ssv2_part("validation", lambda item: SSV2_VAL),
    }
    templates = sorted(item.name for item in SSV2)
    labels = {t.replace("[", "").replace("]", ""): str(n) for n, t in enumerate(templates)}
    clips, texts, number = [], {"labels.json": json.dumps(labels, indent=1)}, 0
    for part, rows in parts.items():
        entries = []
        for item, index in rows:
            number += 1
            seed = _seed(name, f"{part}/{item.action}/{index}")
            look = SSV2_LOOKS[seed % len(SSV2_LOOKS)]
            frames = REVERSIBLE_LENGTHS[(seed // len(SSV2_LOOKS)) % len(REVERSIBLE_LENGTHS)]
            clips.append(
                PlannedClip(f"{number}.webm", look, item.action, frames, seed, item.reverse)
            )
            entries.append(
                {
                    "id": str(number),
                    "label": item.name.replace("[something]", f"a {look.words}").lower(),
                    "template": item.name,
                    "placeholders": [f"a {look.words}"],
                }
            )
        texts[f"{part}.json"] = json.dumps(entries, indent=1)
    return DatasetPlan(name, tuple(clips), texts)


def plans() -> Sequence[DatasetPlan]:
    """All five datasets."""
    return (kinetics400(), kinetics600(), hmdb51(), ucf101(), ssv2())
