from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.numbers import statistics

PERCENT = st.floats(min_value=0, max_value=100, allow_nan=False)
POSITIVE = st.floats(min_value=0.01, max_value=100)
NUMBERS = st.lists(PERCENT, min_size=1, max_size=6)


@given(POSITIVE, POSITIVE)
def test_harmonic_mean_lies_between_its_halves_and_below_their_mean(a: float, b: float) -> None:
    value = statistics.harmonic_mean(a, b)
    assert min(a, b) - 1e-9 <= value <= max(a, b) + 1e-9
    assert value <= (a + b) / 2 + 1e-9
    assert value == pytest.approx(statistics.harmonic_mean(b, a))


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=5))
def test_harmonic_mean_of_means_is_never_below_the_mean_of_harmonic_means(
    pairs: list[tuple[float, float]],
) -> None:
    of_means = statistics.harmonic_mean(
        statistics.mean([a for a, _ in pairs]), statistics.mean([b for _, b in pairs])
    )
    mean_of = statistics.mean([statistics.harmonic_mean(a, b) for a, b in pairs])
    assert of_means >= mean_of - 1e-9


@pytest.mark.parametrize(("base", "novel"), [(0.0, 50.0), (50.0, 0.0), (0.0, 0.0)])
def test_harmonic_mean_with_a_zero_is_zero(base: float, novel: float) -> None:
    assert statistics.harmonic_mean(base, novel) == 0.0


def test_harmonic_mean_refuses_a_negative_number() -> None:
    with pytest.raises(ValueError, match="harmonic mean of a negative number: -1, 2"):
        statistics.harmonic_mean(-1, 2)


@given(st.floats(min_value=1, max_value=100), st.floats(min_value=1, max_value=100))
def test_harmonic_slopes_are_its_derivatives(base: float, novel: float) -> None:
    step = 1e-4
    by_base, by_novel = statistics.harmonic_slopes(base, novel)
    up = statistics.harmonic_mean(base + step, novel) - statistics.harmonic_mean(base - step, novel)
    assert by_base == pytest.approx(up / (2 * step), abs=1e-4)
    up = statistics.harmonic_mean(base, novel + step) - statistics.harmonic_mean(base, novel - step)
    assert by_novel == pytest.approx(up / (2 * step), abs=1e-4)


@given(NUMBERS)
def test_mean_and_std_do_not_depend_on_the_order(values: list[float]) -> None:
    for order in itertools.islice(itertools.permutations(values), 12):
        assert statistics.mean(order) == statistics.mean(values)
        assert statistics.std(order) == statistics.std(values)


def test_std_is_the_sample_form_and_the_population_form_on_request() -> None:
    assert statistics.std([1.0, 2.0, 4.0]) == pytest.approx(math.sqrt(7 / 3))
    assert statistics.std([1.0, 2.0, 4.0], ddof=0) == pytest.approx(math.sqrt(14 / 9))
    assert statistics.std([5.0]) is None


@given(PERCENT, st.integers(min_value=2, max_value=20_000))
def test_wilson_contains_the_proportion_and_narrows_with_more_clips(percent: float, n: int) -> None:
    low, high = statistics.wilson(percent, n)
    assert 0 <= low <= percent <= high <= 100
    wider = statistics.wilson(percent, n // 2)
    assert wider[1] - wider[0] >= high - low - 1e-9


def test_wilson_agrees_with_a_worked_value() -> None:
    """81 of 263: Newcombe, Stat. Med. 17 (1998), Table I, score method."""
    low, high = statistics.wilson(100 * 81 / 263, 263)
    assert (round(low, 2), round(high, 2)) == (25.53, 36.62)


def test_wilson_refuses_no_clips() -> None:
    with pytest.raises(ValueError, match="an interval over 0 clips"):
        statistics.wilson(50, 0)


def test_member_half_width_uses_student_t() -> None:
    assert statistics.member_half_width([50.0]) == 0.0
    expected = 4.30265273 * 1.0 / math.sqrt(3)
    assert statistics.member_half_width([49.0, 50.0, 51.0]) == pytest.approx(expected)
    many = [float(i % 2) for i in range(40)]
    spread = statistics.std(many)
    assert spread is not None
    expected = 2.023 * spread / math.sqrt(40)
    assert statistics.member_half_width(many) == pytest.approx(expected, rel=2e-3)


def _ids(n: int) -> np.ndarray:
    return np.array([f"clip{i}" for i in range(n)])


def test_clip_error_of_one_member_is_the_standard_error_of_a_mean() -> None:
    values = np.array([100.0, 0.0, 100.0, 100.0, 0.0])
    expected = values.std(ddof=1) / math.sqrt(5)
    assert statistics.clip_error([_ids(5)], [values]) == pytest.approx(expected)


def test_clip_error_does_not_shrink_when_the_same_clips_are_scored_again() -> None:
    values = np.array([100.0, 0.0, 100.0, 100.0, 0.0, 0.0])
    once = statistics.clip_error([_ids(6)], [values])
    thrice = statistics.clip_error([_ids(6)] * 3, [values] * 3)
    assert thrice == pytest.approx(once)
    other = np.array([f"other{i}" for i in range(6)])
    apart = statistics.clip_error([_ids(6), other], [values, values])
    assert apart == pytest.approx(once / math.sqrt(2), rel=0.06)


@given(st.integers(min_value=2, max_value=30), st.integers(min_value=0, max_value=2**31))
def test_clip_error_does_not_depend_on_the_order_of_clips(n: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    values = 100.0 * draw.integers(0, 2, size=n)
    order = draw.permutation(n)
    assert statistics.clip_error([_ids(n)[order]], [values[order]]) == pytest.approx(
        statistics.clip_error([_ids(n)], [values])
    )


@given(PERCENT, st.integers(min_value=2, max_value=500), st.floats(min_value=0, max_value=20))
def test_interval_contains_its_mean_and_seeds_only_widen_it(
    percent: float, n: int, seeds: float
) -> None:
    error = math.sqrt(percent * (100 - percent) / n)
    low, high = statistics.interval(percent, error, n, seeds)
    plain_low, plain_high = statistics.interval(percent, error, n)
    assert 0 <= low <= plain_low <= percent <= plain_high <= high <= 100


@pytest.mark.parametrize(("members", "t"), [(2, 12.7062047), (12, 2.2009852), (31, 2.0422725)])
def test_intervals_over_members_use_students_t(members: int, t: float) -> None:
    """Two-sided 95 % points for 1, 11 and 30 degrees of freedom, as tables print them."""
    values = [float(number % 2) for number in range(members)]
    spread = statistics.std(values)
    assert spread is not None
    assert statistics.member_half_width(values) == pytest.approx(t * spread / members**0.5, 1e-6)
