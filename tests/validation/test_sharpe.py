"""The Sharpe ratio and its uncertainty against scipy, the papers' figures and repeated samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from quotewright.domain.errors import InputError
from quotewright.validation import bootstrap
from quotewright.validation.bootstrap import stationary_parts, stationary_rows, usual_block
from quotewright.validation.sharpe import Sharpe, annual_factor, sharpe, sharpe_bootstrap

RETURNS = arrays(np.float64, st.integers(3, 60), elements=st.floats(-0.5, 0.5).map(lambda v: round(v, 6)))


@settings(max_examples=50, deadline=None)
@given(RETURNS)
def test_moments_are_scipys(returns: Any) -> None:
    found = sharpe(returns)
    if np.ptp(returns) == 0:
        assert found is None
        return
    assert found is not None
    assert found.value == pytest.approx(returns.mean() / returns.std(ddof=1), rel=1e-9, abs=1e-12)
    assert found.skewness == pytest.approx(stats.skew(returns), rel=1e-6, abs=1e-6)
    assert found.kurtosis == pytest.approx(stats.kurtosis(returns, fisher=False), rel=1e-6)
    assert found.stderr >= 0


def test_where_there_is_no_ratio_there_is_none() -> None:
    assert sharpe(np.zeros(0)) is None
    assert sharpe(np.array([0.1, 0.2])) is None
    assert sharpe(np.full(50, 0.1)) is None
    assert sharpe_bootstrap(np.full(50, 0.1), seed=1).value is None
    few = sharpe(np.array([0.1, 0.2, -0.1]))
    assert few is not None
    assert few.interval() == (few.value, None, None)
    assert sharpe_bootstrap(np.array([0.1, 0.2, -0.1]), seed=1) == (few.value, None, None)


def test_the_minimum_track_record_of_the_paper() -> None:
    """2012, section on MinTRL: an annual 2 against 1 at 95 %, normal returns: 2.73, 2.83 and 3.24 years."""
    for periods, years in ((250, 2.73), (52, 2.83), (12, 3.24)):
        ratio, threshold = 2 / math.sqrt(periods), 1 / math.sqrt(periods)
        found = Sharpe(ratio, math.sqrt((1 + ratio**2 / 2) / 99), 100, 0.0, 3.0)
        least = found.least_periods(threshold)
        assert least is not None
        assert least / periods == pytest.approx(years, abs=0.006)
        later = Sharpe(ratio, math.sqrt((1 + ratio**2 / 2) / (least - 1)), 0, 0.0, 3.0)
        assert later.probability_above(threshold) == pytest.approx(0.95, abs=1e-9)
        assert found.least_periods(ratio) is None


@pytest.mark.parametrize("shape", ["normal", "skewed"])
def test_intervals_hold_the_truth_as_often_as_they_say(shape: str) -> None:
    rng = np.random.default_rng(4)
    draws = rng.normal(0.1, 1, (800, 400)) if shape == "normal" else 1.1 - rng.exponential(1, (800, 400))
    bounds = [found.interval() for row in draws if (found := sharpe(row))]
    inside = np.mean([low < 0.1 < high for _, low, high in bounds if low is not None and high is not None])
    assert abs(inside - 0.95) < 3.5 * math.sqrt(0.95 * 0.05 / 800)


def test_the_bootstrap_agrees_where_returns_are_independent_and_is_wider_where_they_trend() -> None:
    rng = np.random.default_rng(5)
    shocks = rng.normal(0, 1, 1_000)
    trending = np.convolve(shocks, np.ones(8) / 8, "same") + 0.05
    widths = []
    for returns in (shocks + 0.05, trending):
        plain, drawn = sharpe(returns), sharpe_bootstrap(returns, seed=2, block=30)
        assert plain is not None
        widths.append((drawn.high - drawn.low) / (plain.interval().high - plain.interval().low))  # type: ignore[operator]
    assert widths[0] == pytest.approx(1, abs=0.2)
    assert widths[1] > 1.7


def test_lo_s_factor() -> None:
    rng = np.random.default_rng(6)
    returns = rng.normal(size=50)
    assert annual_factor(returns, 252) == math.sqrt(252)
    ar = np.zeros(200_000)
    shocks = rng.normal(size=len(ar))
    for t in range(1, len(ar)):
        ar[t] = 0.3 * ar[t - 1] + shocks[t]
    q, rho = 12, 0.3  # eq. 22 of the paper, in closed form for a first-order autoregression
    exact = math.sqrt(q) / math.sqrt(1 + 2 * rho / (1 - rho) * (1 - (1 - rho**q) / (q * (1 - rho))))
    assert annual_factor(ar, q, lags=11) == pytest.approx(exact, rel=0.01)
    assert annual_factor(np.tile([1.0, -1.0], 50), 12, lags=1) is None


def test_blocks_of_the_bootstrap_are_geometric_and_rows_uniform() -> None:
    rows = stationary_rows(50, 4_000, seed=1, block=5)
    assert rows.shape == (4_000, 50)
    follows = (np.diff(rows, axis=1) % 50) == 1
    share = 1 - 1 / 5 + 1 / 5 / 50  # a new block may begin where the last would have gone on
    assert follows.mean() == pytest.approx(share, abs=3.5 * math.sqrt(share * (1 - share) / follows.size))
    counts = np.bincount(rows.ravel(), minlength=50)
    assert counts.min() > 0.9 * counts.mean()
    assert (stationary_rows(50, 3, seed=7) == stationary_rows(50, 3, seed=7)).all()
    assert (np.diff(stationary_rows(50, 3, seed=7, block=50), axis=1) % 50 == 1).mean() > 0.9
    assert [usual_block(n) for n in (1, 8, 1_000)] == [1, 2, 10]


GOOD = np.array([0.1, -0.1, 0.2])


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("returns", lambda: sharpe(np.array([0.1, math.nan, 0.2]))),
        ("returns", lambda: sharpe(np.ones((3, 3)))),
        ("returns", lambda: sharpe(np.array([1, 2, 3]))),  # type: ignore[arg-type]
        ("level", lambda: sharpe_bootstrap(GOOD, seed=1, level=1)),
        ("lags, periods_per_year", lambda: annual_factor(GOOD, 0)),
        ("lags, periods_per_year", lambda: annual_factor(GOOD, 12, lags=3)),
        ("rows, draws", lambda: stationary_rows(0, 5, seed=1)),
        ("block", lambda: stationary_rows(5, 5, seed=1, block=0.5)),
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field


def test_draws_come_in_parts_that_fit_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A year of minutes drawn a thousand times must not be held at once; what fits is drawn as one."""
    whole = stationary_rows(40, 30, seed=3)
    assert [len(part) for part in stationary_parts(40, 30, seed=3)] == [30]
    monkeypatch.setattr(bootstrap, "AT_ONCE", 400)
    parts = list(stationary_parts(40, 25, seed=3))
    assert [len(part) for part in parts] == [10, 10, 5]
    assert len({part.tobytes() for part in parts}) == 3
    assert all(part.shape[1] == 40 and part.min() >= 0 and part.max() < 40 for part in parts)
    assert [len(part) for part in stationary_parts(5_000, 2, seed=3)] == [1, 1]
    assert whole.shape == (30, 40)
    returns = np.random.default_rng(1).normal(0.001, 0.01, 40)
    found = sharpe_bootstrap(returns, seed=1, draws=500)
    assert found.low is not None
    assert found.high is not None
    assert found.value is not None
    assert found.low < found.value < found.high


def test_draws_none_of_which_vary_leave_no_bounds() -> None:
    returns = np.zeros(50)
    returns[7] = 0.01
    seed = next(s for s in range(100) if 7 not in stationary_rows(50, 1, seed=s))
    found = sharpe_bootstrap(returns, seed=seed, draws=1)
    assert found.value is not None
    assert (found.low, found.high) == (None, None)
