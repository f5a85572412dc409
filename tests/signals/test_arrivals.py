"""Depths of market orders against a plain loop; curves against closed forms, scipy and planted parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from quotewright.domain.errors import InputError
from quotewright.signals.arrivals import (
    Edges,
    better_curve,
    counts_by_depth,
    fit_curve,
    fit_exponential,
    rates_by_depth,
    shape,
)
from quotewright.signals.market_orders import market_orders, sweeps, volume_clock

EDGES = np.array([1.0, 1.5, 2.0, 3.0, 4.5, 7.0, 10.0])  # of unequal widths
SECONDS = 3_600.0


def drawn(family: str, A: float, k: float, rng: np.random.Generator) -> np.ndarray:
    """Depths beyond 1 of a marked Poisson process whose rate of reaching δ is A·e^{−kδ} or A·δ^{−k}."""
    if family == "power":
        return rng.random(rng.poisson(SECONDS * A)) ** (-1 / k)
    return 1 + rng.exponential(1 / k, rng.poisson(SECONDS * A * math.exp(-k)))


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(-6, 6), st.sampled_from([1, -1, 0]), st.integers(1, 9)), max_size=30
    )
)
@settings(max_examples=80, deadline=None)
def test_sweeps_are_measured_as_a_plain_loop_does(prints: list[tuple[int, int, int, int]]) -> None:
    times = np.array([2, 5, 5, 7])
    bids, asks = np.array([98, 0, 99, 97]), np.array([101, 103, 103, 99])
    prints.sort(key=lambda p: p[0])
    trade_ns, trade_price, side, qty = (np.array([p[k] for p in prints], np.int64) for k in range(4))
    lots: dict[tuple[int, int], int] = {}
    expected: dict[tuple[int, int], tuple[int, int, int]] = {}
    for now, price, taker, size in zip(*(c.tolist() for c in (trade_ns, trade_price + 100, side, qty)), strict=True):
        before = [i for i in range(4) if times[i] < now]
        if not before or taker == 0 or bids[before[-1]] == 0:
            continue
        bid, ask = int(bids[before[-1]]), int(asks[before[-1]])
        met, own = (ask, bid) if taker > 0 else (bid, ask)
        depth = (taker * (2 * price - bid - ask), taker * (price - met), taker * (price - own))
        lots[now, taker] = lots.get((now, taker), 0) + size
        expected[now, taker] = max(expected.get((now, taker), depth), depth)
    found = sweeps(times, bids, asks, trade_ns, trade_price + 100, side, qty)
    columns = (found.time_ns, found.side, found.from_mid, found.from_met, found.from_own)
    assert {(r[0], r[1]): r[2:] for r in zip(*(c.tolist() for c in columns), strict=True)} == expected
    assert found.lots.tolist() == [lots[key] for key in zip(found.time_ns.tolist(), found.side.tolist(), strict=True)]
    assert volume_clock(found.lots).tolist() == [sum(found.lots[:i]) for i in range(len(found.lots))]


def test_both_measures_from_the_mid_agree() -> None:
    rng = np.random.default_rng(0)
    times, trade_ns = np.arange(0, 1_000, 7), np.sort(rng.integers(1, 1_000, 300))
    bids = 10_000 + rng.integers(-3, 4, len(times))
    asks = bids + rng.integers(1, 4, len(times))
    side = rng.choice([1, -1], 300)
    at = np.searchsorted(times, trade_ns, "left") - 1
    price = np.where(side > 0, asks[at], bids[at]) + side * rng.integers(0, 9, 300)
    exact = sweeps(times, bids, asks, trade_ns, price, side, np.ones(300, np.int64))
    relative = market_orders(times, bids + asks, trade_ns, 1 * price, side)
    mid2 = (bids + asks)[np.searchsorted(times, exact.time_ns, "left") - 1]
    assert relative.inside == 0
    assert relative.depth == pytest.approx(1e4 * exact.from_mid / mid2)


def test_rates_without_a_form_count_what_reaches_each_edge() -> None:
    counts = counts_by_depth(np.array([0.5, 1.0, 1.4, 2.5, 60.0]), EDGES)
    assert counts.tolist() == [2, 0, 1, 0, 0, 0, 1]
    rates, errors = rates_by_depth(counts, 10.0)
    assert rates == pytest.approx([0.4, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1])
    assert errors == pytest.approx(np.sqrt([4, 2, 2, 1, 1, 1, 1]) / 10)


def test_with_equal_bins_the_maximum_is_the_closed_form() -> None:
    edges = Edges(0.7, 0.4, 9)
    counts = counts_by_depth(drawn("exponential", 2.0, 1.1, np.random.default_rng(1)), edges.values)
    k, A = fit_exponential(counts, np.array(SECONDS / 2), edges)
    curve = fit_curve(counts, SECONDS, edges.values, "exponential")
    assert [curve.k, curve.A] == pytest.approx([float(k), float(A)], rel=1e-6)


@pytest.mark.parametrize("family", ["exponential", "power"])
def test_a_general_optimiser_finds_the_same_maximum(family: str) -> None:
    counts = counts_by_depth(drawn(family, 1.5, 1.3, np.random.default_rng(2)), EDGES)

    def loss(at: np.ndarray) -> float:
        A, k = np.exp(at)
        reach = A * np.exp(-k * EDGES) if family == "exponential" else A * EDGES**-k
        means = SECONDS * -np.diff(reach, append=0.0)
        return float((means - counts * np.log(means)).sum())

    best = minimize(loss, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9})
    curve = fit_curve(counts, SECONDS, EDGES, family)
    assert [curve.A, curve.k] == pytest.approx(np.exp(best.x), rel=1e-5)
    assert curve.log_likelihood == pytest.approx(-best.fun, abs=1e-6)


@pytest.mark.parametrize("family", ["exponential", "power"])
def test_planted_parameters_are_recovered_within_their_errors(family: str) -> None:
    z = []
    for seed in range(200):
        counts = counts_by_depth(drawn(family, 0.8, 0.9, np.random.default_rng(seed)), EDGES)
        curve = fit_curve(counts, SECONDS, EDGES, family)
        z.append([(curve.A - 0.8) / curve.A_error, (curve.k - 0.9) / curve.k_error])
    assert np.abs(np.mean(z, axis=0)).max() < 0.3
    assert np.std(z, axis=0) == pytest.approx([1.0, 1.0], abs=0.15)


@pytest.mark.parametrize(("family", "other"), [("exponential", "power"), ("power", "exponential")])
def test_the_true_family_is_told_from_the_other(family: str, other: str) -> None:
    counts = counts_by_depth(drawn(family, 1.5, 1.2, np.random.default_rng(3)), EDGES)
    right, wrong = fit_curve(counts, SECONDS, EDGES, family), fit_curve(counts, SECONDS, EDGES, other)
    z, p_value = better_curve(counts, EDGES, right, wrong)
    assert z > 3
    assert p_value < 0.01
    assert better_curve(counts, EDGES, wrong, right)[0] == pytest.approx(-z)


def test_a_convex_vanishing_rate_passes_and_others_do_not() -> None:
    rng, rejected = np.random.default_rng(4), 0
    for _ in range(200):
        counts = counts_by_depth(drawn("exponential", 1.5, 0.8, rng), EDGES)
        rejected += shape(counts, EDGES).convexity_p_value < 0.05
    assert rejected <= 10
    good = shape(counts, EDGES)
    assert good.decreasing
    assert good.left == pytest.approx(math.exp(-0.8 * 9), abs=4 * good.left_error + 1e-3)
    humped = counts_by_depth(rng.normal(5.0, 1.0, 3_000), EDGES)
    assert shape(humped, EDGES).convexity_p_value < 1e-6
    assert not shape(np.array([50, 0, 20, 10, 5, 2, 1]), EDGES).decreasing
    heavy = shape(np.array([50, 10, 5, 5, 5, 5, 200]), EDGES)
    assert heavy.left - 3 * heavy.left_error > 0.5


def test_what_cannot_be_fitted_is_refused_by_name() -> None:
    counts = np.array([5, 3, 1])
    for edges in ([1.0, 1.0, 2.0], [1.0, 2.0], [0.0, 1.0, 2.0]):
        with pytest.raises(InputError, match="edges"):
            fit_curve(counts, 10.0, np.array(edges), "power")
    for bad in ([0, 0, 7], [7, 0, 0]):
        with pytest.raises(InputError, match="counts"):
            fit_curve(np.array(bad), 10.0, np.array([1.0, 2.0, 3.0]), "exponential")
    with pytest.raises(InputError, match="family"):
        fit_curve(counts, 10.0, np.array([1.0, 2.0, 3.0]), "other")
