"""What the composed quoter promises whatever the market: properties, the closed form it becomes, its switches."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.kernel import as_records
from quotewright.domain.quotes import TARGET, VIEW
from quotewright.domain.strategy import MEMORY_BYTES
from quotewright.engine.functions import compile_decision
from quotewright.features.slots import NAMES
from quotewright.signals.stress import HALT, SHRINK, WIDEN
from quotewright.strategies.catalogue import CATALOGUE

COMPOSED = CATALOGUE["composed"]
SIGNALS = {
    "fair_weighted": 0.3,
    "fair_kalman": 0.2,
    "signal_queue": 0.4,
    "signal_skew": -0.3,
    "signal_average": 0.2,
    "signal_trades": 0.1,
    "signal_flow": 0.2,
}

Quotes = tuple[list[tuple[int, int]], list[tuple[int, int]]]


@lru_cache(maxsize=8)
def compiled(name: str) -> Any:
    return compile_decision(CATALOGUE[name])


def view_of(inventory: float = 0.0, mid2: int = 200_000, spread: int = 2, **readings: float) -> Any:
    """A market at 10,000 with ticks of 0.1, 0.1 bp, in lots of 1: an order is 1,000 lots."""
    view = np.zeros(1, VIEW)
    bid = (mid2 - spread) // 2
    given = {"bid": bid, "ask": bid + spread, "bid_qty": 500, "ask_qty": 500, "tick": 0.1, "lot": 0.001}
    for field, value in {**given, "lot_value": 1.0, "inventory": inventory, "mid": (bid + spread / 2) * 0.1}.items():
        view[0][field] = value
    view[0]["features"] = math.nan
    for name, value in readings.items():
        view[0]["features"][NAMES.index(name)] = value
    return view


def quotes(view: Any, memory: Any = None, name: str = "composed", **params: float) -> Quotes:
    target = np.zeros(1, TARGET)
    memory = np.zeros(MEMORY_BYTES // 8) if memory is None else memory
    compiled(name)(as_records(view)[0], CATALOGUE[name].bind(params), memory, as_records(target)[0])
    row = target[0]
    return (
        [(int(row["bid_price"][i]), int(row["bid_qty"][i])) for i in range(row["bids"])],
        [(int(row["ask_price"][i]), int(row["ask_qty"][i])) for i in range(row["asks"])],
    )


readings = st.fixed_dictionaries(
    {},
    optional={
        "weighted_mid": st.floats(-50, 50),
        "kalman": st.floats(-50, 50),
        "queue_imbalance": st.floats(-1, 1),
        "skew": st.floats(-1, 1),
        "average_skew": st.floats(-1, 1),
        "trade_flow": st.floats(-1, 1),
        "order_flow": st.floats(-1e6, 1e6) | st.just(math.inf),
        "vpin": st.floats(0, 1),
        "volatility": st.floats(0, 1e4) | st.just(math.inf),
        "regime": st.sampled_from([-1.0, 0.0, 1.0, 2.0]),
        "stress": st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0]),
    },
)
switches = st.fixed_dictionaries(
    {
        "gamma": st.sampled_from([1e-4, 0.05, 3.0]),
        "form": st.sampled_from([0.0, 1.0]),
        "k": st.sampled_from([0.3, 1.5, 20.0]),
        "utility": st.sampled_from([0.0, 1.0, 2.0]),
        "slope": st.sampled_from([0.0, 5.0]),
        "fee": st.sampled_from([-0.5, 0.0, 0.4]),
        "dear": st.sampled_from([0.0, 1.0]),
        "measured": st.sampled_from([0.0, 1.0]),
        "toxicity": st.sampled_from([0.0, 1.0]),
        "queue": st.sampled_from([0.0, 1.0]),
        "doubt": st.sampled_from([0.0, 1.0]),
        "fill_power": st.sampled_from([0.0, 0.5]),
        "heed_stress": st.sampled_from([0.0, 1.0]),
        "max_inventory": st.just(5.0),
    }
)


@settings(max_examples=300, deadline=None)
@given(seen=readings, params=switches, held=st.floats(-6e3, 6e3), spread=st.integers(1, 40))
def test_never_crosses_and_never_beyond_the_most_inventory(seen: Any, params: Any, held: float, spread: int) -> None:
    view = view_of(held, spread=spread, **seen)
    bids, asks = quotes(view, **SIGNALS, **params)
    for price, lots in bids:
        assert 1 <= price < view[0]["ask"]
        assert held + lots <= 5_000
    for price, lots in asks:
        assert price > view[0]["bid"]
        assert held - lots >= -5_000
    if bids and asks:
        assert bids[0][0] < asks[0][0]


@settings(max_examples=200, deadline=None)
@given(seen=readings, params=switches, one=st.floats(-4e3, 4e3), other=st.floats(-4e3, 4e3))
def test_quotes_fall_as_inventory_grows(seen: Any, params: Any, one: float, other: float) -> None:
    low, high = (quotes(view_of(held, **seen), **SIGNALS, **params) for held in sorted((one, other)))
    for side in range(2):
        if low[side] and high[side]:
            assert high[side][0][0] <= low[side][0][0]


@settings(max_examples=150, deadline=None)
@given(params=switches, spread=st.integers(1, 10), vpin=st.floats(0, 1), regime=st.sampled_from([0.0, 1.0, 2.0]))
def test_a_symmetric_market_without_inventory_has_symmetric_quotes(
    params: Any, spread: int, vpin: float, regime: float
) -> None:
    even = {"weighted_mid": 0.0, "kalman": 0.0, "queue_imbalance": 0.0, "skew": 0.0, "order_flow": 0.0}
    view = view_of(spread=spread, vpin=vpin, regime=regime, stress=0.0, **even)
    bids, asks = quotes(view, **SIGNALS, **params)
    middle = int(view[0]["bid"] + view[0]["ask"])
    within = [(price, lots) for price, lots in asks if price < middle]  # the mirror of the others is below 0
    assert [(middle - price, lots) for price, lots in bids] == within


@settings(max_examples=150, deadline=None)
@given(params=switches, held=st.floats(-4e3, 4e3))
def test_without_features_it_quotes_around_the_mid_wider_and_smaller(params: Any, held: float) -> None:
    blind = {**params, "heed_stress": 1.0, "queue": 0.0, "fill_power": 0.0, "toxicity": 0.0}
    known = {**blind, "heed_stress": 0.0}
    bids, asks = quotes(view_of(held), **SIGNALS, **blind)
    without = quotes(view_of(held), **known)  # no weights: the mid
    assert quotes(view_of(held), **SIGNALS, **known) == without
    for mine, plain, side in ((bids, without[0], 1), (asks, without[1], -1)):
        if mine and plain:
            assert side * (plain[0][0] - mine[0][0]) >= 0
            assert mine[0][1] <= plain[0][1]


@pytest.mark.parametrize("q", [-3_000.0, -250.0, 0.0, 1_000.0, 4_000.0])
@pytest.mark.parametrize("params", [{}, {"sigma": 1.2, "k": 1.5, "A": 0.55, "gamma": 0.2}, {"gamma": 2.0, "k": 0.4}])
def test_with_everything_off_it_is_glft(q: float, params: dict[str, float]) -> None:
    found = quotes(view_of(q, stress=0.0, regime=0.0), **params)
    assert found == quotes(view_of(q), name="glft", **params)
    for utility in ({"utility": 1.0, "wealth": 1e9}, {"utility": 2.0, "slope": 0.0}):
        assert quotes(view_of(q, stress=0.0, regime=0.0), **params, **utility) == found


def test_losses_make_crra_lean_harder_and_leave_cara() -> None:
    def after_a_fall(utility: float) -> Quotes:
        memory = np.zeros(MEMORY_BYTES // 8)
        params = {"utility": utility, "wealth": 0.1, "gamma": 0.05, "sigma": 4.0, "heed_stress": 0.0}
        quotes(view_of(2_000.0), memory, **params)
        return quotes(view_of(2_000.0, mid2=199_000), memory, **params)  # 2 orders × 50 bp lost of 1,000

    assert after_a_fall(1.0)[0][0][0] < after_a_fall(0.0)[0][0][0]


def test_a_fee_too_high_is_quoted_wider_or_not_at_all() -> None:
    calm = {"stress": 0.0, "regime": 0.0}
    given = {"k": 2.0, "gamma": 0.001, "sigma": 0.1}  # best depth 0.5 bp
    free, _ = quotes(view_of(**calm), **given)
    wider, _ = quotes(view_of(**calm), **given, fee=0.6)
    assert free[0][0] - wider[0][0] == pytest.approx(6, abs=1)  # 0.6 bp of 0.1 bp ticks
    assert quotes(view_of(**calm), **given, fee=0.6, dear=1.0) == ([], [])
    assert quotes(view_of(**calm), **given, fee=0.3, dear=1.0)[0]
    assert quotes(view_of(**calm), **given, fee=0.3, dear=1.0, least_edge=0.3) == ([], [])


def test_regime_and_stress_switch_the_parameters() -> None:
    base = quotes(view_of(stress=0.0, regime=0.0))
    turbulent = {"turbulent_width": 3.0, "turbulent_size": 0.5}
    assert quotes(view_of(stress=0.0, regime=0.0), **turbulent) == base
    wide = quotes(view_of(stress=0.0, regime=2.0), **turbulent)
    assert 100_000 - wide[0][0][0] == pytest.approx(3 * (100_000 - base[0][0][0]), abs=3)
    assert wide[0][0][1] == 500
    assert quotes(view_of(stress=float(HALT), regime=0.0)) == ([], [])
    assert quotes(view_of(stress=float(HALT), regime=0.0), heed_stress=0.0) == base
    assert quotes(view_of(stress=float(WIDEN), regime=0.0))[0][0][0] < base[0][0][0]
    assert quotes(view_of(stress=float(SHRINK), regime=0.0))[0][0] == (base[0][0][0], base[0][0][1] // 2)


def test_inventory_wanted_is_where_quotes_are_even() -> None:
    given = {"stress": 0.0, "regime": 0.0}
    assert quotes(view_of(2_000.0, **given), target=2.0) == quotes(view_of(0.0, **given))


def test_a_quote_within_tolerance_stays_and_another_moves() -> None:
    memory = np.zeros(MEMORY_BYTES // 8)
    calm = {"stress": 0.0, "regime": 0.0}
    first = quotes(view_of(**calm), memory, keep=3.0)
    assert quotes(view_of(mid2=200_004, **calm), memory, keep=3.0) == first
    for _ in range(3):  # an ask that wants to stand where our bid is moves it
        bids, asks = quotes(view_of(-4_000.0, mid2=199_998, **calm), memory, keep=50.0, k=20.0)
        assert bids[0][0] < asks[0][0]
    memory[:] = 0
    assert quotes(view_of(**calm), memory, keep=3.0) == first
    moved = quotes(view_of(mid2=200_040, **calm), memory, keep=3.0)
    assert moved[0][0][0] == first[0][0][0] + 20


def test_the_queue_block_joins_or_improves_the_touch() -> None:
    """A wish deep inside a wide spread: a tick of priority is bought where the queue ahead is long, else it joins."""
    given = {"k": 50.0, "gamma": 0.01, "sigma": 0.01, "queue": 1.0, "queue_unit": 10.0, "heed_stress": 0.0}
    wide = view_of(spread=40)
    long_queue, _ = quotes(wide, **given, queue_trades=0.1, queue_cancels=0.0, queue_jumps=0.5, queue_jump=20.0)
    assert long_queue[0][0] == wide[0]["bid"] + 1
    wide[0]["bid_qty"] = 0
    alone, _ = quotes(wide, **given, queue_trades=1.0, queue_cancels=1.0, queue_jumps=0.1)
    assert alone[0][0] == wide[0]["bid"]
    _, dear = quotes(view_of(spread=2), **given, queue_jumps=5.0, queue_jump=50.0)
    assert dear[0][0] == 100_002  # not worth having at the touch: one behind


def test_hardly_a_chance_of_a_fill_is_no_quote() -> None:
    calm = {"stress": 0.0, "regime": 0.0}
    assert quotes(view_of(**calm), A=0.1, least_fill=0.5) == ([], [])
