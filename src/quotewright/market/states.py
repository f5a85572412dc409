"""Book states along a recording: the compiled book, stopped at every N-th applied depth update."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from quotewright.domain.events import ADD, ASK, BID, CHANGE, CLEAR, DELETE, LAST, LEVEL, NOTE, EventArray
from quotewright.domain.kernel import as_records, kernel, records
from quotewright.market.book import apply_row, finish_update
from quotewright.market.l3 import L3_DUPLICATE, L3_UNKNOWN, ORDER_BOOK, apply_order_row
from quotewright.market.levels import BOOK, OK, best_level, count_levels, level_qty, next_level


class BookState(NamedTuple):
    """The depth book after one applied update; sides are (price in ticks, lots), best first."""

    local_ts: int  # as recorded, ns
    seq: int  # update id
    bid_levels: int
    ask_levels: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


@kernel
def _advance(rows: Any, first: int, books: Any, orders: Any, counter: Any, every: int) -> int:
    """Apply rows from `first`; returns the index after the row that completed a counted update, or -1 - status.

    `counter` holds the updates counted and the local time of the last snapshot.
    """
    book = books[0]
    for i in range(first, len(rows)):
        row = rows[i]
        kind = row.kind
        status = apply_row(book, row)
        if kind in (ADD, CHANGE, DELETE) or (kind == CLEAR and book.l3):
            status = apply_order_row(orders[0], book, row)
            if status in (L3_UNKNOWN, L3_DUPLICATE):
                status = OK
        if kind == CLEAR:
            counter[1] = row.local_ts
        if status == OK and row["flags"] & LAST:
            snapshot = book.clearing
            status = finish_update(book, row)
            if kind in (LEVEL, NOTE, ADD, CHANGE, DELETE) and not snapshot and row.local_ts != counter[1]:
                counter[0] += 1
                if counter[0] % every == 0:
                    return i + 1
        if status != OK:
            return -1 - status
    return len(rows)


@kernel
def _top(books: Any, side: int, depth: int, prices: Any, quantities: Any) -> int:
    """Fill in the best `depth` levels of a side; returns how many there are."""
    book = books[0]
    price = best_level(book, side)
    found = 0
    while price > 0 and found < depth:
        prices[found] = price
        quantities[found] = level_qty(book, side, price)
        found += 1
        price = next_level(book, side, price)
    return found


@kernel
def _count(books: Any, side: int) -> int:
    return count_levels(books[0], side)


def book_states(chunks: Iterable[EventArray], every: int, depth: int, *, l3: bool) -> Iterator[BookState]:
    """The book after every `every`-th depth update received after a snapshot, `depth` levels a side.

    Updates that waited for the snapshot (they carry its local time) are applied, but not counted. Raises
    ValueError if the book cannot hold the recording.
    """
    books = records(1, BOOK)
    books[0]["l3"] = int(l3)
    orders = records(1, ORDER_BOOK)
    counter = np.zeros(2, np.int64)
    for events in chunks:
        rows = as_records(events)
        position = 0
        while position < len(events):
            counted = int(counter[0])
            position = int(_advance(rows, position, books, orders, counter, every))
            if position < 0:
                raise ValueError(f"the book cannot hold this recording (status {-1 - position}); is the tick right?")
            if counter[0] > counted and counter[0] % every == 0:
                row = events[position - 1]
                yield BookState(
                    int(row["local_ts"]),
                    int(row["seq"]),
                    int(_count(books, BID)),
                    int(_count(books, ASK)),
                    _levels(books, BID, depth),
                    _levels(books, ASK, depth),
                )


def _levels(books: Any, side: int, depth: int) -> list[tuple[int, int]]:
    prices = np.zeros(depth, np.int64)
    quantities = np.zeros(depth, np.int64)
    found = int(_top(books, side, depth, prices, quantities))
    return list(zip(prices[:found].tolist(), quantities[:found].tolist(), strict=True))
