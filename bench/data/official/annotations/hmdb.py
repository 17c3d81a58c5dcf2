"""HMDB-51: ``<class>_test_split<n>.txt`` with ``<clip>.avi <code>`` lines.

Code 1 is training, 2 is test, 0 is unused in this split. Class ids are the ranks of the folder
names (``kick`` before ``kick_ball``), which is not the order of the file names.
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

_FILE = re.compile(r"(?P<folder>.+)_test_split(?P<split>\d+)\.txt", re.IGNORECASE)
_CODES = {"0": None, "1": "train", "2": "val"}


def read(folder: Path) -> Annotations:
    """Read the split files of a folder.

    Raises:
        DataError: There is none, or a line does not follow the format.
    """
    files = [
        (file, match)
        for file in find_files(folder, ".txt")
        if (match := _FILE.fullmatch(file.name))
    ]
    if not files:
        no_files(folder, "<class>_test_split<n>.txt")
    folders = sorted({match["folder"] for _, match in files})
    ids = {name: index for index, name in enumerate(folders)}
    collector = ClipCollector()
    for file, match in files:
        for number, line in numbered_lines(file):
            parts = line.rsplit(None, 1)
            if len(parts) != 2 or parts[1] not in _CODES:
                raise bad_line(
                    file, number, "no clip with a code", got=line, allowed="<clip>.avi <0, 1 or 2>"
                )
            role = _CODES[parts[1]]
            path = f"{match['folder']}/{parts[0]}"
            split = f"{role}{int(match['split'])}" if role else None
            collector.add(path, path, ids[match["folder"]], split)
    names = [name.replace("_", " ") for name in folders]
    return collector.finish(names, [file for file, _ in files])
