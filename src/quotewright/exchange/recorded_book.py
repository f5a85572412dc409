"""The recorded book, level by level, less what accounts took of it since the recording last reported a price."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from quotewright.domain.events import ASK, BID


class RecordedBook:
    """Prices in ticks, quantities in lots; orders of L3 recordings are added up."""

    def __init__(self) -> None:
        self._lots: dict[int, dict[int, int]] = {BID: {}, ASK: {}}  # what is left
        self._keys: dict[int, list[int]] = {BID: [], ASK: []}  # side × price, sorted: the best is last
        self._orders: dict[int, tuple[int, int, int]] = {}
        self._sums: dict[tuple[int, int], int] = {}  # of orders, by side and price

    def lots(self, side: int, price: int) -> int:
        """What is left at a price."""
        return self._lots[side].get(price, 0)

    def best(self, side: int) -> int:
        """Best price of a side; 0 if it is empty."""
        keys = self._keys[side]
        return keys[-1] * side if keys else 0

    def prices(self, side: int) -> Iterator[int]:
        """Prices of a side, best first; for reading while nothing changes."""
        return (key * side for key in reversed(self._keys[side]))

    def clear(self) -> list[tuple[int, int]]:
        """Empty it; the (side, price) that had something."""
        gone = [(side, price) for side in (BID, ASK) for price in self._lots[side]]
        self.__init__()
        return gone

    def set_level(self, side: int, price: int, qty: int) -> None:
        """The recording reports a level: what was taken there is back."""
        lots, keys = self._lots[side], self._keys[side]
        if qty:
            if price not in lots:
                insort(keys, price * side)
            lots[price] = qty
        elif lots.pop(price, None) is not None:
            del keys[bisect_left(keys, price * side)]

    def set_order(self, order_id: int, side: int, price: int, qty: int) -> None:
        """The recording reports an order, with the lots it has now."""
        for before_side, before_price, before in (self._orders.pop(order_id, (side, price, 0)),):
            self._add(before_side, before_price, -before)
        if qty:
            self._orders[order_id] = (side, price, qty)
            self._add(side, price, qty)

    def _add(self, side: int, price: int, change: int) -> None:
        total = self._sums.get((side, price), 0) + change
        if total:
            self._sums[side, price] = total
        else:
            self._sums.pop((side, price), None)
        self.set_level(side, price, total)

    def take(self, side: int, price: int, qty: int) -> None:
        """Lots taken by an account."""
        if qty:
            self.set_level(side, price, self._lots[side][price] - qty)
