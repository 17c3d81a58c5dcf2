"""Small datasets on disk in the official annotation formats, for the tests of this folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class OfficialFolders:
    """Where a dataset was written."""

    videos: Path
    annotations: Path


def touch_videos(folder: Path, paths: Sequence[str]) -> None:
    """Files with video names; whoever only lists them does not look inside."""
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(path.encode())


def hmdb(
    folder: Path, codes: Mapping[str, Mapping[str, Sequence[int]]], *, touch: bool = True
) -> OfficialFolders:
    """``class folder -> clip -> codes in splits 1, 2, …``; the videos lie nested."""
    annotations, videos = folder / "annotations", folder / "videos"
    (annotations / "testTrainMulti_7030_splits").mkdir(parents=True)
    for name, clips in codes.items():
        if touch:
            touch_videos(videos, [f"{name}/{clip}" for clip in clips])
        for split in range(len(next(iter(clips.values())))):
            lines = [f"{clip} {numbers[split]} \r\n" for clip, numbers in clips.items()]
            file = annotations / "testTrainMulti_7030_splits" / f"{name}_test_split{split + 1}.txt"
            file.write_text("".join(lines), encoding="utf-8", newline="")
    return OfficialFolders(videos, annotations)


def settle(folder: Path) -> None:
    """Make every folder look as if it had been left alone for a while."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            os.utime(path, (1_000_000_000, 1_000_000_000))


def simple_hmdb(folder: Path, train: Mapping[str, int], val: int = 2) -> OfficialFolders:
    """One split; ``train`` clips and ``val`` test clips a class folder."""
    codes = {
        name: {f"clip_{name}_{i}.avi": [1 if i < count else 2] for i in range(count + val)}
        for name, count in train.items()
    }
    return hmdb(folder, codes)


def kinetics(folder: Path, rows: Mapping[str, Sequence[tuple[str, str]]]) -> OfficialFolders:
    """``partition -> (label, youtube id)``; every clip is seconds 4 to 14."""
    annotations, videos = folder / "annotations", folder / "videos"
    annotations.mkdir(parents=True)
    for partition, items in rows.items():
        lines = ["label,youtube_id,time_start,time_end,split,is_cc"]
        lines += [f'"{label}",{name},4,14,{partition},0' for label, name in items]
        (annotations / f"{partition}.csv").write_text("\r\n".join(lines), newline="")
        touch_videos(videos, [f"{partition}/{name}_000004_000014.mp4" for _, name in items])
    return OfficialFolders(videos, annotations)


def ssv2(
    folder: Path, labels: Sequence[str], parts: Mapping[str, Sequence[tuple[int, str]]]
) -> OfficialFolders:
    """``partition -> (clip id, template with brackets)``."""
    annotations, videos = folder / "annotations", folder / "videos"
    annotations.mkdir(parents=True)
    table = {name: str(index) for index, name in enumerate(labels)}
    (annotations / "something-something-v2-labels.json").write_text(json.dumps(table))
    for part, clips in parts.items():
        entries = [{"id": str(clip), "label": "x", "template": text} for clip, text in clips]
        (annotations / f"something-something-v2-{part}.json").write_text(json.dumps(entries))
        touch_videos(videos, [f"{clip}.webm" for clip, _ in clips])
    return OfficialFolders(videos, annotations)


def ucf(
    folder: Path,
    classes: Sequence[str],
    train: Sequence[str],
    test: Sequence[str],
    *,
    end: str = "\r\n",
) -> OfficialFolders:
    """Split 1 only; ``train`` and ``test`` are ``Class/clip.avi``."""
    annotations, videos = folder / "annotations", folder / "videos"
    annotations.mkdir(parents=True)
    index = "".join(f"{number} {name}{end}" for number, name in enumerate(classes, 1))
    (annotations / "classInd.txt").write_text(index, newline="")
    labelled = [f"{path} {classes.index(path.split('/')[0]) + 1}{end}" for path in train]
    (annotations / "trainlist01.txt").write_text("".join(labelled), newline="")
    (annotations / "testlist01.txt").write_text(end.join(test), newline="")
    touch_videos(videos, [*train, *test])
    return OfficialFolders(videos, annotations)
