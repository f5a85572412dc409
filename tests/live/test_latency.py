"""Latency histograms against sorting, and budgets against their own words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.live.latency import Histogram, LatencyBook, LatencyBudget, Stage

MINUTE = 60 * 10**9


@given(st.lists(st.integers(0, 60 * MINUTE) | st.integers(0, 5000), min_size=1, max_size=60), st.floats(0.001, 0.9999))
def test_a_quantile_is_that_of_the_sorted_times_within_half_a_percent(times: list[int], q: float) -> None:
    histogram = Histogram()
    for ns in times:
        histogram.record(ns)
    exact = sorted(times)[max(0, int(np.ceil(q * len(times))) - 1)]
    assert abs(histogram.quantile(q) - exact) <= 0.004 * exact
    assert histogram.count == len(times)
    assert histogram.longest == max(times)


def test_every_power_of_two_and_its_neighbours_have_a_cell_of_their_own_or_a_narrow_one() -> None:
    histogram = Histogram()
    times = sorted({max(0, 2**k + d) for k in range(42) for d in (-1, 0, 1)} - {2**42})
    for ns in times:
        histogram.record(ns)
    assert histogram.count == len(times)
    for i, ns in enumerate(times):
        assert abs(histogram.quantile((i + 0.5) / len(times)) - ns) <= 0.004 * ns


def test_what_cannot_be_is_counted_all_the_same() -> None:
    histogram = Histogram()
    for ns in (-5, 2**42, 2**60, 2**80):
        histogram.record(ns)
    assert histogram.count == 4
    assert histogram.longest == 2**80
    assert histogram.quantile(0.25) == 0
    assert Histogram().quantile(0.5) == 0


def test_a_book_keeps_venues_and_stages_apart() -> None:
    book = LatencyBook(["binance-spot", "synthetic"])
    for ns in range(1000, 2000):
        book.record(0, Stage.STEP, ns)
    book.record(1, Stage.ACKNOWLEDGE, 5_000_000)
    told = book.to_dict()
    assert set(told["binance-spot"]) == {"step"}
    assert told["binance-spot"]["step"]["count"] == 1000
    assert told["binance-spot"]["step"]["p50"] == pytest.approx(1500, rel=0.005)
    assert told["synthetic"]["acknowledge"] == {"count": 1, "longest": 5_000_000} | {
        name: pytest.approx(5_000_000, rel=0.005) for name in ("p50", "p90", "p99", "p99.9")
    }


def test_a_budget_of_single_samples_breaks_after_n_in_a_row_and_clears_after_m() -> None:
    budget = LatencyBudget(100, samples=3, clears_after=2)
    broken: list[bool] = []
    for now, ns in enumerate([101, 500, 100, 101, 101, 101, 90, 101, 90, 90, 101, 101, 101]):
        budget.record(ns, now)
        broken.append(budget.broken)
    assert broken == [False] * 5 + [True] * 4 + [False] * 3 + [True]


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 20), st.integers(1, 8))
def test_a_budget_is_the_one_counted_anew_each_time(slow: list[bool], samples: int, clears_after: int) -> None:
    budget = LatencyBudget(1000, samples=samples, clears_after=clears_after)
    broken = False
    for now in range(len(slow)):
        latest = slow[: now + 1]
        breaks = len(latest) >= samples and all(latest[-samples:])
        broken = any(latest[-clears_after:]) if broken else breaks
        budget.record(1001 if slow[now] else 1000, now)
        assert budget.broken == broken, now


def test_a_budget_that_nothing_measures_any_more_lets_quotes_try_again() -> None:
    budget = LatencyBudget(50, samples=2, clears_after=3, retry=1000)
    budget.on_time(10**6)
    assert budget.next_due() == 2**63 - 1
    for now in range(10):
        budget.record(70, now)
    assert budget.broken
    assert budget.next_due() == 1009
    budget.on_time(1008)
    assert budget.broken
    budget.on_time(1009)
    assert not budget.broken
    assert budget.next_due() == 2**63 - 1
    budget.record(70, 2000)
    assert not budget.broken  # it is counted from the beginning
    budget.record(70, 2001)
    assert budget.broken


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit_ns": 0},
        {"limit_ns": 5, "samples": 0},
        {"limit_ns": 5, "clears_after": 0},
    ],
)
def test_a_budget_without_meaning_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="latency"):
        LatencyBudget(**wrong)  # pyright: ignore[reportArgumentType]
