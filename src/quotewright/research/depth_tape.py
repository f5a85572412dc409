"""One pass over a recording: its best levels as they change, and its prints, as they came in."""

# pyright: basic
# numba has no type stubs, and records have fields that no type checker sees.

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from quotewright.domain.errors import DataError
from quotewright.domain.events import (
    ADD,
    ASK,
    BID,
    CHANGE,
    CLEAR,
    DELETE,
    FROM_BARS,
    FUNDING,
    LAST,
    TRADE,
    EventArray,
)
from quotewright.domain.kernel import as_records, kernel, records, subkernel
from quotewright.market.book import apply_row, finish_update, next_price, touch_qty
from quotewright.market.l3 import L3_DUPLICATE, L3_UNKNOWN, ORDER_BOOK, apply_order_row
from quotewright.market.levels import BOOK, OK
from quotewright.signals.fair_prices import DEPTH_EVENT, LEVELS

MOST = 500_000  # rows of 352 bytes, of which there are a few copies


@subkernel
def _show(book: Any, event: Any) -> None:
    """The best levels of a book that may be quoted on, or of one whose touch comes from a BEST pair; else none."""
    if not ((book.valid == 1 or book.touch_from_best == 1) and 0 < book.bid < book.ask):
        return
    bid = book.bid
    ask = book.ask
    for m in range(LEVELS):
        if bid > 0:
            event.bids[m] = bid
            event.bid_qtys[m] = touch_qty(book, BID, bid)
            bid = next_price(book, BID, bid)
        if ask > 0:
            event.asks[m] = ask
            event.ask_qtys[m] = touch_qty(book, ASK, ask)
            ask = next_price(book, ASK, ask)


@subkernel
def _differ(one: Any, other: Any) -> bool:
    for m in range(LEVELS):
        if one.bids[m] != other.bids[m] or one.bid_qtys[m] != other.bid_qtys[m]:
            return True
        if one.asks[m] != other.asks[m] or one.ask_qtys[m] != other.ask_qtys[m]:
            return True
    return False


@kernel
def _watch(rows: Any, books: Any, orders: Any, shown: Any, times: Any, out: Any, counts: Any) -> int:
    """Apply all rows; fills in prints and books that differ from the one shown before; returns a status."""
    book = books[0]
    for i in range(len(rows)):
        row = rows[i]
        kind = row.kind
        time = row.exch_ts if times[0] == 0 else row.local_ts
        if kind == TRADE and row["flags"] & FROM_BARS == 0 and row.qty > 0:
            event = out[counts[0]]
            event.time = time
            event.price = row.price
            event.qty = row.qty
            event.side = row.side
            counts[0] += 1
        status = apply_row(book, row)
        if kind in (ADD, CHANGE, DELETE) or (kind == CLEAR and book.l3):
            status = apply_order_row(orders[0], book, row)
            if status in (L3_UNKNOWN, L3_DUPLICATE):
                status = OK
        if status == OK and row["flags"] & LAST:
            status = finish_update(book, row)
            if kind not in (TRADE, FUNDING):
                event = out[counts[0]]
                event.time = time
                _show(book, event)
                if _differ(event, shown[0]):
                    shown[0] = event
                    counts[0] += 1
                else:
                    for m in range(LEVELS):
                        event.bids[m] = 0
                        event.bid_qtys[m] = 0
                        event.asks[m] = 0
                        event.ask_qtys[m] = 0
        if status != OK:
            return status
    return OK


def read_depth(
    chunks: Iterable[EventArray],
    *,
    l3: bool,
    venue_time: bool = False,
    most: int = MOST,
    told: Callable[[int], None] | None = None,
) -> Any:
    """DEPTH_EVENT rows of one instrument's events, which are given in order of home time (or of venue time).

    A BEST pair makes the touch known even before the first snapshot; the levels behind it are those of the depth book
    that are worse. A book that may not be quoted on has no levels. Reading ends with the chunk that makes it `most`
    rows. `told` hears the events done so far. Raises DataError if the book cannot hold the recording.
    """
    books = records(1, BOOK)
    books[0]["l3"] = int(l3)
    orders = records(1, ORDER_BOOK)
    shown = records(1, DEPTH_EVENT)
    clock = np.array([0 if venue_time else 1])
    parts: list[Any] = []
    done = 0
    for events in chunks:
        out = records(len(events) + 1, DEPTH_EVENT)
        counts = np.zeros(1, np.int64)
        status = _watch(as_records(events), books, orders, shown, clock, out, counts)
        if status != OK:
            raise DataError(f"the book cannot hold this recording (status {status}); is the tick right?")
        parts.append(out[: counts[0]].copy())
        done += len(events)
        if told is not None:
            told(done)
        if sum(map(len, parts)) >= most:
            break
    return as_records(np.concatenate(parts)) if parts else records(0, DEPTH_EVENT)
