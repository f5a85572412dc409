"""The blocks of the composed quoter one by one, against closed forms, limits and independent searches."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from quotewright.domain.kernel import INTERPRETED, kernel
from quotewright.features.slots import NAMES
from quotewright.research.optimal_quotes import asymptotic_depths
from quotewright.signals.queue_value import QueueModel, queue_value
from quotewright.signals.stress import HALT, SHRINK, WIDEN
from quotewright.strategies import fair_price as fair_block
from quotewright.strategies import half_spread, modes, queueing, size, skew, utility

NAN = math.nan


def plain(function: Any) -> Any:
    """A block as plain Python with the rest of its module as plain Python: what interpreted mode runs."""
    return function if INTERPRETED else function.py_func


def interpreted(module: Any) -> SimpleNamespace:
    """A module's subkernels calling each other without the compiler."""
    space = dict(vars(module))
    for name, value in list(space.items()):
        if hasattr(value, "py_func"):
            source = value.py_func
            space[name] = type(source)(source.__code__, space, name, source.__defaults__, source.__closure__)
    return SimpleNamespace(**space)


def features(**given: float) -> Any:
    values = np.full(len(NAMES), NAN)
    for name, value in given.items():
        values[NAMES.index(name.lower())] = value
    return values


# Utility.


def test_cara_is_constant_and_the_others_meet_it() -> None:
    aversion = plain(utility.risk_aversion)
    for gain in (-500.0, 0.0, 800.0):
        assert aversion(utility.CARA, 0.3, 7.0, 100.0, gain) == 0.3
        assert aversion(utility.HARA, 0.3, 0.0, 100.0, gain) == 0.3  # slope 0
        crra = aversion(utility.CRRA, 0.3, 0.0, 1_000.0, gain)
        assert crra == pytest.approx(0.3 * 1_000.0 / (1_000.0 + gain))  # γW₀/W
        assert aversion(utility.HARA, 0.3, 1 / (0.3 * 1_000.0), 1_000.0, gain) == pytest.approx(crra)
        assert aversion(utility.CRRA, 0.3, 0.0, 1e15, gain) == pytest.approx(0.3)  # the rich do not notice
    ruined = aversion(utility.CRRA, 0.3, 0.0, 1_000.0, -5_000.0)
    assert ruined == pytest.approx(0.3 * utility.BOUND)


def test_risk_aversion_is_that_of_the_utility_functions() -> None:
    """−U″/U′ by finite differences of U = W^(1 − η)/(1 − η), η = γW₀."""
    gamma, start, step = 0.002, 1_000.0, 0.5
    eta = gamma * start

    def worth(wealth: float) -> float:
        return wealth ** (1 - eta) / (1 - eta)

    for gain in (-300.0, 0.0, 400.0):
        w = start + gain
        first = (worth(w + step) - worth(w - step)) / (2 * step)
        second = (worth(w + step) - 2 * worth(w) + worth(w - step)) / step**2
        found = plain(utility.risk_aversion)(utility.CRRA, gamma, 0.0, start, gain)
        assert found == pytest.approx(-second / first, rel=1e-4)


def test_wealth_follows_inventory_fills_and_fees() -> None:
    memory = np.zeros(8)
    mark = plain(utility.mark_to_mid)
    lots = 5  # an order
    assert mark(memory, 0.0, lots, 100.0, 1.0) == 0.0
    memory[utility.BID], memory[utility.ASK] = 99.0, 101.0
    assert mark(memory, 10.0, lots, 100.0, 1.0) == pytest.approx(
        2 * 100.0 - 2 * 1.0
    )  # 2 orders at 99, 100 bp, fee 1 bp
    assert mark(memory, 10.0, lots, 101.0, 1.0) == pytest.approx(198.0 + 2 / 101 * 1e4)
    before = memory[utility.GAIN]
    assert mark(memory, 5.0, lots, 101.0, 0.0) == pytest.approx(before)  # sold at the mid: nothing made


def test_an_order_of_other_lots_makes_no_profit() -> None:
    memory = np.zeros(8)
    mark = plain(utility.mark_to_mid)
    mark(memory, 40.0, 10, 100.0, 1.0)
    memory[utility.BID], memory[utility.ASK] = 99.0, 101.0
    assert {mark(memory, 40.0, 10 + flicker % 2, 100.0, 1.0) for flicker in range(9)} == {0.0}


# Half-spread.


@pytest.mark.parametrize("form", [half_spread.EXPONENTIAL, half_spread.POWER])
@pytest.mark.parametrize("gamma", [1e-6, 0.05, 2.0])
@pytest.mark.parametrize(("k", "cost"), [(1.5, 0.4), (3.0, 0.1), (8.0, 2.0)])
def test_best_depth_is_the_only_peak_of_the_expected_gain(form: int, gamma: float, k: float, cost: float) -> None:
    block = interpreted(half_spread)
    found = block.best_depth(form, gamma, k, cost, 1e-6)

    def gain(depth: float) -> float:
        flow = math.exp(-k * depth) if form == half_spread.EXPONENTIAL else depth**-k
        return flow * -math.expm1(-gamma * (depth - cost)) / gamma

    assert found.inside
    searched = minimize_scalar(lambda d: -gain(d), bounds=(cost, cost + 20 * (1 + cost)), options={"xatol": 1e-10})
    assert found.depth == pytest.approx(searched.x, rel=1e-4)
    depths = cost + np.geomspace(1e-3, 50, 2_000)
    slopes = np.sign(np.diff([gain(d) for d in depths]))
    assert (np.diff(slopes[slopes != 0]) != 0).sum() <= 1  # up, then down: one peak


def test_best_depth_in_closed_form_without_aversion() -> None:
    block = interpreted(half_spread)
    assert block.best_depth(half_spread.EXPONENTIAL, 1e-6, 2.0, 0.3, 0.0).depth == pytest.approx(0.8, rel=1e-5)
    assert block.best_depth(half_spread.POWER, 1e-6, 3.0, 0.3, 0.0).depth == pytest.approx(0.45, rel=1e-5)  # ck/(k−1)


def test_a_power_law_without_cost_is_quoted_where_its_fit_begins() -> None:
    found = interpreted(half_spread).best_depth(half_spread.POWER, 0.1, 2.0, 0.0, 0.7)
    assert found == (0.7, False)


def test_a_flat_power_law_has_a_peak_without_cost_too() -> None:
    """For k < 1 near trades come too seldom to make up for their small gain."""
    k, gamma = 0.6, 0.5
    found = interpreted(half_spread).best_depth(half_spread.POWER, gamma, k, 0.0, 1e-6)
    searched = minimize_scalar(lambda d: d**-k * math.expm1(-gamma * d), bounds=(1e-6, 50.0), options={"xatol": 1e-10})
    assert found.inside
    assert found.depth == pytest.approx(searched.x, rel=1e-4)


@pytest.mark.parametrize(("sigma", "k", "A", "gamma"), [(0.3, 0.3, 0.9, 0.01), (1.2, 1.5, 0.55, 0.2)])
def test_width_and_lean_are_glfts_and_a_fee_shifts_them(sigma: float, k: float, A: float, gamma: float) -> None:
    block = interpreted(half_spread)
    found = block.width(half_spread.EXPONENTIAL, gamma, sigma, k, A, 0.0, 0.1)
    for q in (-3.0, 0.0, 2.0):
        bid, ask = asymptotic_depths(q, sigma=sigma, A=A, k=k, gamma=gamma)
        assert found.half + q * found.lean == pytest.approx(bid, rel=1e-12)
        assert found.half - q * found.lean == pytest.approx(ask, rel=1e-12)
    fee = 0.7
    shifted = block.width(half_spread.EXPONENTIAL, gamma, sigma, k, A, fee, 0.1)
    less_flow = block.width(half_spread.EXPONENTIAL, gamma, sigma, k, A * math.exp(-k * fee), 0.0, 0.1)
    assert shifted.half == pytest.approx(less_flow.half + fee)
    assert shifted.lean == pytest.approx(less_flow.lean)


def test_volatility_falls_back_and_is_bounded() -> None:
    measure = plain(half_spread.volatility)
    assert measure(2.0, 0.7, NAN) == 2.0
    assert measure(2.0, 0.0, 9.0) == 2.0
    assert measure(2.0, 1.0, 9.0) == 9.0
    assert measure(2.0, 1.0, 1e9) == 20.0
    assert measure(2.0, 0.5, 4.0) == pytest.approx(math.sqrt(10.0))


def test_fill_probability_and_dear_fees() -> None:
    chance = plain(half_spread.fill_probability)
    assert chance(half_spread.EXPONENTIAL, 2.0, 3.0, 0.5, 4.0) == pytest.approx(1 - math.exp(-12 * math.exp(-1)))
    assert chance(half_spread.POWER, 2.0, 3.0, 0.5, 0.1) == pytest.approx(1 - math.exp(-1.2))
    dear = plain(half_spread.fee_too_high)
    assert not dear(1.0, 0.0, 5.0)  # no fee is never too high
    assert not dear(1.0, 0.4, 0.5)
    assert dear(1.0, 0.6, 0.5)


# Fair price, skew, size, modes.


def test_fair_price_blends_what_is_known_within_its_reach() -> None:
    blend = plain(fair_block.fair_price)
    weights = np.array([0.5, 1.0, 0.0, 0.25])
    seen = features(WEIGHTED_MID=0.4, MICROPRICE=-0.1, DEPTH=50.0, KALMAN=0.8)
    assert blend(seen, weights, 2.0, 10.0) == pytest.approx((0.3, 0.9))
    assert blend(features(WEIGHTED_MID=0.4), weights, 2.0, 10.0) == pytest.approx((0.2, 0.0))
    assert blend(features(), weights, 2.0, 10.0) == (0.0, 0.0)
    assert blend(seen * 100, weights, 2.0, 1.0).offset == 1.0


def test_signals_are_bounded_one_by_one_and_together() -> None:
    shift = plain(skew.signal_skew)
    weights = np.array([1.0, 2.0, 0.0, 0.0, 3.0])
    assert shift(features(), weights, 0.0, 10.0) == 0.0
    assert shift(features(QUEUE_IMBALANCE=0.5, SKEW=-0.25), weights, 0.0, 10.0) == 0.0
    assert shift(features(ORDER_FLOW=skew.USUAL_FLOW), weights, 0.0, 10.0) == pytest.approx(3 * math.tanh(1))
    assert shift(features(QUEUE_IMBALANCE=99.0), weights, 0.0, 10.0) == 1.0
    assert shift(features(QUEUE_IMBALANCE=1.0, SKEW=1.0, ORDER_FLOW=1e9), weights, 0.0, 4.0) == 4.0
    assert shift(features(QUEUE_IMBALANCE=0.5), weights, -2.0, 10.0) == -1.5
    assert shift(features(), weights, -1e9, 4.0) == -4.0
    assert plain(skew.inventory_skew)(3.0, 1.0, 0.5) == -1.0


def test_a_model_and_a_view_that_are_not_known_count_nothing() -> None:
    modelled, wanted = plain(skew.modelled_skew), plain(skew.wanted_inventory)
    assert modelled(0.75, 0.5, 8.0) == 2.0
    assert [modelled(answer, 0.5, 8.0) for answer in (NAN, math.inf, 0.5)] == [0.0, 0.0, 0.0]
    assert wanted(1.0, -2.0, 1.5, 10.0) == -2.0
    assert [wanted(1.0, view, 1.5, 10.0) for view in (NAN, math.inf)] == [1.0, 1.0]
    assert [wanted(1.0, view, 1.5, 10.0) for view in (99.0, -99.0)] == [10.0, -10.0]


def test_size_shrinks_with_doubt_depth_and_chance() -> None:
    assert plain(size.confidence)(0.0, 2.0, 5.0) == 1.0
    assert plain(size.confidence)(2.0, 2.0, 1.0) == 0.5
    sized = plain(size.quote_size)
    assert sized(10, 1.0, 3.0, 0.0, 0.1, 0.0) == 10
    assert sized(10, 1.0, 12.0, 0.5, 1.0, 0.0) == 6
    assert sized(10, 1.0, 12.0, 0.0, 0.25, 0.5) == 5
    assert sized(1, 0.4, 12.0, 0.0, 1.0, 0.0) == 0


def test_modes_multiply_and_unknown_is_not_calm() -> None:
    sets = np.array([1.5, 0.5, 2.0, 0.8, 3.0, 0.25, 4.0, 0.1])
    choose = plain(modes.mode)
    assert choose(0.0, 0.0, 1, sets, 2.0, 0.5) == (False, 1, 1, 1, 1)
    assert choose(1.0, 0.0, 1, sets, 2.0, 0.5) == (False, 1.5, 0.5, 2, 0.8)
    assert choose(2.0, float(WIDEN | SHRINK), 1, sets, 2.0, 0.5) == (False, 6.0, 0.125, 4, 0.1)
    assert choose(0.0, float(HALT), 1, sets, 2.0, 0.5).halted
    assert not choose(0.0, float(HALT), 0, sets, 2.0, 0.5).halted
    for regime in (NAN, -1.0):
        assert choose(regime, NAN, 1, sets, 2.0, 0.5) == (False, 3.0, 0.25, 2, 0.8)


# Queue.


def test_the_tables_are_those_of_the_queue_model_with_trades_of_one_size() -> None:
    fill, adverse = np.zeros(queueing.PLACES), np.zeros(queueing.PLACES)
    plain(queueing.solve_places)(fill, adverse, 0.7, 0.05, 0.2, 1.5, 0.1)
    wanted = queue_value(QueueModel(0.7, 0.05, 0.2, 0.1, 1.5, np.array([1.0])), queueing.PLACES - 1)
    np.testing.assert_allclose(fill, wanted.fill, rtol=1e-12)
    np.testing.assert_allclose(adverse, wanted.adverse, rtol=1e-12)


@kernel
def places(fill: Any, adverse: Any, cases: Any, mine: Any, out: Any) -> None:
    for i in range(len(cases)):
        wish, centre, lots, wide = cases[i]
        out[i] = queueing.place(fill, adverse, mine, 1, wish, centre, 100.0, lots, wide, 1.0)


def test_joins_improves_or_stands_behind_by_the_value_of_the_place() -> None:
    fill, adverse = np.zeros(queueing.PLACES), np.zeros(queueing.PLACES)
    plain(queueing.solve_places)(fill, adverse, 1.0, 0.01, 0.3, 2.0, 0.0)
    model = queue_value(QueueModel(1.0, 0.01, 0.3, 0.0, 2.0, np.array([1.0])), queueing.PLACES - 1)
    rng = np.random.default_rng(3)
    cases = np.stack(
        [rng.uniform(97, 104, 300), rng.uniform(99, 106, 300), rng.integers(0, 50, 300), rng.integers(1, 6, 300)], 1
    ).astype(np.float64)
    out = np.zeros(len(cases))
    places(fill, adverse, cases, np.zeros(2), out)
    seen = set()
    for (wish, centre, lots, wide), price in zip(cases, out, strict=True):
        if wish < 100:
            assert price == wish
            continue
        edge = centre - 100
        join = float(model.value(int(lots), edge))
        improve = float(model.value(0, edge - 1)) if wide >= 2 else -math.inf
        best = 101.0 if improve > max(join, 0) and wish >= 101 else (100.0 if max(join, improve) > 0 else 99.0)
        assert price == best
        seen.add(price)
    assert seen == {99.0, 100.0, 101.0}


def test_a_good_place_is_kept_while_the_wish_is_near() -> None:
    mine = np.zeros(2)
    plain(queueing.note_place)(mine, 100.0, 100.0, 30.0)
    plain(queueing.note_place)(mine, 100.0, 100.0, 12.0)
    plain(queueing.note_place)(mine, 100.0, 100.0, 40.0)  # those came behind us
    assert mine[queueing.AHEAD] == 12.0
    assert plain(queueing.stay)(mine, 1, 101.0, 1.0) == 100.0
    assert plain(queueing.stay)(mine, 1, 101.5, 1.0) == 101.5
    plain(queueing.note_place)(mine, 0.0, 100.0, 40.0)
    assert plain(queueing.stay)(mine, 1, 0.5, 1.0) == 0.5
