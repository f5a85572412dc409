"""Order-flow and trade imbalance against their definitions, a stylised book, and planted impact."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.signals import imbalance
from quotewright.signals.least_squares import regress

LEVELS = st.tuples(st.integers(95, 105), st.integers(1, 9), st.integers(1, 4), st.integers(1, 9))
BOOKS = st.lists(st.tuples(LEVELS, LEVELS, st.booleans(), st.booleans()), min_size=1, max_size=40)


def arrays(books: list) -> tuple[np.ndarray, ...]:
    """Two levels a side; a flag that is off takes a side's second level away, or the whole bid side."""
    rows = []
    for (bid, bid_qty, gap, deep_qty), (_, ask_qty, wide, far_qty), bids_there, deep_there in books:
        ask = bid + wide
        bids = [bid, bid - gap] if bids_there else [0, 0]
        bid_qtys = [bid_qty, deep_qty] if bids_there else [0, 0]
        asks = [ask, ask + gap if deep_there else 0]
        rows.append((bids, bid_qtys, asks, [ask_qty, far_qty if deep_there else 0]))
    return tuple(np.array([row[k] for row in rows], np.int64) for k in range(4))


def definition(bids: np.ndarray, bid_qtys: np.ndarray, asks: np.ndarray, ask_qtys: np.ndarray) -> np.ndarray:
    """The four indicator terms of the paper, with an absent offer at infinity."""
    far = np.where(asks > 0, asks.astype(float), math.inf)
    e = np.zeros(bids.shape, np.int64)
    for n in range(1, len(bids)):
        e[n] += (bids[n] >= bids[n - 1]) * bid_qtys[n] - (bids[n] <= bids[n - 1]) * bid_qtys[n - 1]
        e[n] += (far[n] >= far[n - 1]) * ask_qtys[n - 1] - (far[n] <= far[n - 1]) * ask_qtys[n]
    return e


@given(BOOKS)
@settings(max_examples=60, deadline=None)
def test_order_flow_is_its_definition_in_one_piece_and_event_by_event(books: list) -> None:
    columns = arrays(books)
    whole = imbalance.order_flow(imbalance.order_flow_state(), *columns)
    assert whole.tolist() == definition(*columns).tolist()
    state = imbalance.order_flow_state()
    for i in range(len(books)):
        assert imbalance.order_flow(state, *(c[i : i + 1] for c in columns))[0].tolist() == whole[i].tolist()


@given(BOOKS)
@settings(max_examples=60, deadline=None)
def test_a_mirrored_book_flows_the_other_way(books: list) -> None:
    bids, bid_qtys, asks, ask_qtys = (c[:, :1] for c in arrays([(a, b, True, True) for a, b, _, _ in books]))
    there = imbalance.order_flow(imbalance.order_flow_state(), bids, bid_qtys, asks, ask_qtys)
    mirrored = imbalance.order_flow(imbalance.order_flow_state(), 1_000 - asks, ask_qtys, 1_000 - bids, bid_qtys)
    assert (there == -mirrored).all()


def test_at_unchanged_prices_order_flow_is_what_was_added_less_what_was_taken() -> None:
    bid_qtys, ask_qtys = np.array([[5], [9], [2], [2]]), np.array([[7], [7], [1], [8]])
    prices = np.full((4, 1), 100)
    flows = imbalance.order_flow(imbalance.order_flow_state(), prices, bid_qtys, prices + 1, ask_qtys)
    assert flows[:, 0].tolist() == [0, 4, -7 + 6, -7]


def test_a_stylised_book_moves_by_its_flow_over_twice_its_depth() -> None:
    """Every level holds D: the bid moves up when D more was added than taken; so does the ask."""
    depth, rng = 200, np.random.default_rng(2)
    change = rng.integers(-2, 3, (100_000, 2)) + rng.integers(-1, 2, (200, 1)).repeat(500, axis=0)
    up = np.cumsum(change, axis=0) + 10**7  # lots below the ends of each queue
    bids, bid_qtys = 1 + up[:, 0] // depth, 1 + up[:, 0] % depth
    asks, ask_qtys = 2 + 10**6 + up[:, 1] // depth, depth - up[:, 1] % depth
    flows = imbalance.order_flow(
        imbalance.order_flow_state(), bids[:, None], bid_qtys[:, None], asks[:, None], ask_qtys[:, None]
    )
    times = np.arange(len(bids))
    edges = np.arange(0, 100_001, 500)
    totals = imbalance.sums_by_interval(times, flows[:, 0], edges)
    mid = (bids + asks) / 2
    last = np.append(mid[0], mid[edges[1:] - 1])
    impact = imbalance.flow_impact(np.diff(last), totals)
    assert impact.coefficients[1] == pytest.approx(1 / (2 * depth), rel=0.02)
    assert impact.r_squared > 0.97


@given(
    st.lists(
        st.tuples(st.integers(0, 3_000), st.sampled_from([1, -1, 0]), st.integers(1, 50)), min_size=1, max_size=40
    ),
    st.integers(1, 2_000),
)
@settings(max_examples=60, deadline=None)
def test_trade_imbalance_is_its_definition_in_one_piece_and_event_by_event(trades: list, half_life: int) -> None:
    times = np.cumsum([t for t, _, _ in trades]) + 10**18
    sides, qtys = np.array([s for _, s, _ in trades]), np.array([q for _, _, q in trades])
    whole = imbalance.trade_flow(imbalance.trade_flow_state(), times, sides, qtys, half_life)
    state = imbalance.trade_flow_state()
    for i, now in enumerate(times):
        weights = 0.5 ** ((now - times[: i + 1]) / half_life) * qtys[: i + 1]
        both = weights[sides[: i + 1] != 0].sum()
        expected = (weights * sides[: i + 1]).sum() / both if both > 1e-300 else 0.0
        assert whole[i] == pytest.approx(expected, abs=1e-9)
        one = imbalance.trade_flow(state, times[i : i + 1], sides[i : i + 1], qtys[i : i + 1], half_life)
        assert one[0] == whole[i]


def test_sums_by_interval_take_every_event_once() -> None:
    times, values = np.array([0, 5, 10, 10, 19, 20]), np.array([1, 2, 4, 8, 16, 32])
    assert imbalance.sums_by_interval(times, values, np.array([0, 10, 20, 30])).tolist() == [3, 28, 32]


def test_queue_imbalance_of_equal_one_sided_and_empty_queues() -> None:
    assert imbalance.queue_imbalance(np.array([3, 3, 0, 0]), np.array([3, 0, 4, 0])).tolist() == [0, 1, -1, 0]


@pytest.mark.parametrize("lags", [0, 8])
def test_planted_impact_is_recovered_within_its_errors(lags: int) -> None:
    """Noise that grows with flow and, with lags, an autocorrelated one of an autocorrelated flow."""
    z = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        flow, noise = rng.normal(size=(2, 600))
        if lags:
            flow, noise = (np.convolve(v, [1, 0.8, 0.6, 0.4], "same") for v in (flow, noise))
        impact = imbalance.flow_impact(0.3 + 0.02 * flow + noise * (0.05 + 0.05 * np.abs(flow)), flow, lags)
        z.append((impact.coefficients - [0.3, 0.02]) / impact.errors)
    assert np.abs(np.mean(z, axis=0)).max() < 0.25
    assert np.std(z, axis=0) == pytest.approx([1.0, 1.0], abs=0.2)


def test_least_squares_is_numpy_s() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 3)), rng.normal(size=50)
    found = regress(y, x)
    expected = np.linalg.lstsq(np.column_stack([np.ones(50), x]), y, rcond=None)[0]
    assert found.coefficients == pytest.approx(expected)
    assert found.r_squared == pytest.approx(1 - np.var(y - np.column_stack([np.ones(50), x]) @ expected) / np.var(y))


def test_least_squares_does_not_mind_the_unit_of_lots() -> None:
    rng = np.random.default_rng(1)
    x = np.column_stack([rng.normal(5.0, 1.0, 80), rng.normal(size=80)])
    y = 1 + x @ [2.0, -1.0] + rng.normal(size=80)
    unit = np.array([1e11, 1e-7])
    plain, scaled = regress(y, x, 3), regress(y, x * unit, 3)
    assert scaled.coefficients[1:] * unit == pytest.approx(plain.coefficients[1:])
    assert scaled.errors[1:] * unit == pytest.approx(plain.errors[1:])
    assert scaled.errors[0] == pytest.approx(plain.errors[0])


def test_what_makes_no_sense_is_refused_by_name() -> None:
    one = np.ones((3, 1), np.int64)
    with pytest.raises(InputError, match="books"):
        imbalance.order_flow(imbalance.order_flow_state(), one, one, one, np.ones((2, 1), np.int64))
    with pytest.raises(InputError, match="half_life_ns"):
        imbalance.trade_flow(imbalance.trade_flow_state(), one[:, 0], one[:, 0], one[:, 0], 0)
    with pytest.raises(InputError, match="vary"):
        regress(np.arange(5.0), np.full(5, 0.1))
    with pytest.raises(InputError, match="observations"):
        regress(np.arange(2.0), np.arange(2.0))
