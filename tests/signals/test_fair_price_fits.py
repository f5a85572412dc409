"""Fits of the fair prices' parameters: planted values come back, choices are told apart or not, gaps are noted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from quotewright.domain.errors import InputError
from quotewright.signals.fair_price_fits import SECOND, as_of, choose, fit_fair_prices, fit_last_side
from quotewright.signals.fair_prices import DEPTH_EVENT, LEVELS, PRICES, fair_prices, fair_state


def test_planted_last_side_is_recovered_within_its_errors() -> None:
    """200 samples of overlapping changes: φ's z-scores have mean 0 and deviation near 1."""
    rng = np.random.default_rng(3)
    n, horizon, phi = 3_000, 10, 0.6
    scores = []
    for _ in range(200):
        side = np.repeat(rng.choice([-1.0, 1.0], n // 5 + 5), 5)[: n + horizon] * rng.integers(1, 4)
        steps = rng.normal(size=n + horizon) * 0.5
        changes = np.array([steps[i : i + horizon].sum() for i in range(n)]) + phi * side[:n]
        value, error = fit_last_side(changes, side[:n], horizon)
        scores.append((value - phi) / error)
    assert abs(np.mean(scores)) < 0.25
    assert np.std(scores) == pytest.approx(1, abs=0.2)
    assert fit_last_side(np.zeros(50), np.zeros(50), 3)[0] == 0
    assert math.isnan(fit_last_side(np.zeros(50), np.zeros(50), 3)[1])


def test_choice_tells_apart_what_differs_and_not_what_does_not() -> None:
    rng = np.random.default_rng(4)
    common = rng.normal(size=2_000) ** 2
    losses = np.column_stack([common + shift + 0.3 * rng.normal(size=2_000) for shift in (1.0, 0.0, 0.004, 0.5)])
    found = choose(losses, 5)
    assert (found.low, found.high) == (1, 2)
    assert found.best in (1, 2)
    losses[:30, 1] = math.nan
    assert choose(losses, 5).low == 1


def test_as_of_is_the_last_at_or_before() -> None:
    times = np.array([10, 20, 20, 30])
    assert as_of(times, np.array([9, 10, 19, 20, 35])).tolist() == [-1, 0, 0, 2, 3]


def leaning_market(seed: int, n: int, prints: bool = True) -> np.ndarray:
    """An efficient price that walks; quotes follow it rounded, and the heavier side is the one it leans to."""
    rng = np.random.default_rng(seed)
    efficient = 20_000 + np.cumsum(rng.normal(size=n) * 0.3)
    events = np.zeros(n, DEPTH_EVENT)
    events["time"] = (np.arange(n) + 1) * (SECOND // 10)
    bid = np.floor(efficient).astype(np.int64)
    lean = efficient - bid
    events["bids"] = bid[:, None] - np.arange(LEVELS)
    events["asks"] = bid[:, None] + 1 + np.arange(LEVELS)
    events["bid_qtys"], events["ask_qtys"] = 50, 50
    events["bid_qtys"][:, 0] = 1 + np.rint(100 * lean)
    events["ask_qtys"][:, 0] = 101 - np.rint(100 * lean)
    if prints:
        at = rng.random(n) < 0.3
        side = np.where(rng.random(n) < lean, 1, -1)
        for name in ("bids", "asks", "bid_qtys", "ask_qtys"):
            events[name][at] = 0
        events["qty"][at], events["side"][at] = 5, side[at]
        events["price"][at] = np.where(side[at] > 0, bid[at] + 1, bid[at])
    return events


def test_all_parameters_of_a_market_are_fitted_and_help() -> None:
    train, test = leaning_market(1, 12_000), leaning_market(2, 12_000)
    fit = fit_fair_prices(train)
    names = [p.name for p in fit.parameters]
    assert names[:5] == ["dust", "last_side", "time_memory", "volume_memory", "depth"]
    assert names[5:] == ["variance", "noise_microprice", "noise_depth", "noise_prints"]
    assert not fit.notes
    assert all(p.low <= p.value <= p.high for p in fit.parameters)
    variance = fit.parameters[5]
    assert variance.value == pytest.approx(4 * 0.3**2 * 10, rel=0.3)  # half ticks²/s
    prices = fair_prices(fair_state(), fit.model, test)[10:]
    later = prices[5:, 0]
    errors = np.nanmean((prices[:-5] - later[:, None]) ** 2, axis=0)
    skill = dict(zip(PRICES, (1 - errors / errors[0]).tolist(), strict=True))
    assert skill["weighted_mid"] > 0.05
    assert skill["microprice"] > 0.05
    assert skill["kalman"] > 0.05
    assert 0 < skill["last_side"] < skill["microprice"]


def test_what_cannot_be_fitted_is_told() -> None:
    fit = fit_fair_prices(leaning_market(3, 600, prints=False))
    assert any("0 prints" in note for note in fit.notes)
    assert any("does not listen to prints" in note for note in fit.notes)
    assert np.isfinite(fair_prices(fair_state(), fit.model, leaning_market(4, 50, prints=False))[-1, -1])
    still = leaning_market(3, 600, prints=False)
    for name in ("bids", "asks", "bid_qtys", "ask_qtys"):
        still[name] = still[name][0]
    notes = fit_fair_prices(still).notes
    assert any("micro-price" in note for note in notes)
    assert any("filter could not be fitted" in note for note in notes)
    with pytest.raises(InputError, match="at least 10"):
        fit_fair_prices(still[:5])
    with pytest.raises(InputError, match="horizon_ns"):
        fit_fair_prices(still, SECOND, 2 * SECOND)
