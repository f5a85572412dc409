"""Rows of an order-by-order book, as `wire_book` builds those of levels: a snapshot of orders, orders added and gone.

Orders are numbered in the order in which they are first seen, for venues name them by texts of any kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from quotewright.domain.events import ADD, ASK, BID, CLEAR, DELETE, LAST
from quotewright.domain.instrument import Instrument
from quotewright.importers.exact import qty_counts
from quotewright.importers.report import Tally
from quotewright.importers.wire_book import TAKEN, WAITS, WireBook

Order = tuple[str, str, str]  # the venue's name of the order, price, quantity

_KNOWN = "orders that the snapshot already holds"
_UNKNOWN = "ends of orders that are not in the book"
_OLD = "book changes that their snapshot already holds"


class WireOrders(WireBook):
    """An order-level book: `start` it, then `add` and `remove` orders; what comes before the start waits for it."""

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self._order_qty = qty_counts(instrument, zero=False, exponents=True)
        self._valid = False
        self._began = 0  # venue time of the snapshot
        self._numbers: dict[str, int] = {}
        self._resting: dict[str, tuple[int, int, int]] = {}  # side, ticks, lots
        self._delayed: list[tuple[int, Callable[[], str]]] = []

    def start(self, bids: Sequence[Order], asks: Sequence[Order], time: int) -> str:
        """Start the book anew with every order, in the order of the queue; `time` is the snapshot's own."""
        exact = self._exact(_sided(bids, asks))
        self.snapshots += 1
        self._valid = True
        self._began = time
        self._resting = {name: (side, price, qty) for name, side, price, qty in exact}
        exch_ts, flags = self._stamp(time)
        self.rows.row(CLEAR, 0, 0, 0, exch_ts, self.local, 0, flags=flags if exact else flags | LAST)
        for left, (name, side, price, qty) in enumerate(exact, start=1 - len(exact)):
            last = 0 if left else LAST
            self.rows.row(ADD, side, price, qty, exch_ts, self.local, 0, self._number(name), flags=flags | last)
        delayed, self._delayed = self._delayed, []
        for when, act in delayed:
            reason = self._join(act, when)
            if reason == TAKEN:
                self._tally.accepted += 1
            else:
                self._tally.drop(reason)
        return TAKEN

    def add(self, name: str, side: int, price: str, qty: str, time: int, seq: int) -> str:
        """Take a new order; one that the snapshot holds is dropped."""
        ticks, lots = self._price[price], self._order_qty[qty]

        def act() -> str:
            if name in self._resting:
                return _KNOWN
            self._resting[name] = side, ticks, lots
            self._row(ADD, name, time, seq)
            return TAKEN

        return self._join(act, time)

    def remove(self, name: str, time: int, seq: int) -> str:
        """Take an order away; one that is not in the book is dropped."""

        def act() -> str:
            if name not in self._resting:
                return _UNKNOWN
            self._row(DELETE, name, time, seq)
            del self._resting[name]
            return TAKEN

        return self._join(act, time)

    def lost(self) -> None:
        """Something is missing: the book is invalid from here until a snapshot."""
        if self._valid:
            self._valid = False
            self._gap()

    def finish(self) -> None:
        """Drop what still waits, and tell what was found in the notes."""
        if self._delayed:
            self._tally.drop("book changes without a snapshot to join", len(self._delayed))
        super().finish()

    def _exact(self, orders: list[tuple[int, str, str, str]]) -> list[tuple[str, int, int, int]]:
        """The orders in ticks and lots; one at a price of zero is refused alone, as one that never can trade."""
        exact: list[tuple[str, int, int, int]] = []
        for side, name, price, qty in orders:
            if not price.strip("0."):
                self._tally.read += 1
                example = f"order {name}: price {price!r}"
                self._tally.refuse("price of an order in a snapshot must be above zero", example)
                continue
            exact.append((name, side, self._price[price], self._order_qty[qty]))
        return exact

    def _join(self, act: Callable[[], str], time: int) -> str:
        if not self._valid:
            self._delayed.append((time, act))
            return WAITS
        return act() if time >= self._began else _OLD

    def _row(self, kind: int, name: str, time: int, seq: int) -> None:
        side, price, qty = self._resting[name]
        exch_ts, flags = self._stamp(time)
        number = self._number(name)
        self.rows.row(kind, side, price, qty, exch_ts, self.local, seq, number, flags=flags | LAST)
        self.changes += 1

    def _number(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers) + 1)


def _sided(bids: Sequence[Order], asks: Sequence[Order]) -> list[tuple[int, str, str, str]]:
    return [(BID, *order) for order in bids] + [(ASK, *order) for order in asks]
