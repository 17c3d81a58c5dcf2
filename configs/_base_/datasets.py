"""The real datasets: videos and official annotations under BENCH_DATA, the released split lists
and label files under BENCH_RELEASED (both may be absent for ``bench plan``).

Expected below BENCH_DATA (default ``data``): ``<dataset>/videos`` and ``<dataset>/annotations``.
Expected below BENCH_RELEASED (default ``data/released``): ``datasets_splits/`` and ``labels/`` as
in the ViFi-CLIP release. The release names K400's full ``train.txt`` but does not hold it: it is
used where somebody has put it beside ``val.txt``, else made from the official annotations.
"""

import os

_data = os.environ.get("BENCH_DATA", "data")
_released = os.environ.get("BENCH_RELEASED", _data + "/released")
_splits = _released + "/datasets_splits"
_labels = _released + "/labels"


def _dataset(
    name, format, *, folder, evaluation, few_shot=False, halves=True, source=None, **classes
):
    lists = {key: f"{_splits}/{folder}/{file}" for key, file in evaluation.items()}
    if few_shot:
        for shots in (2, 4, 8, 16):
            lists[f"few_shot_{shots}"] = f"{_splits}/{folder}/train1_few_shot_{shots}.txt"
    if halves:
        for draw in (1, 2, 3):
            lists[f"base_train_s{draw}"] = (
                f"{_splits}/base2novel_splits/{folder}/fs_base_s{draw}_train.txt"
            )
        for half in ("base", "novel"):
            lists[f"{half}_val"] = f"{_splits}/base2novel_splits/{folder}/{half}_val.txt"
    return dict(
        root=f"{_data}/{name}/videos",
        annotations=f"{_data}/{name}/annotations",
        format=format,
        lists=lists,
        labels={key: f"{_labels}/{file}" for key, file in classes.items()},
        source=source,
    )


_k400_lists = {"val": "val.txt"}
if os.path.isfile(_splits + "/k400_splits/train.txt"):  # noqa: PTH113 - no names beside the keys
    _k400_lists["train"] = "train.txt"
_three_splits = {"val1": "val1.txt", "val2": "val2.txt", "val3": "val3.txt"}

datasets = {
    "kinetics400": _dataset(
        "kinetics400",
        "kinetics",
        folder="k400_splits",
        evaluation=_k400_lists,
        all="kinetics_400_labels.csv",
        base="kinetics_400_base_labels.csv",
        novel="kinetics_400_novel_labels.csv",
    ),
    "kinetics600": _dataset(
        "kinetics600",
        "kinetics",
        folder="k600_splits",
        evaluation={f"zero_shot_{n}": f"ZS_split{n}_K600_eval.txt" for n in (1, 2, 3)},
        halves=False,
        source="kinetics400",
        all="kinetics_600_labels.csv",
        zero_shot_1="ZS_split1_K600.csv",
        zero_shot_2="ZS_split2_K600.csv",
        zero_shot_3="ZS_split3_K600.csv",
    ),
    "hmdb51": _dataset(
        "hmdb51",
        "hmdb",
        folder="hmdb_splits",
        evaluation=_three_splits,
        few_shot=True,
        all="hmdb_51_labels.csv",
        base="hmdb_51_base_labels.csv",
        novel="hmdb_51_novel_labels.csv",
    ),
    "ucf101": _dataset(
        "ucf101",
        "ucf",
        folder="ucf_splits",
        evaluation=_three_splits,
        few_shot=True,
        all="ucf_101_labels.csv",
        base="ucf_101_base_labels.csv",
        novel="ucf_101_novel_labels.csv",
    ),
    "ssv2": _dataset(
        "ssv2",
        "ssv2",
        folder="ssv2_splits",
        evaluation={"val": "validation.txt"},
        few_shot=True,
        all="ssv2_labels.csv",
        base="ssv2_174_base_labels.csv",
        novel="ssv2_174_novel_labels.csv",
    ),
}
