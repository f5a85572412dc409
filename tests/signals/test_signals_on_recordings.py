"""The estimators on a real perpetual: what is known of order flow shows, and errors are of a sensible size."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from quotewright.signals import hawkes
from quotewright.signals.arrivals import counts_by_depth, fit_curve, shape
from quotewright.signals.fates import fates, probes
from quotewright.signals.imbalance import flow_impact, order_flow, order_flow_state, sums_by_interval
from quotewright.signals.kyle import price_impact
from quotewright.signals.market_orders import Sweeps, sweeps, volume_clock
from quotewright.signals.survival import fill_table, fit_hazard

SECOND = 10**9
SCALES = (("b", 100), ("B", 1_000), ("a", 100), ("A", 1_000))  # ticks of a cent, lots of a thousandth


class Tape(NamedTuple):
    touch: np.ndarray  # time, bid, bid lots, ask, ask lots
    prints: np.ndarray  # time, price, lots, taker's side
    orders: Sweeps
    seconds: float


@pytest.fixture(scope="module")
def tape(shared_data: Path) -> Tape:
    """ETHUSDT, 345 s, both by the venue's transaction time."""
    touch, prints = [], []
    with gzip.open(shared_data / "tick/binance_ws/usdm_ethusdt_20240808.gz", "rt") as lines:
        for line in lines:
            if "bookTicker" in line:
                told = json.loads(line.split(" ", 1)[1])["data"]
                touch.append([told["T"] * 1e6, *(float(told[k]) * f for k, f in SCALES)])
            elif "@trade" in line:
                told = json.loads(line.split(" ", 1)[1])["data"]
                if told["X"] == "MARKET":
                    prints.append([told["T"] * 1e6, float(told["p"]) * 100, float(told["q"]) * 1e3, 1 - 2 * told["m"]])
    quotes, trades = (np.rint(np.array(rows)).astype(np.int64) for rows in (touch, prints))
    quotes, trades = (rows[np.argsort(rows[:, 0], kind="stable")] for rows in (quotes, trades))
    orders = sweeps(quotes[:, 0], quotes[:, 1], quotes[:, 3], trades[:, 0], trades[:, 1], trades[:, 3], trades[:, 2])
    return Tape(quotes, trades, orders, (quotes[-1, 0] - quotes[0, 0]) / SECOND)


def test_order_flow_explains_more_than_trades(tape: Tape) -> None:
    """As Cont, Kukanov & Stoikov (2014) found: R² about twice that of trade imbalance."""
    quotes = tape.touch
    flow = order_flow(order_flow_state(), *(quotes[:, [k]] for k in (1, 2, 3, 4)))[:, 0]
    edges = np.arange(quotes[0, 0], quotes[-1, 0], SECOND)
    mid = (quotes[:, 1] + quotes[:, 3]) / 2
    change = np.diff(mid[np.maximum(np.searchsorted(quotes[:, 0], edges, "left") - 1, 0)])
    by_flow = flow_impact(change, sums_by_interval(quotes[:, 0], flow, edges), lags=5)
    signed = sums_by_interval(tape.prints[:, 0], tape.prints[:, 2] * tape.prints[:, 3], edges)
    by_trades = price_impact(change, signed, lags=5)
    assert by_flow.coefficients[1] > 5 * by_flow.errors[1]
    assert by_trades.coefficients[1] > 3 * by_trades.errors[1]
    assert by_flow.r_squared > 1.3 * by_trades.r_squared > 0.1


def test_takers_come_in_clusters_by_side(tape: Tape) -> None:
    at = (tape.orders.time_ns - tape.touch[0, 0]) / SECOND
    inside = (at >= 0) & (at <= tape.seconds)
    sides = (tape.orders.side[inside] < 0).astype(np.int64)
    fit = hawkes.fit(at[inside], sides, tape.seconds, "symmetric", kinds=2)
    assert fit.converged
    assert fit.p_value < 1e-12
    assert 0.2 < fit.branching < 0.9
    assert fit.branching_error < 0.05
    own, other = fit.model.alpha[0, :, 0]
    assert own - other > 3 * np.hypot(*fit.alpha_error[0, :, 0])
    lots = tape.orders.lots
    by_volume = hawkes.fit(volume_clock(lots), None, float(lots.sum()))
    assert by_volume.converged


def test_depth_beyond_the_touch_is_convex_and_vanishes(tape: Tape) -> None:
    beyond = tape.orders.from_met[tape.orders.from_met > 0]
    edges = np.array([1.0, 3.0, 6.0, 10.0, 16.0, 26.0, 42.0])
    counts = counts_by_depth(beyond, edges)
    assert shape(counts, edges).convexity_p_value > 0.01
    assert shape(counts, edges).left < 0.25
    for family in ("exponential", "power"):
        curve = fit_curve(counts, tape.seconds, edges, family)
        assert 0 < curve.k_error < 0.2 * curve.k


def test_fills_come_later_behind_more_lots(tape: Tape) -> None:
    quotes, prints = tape.touch, tape.prints
    orders = probes(quotes[:, 0], *(quotes[:, [k]] for k in (1, 2, 3, 4)), every_ns=SECOND // 2)
    until = np.minimum(orders.joined_ns + 20 * SECOND, quotes[-1, 0])
    tape_columns = (prints[:, 0], prints[:, 1], prints[:, 3], prints[:, 2])
    followed = fates(orders.joined_ns, orders.side, orders.price, orders.ahead, until, *tape_columns)
    group = np.digitize(orders.ahead, np.quantile(orders.ahead, [0.25, 0.5, 0.75]))
    table = fill_table(followed.seconds, followed.filled, group, (1.0, 5.0))
    soon = [table[g][0][0] for g in range(4)]
    assert soon[0] > soon[3] + 0.1
    assert all(low < value < high for row in table.values() for value, low, high in row)
    assert all(row[0][0] < row[1][0] for row in table.values())
    x = np.column_stack([np.log1p(orders.ahead / np.median(orders.ahead)), orders.imbalance])
    blocks = (orders.joined_ns - orders.joined_ns[0]) // (20 * SECOND)
    hazard = fit_hazard(followed.seconds, followed.filled, x, np.array([0.0, 1.0, 5.0]), blocks)
    assert hazard.converged
    assert hazard.theta[0] < -hazard.errors[0]
    assert hazard.theta[1] < 0  # the heavier one's own queue, the later it is traded through
