"""Imbalance of flow and of queues: order-flow imbalance by level, signed trades, and what a price moves with them.

Incremental: each feature has a record of state (an array of one), and one step that both the replay of an array and
a single event go through. Quantities are lots, prices ticks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel, subkernel
from quotewright.signals.fading import fade
from quotewright.signals.least_squares import Regression, regress
from quotewright.signals.state import fresh

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOST_LEVELS = 10
NO_ASK = 1 << 62  # where an absent offer stands: above every price

ORDER_FLOW = np.dtype(
    [
        ("known", "i8"),  # 1 once a book was seen
        ("bids", "i8", (MOST_LEVELS,)),  # ticks, best first; 0: none
        ("bid_qtys", "i8", (MOST_LEVELS,)),
        ("asks", "i8", (MOST_LEVELS,)),
        ("ask_qtys", "i8", (MOST_LEVELS,)),
        ("last", "i8", (MOST_LEVELS,)),  # e_n of the last change, lots
    ],
    align=True,
)

TRADE_FLOW = np.dtype(
    [
        ("time", "i8"),  # ns, of the last trade
        ("buys", "f8"),  # lots, each worth half after every half-life
        ("sells", "f8"),
    ],
    align=True,
)


def order_flow_state() -> Any:
    """The state of `order_flow` before the first book."""
    return fresh(ORDER_FLOW)


def trade_flow_state() -> Any:
    """The state of `trade_flow` before the first trade."""
    return fresh(TRADE_FLOW)


@subkernel
def add_book(s: Any, bids: Any, bid_qtys: Any, asks: Any, ask_qtys: Any) -> None:
    """Take in a book (four arrays of its levels, best first) and leave e_n of each level in `s.last`.

    e_n = 1{Pᵇ ≥ Pᵇ′}qᵇ − 1{Pᵇ ≤ Pᵇ′}qᵇ′ − 1{Pᵃ ≤ Pᵃ′}qᵃ + 1{Pᵃ ≥ Pᵃ′}qᵃ′, primes for the book before (Cont,
    Kukanov & Stoikov 2014, section 2; by level: Xu, Gould & Howison 2018, section 3).
    An absent level stands infinitely far with nothing on it. The first book makes no flow.
    """
    for m in range(len(bids)):
        bid = bids[m]
        ask = asks[m] if asks[m] > 0 else NO_ASK
        bid_qty = bid_qtys[m]
        ask_qty = ask_qtys[m]
        flow = 0
        if s.known == 1:
            if bid >= s.bids[m]:
                flow += bid_qty
            if bid <= s.bids[m]:
                flow -= s.bid_qtys[m]
            if ask <= s.asks[m]:
                flow -= ask_qty
            if ask >= s.asks[m]:
                flow += s.ask_qtys[m]
        s.last[m] = flow
        s.bids[m] = bid
        s.bid_qtys[m] = bid_qty
        s.asks[m] = ask
        s.ask_qtys[m] = ask_qty
    s.known = 1


@kernel
def _fold_books(state: Any, bids: Any, bid_qtys: Any, asks: Any, ask_qtys: Any, flows: Any) -> None:
    s = state[0]
    for i in range(len(bids)):
        add_book(s, bids[i], bid_qtys[i], asks[i], ask_qtys[i])
        for m in range(bids.shape[1]):
            flows[i, m] = s.last[m]


@subkernel
def add_trade(s: Any, time: int, side: int, qty: int, half_life: int) -> float:
    """Take in a trade; the imbalance (buys − sells)/(buys + sells), in [−1, 1]."""
    kept = fade(time - s.time, half_life)
    s.time = time
    s.buys *= kept
    s.sells *= kept
    if side > 0:
        s.buys += qty
    elif side < 0:
        s.sells += qty
    together = s.buys + s.sells
    return (s.buys - s.sells) / together if together > 0.0 else 0.0


@kernel
def _fold_trades(state: Any, times: Any, sides: Any, qtys: Any, half_life: int, imbalances: Any) -> None:
    s = state[0]
    for i in range(len(times)):
        imbalances[i] = add_trade(s, times[i], sides[i], qtys[i], half_life)


def order_flow(state: Any, bids: Integers, bid_qtys: Integers, asks: Integers, ask_qtys: Integers) -> Integers:
    """e_n of each book and level, lots: arrays n × levels, best level first, 0 where there is none.

    `state` is carried on, so that books may come all at once, in parts, or one by one.
    """
    books = [np.ascontiguousarray(a, np.int64) for a in (bids, bid_qtys, asks, ask_qtys)]
    if books[0].ndim != 2 or books[0].shape[1] > MOST_LEVELS or any(a.shape != books[0].shape for a in books):
        shapes = tuple(a.shape for a in books)
        raise InputError("books", shapes, f"give four arrays of one shape, books × at most {MOST_LEVELS} levels")
    flows = np.empty(books[0].shape, np.int64)
    _fold_books(state, books[0], books[1], books[2], books[3], flows)
    return flows


def trade_flow(state: Any, times_ns: Integers, sides: Integers, qtys: Integers, half_life_ns: int) -> Floats:
    """Imbalance of signed volume after each trade, older volume at half its weight every half-life.

    `sides` are the takers': 1 buys, −1 sells, 0 unknown (decays only). For the imbalance of trades instead of
    volume give quantities of 1; for volume time give the volume so far as times.
    """
    if half_life_ns <= 0:
        raise InputError("half_life_ns", half_life_ns, "give a positive number")
    times = np.ascontiguousarray(times_ns, np.int64)
    imbalances = np.empty(len(times))
    _fold_trades(
        state,
        times,
        np.ascontiguousarray(sides, np.int64),
        np.ascontiguousarray(qtys, np.int64),
        half_life_ns,
        imbalances,
    )
    return imbalances


def queue_imbalance(bid_qtys: Integers, ask_qtys: Integers) -> Floats:
    """(qᵇ − qᵃ)/(qᵇ + qᵃ) in [−1, 1]; 0 where both are empty. Cartea, Jaimungal & Penalva (2015), section 12.1."""
    together = np.asarray(bid_qtys + ask_qtys, np.float64)
    difference = np.asarray(bid_qtys - ask_qtys, np.float64)
    return np.divide(difference, together, out=np.zeros(len(together)), where=together > 0)


def sums_by_interval(times_ns: Integers, values: Integers, edges_ns: Integers) -> Integers:
    """Sums of `values` (n, or n × levels) in each [edge, next edge); times ascending."""
    upto = np.concatenate([np.zeros((1, *values.shape[1:]), np.int64), np.cumsum(values, axis=0)])
    return np.diff(upto[np.searchsorted(times_ns, edges_ns, "left")], axis=0)


def flow_impact(changes: Floats, flows: Integers, lags: int = 0) -> Regression:
    """ΔP_k = a + b·OFI_k over intervals, OFI by level if `flows` has columns.

    Cont, Kukanov & Stoikov (2014), sections 2 and 3, who find R² ≈ 65 % over 10 s and b ≈ 1/(2·depth). Contemporaneous:
    it explains a price change by the flow of the same interval and forecasts nothing.
    """
    return regress(np.asarray(changes, np.float64), np.asarray(flows, np.float64), lags)
