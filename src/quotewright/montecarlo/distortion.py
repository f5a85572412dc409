"""A recorded or generated market seen through stages of stress: moved prices, a thinned book, darkness.

The market as it was is followed row by row; what comes out is what a venue in that state would have sent. Where a
stage begins the whole book is sent anew (CLEAR and its rows, one update), so that no order or level is ever left behind
at its old price, and an update is never taken apart.

- *Moved*: book, prints and marks alike, so that the spread stays. Prices that would fall to 0 are not shown.
- *Thinned*, order by order: an order stays with probability `keep`, by a hash of its id and the seed, whatever it does
  later. By levels: quantities shrink to that share, at least a lot. Prints keep their sizes and prices: takers do not
  wait for the book to come back.
- *Dark*: BOOK_GAP, then nothing until the next stage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from quotewright.domain.events import (
    ADD,
    BEST,
    CHANGE,
    CLEAR,
    DELETE,
    EVENT,
    FUNDING,
    LAST,
    LEVEL,
    STATUS,
    TRADE,
    EventArray,
    Status,
)

Row = tuple[int, ...]  # the fields of EVENT in order
EXCH, LOCAL, SEQ, ID, PRICE, QTY, KIND, SIDE, FLAGS, INSTRUMENT = range(10)


class View(NamedTuple):
    """How the market is seen from venue time `at` (ns) on: `shift` in ticks."""

    at: int
    shift: int = 0
    keep: float = 1.0
    dark: bool = False


class _Book:
    """The market as it was: single orders in order of arrival, or levels; and the last BEST pair."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[int, int, int]] = {}  # id: side, price, quantity
        self.levels: dict[tuple[int, int], int] = {}
        self.best: list[Row] = []
        self.seq = 0
        self.shown = False  # a snapshot has come

    def take(self, row: Row) -> None:
        kind = row[KIND]
        if kind == ADD:
            self.orders[row[ID]] = (row[SIDE], row[PRICE], row[QTY])
        elif kind == CHANGE and row[ID] in self.orders:
            side, price, before = self.orders[row[ID]]
            if row[QTY] > before:
                del self.orders[row[ID]]  # it joins the back
            self.orders[row[ID]] = (side, price, row[QTY])
        elif kind == DELETE:
            self.orders.pop(row[ID], None)
        elif kind == LEVEL:
            if row[QTY] > 0:
                self.levels[row[SIDE], row[PRICE]] = row[QTY]
            else:
                self.levels.pop((row[SIDE], row[PRICE]), None)
        elif kind == BEST:
            self.best = [*self.best[-1:], row]
        elif kind == CLEAR:
            self.orders.clear()
            self.levels.clear()
            self.shown = True
        elif kind == STATUS and row[PRICE] == Status.BOOK_GAP:
            self.shown = False
        if kind in (ADD, CHANGE, DELETE, LEVEL, CLEAR):
            self.seq = row[SEQ]

    def rows(self, exch: int, local: int, instrument: int) -> Iterator[list[Row]]:
        """The updates that say it all again."""
        if not self.shown:
            return
        rest = (0, instrument)
        update: list[Row] = [(exch, local, self.seq, 0, 0, 0, CLEAR, 0, *rest)]
        update += [(exch, local, self.seq, i, p, q, ADD, s, *rest) for i, (s, p, q) in self.orders.items()]
        update += [(exch, local, self.seq, 0, p, q, LEVEL, s, *rest) for (s, p), q in self.levels.items()]
        yield update
        if len(self.best) == 2:
            yield [(exch, local, *row[2:]) for row in self.best]


def distort(events: EventArray, views: Sequence[View], seed: int) -> EventArray:
    """The events of one instrument in feed order, as seen through `views` in order of time; whole updates.

    A view begins with the first update at or after its time. Deterministic from the seed.
    """
    if not views:
        return events
    book, view, waiting = _Book(), View(0), list(views)
    found: list[Row] = []
    update: list[Row] = []
    for row in events.tolist():
        update.append(row)
        if not row[FLAGS] & LAST:
            continue
        entered = False
        while waiting and waiting[0].at <= update[0][EXCH]:
            before, view, entered = view, waiting.pop(0), True
            if view.dark and not before.dark:
                gap = (*update[0][:SEQ], 0, 0, int(Status.BOOK_GAP), 0, STATUS, 0, LAST, update[0][INSTRUMENT])
                found.append(gap)
        if entered and not view.dark:
            for whole in book.rows(update[0][EXCH], update[0][LOCAL], update[0][INSTRUMENT]):
                found += _seen(whole, view, seed)
        for one in update:
            book.take(one)
        if not view.dark:
            found += _seen(update, view, seed)
        update = []
    return np.array(found, dtype=EVENT)


def slow_feed(events: EventArray, start: int, end: int, times: float, offset: int = 0) -> EventArray:
    """The way home of what happens in [start, end) takes `times` as long; nothing overtakes.

    `offset` is what the recorder's clock lacks to the venue's: home times are told, and returned, without it.
    """
    slowed = events.copy()
    within = (events["exch_ts"] >= start) & (events["exch_ts"] < end)
    way = np.maximum(events["local_ts"][within] + offset - events["exch_ts"][within], 0)
    slowed["local_ts"][within] += (way * times).astype(np.int64) - way
    slowed["local_ts"] = np.maximum.accumulate(slowed["local_ts"])
    return slowed


def _seen(update: Sequence[Row], view: View, seed: int) -> list[Row]:
    """An update through a view; empty if nothing of it is seen."""
    if view.shift == 0 and view.keep >= 1:
        rows = list(update)
    else:
        rows = [seen for row in update if (seen := _through(row, view, seed)) is not None]
    if rows:
        rows = [(*row[:FLAGS], row[FLAGS] & ~LAST, row[INSTRUMENT]) for row in rows]
        rows[-1] = (*rows[-1][:FLAGS], rows[-1][FLAGS] | LAST, rows[-1][INSTRUMENT])
    return rows


def _through(row: Row, view: View, seed: int) -> Row | None:
    kind, price, qty = row[KIND], row[PRICE], row[QTY]
    if kind in (ADD, CHANGE, DELETE) and view.keep < 1 and _chance(row[ID], seed) >= view.keep:
        return None
    if kind in (LEVEL, BEST) and qty > 0:
        qty = max(1, round(qty * view.keep))
    if kind in (ADD, CHANGE, DELETE, LEVEL, BEST, TRADE, FUNDING) and price > 0:
        price += view.shift
        if price <= 0:
            return None
    return (*row[:PRICE], price, qty, *row[KIND:])


def _chance(order_id: int, seed: int) -> float:
    """A number in [0, 1) that an order keeps for life: the finalizer of SplitMix64 (Steele, Lea & Flood 2014)."""
    z = (order_id * 0x9E3779B97F4A7C15 + (seed + 1) * 0xD1B54A32D192ED03) & (2**64 - 1)
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return (z ^ (z >> 31)) / 2**64
