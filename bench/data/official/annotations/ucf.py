"""UCF-101: ``classInd.txt``, ``trainlist<nn>.txt`` and ``testlist<nn>.txt``.

Class numbers are 1-based; test lists have none, the folder is the class. One official folder,
``HandstandPushups``, holds clips called ``v_HandStandPushups_…``, so folders and clips are
compared without regard to case.
"""

from __future__ import annotations

import re
from pathlib import Path

from bench.data.official.annotations.base import (
    Annotations,
    ClipCollector,
    bad_line,
    find_files,
    no_files,
    numbered_lines,
)

_LIST = re.compile(r"(?P<role>train|test)list(?P<split>\d+)\.txt", re.IGNORECASE)


def read(folder: Path) -> Annotations:
    """Read the class index and the lists of a folder.

    Raises:
        DataError: One is missing, or a line does not follow the format.
    """
    texts = find_files(folder, ".txt")
    indexes = [file for file in texts if file.name.lower() == "classind.txt"]
    lists = [(file, match) for file in texts if (match := _LIST.fullmatch(file.name))]
    if not indexes or not lists:
        no_files(folder, "classInd.txt, trainlist<nn>.txt, testlist<nn>.txt")
    names = _class_names(indexes[0])
    ids = {name.casefold(): index for index, name in enumerate(names)}
    collector = ClipCollector()
    for file, match in lists:
        role = "train" if match["role"].lower() == "train" else "val"
        for number, line in numbered_lines(file):
            path, class_id = _clip(file, number, line, ids)
            collector.add(path.casefold(), path, class_id, f"{role}{int(match['split'])}")
    return collector.finish(names, [indexes[0], *(file for file, _ in lists)])


def _class_names(file: Path) -> list[str]:
    names: dict[int, str] = {}
    for number, line in numbered_lines(file):
        parts = line.split(None, 1)
        if len(parts) != 2 or not parts[0].isdecimal():
            raise bad_line(
                file, number, "no class", got=line, allowed="<number from 1> <class name>"
            )
        names[int(parts[0])] = parts[1]
    if sorted(names) != list(range(1, len(names) + 1)):
        raise bad_line(
            file,
            1,
            "class numbers have gaps",
            got=f"{len(names)} classes numbered {min(names)} to {max(names)}",
            allowed="1 to n, each once",
        )
    return [names[number] for number in sorted(names)]


def _clip(file: Path, number: int, line: str, ids: dict[str, int]) -> tuple[str, int]:
    head, _, tail = line.rpartition(" ")
    path, label = (head.strip(), tail) if head and tail.isdecimal() else (line, None)
    folder = path.replace("\\", "/").split("/")[0]
    class_id = ids.get(folder.casefold()) if "/" in path.replace("\\", "/") else None
    if class_id is None:
        raise bad_line(
            file,
            number,
            "the folder is no class of classInd.txt",
            got=line,
            allowed="<class name>/<clip>.avi",
        )
    if label is not None and int(label) != class_id + 1:
        raise bad_line(
            file,
            number,
            "the class number does not fit the folder",
            got=line,
            allowed=f"{class_id + 1} for {folder}",
        )
    return path.replace("\\", "/"), class_id
