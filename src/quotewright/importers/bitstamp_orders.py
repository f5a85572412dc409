"""The orders that rest in a Bitstamp recording, and which of its snapshot orders must be dead.

A snapshot order that was cancelled between the REST snapshot and the first WebSocket message never gets a
delete. It betrays itself when a later order rests across it: the venue would have matched the two.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from quotewright.domain.events import ASK, BID


@dataclass(slots=True)
class Resting:
    """One resting order; `ticks` and `lots` are where it stands now."""

    side: int
    ticks: int
    lots: int
    from_snapshot: bool


class RestingOrders:
    """Orders by id, and their prices sorted enough to know the best of each side."""

    def __init__(self) -> None:
        self.by_id: dict[int, Resting] = {}
        self._levels: dict[int, dict[int, set[int]]] = {BID: {}, ASK: {}}
        self._heaps: dict[int, list[int]] = {BID: [], ASK: []}

    def add(self, order_id: int, order: Resting) -> None:
        """Put an order into the book."""
        self.by_id[order_id] = order
        level = self._levels[order.side].get(order.ticks)
        if level is None:
            level = self._levels[order.side][order.ticks] = set()
            heapq.heappush(self._heaps[order.side], -order.side * order.ticks)
        level.add(order_id)

    def remove(self, order_id: int) -> Resting:
        """Take an order out; raises KeyError if it does not rest."""
        order = self.by_id.pop(order_id)
        level = self._levels[order.side][order.ticks]
        level.remove(order_id)
        if not level:
            del self._levels[order.side][order.ticks]
        return order

    def best(self, side: int) -> int | None:
        """Best price of a side in ticks, or None."""
        heap, levels = self._heaps[side], self._levels[side]
        while heap:
            price = -side * heap[0]
            if price in levels:
                return price
            heapq.heappop(heap)
        return None

    def crossed(self) -> bool:
        """Whether the best bid is at or above the best ask."""
        bid, ask = self.best(BID), self.best(ASK)
        return bid is not None and ask is not None and bid >= ask

    def proven_dead(self) -> list[int]:
        """Snapshot orders at the touch that an order of the live feed rests across; empty if undecided."""
        if not self.crossed():
            return []
        bids = self._levels[BID][self.best(BID) or 0]
        asks = self._levels[ASK][self.best(ASK) or 0]
        for suspects, others in ((asks, bids), (bids, asks)):
            if any(not self.by_id[other].from_snapshot for other in others):
                dead = sorted(order_id for order_id in suspects if self.by_id[order_id].from_snapshot)
                if dead:
                    return dead
        return []
