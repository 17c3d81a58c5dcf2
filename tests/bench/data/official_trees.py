"""Every dataset as its publishers lay it out: real annotation syntax, real small videos.

The names are the awkward ones: leading dashes, brackets, ``#``, ``;``, quotes, other alphabets. A
clip's content is one of a few encoded files, linked, since nothing here looks at what is in it.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.data import official_folders as official
from tests.bench.data.official_folders import OfficialFolders
from tests.bench.data.video_files import write_video

TRAIN, VAL = 16, 2
"""Clips of each class, so that 16 shots can be drawn."""

HMDB_CLASSES = ("kick", "kick_ball", "sword", "sword_exercise")
HMDB_TITLES = (
    "-Fight_Club_(1999)[cut]",
    "#437_How_To!",
    "A;B_&_C",
    "Les_Enfants_du_café_Ünïcode",
)
UCF_CLASSES = ("ApplyEyeMakeup", "Archery", "HandstandPushups")
KINETICS_CLASSES = (
    "abseiling",
    "hurling (sport)",
    "massaging person's head",
    'shooting "goal", (soccer)',
)
NEW_CLASSES = ("acting in play", "adjusting glasses", "alligator wrestling", "archaeological dig")
SSV2_TEMPLATES = (
    "Closing [something]",
    "Laying [something] on the table on its side, not upright",
    "Pushing [something] from left to right",
)


@dataclass(frozen=True)
class Videos:
    """Encoded files to link clips to, by extension."""

    files: dict[str, list[Path]]

    @classmethod
    def make(cls, folder: Path) -> Videos:
        """Encode a few files of each container; 24 frames of 48 x 32 pixels."""
        folder.mkdir(parents=True)
        return cls(
            {
                suffix: [
                    write_video(folder / f"{number}{suffix}", frames=24 + number, size=(48, 32))
                    for number in range(2)
                ]
                for suffix in (".avi", ".mp4", ".webm")
            }
        )

    def put(self, folder: Path, paths: Sequence[str]) -> None:
        """Clips at relative paths."""
        for number, path in enumerate(paths):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            several = self.files[target.suffix]
            os.link(several[number % len(several)], target)


def hmdb51(folder: Path, videos: Videos) -> OfficialFolders:
    """Three splits, a folder a class; code 0 is unused."""
    total = TRAIN + 3 * VAL
    clips = {
        name: [
            f"{HMDB_TITLES[n % len(HMDB_TITLES)]}_{name}_f_cm_np1_fr_med_{n}.avi"
            for n in range(total)
        ]
        for name in HMDB_CLASSES
    }
    codes = {
        name: {
            clip: [2 if n // VAL == split else 1 if n // VAL > split else 0 for split in range(3)]
            for n, clip in enumerate(clips[name])
        }
        for name in HMDB_CLASSES
    }
    # Split 1 must hold 16 training clips: what is unused in the others is trained on there.
    for name in HMDB_CLASSES:
        for n, clip in enumerate(clips[name]):
            codes[name][clip][0] = 2 if n < VAL else 1
    made = official.hmdb(folder, codes, touch=False)
    videos.put(made.videos, [f"{name}/{clip}" for name in HMDB_CLASSES for clip in clips[name]])
    return made


def ucf101(folder: Path, videos: Videos) -> OfficialFolders:
    """Three splits, CRLF; one class' clips are called otherwise than its folder."""
    annotations, place = folder / "ucfTrainTestlist", folder / "UCF-101"
    annotations.mkdir(parents=True)
    clips = {
        name: [
            f"{name}/v_{name.replace('dstand', 'dStand')}_g{n // 2 + 1:02d}_c{n % 2 + 1:02d}.avi"
            for n in range(TRAIN + 3 * VAL)
        ]
        for name in UCF_CLASSES
    }
    index = "".join(f"{number} {name}\r\n" for number, name in enumerate(UCF_CLASSES, 1))
    (annotations / "classInd.txt").write_text(index, newline="")
    for split in range(3):
        train: list[str] = []
        test: list[str] = []
        for number, name in enumerate(UCF_CLASSES, 1):
            for n, path in enumerate(clips[name]):
                if n // VAL == split:
                    test.append(f"{path}\r\n")
                else:
                    train.append(f"{path} {number}\r\n")
        (annotations / f"trainlist0{split + 1}.txt").write_text("".join(train), newline="")
        (annotations / f"testlist0{split + 1}.txt").write_text("".join(test), newline="")
    videos.put(place, [path for paths in clips.values() for path in paths])
    return OfficialFolders(place, annotations)


def youtube_id(number: int) -> str:
    """Eleven characters, some with a dash in front and with underscores."""
    return f"{'-_a'[number % 3]}{number:04d}_x-{number % 7}_z"[:11].ljust(11, "Q")


def _kinetics(
    folder: Path, videos: Videos, names: Sequence[str], counts: dict[str, int], first: int
) -> OfficialFolders:
    """CVDF's layout: partitions flat, ``annotations/`` and ``replacement/`` beside them."""
    annotations = folder / "annotations"
    annotations.mkdir(parents=True)
    number = first
    for part, count in counts.items():
        with (annotations / f"{part}.csv").open("w", newline="") as table:
            writer = csv.writer(table, lineterminator="\r\n")
            writer.writerow(("label", "youtube_id", "time_start", "time_end", "split", "is_cc"))
            for name in names:
                for n in range(count):
                    number += 1
                    identifier = youtube_id(number)
                    row = (name, identifier, f"{4 + n}.0" if n % 2 else 4 + n, 14 + n, part, 0)
                    writer.writerow(row)
                    clip = f"{identifier}_{4 + n:06d}_{14 + n:06d}.mp4"
                    videos.put(folder, [f"{part}/{clip}"])
    return OfficialFolders(folder, annotations)


def kinetics400(folder: Path, videos: Videos) -> OfficialFolders:
    """Train, val and a test partition with labels; one clip has a mended copy."""
    made = _kinetics(folder, videos, KINETICS_CLASSES, {"train": TRAIN, "val": VAL, "test": 1}, 0)
    broken = next(path for path in sorted((folder / "val").iterdir()))
    broken.unlink()
    broken.write_bytes(b"corrupted")
    videos.put(folder / "replacement" / "replacement_for_corrupted_k400", [broken.name])
    return made


def kinetics600(folder: Path, videos: Videos) -> OfficialFolders:
    """Some classes of Kinetics-400 and new ones."""
    names = sorted((*KINETICS_CLASSES[:2], *NEW_CLASSES))
    return _kinetics(folder, videos, names, {"train": 3, "val": 1, "test": 1}, 5000)


def ssv2(folder: Path, videos: Videos, prefix: str = "something-something-v2-") -> OfficialFolders:
    """JSON files under the older or, with ``prefix=""``, the newer names; tests have no labels."""
    annotations = folder / "labels"
    annotations.mkdir(parents=True)
    place = folder / "20bn-something-something-v2"
    names = [text.replace("[", "").replace("]", "") for text in SSV2_TEMPLATES]
    labels = {name: str(number) for number, name in enumerate(names)}
    (annotations / f"{prefix}labels.json").write_text(json.dumps(labels))
    number = 0
    for part, count in (("train", TRAIN), ("validation", VAL)):
        entries = []
        for template in SSV2_TEMPLATES:
            for _ in range(count):
                number += 1
                text = template.replace("[something]", "a cup, empty")
                placeholders = ["a cup, empty"]
                entry = {"id": str(number), "label": text, "template": template}
                entries.append(entry | {"placeholders": placeholders})
                videos.put(place, [f"{number}.webm"])
        (annotations / f"{prefix}{part}.json").write_text(json.dumps(entries))
    (annotations / f"{prefix}test.json").write_text(json.dumps([{"id": "9999"}]))
    return OfficialFolders(place, annotations)


def msrvtt(folder: Path, videos: Videos) -> OfficialFolders:
    """The csv files with ``MSRVTT_data.json``; six clips to train on, three to test."""
    annotations, place = folder / "msrvtt_data", folder / "MSRVTT" / "videos" / "all"
    annotations.mkdir(parents=True)
    train, test = [f"video{n}" for n in range(6)], [f"video{n}" for n in range(7, 10)]
    (annotations / "MSRVTT_train.9k.csv").write_text("video_id\r\n" + "\r\n".join(train))
    with (annotations / "MSRVTT_JSFUSION_test.csv").open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(("key", "vid_key", "video_id", "sentence"))
        for n, name in enumerate(test):
            writer.writerow((f"ret{n}", f"msr{name[5:]}", name, f"a man, number {n}, sings"))
    sentences = [
        {"sen_id": 20 * number + n, "video_id": name, "caption": f"{name}: caption {n}"}
        for number, name in enumerate([*train, *test])
        for n in range(3)
    ]
    content = {"info": {}, "videos": [], "sentences": sentences}
    (annotations / "MSRVTT_data.json").write_text(json.dumps(content))
    videos.put(place, [f"{name}.mp4" for name in [*train, *test]])
    return OfficialFolders(place, annotations)


TREES: dict[str, Callable[[Path, Videos], OfficialFolders]] = {
    "kinetics400": kinetics400,
    "kinetics600": kinetics600,
    "hmdb51": hmdb51,
    "ucf101": ucf101,
    "ssv2": ssv2,
    "msrvtt": msrvtt,
}
