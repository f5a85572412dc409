"""One message of a live Binance connection, read compiled, into rows and into the symbol's book.

As `binance_lines`, without the time in front. Beside it, the venue's own best bid and offer is held against the book:

    compared   a best pair is followed by one with a later id than the book's, and its own id was not later: then the
               book's touch, at its id, must be that pair
    behind     since when the depth stream has brought nothing, although a best pair with a later id is there
    apart      since when the book is later than the last best pair and its best prices are others
"""

# pyright: basic
# numba has no type stubs, and records have fields that no type checker sees.

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.events import BEST, BID, LAST, STATUS, TRADE
from quotewright.domain.kernel import inlined, kernel
from quotewright.importers.binance_lines import take_message
from quotewright.market.book import apply_row, finish_update
from quotewright.market.levels import OK

UNUSUAL = 0  # nothing was taken: the message is for a reader of all messages
FULL = -1  # nothing was taken: there may not be room for its rows
OLD = -2  # a best pair from before the last one

WATCH = np.dtype(
    [
        ("best_seq", "i8"),
        ("bid", "i8"),  # the last best pair, ticks and lots
        ("bid_qty", "i8"),
        ("ask", "i8"),
        ("ask_qty", "i8"),
        ("trade", "i8"),  # id of the last trade
        ("missed", "i8"),  # ids between trades that never came
        ("compared", "i8"),
        ("differing", "i8"),  # of those compared
        ("differs", "i8"),  # 1: the last one compared did
        ("behind", "i8"),  # local time, ns; 0: it is not
        ("apart", "i8"),
        ("heard", "i8"),  # local time of the last message
        ("full", "i8"),  # the book could not hold a level
    ],
    align=True,
)


@kernel
def read_message(
    text: Any, readers: Any, symbol: Any, words: Any, rows: Any, at: int, books: Any, watches: Any, local: int
) -> int:
    """Read one message received at `local`; returns how many rows there are from `at` on, or why there are none.

    `words` and `rows` are the same memory, as seven words each and as event records.
    """
    end = len(text)
    if at + end // 8 + 2 > len(rows):
        return FULL
    reader = readers[0]
    reader.rows = at
    reader.at = 0
    reader.seen = 0
    if not take_message(text, end, reader, local, symbol, words):
        return UNUSUAL
    if rows[at].kind == BEST and rows[at].seq < watches[0].best_seq:
        return OLD
    _follow(rows, at, reader.rows, books[0], watches[0])
    return reader.rows - at


@kernel
def follow_rows(rows: Any, first: int, stop: int, books: Any, watches: Any) -> None:
    """Let the book follow rows that were made otherwise."""
    _follow(rows, first, stop, books[0], watches[0])


@inlined
def _follow(rows: Any, first: int, stop: int, book: Any, watch: Any) -> None:
    for i in range(first, stop):
        row = rows[i]
        status = apply_row(book, row)
        kind = row.kind
        if kind == BEST and row.side == BID:
            _compare(book, watch, row.seq)
        if status == OK and row["flags"] & LAST:
            if kind == BEST:
                _take_best(book, watch, row)
            elif kind == TRADE:
                if watch.trade > 0 and row.seq > watch.trade + 1:
                    watch.missed += row.seq - watch.trade - 1
                watch.trade = row.seq
            if book.clearing:
                watch.differs = 0  # it is another book
            status = finish_update(book, row)
            if kind not in (BEST, TRADE, STATUS):
                _after_depth(book, watch, row.local_ts)
        if status != OK:
            watch.full = 1
    if stop > first:
        watch.heard = rows[stop - 1].local_ts


@inlined
def _compare(book: Any, watch: Any, seq: int) -> None:
    """Before a best pair is taken: hold the last one against the book, if the book stands between the two."""
    if book.valid == 1 and 0 < watch.best_seq <= book.depth_seq < seq:
        watch.compared += 1
        same = watch.bid == book.depth_bid and watch.ask == book.depth_ask
        same &= watch.bid_qty == book.depth_bid_qty and watch.ask_qty == book.depth_ask_qty
        watch.differs = 0 if same else 1
        watch.differing += watch.differs


@inlined
def _take_best(book: Any, watch: Any, row: Any) -> None:
    watch.best_seq = row.seq
    watch.bid = book.next_bid
    watch.bid_qty = book.next_bid_qty
    watch.ask = row.price if row.qty > 0 else 0
    watch.ask_qty = row.qty
    if row.seq >= book.depth_seq:
        watch.apart = 0
    if row.seq > book.depth_seq and watch.behind == 0 and book.valid == 1:
        watch.behind = row.local_ts


@inlined
def _after_depth(book: Any, watch: Any, local: int) -> None:
    watch.behind = local if watch.best_seq > book.depth_seq else 0
    if watch.best_seq >= book.depth_seq or (watch.bid == book.depth_bid and watch.ask == book.depth_ask):
        watch.apart = 0
    elif watch.apart == 0 and watch.best_seq > 0:
        watch.apart = local
