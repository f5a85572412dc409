"""As-of joins against a brute-force oracle, and leaks that cannot be written through them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.datasets.as_of import Series, as_of, as_of_matrix, rows_as_of
from quotewright.datasets.dataset import make_dataset
from quotewright.datasets.manifest import Column
from quotewright.domain.errors import InputError

DAY = 86_400 * 10**9

observations = st.lists(
    st.tuples(st.integers(-20, 20), st.integers(0, 8), st.integers(-100, 100)),
    max_size=30,
    unique_by=lambda row: (row[0], row[0] + row[1]),
)


def series_of(rows: list[tuple[int, int, int]]) -> Series:
    time = np.array([time for time, _, _ in rows], np.int64)
    delay = np.array([delay for _, delay, _ in rows], np.int64)
    return Series("s", time, time + delay, np.array([value for _, _, value in rows], float))


def newest_known(rows: list[tuple[int, int, int]], at: int, max_age: int | None) -> float:
    known = [(time, time + delay, value) for time, delay, value in rows if time + delay <= at]
    if not known:
        return math.nan
    time, _, value = max(known)
    return math.nan if max_age is not None and at - time > max_age else float(value)


@settings(deadline=None, max_examples=60)
@given(observations, st.lists(st.integers(-30, 40), max_size=20), st.none() | st.integers(0, 15))
def test_it_takes_the_newest_value_known(rows: Any, decisions: list[int], max_age: int | None) -> None:
    got = as_of(np.array(decisions, np.int64), series_of(rows), max_age=max_age)
    np.testing.assert_array_equal(got, [newest_known(rows, at, max_age) for at in decisions])


@settings(deadline=None, max_examples=60)
@given(observations, st.integers(-20, 30), st.integers(1, 10**6))
def test_the_future_changes_nothing(rows: Any, now: int, noise: int) -> None:
    """The truncation audit: whatever is published after a decision, the value at the decision is the same."""
    decisions = np.arange(-30, now + 1, dtype=np.int64)
    changed = [(time, delay, value + noise * (time + delay > now)) for time, delay, value in rows]
    gone = [row for row in rows if row[0] + row[1] <= now]
    for other in (changed, gone):
        np.testing.assert_array_equal(as_of(decisions, series_of(rows)), as_of(decisions, series_of(other)))


def test_a_revision_replaces_its_figure_only_once_it_is_known() -> None:
    revised = series_of([(10, 2, 1), (10, 20, 7), (12, 1, 3)])
    assert as_of(np.array([12, 13, 30], np.int64), revised).tolist() == [1.0, 3.0, 3.0]
    assert rows_as_of(np.array([11, 29, 30], np.int64), series_of([(10, 2, 1), (10, 20, 7)])).tolist() == [-1, 0, 1]


def test_several_series_are_columns() -> None:
    a, b = series_of([(1, 0, 5)]), series_of([(2, 1, 6)])
    np.testing.assert_array_equal(as_of_matrix(np.array([1, 3], np.int64), [a, b]), [[5, math.nan], [5, 6]])
    assert as_of_matrix(np.array([1, 3], np.int64), []).shape == (2, 0)


def daily(values: Any, *, delay: int = 0) -> Any:
    time = (np.arange(len(values), dtype=np.int64) + 1) * DAY  # the end of each day
    frame = pl.DataFrame({"time": time, "value": np.asarray(values, float)})
    return make_dataset(frame, "d", "series", [Column("value", "float", "1", delay)], period=DAY, licence="ours")


def test_a_series_that_knows_its_own_day_is_worth_nothing_before_the_day_has_ended() -> None:
    """Planted: the figure of day D is the sign of the return of day D. Joined by date it foresees every return."""
    returns = np.random.default_rng(1).normal(size=2_000)
    mornings = np.arange(len(returns), dtype=np.int64) * DAY  # each day's beginning, when its return is still to come
    foreseen = np.sign(returns)  # what a join on the date would take at each morning
    assert (foreseen == np.sign(returns)).all()
    taken = as_of(mornings, daily(np.sign(returns)).series("value"))
    assert math.isnan(taken[0])
    np.testing.assert_array_equal(taken[1:], foreseen[:-1])
    assert abs((taken[1:] == np.sign(returns[1:])).mean() - 0.5) < 3 * 0.5 / math.sqrt(len(returns))


def test_the_delay_of_publication_is_waited_for() -> None:
    noon = np.arange(5, dtype=np.int64) * DAY + DAY // 2
    late = daily([1, 2, 3, 4, 5], delay=DAY).series("value")
    np.testing.assert_array_equal(as_of(noon, late), [math.nan, math.nan, 1, 2, 3])


def test_no_row_can_be_known_before_what_it_is_about() -> None:
    time = np.array([DAY, 2 * DAY], np.int64)
    with pytest.raises(InputError, match="stamp rows with the end of their period"):
        Series("one day early", time, time - DAY, np.zeros(2))
    with pytest.raises(InputError, match="nothing is published before it has happened"):
        daily([1, 2], delay=-DAY)


def test_what_is_ambiguous_is_refused() -> None:
    twice = np.array([5, 5], np.int64)
    with pytest.raises(InputError, match="given twice"):
        Series("s", twice, twice, np.array([1.0, 2.0]))
    with pytest.raises(InputError, match="finite"):
        Series("s", twice, twice + 1, np.array([1.0, math.nan]))
    with pytest.raises(InputError, match="int64"):
        as_of(np.array([1.5]), series_of([(1, 0, 1)]))
    with pytest.raises(InputError, match="max_age"):
        as_of(np.array([1], np.int64), series_of([(1, 0, 1)]), max_age=-1)
    assert np.isnan(as_of(np.array([3, 4], np.int64), series_of([]))).all()


def test_rows_without_a_value_are_no_publications() -> None:
    dataset = daily([1, 2, math.nan])
    assert len(dataset.series("value").time) == 2
    np.testing.assert_array_equal(as_of(np.array([3 * DAY], np.int64), dataset.series("value")), [2])
