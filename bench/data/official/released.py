"""The ViFi-CLIP release's list and label files: which of them is which named list of a dataset.

The files are read where they lie, as they are; nothing of them comes with this project.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bench.ground.errors import DataError

LISTS_FOLDER, LABELS_FOLDER = "datasets_splits", "labels"
_HALVES = "base2novel_splits"
_SHOTS, _DRAWS = (2, 4, 8, 16), (1, 2, 3)


@dataclass(frozen=True)
class ReleasedFiles:
    """What the release holds of one dataset.

    Attributes:
        lists: Clip list -> path below ``datasets_splits``.
        labels: Class list -> path below ``labels``.
        optional: Lists that the release names without holding them; used where they are.
    """

    lists: MappingProxyType[str, str]
    labels: MappingProxyType[str, str]
    optional: MappingProxyType[str, str]


def _files(
    folder: str,
    lists: dict[str, str],
    labels: dict[str, str],
    *,
    few_shot: bool = False,
    halves: bool = True,
    base_train: bool = False,
    optional: dict[str, str] | None = None,
) -> ReleasedFiles:
    found = {name: f"{folder}/{file}" for name, file in lists.items()}
    if few_shot:
        found |= {f"few_shot_{k}": f"{folder}/train1_few_shot_{k}.txt" for k in _SHOTS}
    if halves:
        below = f"{_HALVES}/{folder}"
        found |= {f"base_train_s{n}": f"{below}/fs_base_s{n}_train.txt" for n in _DRAWS}
        found |= {f"{half}_val": f"{below}/{half}_val.txt" for half in ("base", "novel")}
        if base_train:
            found["base_train"] = f"{below}/base_train.txt"
    return ReleasedFiles(
        MappingProxyType(found),
        MappingProxyType(labels),
        MappingProxyType({k: f"{folder}/{v}" for k, v in (optional or {}).items()}),
    )


_THREE_SPLITS = {f"val{n}": f"val{n}.txt" for n in (1, 2, 3)}


RELEASED: MappingProxyType[str, ReleasedFiles] = MappingProxyType(
    {
        "kinetics400": _files(
            "k400_splits",
            {"val": "val.txt", "train_tiny": "train_tiny.txt"},
            {
                "all": "kinetics_400_labels.csv",
                "base": "kinetics_400_base_labels.csv",
                "novel": "kinetics_400_novel_labels.csv",
            },
            optional={"train": "train.txt"},
        ),
        "kinetics600": _files(
            "k600_splits",
            {f"zero_shot_{n}": f"ZS_split{n}_K600_eval.txt" for n in _DRAWS},
            {
                "all": "kinetics_600_labels.csv",
                **{f"zero_shot_{n}": f"ZS_split{n}_K600.csv" for n in _DRAWS},
            },
            halves=False,
        ),
        "hmdb51": _files(
            "hmdb_splits",
            _THREE_SPLITS,
            {
                "all": "hmdb_51_labels.csv",
                "base": "hmdb_51_base_labels.csv",
                "novel": "hmdb_51_novel_labels.csv",
            },
            few_shot=True,
            base_train=True,
        ),
        "ucf101": _files(
            "ucf_splits",
            _THREE_SPLITS,
            {
                "all": "ucf_101_labels.csv",
                "base": "ucf_101_base_labels.csv",
                "novel": "ucf_101_novel_labels.csv",
            },
            few_shot=True,
            base_train=True,
        ),
        "ssv2": _files(
            "ssv2_splits",
            {"val": "validation.txt"},
            {
                "all": "ssv2_labels.csv",
                "base": "ssv2_174_base_labels.csv",
                "novel": "ssv2_174_novel_labels.csv",
            },
            few_shot=True,
            base_train=True,
        ),
    }
)


def released_paths(dataset: str, folder: str) -> tuple[dict[str, str], dict[str, str]]:
    """The lists and labels of a dataset as a configuration names them.

    Args:
        dataset: One of the catalogue; those that the release does not have get nothing.
        folder: Holds ``datasets_splits`` and ``labels``; it need not be there yet.

    Returns:
        Clip list -> file, and class list -> file. Files that the release holds are named whether
        they are there or not, so that one that got lost is missed and never silently replaced.
    """
    files = RELEASED.get(dataset)
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
