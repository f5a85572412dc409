"""What was posted and what left without a trade, by price: the rows of a recording as changes of lots."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.events import ADD, CHANGE, CLEAR, DELETE, LAST, LEVEL, EventArray
from quotewright.domain.kernel import as_records, kernel, records
from quotewright.market.book import apply_row, finish_update
from quotewright.market.l3 import L3_DUPLICATE, L3_UNKNOWN, ORDER_BOOK, apply_order_row
from quotewright.market.levels import BOOK, OK, level_qty

Integers = npt.NDArray[np.int64]


class Changes(NamedTuple):
    """One a change, in the order of the recording."""

    time_ns: Integers
    side: Integers
    price: Integers  # ticks
    lots: Integers  # posted above 0, gone below
    order: Integers  # 0 on levels


@kernel
def _take(rows: Any, books: Any, orders: Any, venue_time: int, out: Any) -> int:
    """Fill in a row of `out` for each change; how many, or -1 - status."""
    book = books[0]
    count = 0
    for i in range(len(rows)):
        row = rows[i]
        kind = row.kind
        before = level_qty(book, row.side, row.price) if kind == LEVEL else 0
        price = row.price
        change = 0
        status = apply_row(book, row)
        if kind in (ADD, CHANGE, DELETE) or (kind == CLEAR and book.l3):
            status = apply_order_row(orders[0], book, row)
            if status in (L3_UNKNOWN, L3_DUPLICATE):
                status = OK
            elif kind == ADD:
                change = row.qty
            elif kind == DELETE:
                change = -orders[0].gone_qty
                price = orders[0].gone_price
        elif kind == LEVEL:
            change = row.qty - before
        if change != 0 and book.clearing == 0 and book.printed == 0:
            out[count, 0] = row.exch_ts if venue_time == 1 else row.local_ts
            out[count, 1] = row.side
            out[count, 2] = price
            out[count, 3] = change
            out[count, 4] = row.order_id
            count += 1
        if status == OK and row["flags"] & LAST:
            status = finish_update(book, row)
        if status != OK:
            return -1 - status
    return count


def book_changes(chunks: Iterable[EventArray], *, orders: bool, venue_time: bool = True) -> Changes:
    """Changes of one instrument's EVENT rows (chunks that end with an update): of orders, or of levels.

    Snapshots and updates that contain a print are left out, as are partial reductions of orders. On levels a trade that
    is told in an update of its own still looks like lots that left. Raises ValueError if the book cannot hold it.
    """
    books, table = records(1, BOOK), records(1, ORDER_BOOK)
    books[0]["l3"] = int(orders)
    parts: list[npt.NDArray[np.int64]] = [np.empty((0, 5), np.int64)]
    for events in chunks:
        out = np.empty((len(events), 5), np.int64)
        count = int(_take(as_records(events), books, table, int(venue_time), out))
        if count < 0:
            raise ValueError(f"the book cannot hold this recording (status {-1 - count}); is the tick right?")
        parts.append(out[:count])
    return Changes(*(np.ascontiguousarray(column) for column in np.concatenate(parts).T))
