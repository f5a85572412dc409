"""One pass over a recording: the mid over time, and every print, both by the venue's clock."""

# pyright: basic
# numba has no type stubs, and records have fields that no type checker sees.

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import DataError
from quotewright.domain.events import ADD, CHANGE, CLEAR, DELETE, FROM_BARS, LAST, TRADE, EventArray
from quotewright.domain.kernel import as_records, kernel, records
from quotewright.market.book import apply_row, finish_update
from quotewright.market.l3 import L3_DUPLICATE, L3_UNKNOWN, ORDER_BOOK, apply_order_row
from quotewright.market.levels import BOOK, OK

Integers = npt.NDArray[np.int64]


class Tape(NamedTuple):
    """What `calibrate` reads: mids as they change, and prints; times in ns, never going back."""

    times_ns: Integers
    mid2: Integers  # best bid + best ask, ticks; 0 while the touch may not be quoted on
    trade_ns: Integers
    trade_price: Integers  # ticks
    trade_side: Integers  # the taker's: BID buys


@kernel
def _watch(rows: Any, books: Any, orders: Any, last: Any, mids: Any, prints: Any, counts: Any) -> int:
    """Apply all rows; fills in changes of the mid (time, mid2) and prints (time, price, side); returns a status."""
    book = books[0]
    for i in range(len(rows)):
        row = rows[i]
        kind = row.kind
        if kind == TRADE and row["flags"] & FROM_BARS == 0:
            prints[counts[1], 0] = row.exch_ts
            prints[counts[1], 1] = row.price
            prints[counts[1], 2] = row.side
            counts[1] += 1
        status = apply_row(book, row)
        if kind in (ADD, CHANGE, DELETE) or (kind == CLEAR and book.l3):
            status = apply_order_row(orders[0], book, row)
            if status in (L3_UNKNOWN, L3_DUPLICATE):
                status = OK
        if status == OK and row["flags"] & LAST:
            status = finish_update(book, row)
            known = (book.valid == 1 or book.touch_from_best == 1) and 0 < book.bid < book.ask
            mid2 = book.bid + book.ask if known else 0
            if mid2 != last[0]:
                mids[counts[0], 0] = row.exch_ts
                mids[counts[0], 1] = mid2
                counts[0] += 1
                last[0] = mid2
        if status != OK:
            return status
    return OK


def read_tape(chunks: Iterable[EventArray], *, l3: bool, told: Callable[[int], None] | None = None) -> Tape:
    """The tape of one instrument's events, given in order of venue time; `told` hears the rows done so far.

    A BEST pair makes the touch known even before the first snapshot. Raises DataError if the book cannot hold
    the recording.
    """
    books = records(1, BOOK)
    books[0]["l3"] = int(l3)
    orders = records(1, ORDER_BOOK)
    last = np.zeros(1, np.int64)
    mids: list[Integers] = []
    prints: list[Integers] = []
    done = 0
    for events in chunks:
        found_mids = np.empty((len(events), 2), np.int64)
        found_prints = np.empty((len(events), 3), np.int64)
        counts = np.zeros(2, np.int64)
        status = _watch(as_records(events), books, orders, last, found_mids, found_prints, counts)
        if status != OK:
            raise DataError(f"the book cannot hold this recording (status {status}); is the tick right?")
        mids.append(found_mids[: counts[0]].copy())
        prints.append(found_prints[: counts[1]].copy())
        done += len(events)
        if told is not None:
            told(done)
    mid = np.concatenate(mids) if mids else np.empty((0, 2), np.int64)
    trade = np.concatenate(prints) if prints else np.empty((0, 3), np.int64)
    return Tape(mid[:, 0].copy(), mid[:, 1].copy(), trade[:, 0].copy(), trade[:, 1].copy(), trade[:, 2].copy())
