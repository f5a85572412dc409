"""A small price-time book in plain Python, for markets of few levels: the market's own lots and orders of accounts."""

from __future__ import annotations

from bisect import bisect_left, insort

from quotewright.domain.events import BID
from quotewright.domain.journal import FOK, IOC, POST_ONLY, Reject
from quotewright.exchange.markets import HOUSE, NOBODY, Change, Print

_ORDER, _OWNER, _QTY = 0, 1, 2  # of a queue entry


class PriceTimeBook:
    """Both sides of a book; what happens is appended to `prints` and `changes`."""

    def __init__(self) -> None:
        self.prints: list[Print] = []
        self.changes: list[Change] = []
        self._queues: dict[int, dict[int, list[list[int]]]] = {BID: {}, -BID: {}}
        self._keys: dict[int, list[int]] = {
            BID: [],
            -BID: [],
        }  # side × price, sorted: the best bid is last, best ask too
        self._places: dict[int, tuple[int, int]] = {}

    def best(self, side: int) -> int:
        """Best price of a side; 0 if it is empty."""
        keys = self._keys[side]
        return keys[-1] * side if keys else 0

    def prices(self, side: int) -> list[int]:
        """Prices of a side, best first."""
        return [key * side for key in reversed(self._keys[side])]

    def level(self, side: int, price: int) -> int:
        """Lots at a price."""
        return sum(entry[_QTY] for entry in self._queues[side].get(price, ()))

    def house(self, side: int, price: int) -> int:
        """The market's own lots at a price."""
        return sum(entry[_QTY] for entry in self._queues[side].get(price, ()) if entry[_OWNER] == HOUSE)

    def place(self, order: int, owner: int, side: int, price: int, qty: int, flags: int, now: int) -> int:
        """See `Market.place`; the market's own orders have the number 0."""
        other = self._keys[-side]
        if flags & POST_ONLY and other and other[-1] * -side * side <= price * side:
            return int(Reject.POST_ONLY)
        if flags & FOK and self.reach(NOBODY, side, price, qty)[0] < qty:
            return int(Reject.FOK)
        left = self._take(order, side, price, qty, now)
        if left and not flags & (IOC | FOK):
            self._rest(order, owner, side, price, left, now)
        return 0

    def _take(self, order: int, side: int, price: int, qty: int, now: int) -> int:
        keys, queues = self._keys[-side], self._queues[-side]
        while qty and keys:
            at = keys[-1] * -side
            if (price - at) * side < 0:
                break
            queue = queues[at]
            while qty and queue:
                maker = queue[0]
                done = min(qty, maker[_QTY])
                qty -= done
                maker[_QTY] -= done
                self.prints.append(Print(now, at, done, side, maker[_ORDER], order))
                if not maker[_QTY]:
                    del queue[0]
                    self._places.pop(maker[_ORDER], None)
            self._tell(-side, at, now)
        return qty

    def _rest(self, order: int, owner: int, side: int, price: int, qty: int, now: int) -> None:
        queue = self._queues[side].get(price)
        if queue is None:
            queue = self._queues[side][price] = []
            insort(self._keys[side], price * side)
        queue.append([order, owner, qty])
        if order:
            self._places[order] = (side, price)
        self._tell(side, price, now)

    def cancel(self, order: int, now: int) -> None:
        """Take an account's order off the book."""
        side, price = self._places.pop(order)
        queue = self._queues[side][price]
        del queue[next(i for i, entry in enumerate(queue) if entry[_ORDER] == order)]
        self._tell(side, price, now)

    def withdraw(self, side: int, price: int, qty: int, now: int) -> None:
        """Take lots of the market's own off a price, the youngest first."""
        queue = self._queues[side].get(price, [])
        for i in range(len(queue) - 1, -1, -1):
            if qty and queue[i][_OWNER] == HOUSE:
                gone = min(qty, queue[i][_QTY])
                queue[i][_QTY] -= gone
                qty -= gone
                if not queue[i][_QTY]:
                    del queue[i]
        if price in self._queues[side]:
            self._tell(side, price, now)

    def own_met(self, owner: int, side: int, price: int, qty: int) -> list[int]:
        """See `Market.own_met`."""
        met: list[int] = []
        for key in reversed(self._keys[-side]):
            at = key * -side
            if price and (price - at) * side < 0:
                break
            for entry in self._queues[-side][at]:
                if qty <= 0:
                    return met
                if entry[_OWNER] == owner:
                    met.append(entry[_ORDER])
                else:
                    qty -= entry[_QTY]
        return met

    def reach(self, owner: int, side: int, price: int, qty: int) -> tuple[int, int]:
        """See `Market.reach`."""
        lots = value = 0
        for key in reversed(self._keys[-side]):
            at = key * -side
            if lots == qty or (price and (price - at) * side < 0):
                break
            found = sum(entry[_QTY] for entry in self._queues[-side][at] if entry[_OWNER] != owner)
            taken = min(found, qty - lots)
            lots += taken
            value += taken * at
        return lots, value

    def _tell(self, side: int, price: int, now: int) -> None:
        """Note what a level has now, and forget it if it is empty."""
        queue = self._queues[side][price]
        if not queue:
            del self._queues[side][price]
            keys = self._keys[side]
            del keys[bisect_left(keys, price * side)]
        self.changes.append(Change(now, side, price, sum(entry[_QTY] for entry in queue)))
