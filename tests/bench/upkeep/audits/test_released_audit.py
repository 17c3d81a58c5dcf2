"""What the audit finds by itself in the public release, where the user has a copy: all of it.

``BENCH_RELEASED`` names the folder that holds ``datasets_splits/`` and ``labels/``.
"""

from __future__ import annotations

import pytest

from bench.planning.load_config import load_config
from bench.upkeep.audits.dataset_audit import DatasetAudit, audit_dataset
from tests.released import REASON, released_folder

pytestmark = pytest.mark.skipif(released_folder() is None, reason=REASON)

MISNAMED = {
    "val1": 120,
    "val2": 120,
    "val3": 120,
    "base_val": 60,
    "novel_val": 60,
    "base_train": 140,
    "base_train_s1": 32,
    "base_train_s2": 32,
    "base_train_s3": 32,
    "few_shot_2": 8,
    "few_shot_4": 16,
    "few_shot_8": 32,
    "few_shot_16": 64,
}
OVERLAPS = {
    "hmdb51": {2: (36, 35), 4: (66, 78), 8: (144, 132), 16: (233, 254)},
    "ucf101": {2: (84, 76), 4: (179, 150), 8: (314, 293), 16: (627, 623)},
}
SHARED = {"hmdb51": (7, 21, 75), "ucf101": (11, 38, 137), "ssv2": (0, 10, 53)}


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DatasetAudit]:
    """The lists alone: no videos, no annotations."""
    place = tmp_path_factory.mktemp("audit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_DATA", str(place / "nowhere"))
        patch.setenv("BENCH_RELEASED", str(released_folder()))
        config = load_config("paper", {"cache": str(place / "cache")})
    names = ("kinetics400", "kinetics600", "hmdb51", "ucf101", "ssv2")
    return {name: audit_dataset(config, name) for name in names}


def details(audit: DatasetAudit, check: str, severity: str) -> list[str]:
    return [
        line
        for finding in audit.findings
        if (finding.check, finding.severity) == (check, severity)
        for line in finding.details
    ]


def test_all_47_lists_are_audited(audits: dict[str, DatasetAudit]) -> None:
    assert {name: len(audit.lists) for name, audit in audits.items()} == {
        "kinetics400": 7,
        "kinetics600": 3,
        "hmdb51": 13,
        "ucf101": 13,
        "ssv2": 11,
    }


def test_the_swapped_names_of_hmdb_are_the_only_error(audits: dict[str, DatasetAudit]) -> None:
    errors = [
        (name, finding.what)
        for name, audit in audits.items()
        for finding in audit.findings
        if finding.severity == "error"
    ]
    assert errors == [
        (
            "hmdb51",
            "class names do not fit the clips (by their clip names): swapped are 'kick' and "
            "'kick ball', 'sword' and 'sword exercise'",
        )
    ]
    assert {row.name: row.misnamed for row in audits["hmdb51"].lists} == MISNAMED
    assert {row.misnamed for row in audits["ucf101"].lists} == {0}


@pytest.mark.parametrize("dataset", ["hmdb51", "ucf101"])
def test_few_shot_lists_overlap_the_other_splits(
    audits: dict[str, DatasetAudit], dataset: str
) -> None:
    told = details(audits[dataset], "leak", "warning")
    for shots, (val2, val3) in OVERLAPS[dataset].items():
        start = f"few_shot_{shots}, "
        (line,) = (line for line in told if line.startswith(start))
        assert line.endswith(f" clips: val2 {val2}, val3 {val3}")


def test_no_other_warning(audits: dict[str, DatasetAudit]) -> None:
    warnings = [
        (name, finding.check)
        for name, audit in audits.items()
        for finding in audit.findings
        if finding.severity == "warning"
    ]
    assert warnings == [("hmdb51", "leak"), ("ucf101", "leak")]


@pytest.mark.parametrize("dataset", SHARED)
def test_few_shot_lists_are_not_nested(audits: dict[str, DatasetAudit], dataset: str) -> None:
    told = [line for line in details(audits[dataset], "nestedness", "note") if "few_shot" in line]
    assert tuple(int(line.split()[0]) for line in told) == SHARED[dataset]


def test_new_classes_are_new_and_come_from_all_partitions(
    audits: dict[str, DatasetAudit],
) -> None:
    findings = audits["kinetics600"].findings
    assert not [f for f in findings if f.check == "source-classes"]
    assert [f.what for f in findings if f.check == "partitions"] == [
        "zero_shot_1 takes its clips from several partitions: test/ 1943, train/ 11930, val/ 211",
        "zero_shot_2 takes its clips from several partitions: test/ 1896, train/ 11865, val/ 217",
        "zero_shot_3 takes its clips from several partitions: test/ 1976, train/ 11962, val/ 198",
    ]


def test_classes_that_the_source_set_knows(audits: dict[str, DatasetAudit]) -> None:
    known = {name: details(audits[name], "source-classes", "note") for name in ("hmdb51", "ucf101")}
    assert known["hmdb51"][0] == "pushup, situp"
    assert "ride bike = riding a bike" in known["hmdb51"][1]
    assert len(known["ucf101"][0].split(", ")) == 22
    assert "BabyCrawling = crawling baby" in known["ucf101"][1]
