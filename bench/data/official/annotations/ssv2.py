"""Something-Something v2: ``labels.json``, ``train.json``, ``validation.json``, ``test.json``.

Older downloads prefix the names with ``something-something-v2-``. A clip's class is its template
without the brackets around the placeholders.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.data.official.annotations.base import (
    Annotations,
    ClipCollector,
    find_files,
    no_files,
    read_json,
)
from bench.ground.errors import DataError

_SHOWN = 80
_PARTITIONS = {"train": "train", "validation": "val", "test": "test"}


def read(folder: Path) -> Annotations:
    """Read the labels and the partitions of a folder.

    Raises:
        DataError: One is missing, or an entry does not follow the format.
    """
    files = {file.stem.lower().rsplit("-", 1)[-1]: file for file in find_files(folder, ".json")}
    if "labels" not in files or not files.keys() & _PARTITIONS.keys():
        no_files(folder, "labels.json, train.json, validation.json")
    names = _class_names(files["labels"])
    ids = {name: index for index, name in enumerate(names)}
    collector = ClipCollector()
    read_files = [files["labels"]]
    for partition, split in _PARTITIONS.items():
        if partition not in files:
            continue
        read_files.append(files[partition])
        for entry in _load(files[partition], list):
            _add(collector, files[partition], entry, ids, split)
    return collector.finish(names, read_files)


def _load(file: Path, kind: type) -> Any:
    content = read_json(file)
    if not isinstance(content, kind):
        raise DataError(
            f"{file.name} does not follow the format", allowed=f"a JSON {kind.__name__}"
        )
    return content


def _class_names(file: Path) -> list[str]:
    content = _load(file, dict)
    try:
        labels = {int(number): name for name, number in content.items()}
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{file.name}: a label's id is no number",
            got=str(error),
            allowed='{"Closing something": "0", …}',
        ) from error
    if sorted(labels) != list(range(len(content))):
        raise DataError(f"{file.name}: the label ids have gaps", allowed="0 to n-1, each once")
    return [labels[number] for number in sorted(labels)]


def _add(collector: ClipCollector, file: Path, entry: Any, ids: dict[str, int], split: str) -> None:
    template = entry.get("template") if isinstance(entry, dict) else entry
    if not isinstance(entry, dict) or not isinstance(template, str | None):
        raise DataError(
            f"{file.name}: an entry does not follow the format",
            got=str(entry)[:_SHOWN],
            allowed='{"id": "1", "template": "Closing [something]", …}',
        )
    if not template:
        collector.unlabelled += 1
        return
    name = template.replace("[", "").replace("]", "")
    if "id" not in entry or name not in ids:
        raise DataError(
            f"{file.name}: clip {entry.get('id')!r} has a template that is no label",
            got=name,
            allowed="the names in labels.json",
        )
    stem = str(entry["id"])
    collector.add(stem, f"{stem}.webm", ids[name], split)
