"""MSR-VTT for retrieval: 9,000 clips to train on and the 1,000 of the 1kA test, with captions.

The files in circulation, any of which will do:

- ``MSRVTT_train.9k.csv``, ``MSRVTT_train.7k.csv`` (column ``video_id``) with the captions in
  ``MSRVTT_data.json``, and ``MSRVTT_JSFUSION_test.csv`` (``video_id``, ``sentence``);
- ``msrvtt_ret_train9k.json``, ``…_train7k.json``, ``…_test1k.json``: lists of ``video``,
  ``caption``;
- ``train_9k.json``, ``train_7k.json``, ``test_JSFUSION.json``: file name -> captions.

Splits are called ``train`` (9k), ``train7k`` and ``test`` (1kA). Clips have no class.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.data.official.annotations.base import (
    NO_CLASS,
    Annotations,
    ClipCollector,
    annotation_files,
    no_files,
    read_json,
    table_rows,
)
from bench.data.video.folder_index import stem_of
from bench.ground.errors import DataError

Captions = dict[str, list[str]]
"""Stem of a clip -> its sentences; none where a file names the clip only."""

_EXPECTED = (
    "MSRVTT_train.9k.csv, MSRVTT_JSFUSION_test.csv, MSRVTT_data.json; or "
    "msrvtt_ret_train9k.json, msrvtt_ret_test1k.json; or train_9k.json, test_JSFUSION.json"
)
_OTHER_TASKS = {"mc", "qa", "answer"}


def read(folder: Path) -> Annotations:
    """Read the partitions of a folder; of several files of one, the first in the order above.

    Raises:
        DataError: There is none, a file does not follow the format, captions are missing, or
            clips are both trained on and tested.
    """
    partitions: dict[str, tuple[Path, Captions]] = {}
    sentences: Captions = {}
    used: list[Path] = []
    for file in sorted(annotation_files(folder), key=lambda path: path.suffix.lower() != ".csv"):
        content = _content(file)
        if content is None:
            continue
        split, captions = content
        if split is None:
            sentences.update(captions)
            used.append(file)
        elif split not in partitions:
            partitions[split] = file, captions
            used.append(file)
    if not partitions.keys() & {"train", "test"}:
        no_files(folder, _EXPECTED)
    _refuse_overlap(partitions)
    collector = ClipCollector()
    for split, (file, captions) in partitions.items():
        for stem, texts in captions.items():
            collector.add(stem, f"{stem}.mp4", NO_CLASS, split)
            collector.captions.setdefault(stem, _captions_of(stem, texts, sentences, file))
    return collector.finish((), used)


def _content(file: Path) -> tuple[str | None, Captions] | None:
    """A file's split (None: captions of all clips) and clips; None for other files."""
    words = set(re.split(r"[^a-z0-9]+", file.stem.lower()))
    if words & _OTHER_TASKS or file.suffix.lower() == ".txt":
        return None
    split = _split_of(file.stem.lower())
    if file.suffix.lower() == ".csv":
        return None if split is None else _of_table(file, split)
    content = read_json(file)
    if isinstance(content, Mapping) and "sentences" in content:
        return None, _gather(file, content["sentences"], "video_id")
    if split is None:
        return None
    if isinstance(content, Mapping):
        return split, _gather(file, _pairs(file, content), "video")
    return split, _gather(file, content, "video")


def _split_of(name: str) -> str | None:
    if "test" in name:
        return "test"
    if "train" not in name:
        return None
    return "train7k" if "7k" in name else "train" if "9k" in name else None


def _of_table(file: Path, split: str) -> tuple[str, Captions] | None:
    table = [values for _, values in table_rows(file)]
    if not table or "video_id" not in table[0]:
        return None
    entries = [dict(zip(table[0], values, strict=False)) for values in table[1:]]
    rows: list[dict[str, Any]] = [
        {"video": entry["video_id"], "caption": entry.get("sentence") or []}
        for entry in entries
        if entry.get("video_id")
    ]
    return split, _gather(file, rows, "video")


def _pairs(file: Path, content: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    return [{"video": name, "caption": captions} for name, captions in content.items()]


def _gather(file: Path, entries: Any, key: str) -> Captions:
    found: Captions = {}
    try:
        for entry in entries:
            captions = entry["caption"]
            texts = [captions] if isinstance(captions, str) else list(captions)
            kept = found.setdefault(stem_of(str(entry[key]).strip()), [])
            kept += [text.strip() for text in texts if text.strip()]
    except (TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"{file.name} does not follow the format",
            got=f"{type(error).__name__}: {error}",
            allowed=f"entries with '{key}' and 'caption'",
        ) from error
    return found


def _captions_of(stem: str, own: list[str], sentences: Captions, file: Path) -> tuple[str, ...]:
    captions = own or sentences.get(stem)
    if not captions:
        raise DataError(
            f"{file.name}: there is no caption of {stem}",
            got="a list of clips only" if not sentences else "none in MSRVTT_data.json",
            allowed=_EXPECTED,
            next_step="put MSRVTT_data.json beside it",
        )
    return tuple(captions)


def _refuse_overlap(partitions: Mapping[str, tuple[Path, Captions]]) -> None:
    if "test" not in partitions:
        return
    tested_file, tested = partitions["test"]
    for split, (file, captions) in partitions.items():
        both = sorted(captions.keys() & tested.keys())
        if split != "test" and both:
            raise DataError(
                f"{len(both)} clips are in both {file.name} and {tested_file.name}",
                got=", ".join(both[:3]) + (", …" if len(both) > 3 else ""),
                allowed="training clips that are not tested",
                next_step="take both files from one version of the split: 9k and 1kA",
            )
