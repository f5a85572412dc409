"""Figures over seeds against scipy, ranks by hand, and intervals of ranks that hold planted orders."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from quotewright.domain.errors import InputError, MissingExtraError
from quotewright.validation.seeds import (
    mean_over_deviation,
    over_seeds,
    paired_difference,
    ranks_over_periods,
    ranks_over_seeds,
)


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, st.integers(2, 8), elements=st.integers(-100, 100).map(float)), st.floats(0.5, 0.99))
def test_intervals_are_student_s(values: Any, level: float) -> None:
    found = over_seeds(values, level=level)
    assert found.mean == pytest.approx(values.mean())
    assert found.deviation == pytest.approx(values.std(ddof=1))
    if np.ptp(values) > 0:
        expected = stats.t.interval(level, len(values) - 1, loc=values.mean(), scale=stats.sem(values))
        assert (found.low, found.high) == pytest.approx(expected)
    else:
        assert found.low == found.high == found.mean


def test_pairs_see_what_separate_intervals_hide() -> None:
    rng = np.random.default_rng(1)
    luck = rng.normal(0, 1, 5)
    one, other = luck + 0.3 + rng.normal(0, 0.02, 5), luck
    assert over_seeds(one).low < over_seeds(other).high
    found = paired_difference(one, other)
    assert found.low > 0.2
    assert paired_difference(other, one).high == pytest.approx(-found.low)
    assert np.isnan(over_seeds(np.array([1.0])).low)


def test_ranks_by_hand() -> None:
    values = np.array([[3.0, 3.0], [1.0, 1.0], [2.0, 2.0], [2.0, 2.0]])
    found = ranks_over_seeds(values, seed=1, draws=50)
    assert found.rank.tolist() == [1, 4, 2.5, 2.5]
    assert found.low.tolist() == found.high.tolist() == found.rank.tolist()
    assert found.first.tolist() == [1, 0, 0, 0]
    assert ranks_over_seeds(values, seed=1, draws=50, larger=False).rank.tolist() == [4, 1, 2.5, 2.5]


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.integers(-9, 9).map(float)))
def test_ranks_are_scipys(values: Any) -> None:
    found = ranks_over_seeds(values, seed=2, draws=20)
    np.testing.assert_allclose(found.rank, stats.rankdata(-values.mean(axis=1)))
    assert found.first.sum() == pytest.approx(1)
    assert (found.low <= found.high).all()


def test_an_edge_is_ranked_first_for_sure_and_noise_anywhere() -> None:
    rng = np.random.default_rng(3)
    returns = rng.normal(0, 1, (6, 500))
    noise = ranks_over_periods(returns, mean_over_deviation, seed=1)
    assert (noise.high - noise.low).mean() > 3
    returns[4] += 0.4
    found = ranks_over_periods(returns, mean_over_deviation, seed=1)
    assert (found.rank[4], found.high[4]) == (1, 1)
    assert found.first[4] > 0.99


def test_what_never_trades_ranks_last() -> None:
    returns = np.random.default_rng(3).normal(-1, 1, (3, 100))
    returns[1] = 0
    found = ranks_over_periods(returns, mean_over_deviation, seed=1, draws=50)
    assert found.rank[1] == found.low[1] == 3


def test_without_scipy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(MissingExtraError, match=r"quotewright\[research\]"):
        over_seeds(np.ones(3))


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("values", lambda: over_seeds(np.zeros(0))),
        ("values", lambda: over_seeds(np.array([1, np.nan]))),
        ("level", lambda: over_seeds(np.ones(3), level=0)),
        ("other", lambda: paired_difference(np.ones(3), np.ones(2))),
        ("values", lambda: ranks_over_seeds(np.ones(3), seed=1)),
        ("values", lambda: ranks_over_seeds(np.ones((0, 3)), seed=1)),
        ("level", lambda: ranks_over_seeds(np.ones((2, 3)), seed=1, level=2)),
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field
