"""A synthetic L2 feed from a seed, as quotewright events and as the identical hftbacktest events.

A book of some hundred levels a side: most updates change levels near the touch, some take out or improve the
best price, one in ten is a trade at the touch, answered by an update of the level it took from. The book is
never crossed, so that no rule about crossed books tells the two sides apart.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from quotewright.domain.events import ASK, BID, CLEAR, EVENT, LAST, LEVEL, TRADE, EventArray

TICK = 0.1
LOT = 0.001
MIDDLE = 1 << 15  # index of the first mid in the generator's grid
GRID = 1 << 16  # ticks the walk may span
BASE = 500_000 - MIDDLE  # ticks at index 0: the first mid is 50,000.0
SNAPSHOT = 200  # levels a side in the first update
MOST_LOTS = 2_000
START = 1_700_000_000_000_000_000
UPDATE_NS = 4_000_000  # mean time between updates
LATENCY_NS = 2_000_000  # least feed latency; an exponential of half of it comes on top
DRAWS = 8  # uniform numbers per row at most


class Feed(NamedTuple):
    """One feed: rows sorted by venue time and, as no update overtakes another, by local time too."""

    events: EventArray
    bid: int  # the last best prices, ticks
    ask: int
    lowest: int  # ticks
    highest: int

    @property
    def end(self) -> int:
        """Just after the last local time, ns."""
        return int(self.events["local_ts"][-1]) + 1

    @property
    def span(self) -> int:
        """From the first venue time to the last local time, ns."""
        return int(self.events["local_ts"][-1] - self.events["exch_ts"][0])


def make_feed(rows: int, seed: int = 1, rows_per_update: int = 4) -> Feed:
    """`rows` events, the first update being a snapshot; depth updates have 1 to 2 × `rows_per_update` − 1 rows."""
    if rows < 4 * SNAPSHOT:
        raise ValueError(f"a feed needs at least {4 * SNAPSHOT} rows")
    rng = np.random.default_rng(seed)
    events = np.zeros(rows, EVENT)
    update = np.zeros(rows, np.int64)
    best = np.zeros(2, np.int64)
    _walk(events, update, rng.random(rows * DRAWS), rows_per_update, best)
    updates = int(update[-1]) + 1
    exch = START + np.cumsum(rng.exponential(UPDATE_NS, updates).astype(np.int64))
    local = np.maximum.accumulate(exch + LATENCY_NS + rng.exponential(LATENCY_NS / 2, updates).astype(np.int64))
    events["exch_ts"] = exch[update]
    events["local_ts"] = local[update]
    events["seq"] = update + 1
    events["price"][events["kind"] != CLEAR] += BASE
    prices = events["price"][events["kind"] != CLEAR]
    return Feed(events, int(best[0]) + BASE, int(best[1]) + BASE, int(prices.min()), int(prices.max()))


def to_hftbacktest(events: EventArray, tick: float = TICK, lot: float = LOT) -> npt.NDArray[Any]:
    """The same rows in hftbacktest's dtype: one row each, valid at the exchange and locally.

    Prices and quantities are the floats nearest to their decimals, as if parsed from text.
    """
    from hftbacktest import types

    out = np.zeros(len(events), types.event_dtype)
    code = np.zeros(16, np.uint64)
    code[CLEAR] = types.DEPTH_CLEAR_EVENT
    code[LEVEL] = types.DEPTH_EVENT
    code[TRADE] = types.TRADE_EVENT
    side = np.where(events["side"] == BID, types.BUY_EVENT, np.where(events["side"] == ASK, types.SELL_EVENT, 0))
    snapshot = np.uint64(types.DEPTH_SNAPSHOT_EVENT)
    out["ev"] = np.where((events["seq"] == 1) & (events["kind"] == LEVEL), snapshot, code[events["kind"]])
    out["ev"] |= side.astype(np.uint64) | np.uint64(types.EXCH_EVENT | types.LOCAL_EVENT)
    for field in ("exch_ts", "local_ts"):
        out[field] = events[field]
    out["px"] = events["price"] / np.rint(1 / tick)
    out["qty"] = events["qty"] / np.rint(1 / lot)
    return out


@njit(cache=True)
def _put(events: Any, update: Any, row: int, number: int, kind: int, side: int, price: int, qty: int) -> None:
    events[row]["kind"] = kind
    events[row]["side"] = side
    events[row]["price"] = price
    events[row]["qty"] = qty
    update[row] = number


@njit(cache=True)
def _set(bids: Any, asks: Any, best: Any, side: int, price: int, qty: int) -> None:
    book = bids if side == BID else asks
    index = 0 if side == BID else 1
    book[price] = qty
    if qty > 0 and (price - best[index]) * side > 0:
        best[index] = price
    while book[best[index]] == 0:
        best[index] -= side


@njit(cache=True)
def _level(u: Any, d: int, bids: Any, asks: Any, best: Any) -> tuple[int, int, int]:
    """One change of a level: (side, price, lots)."""
    side = BID if u[d] < 0.5 else ASK
    touch = best[0] if side == BID else best[1]
    spread = best[1] - best[0]
    kind = u[d + 1]
    lots = 1 + int(u[d + 2] * u[d + 2] * MOST_LOTS)
    if kind < 0.08:  # the best level goes, unless the spread is wide already
        return side, touch, 0 if spread < 6 else lots
    if kind < 0.24 and spread > 1:  # a better price comes
        return side, touch + side, lots
    away = int(-8.0 * np.log(1.0 - u[d + 3]))
    price = touch - side * min(away, 4 * SNAPSHOT)
    book = bids if side == BID else asks
    if away > 0 and book[price] > 0 and u[d + 4] < 0.25:
        lots = 0
    return side, price, lots


@njit(cache=True)
def _walk(events: Any, update: Any, u: Any, rows_per_update: int, best: Any) -> None:
    bids = np.zeros(GRID, np.int64)
    asks = np.zeros(GRID, np.int64)
    best[0] = MIDDLE - 1
    best[1] = MIDDLE + 1
    _put(events, update, 0, 0, CLEAR, 0, 0, 0)
    row = 1
    for i in range(SNAPSHOT):
        for side in (BID, ASK):
            price = MIDDLE - side * (1 + i)
            lots = 1 + int(u[row * DRAWS] * MOST_LOTS)
            _set(bids, asks, best, side, price, lots)
            _put(events, update, row, 0, LEVEL, side, price, lots)
            row += 1
    events[row - 1]["flags"] = LAST
    number = 1
    while row < len(events):
        d = row * DRAWS
        if u[d] < 0.1 / (1 + 0.5 * (rows_per_update - 1)):
            taker = BID if u[d + 1] < 0.5 else ASK
            touch = best[1] if taker == BID else best[0]
            resting = asks[touch] if taker == BID else bids[touch]
            lots = min(resting, 1 + int(u[d + 2] * u[d + 2] * u[d + 2] * MOST_LOTS))
            _put(events, update, row, number, TRADE, taker, touch, lots)
            events[row]["flags"] = LAST
            row += 1
            number += 1
            if row < len(events):
                _set(bids, asks, best, -taker, touch, resting - lots)
                _put(events, update, row, number, LEVEL, -taker, touch, resting - lots)
                events[row]["flags"] = LAST
                row += 1
                number += 1
            continue
        changes = 1 + int(u[d + 1] * (2 * rows_per_update - 1))
        for _ in range(min(changes, len(events) - row)):
            side, price, lots = _level(u, row * DRAWS + 2, bids, asks, best)
            _set(bids, asks, best, side, price, lots)
            _put(events, update, row, number, LEVEL, side, price, lots)
            row += 1
        events[row - 1]["flags"] = LAST
        number += 1
