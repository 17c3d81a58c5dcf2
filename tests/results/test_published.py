from __future__ import annotations

from collections import defaultdict

import pytest

from bench.data.datasets import CATALOGUE
from results.numbers.statistics import harmonic_mean
from results.published import load


def test_every_table_is_there() -> None:
    assert {number.table for number in load()} == {f"T{n}" for n in range(1, 12)}
    assert len(load()) == 403


@pytest.mark.parametrize(
    ("table", "dataset", "split", "shots", "method", "metric", "value"),
    [
        ("T1", "HMDB-51", "-", "0", "vifi-clip", "top1", 51.3),
        ("T1", "K600", "-", "0", "vifi-clip", "top5", 92.2),
        ("T2", "UCF-101", "hm", "16", "vifi-clip", "hm", 78.3),
        ("T3", "SSv2", "-", "16", "vifi-clip", "top1", 12.4),
        ("T4", "K400", "-", "all", "clip-text-ft", "top1", 73.1),
    ],
)
def test_printed_values(
    table: str, dataset: str, split: str, shots: str, method: str, metric: str, value: float
) -> None:
    found = [
        number.value
        for number in load()
        if (number.table, number.dataset, number.split, number.shots, number.method, number.metric)
        == (table, dataset, split, shots, method, metric)
    ]
    assert found == [value]


def test_printed_harmonic_means_are_those_of_the_printed_halves_up_to_rounding() -> None:
    """Every printed HM can come from unrounded means that round to the printed halves."""
    triples: dict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
    for number in load():
        if number.setting == "base-to-novel":
            triples[number.table, number.method, number.dataset][number.split] = number.value
    assert len(triples) == 43
    for values in triples.values():
        low = harmonic_mean(values["base"] - 0.05, values["novel"] - 0.05)
        high = harmonic_mean(values["base"] + 0.05, values["novel"] + 0.05)
        assert low - 0.05 <= values["hm"] <= high + 0.05


def test_datasets_are_named_as_in_the_catalogue() -> None:
    used = (spec for spec in CATALOGUE.values() if spec.settings and not spec.synthetic)
    titles = {spec.title for spec in used}
    printed = {n.dataset for n in load() if n.table in ("T1", "T2", "T3", "T4")}
    assert printed == titles


def test_no_number_is_about_a_synthetic_dataset() -> None:
    synthetic = {spec.title for spec in CATALOGUE.values() if spec.synthetic}
    assert synthetic
    assert not synthetic & {number.dataset for number in load()}
