"""The ViFi-CLIP release's list and label files: which of them is which named list of a dataset.

The files are read where they lie, as they are; nothing of them comes with this project.
"""

from __future__ import annotations

from pathlib import Path

from bench.data.datasets import CATALOGUE
from bench.ground.errors import DataError

LISTS_FOLDER, LABELS_FOLDER = "datasets_splits", "labels"


def released_paths(dataset: str, folder: str) -> tuple[dict[str, str], dict[str, str]]:
    """The lists and labels of a dataset as a configuration names them.

    Args:
        dataset: One of the catalogue; those that the release does not have get nothing.
        folder: Holds ``datasets_splits`` and ``labels``; it need not be there yet.

    Returns:
        Clip list -> file, and class list -> file. Files that the release holds are named whether
        they are there or not, so that one that got lost is missed and never silently replaced.
    """
    files = CATALOGUE[dataset].released if dataset in CATALOGUE else None
    if files is None:
        return {}, {}
    splits, labels = Path(folder) / LISTS_FOLDER, Path(folder) / LABELS_FOLDER
    extra = {name: file for name, file in files.optional.items() if (splits / file).is_file()}
    lists = {**files.lists, **extra}
    return (
        {name: str(splits / file) for name, file in lists.items()},
        {name: str(labels / file) for name, file in files.labels.items()},
    )


def find_released(folder: Path) -> Path:
    """The folder with ``datasets_splits`` and ``labels``: the given one, or the only one in it.

    Raises:
        DataError: There is none.
    """
    candidates = [folder]
    if folder.is_dir():
        candidates += sorted(path for path in folder.iterdir() if path.is_dir())
    whole = [
        path
        for path in candidates
        if (path / LISTS_FOLDER).is_dir() and (path / LABELS_FOLDER).is_dir()
    ]
    if whole:
        return whole[0]
    lacking = [name for name in (LISTS_FOLDER, LABELS_FOLDER) if not (folder / name).is_dir()]
    raise DataError(
        "no released lists there",
        got=f"no {' and no '.join(lacking)} in {folder}",
        allowed="a folder with datasets_splits/ and labels/ of the ViFi-CLIP release, unpacked",
        next_step="give it with --released, or leave --released out: lists are then made by rule",
    )
