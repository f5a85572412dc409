"""The recorded market as docs/reference/replay-venue.md describes it: depth, touch, validity, Q."""

from __future__ import annotations

from collections.abc import Sequence

from reference_records import Row, best_first, better, reaches

from quotewright.domain import events as ev
from quotewright.domain.events import ASK, BID

DEPTH_KINDS = (ev.CLEAR, ev.LEVEL, ev.NOTE, ev.ADD, ev.CHANGE, ev.DELETE)
ORDER_KINDS = (ev.ADD, ev.CHANGE, ev.DELETE)


class Market:
    """Recorded book, touch and validity of one instrument, as seen at one place."""

    def __init__(self, by_order: bool) -> None:
        self.by_order = by_order  # the recording has L3 rows
        self.levels: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
        self.orders: dict[int, tuple[int, int, int]] = {}  # L3: id -> side, price, quantity
        self.touch = {BID: (0, 0), ASK: (0, 0)}  # price, quantity; price 0: empty
        self.valid = False
        self.depth_seq = 0
        self.best_seq = 0  # of the BEST pair that is the touch; 0 when the depth is

    def apply_row(self, row: Row) -> None:
        if row.kind == ev.CLEAR:
            self.levels = {BID: {}, ASK: {}}
            self.orders = {}
        elif row.kind == ev.LEVEL:
            self.levels[row.side][row.price] = row.qty
        elif row.kind == ev.ADD or (row.kind == ev.CHANGE and row.order_id in self.orders):
            self.orders[row.order_id] = (row.side, row.price, row.qty)
        elif row.kind == ev.DELETE:
            self.orders.pop(row.order_id, None)
        elif row.kind == ev.STATUS and row.price == ev.Status.BOOK_GAP:
            self.valid = False

    def finish(self, rows: Sequence[Row]) -> None:
        """What is judged only at LAST: validity and the touch."""
        if rows[0].kind == ev.CLEAR:
            self.valid = True
        last = rows[-1]
        if last.kind in DEPTH_KINDS:
            self.depth_seq = last.seq
            if self.by_order or not self.best_seq > last.seq:
                self.best_seq = 0
                self.touch = {side: self.depth_best(side) for side in (BID, ASK)}
        elif last.kind == ev.BEST and not self.by_order and (last.seq == 0 or last.seq >= self.depth_seq):
            self.best_seq = last.seq
            self.touch = {row.side: (row.price, row.qty) for row in rows}

    def depth(self, side: int, price: int) -> int:
        if self.by_order:
            return sum(q for s, p, q in self.orders.values() if (s, p) == (side, price))
        return self.levels[side].get(price, 0)

    def depth_prices(self, side: int) -> set[int]:
        if self.by_order:
            return {p for s, p, _ in self.orders.values() if s == side}
        return {p for p, q in self.levels[side].items() if q > 0}

    def depth_best(self, side: int) -> tuple[int, int]:
        prices = sorted(self.depth_prices(side), key=lambda price: best_first(side, price))
        return (prices[0], self.depth(side, prices[0])) if prices else (0, 0)

    def recorded(self, side: int, price: int) -> int:
        """Q(side, price)."""
        touch_price, touch_qty = self.touch[side]
        if touch_price == 0:
            return self.depth(side, price)
        if price == touch_price:
            return touch_qty
        return 0 if better(side, price, touch_price) else self.depth(side, price)

    def levels_within(self, side: int, limit: int) -> list[int]:
        """Prices of `side` with a recorded quantity that an opposite order limited to `limit` reaches, best first."""
        prices = self.depth_prices(side) | {self.touch[side][0]} - {0}
        found = [p for p in prices if reaches(-side, limit, p) and self.recorded(side, p) > 0]
        return sorted(found, key=lambda price: best_first(side, price))

    def touch_reaches(self, side: int, price: int) -> bool:
        """Is the touch of `side` there, and within an opposite order's `price`?"""
        return self.touch[side][0] != 0 and reaches(-side, price, self.touch[side][0])

    @property
    def usable(self) -> bool:
        bid, ask = self.touch[BID][0], self.touch[ASK][0]
        return self.valid and bid != 0 and ask != 0 and bid < ask
