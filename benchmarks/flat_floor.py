"""The floor: one compiled loop that reads every field of every event and keeps one flat book."""

from __future__ import annotations

from typing import Any

import numpy as np
from feed import Feed
from numba import njit
from outcome import Outcome

from quotewright.domain.events import ASK, BID, CLEAR, LEVEL


class Floor:
    """One pass of the floor over a feed."""

    def __init__(self, feed: Feed) -> None:
        self._events = feed.events
        self._origin = feed.lowest
        width = feed.highest - feed.lowest + 1
        self._bids = np.zeros(width + 2, np.int64)
        self._asks = np.zeros(width + 2, np.int64)
        self._best = np.zeros(2, np.int64)

    def run(self) -> None:
        """What is timed."""
        self._sum = _read(self._events, self._bids, self._asks, self._best, self._origin)

    def outcome(self) -> Outcome:
        """Where the pass ended."""
        return Outcome(int(self._best[0]), int(self._best[1]))


@njit(cache=True, nogil=True, error_model="numpy")
def _read(events: Any, bids: Any, asks: Any, best: Any, origin: int) -> int:
    total = 0
    bid = -1
    ask = len(asks)
    for i in range(len(events)):
        row = events[i]
        total += row.exch_ts + row.local_ts + row.seq + row.order_id + row["flags"] + row.instrument
        if row.kind == LEVEL:
            index = row.price - origin
            if row.side == BID:
                bids[index] = row.qty
                if row.qty > 0:
                    bid = max(bid, index)
                elif index == bid:
                    while bid >= 0 and bids[bid] == 0:
                        bid -= 1
            elif row.side == ASK:
                asks[index] = row.qty
                if row.qty > 0:
                    ask = min(ask, index)
                elif index == ask:
                    while ask < len(asks) and asks[ask] == 0:
                        ask += 1
        elif row.kind == CLEAR:
            bids[:] = 0
            asks[:] = 0
            bid = -1
            ask = len(asks)
        else:
            total += row.price * row.side + row.qty
    best[0] = bid + origin
    best[1] = ask + origin
    return total
