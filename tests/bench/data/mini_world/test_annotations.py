from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bench.data.mini_world.annotations import plans
from bench.data.mini_world.classes import HMDB51, KINETICS400, KINETICS600_NEW, SSV2, UCF101
from bench.data.mini_world.scenes import Pose, coverage
from bench.data.video.decode import open_video

FEW_SHOT = 16


def _rows(world: Path, dataset: str, part: str) -> list[dict[str, str]]:
    with (world / dataset / "annotations" / f"{part}.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("dataset", ["mini-kinetics400", "mini-kinetics600"])
def test_kinetics_tables_name_the_files(world: Path, dataset: str) -> None:
    parts = ("train", "val") if dataset.endswith("400") else ("train", "val", "test")
    named = set()
    for part in parts:
        for row in _rows(world, dataset, part):
            assert re.fullmatch(r"[\w-]{11}", row["youtube_id"])
            start, end = int(row["time_start"]), int(row["time_end"])
            named.add(f"{part}/{row['youtube_id']}_{start:06d}_{end:06d}.mp4")
    videos = world / dataset / "videos"
    assert named == {p.relative_to(videos).as_posix() for p in videos.rglob("*.mp4")}


def test_the_superset_holds_the_source_classes_and_new_ones(world: Path) -> None:
    source = {row["label"] for row in _rows(world, "mini-kinetics400", "train")}
    superset = {row["label"] for row in _rows(world, "mini-kinetics600", "train")}
    assert len(source) == 18
    assert superset - source == {item.name for item in KINETICS600_NEW}
    assert source < superset


def test_half_of_the_source_has_more_training_clips(world: Path) -> None:
    counts = Counter(row["label"] for row in _rows(world, "mini-kinetics400", "train"))
    frequent = {name for name, count in counts.items() if count > min(counts.values())}
    assert min(counts.values()) >= FEW_SHOT
    assert len(frequent) == len(counts) / 2


def test_hmdb_splits(world: Path) -> None:
    folder = world / "mini-hmdb51" / "annotations"
    seen: Counter[str] = Counter()
    for item in HMDB51:
        name = item.name.replace(" ", "_")
        for split in (1, 2, 3):
            lines = (folder / f"{name}_test_split{split}.txt").read_text().splitlines()
            codes = dict(line.split() for line in lines)
            assert Counter(codes.values()) == {"1": 20, "2": 10, "0": 2}
            seen.update(clip for clip, code in codes.items() if code == "2")
    assert set(seen.values()) == {1}


def test_ucf_splits_share_no_group(world: Path) -> None:
    folder = world / "mini-ucf101" / "annotations"
    for split in (1, 2, 3):
        train = (folder / f"trainlist0{split}.txt").read_text().splitlines()
        test = (folder / f"testlist0{split}.txt").read_text().splitlines()

        def groups(lines: list[str]) -> set[str]:
            return {re.sub(r"_c\d\d\.avi.*", "", line) for line in lines}

        assert not groups(train) & groups(test)
        per_class = Counter(line.split("/")[0] for line in train)
        assert set(per_class) == {item.name for item in UCF101}
        assert min(per_class.values()) >= FEW_SHOT
        assert len(set(per_class.values())) > 1


def test_ssv2_entries_resolve_through_their_template(world: Path) -> None:
    folder = world / "mini-ssv2" / "annotations"
    labels = json.loads((folder / "labels.json").read_text())
    assert list(labels.values()) == [str(n) for n in range(len(SSV2))]
    for part, fewest in (("train", FEW_SHOT), ("validation", 16)):
        entries = json.loads((folder / f"{part}.json").read_text())
        found = Counter(re.sub(r"[\[\]]", "", entry["template"]) for entry in entries)
        assert set(found) == set(labels)
        assert min(found.values()) >= fewest


def test_every_reversed_clip_is_its_partner_backwards(world: Path) -> None:
    plan = next(plan for plan in plans() if plan.name == "mini-ssv2")
    forward = {clip.seed: clip for clip in plan.clips if not clip.reverse}
    backward = [clip for clip in plan.clips if clip.reverse]
    assert sorted(forward) == sorted(clip.seed for clip in backward)
    videos = world / plan.name / "videos"
    for clip in backward[::12]:
        frames = open_video(videos / clip.file).get_frames(range(clip.frames)).astype(int)
        partner = open_video(videos / forward[clip.seed].file)
        mirrored = partner.get_frames(range(clip.frames))[::-1].astype(int)
        assert np.abs(frames - mirrored).mean() < 4
        for count in (4, 8):
            drawn = [int(i * clip.frames / count + clip.frames / count / 2) for i in range(count)]
            assert sorted(clip.frames - 1 - i for i in drawn) == drawn


def test_targets_share_no_look_with_the_source() -> None:
    source = {item.look for item in KINETICS400}
    for classes in (HMDB51, UCF101, KINETICS600_NEW):
        assert not source & {item.look for item in classes}


def test_every_look_of_a_set_does_several_actions() -> None:
    for classes in (KINETICS400, KINETICS600_NEW, HMDB51, UCF101):
        assert set(Counter(item.look for item in classes).values()) == {3}
        assert len({item.name for item in classes}) == len(classes)
        assert {item.action for item in classes} <= {item.action for item in KINETICS400}


def test_coverage_is_a_share_of_each_pixel() -> None:
    pose = Pose.still(3, np.random.default_rng(0))
    covered = coverage("star", pose)
    assert covered.shape == (3, 48, 64)
    assert covered.min() == 0 and covered.max() == 1
    with pytest.raises(ValueError, match="no such shape: blob"):
        coverage("blob", pose)
