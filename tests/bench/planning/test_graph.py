"""Laws of the job graph."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.planning import graph


@st.composite
def dags(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    size = draw(st.integers(1, 12))
    parents: dict[str, tuple[str, ...]] = {}
    for number in range(size):
        above = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        parents[f"j{number}"] = tuple(f"j{other}" for other in sorted(above))
    keys = draw(st.permutations(list(parents)))
    return {key: parents[key] for key in keys}


@st.composite
def runs(draw: st.DrawFn) -> tuple[dict[str, tuple[str, ...]], set[str], set[str]]:
    parents = draw(dags())
    some = st.sets(st.sampled_from(sorted(parents)))
    return parents, draw(some), draw(some)


@given(dags())
def test_parents_come_before_children(parents: dict[str, tuple[str, ...]]) -> None:
    order = graph.ordered(parents)
    assert sorted(order) == sorted(parents)
    place = {key: number for number, key in enumerate(order)}
    assert all(place[parent] < place[key] for key in parents for parent in parents[key])


@given(runs())
def test_what_must_run_is_closed_and_minimal(
    run: tuple[dict[str, tuple[str, ...]], set[str], set[str]],
) -> None:
    parents, targets, done = run
    found = graph.to_run(targets, parents, done)
    assert targets - done <= found
    assert not found & done
    below = graph.children(parents)
    for key in found:
        assert all(parent in done or parent in found for parent in parents[key])
        # Nothing runs that neither was asked for nor feeds something that runs.
        assert key in targets or any(child in found for child in below[key])


@given(runs(), st.data())
def test_one_more_result_never_means_more_work(
    run: tuple[dict[str, tuple[str, ...]], set[str], set[str]], data: st.DataObject
) -> None:
    parents, targets, done = run
    finished = data.draw(st.sampled_from(sorted(parents)))
    assert graph.to_run(targets, parents, done | {finished}) <= graph.to_run(targets, parents, done)


@given(dags())
def test_descendants_are_those_whose_ancestors_hold_the_key(
    parents: dict[str, tuple[str, ...]],
) -> None:
    below = graph.children(parents)

    def ancestors(key: str) -> set[str]:
        return set(parents[key]).union(*(ancestors(parent) for parent in parents[key]))

    for key in parents:
        expected = {other for other in parents if key in ancestors(other)}
        assert graph.descendants(key, below) == expected


@given(dags(), st.data())
def test_priority_is_the_longest_chain(
    parents: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    work = {key: float(data.draw(st.integers(1, 9))) for key in sorted(parents)}
    found = graph.priorities(parents, work)
    below = graph.children(parents)
    for key in parents:
        chains = [found[child] for child in below[key]]
        assert found[key] == work[key] + (max(chains) if chains else 0.0)


def test_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="cycle"):
        graph.ordered({"a": ("b",), "b": ("a",)})
