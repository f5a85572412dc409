"""The kernel of the data-quality pass: one look at every row, with the book as it was when the row came."""

# pyright: basic
# numba has no type stubs, and records have fields that no type checker sees.

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.events import (
    ADD,
    ASK,
    BEST,
    BID,
    CHANGE,
    CLEAR,
    DELETE,
    ESTIMATED_TIME,
    FUNDING,
    LAST,
    STATUS,
    TRADE,
    Status,
)
from quotewright.domain.kernel import kernel, subkernel
from quotewright.market.book import apply_row, finish_update
from quotewright.market.l3 import L3_DUPLICATE, L3_UNKNOWN, apply_order_row
from quotewright.market.latency_counts import count_latency
from quotewright.market.levels import OK, best_level

SECOND = 10**9
TRADE_IDS = 1 << 20  # places to remember trade ids in, each by its last bits
BOOK_GAP = int(Status.BOOK_GAP)

COUNTS = np.dtype(
    [
        ("updates", "i8"),
        ("first_local_ts", "i8"),
        ("last_local_ts", "i8"),  # of the last row, not the latest
        ("first_exch_ts", "i8"),  # the least and the most
        ("last_exch_ts", "i8"),
        ("gaps", "i8"),  # STATUS rows BOOK_GAP
        ("crossed", "i8"),  # ends of depth updates with the best bid above the best ask
        ("locked", "i8"),  # ... with the two equal
        ("one_sided", "i8"),  # ... with one side or both empty
        ("invalid", "i8"),  # ... while the book was not valid, and so not judged
        ("best_crossed", "i8"),  # BEST pairs, likewise
        ("best_locked", "i8"),
        ("best_one_sided", "i8"),
        ("duplicate_trades", "i8"),  # trade ids seen before
        ("trade_ids_back", "i8"),  # trade ids below the highest, not seen before
        ("duplicate_updates", "i8"),  # depth updates with the id of the one ahead
        ("update_ids_back", "i8"),  # ... with a lower one
        ("local_time_back", "i8"),  # updates
        ("local_time_back_most", "i8"),
        ("venue_back", "i8", (4,)),  # updates, by stream
        ("venue_back_most", "i8", (4,)),
        ("prints", "i8"),  # trades while both sides of the touch were known
        ("prints_outside", "i8"),  # of them, outside the last received touch
        ("unknown_orders", "i8"),  # L3 changes and deletes without their order
        ("duplicate_orders", "i8"),  # L3 adds of an order that rests
        ("silence", "i8"),  # longest time without an update
        ("silence_from", "i8"),  # local time at which it began
        ("silences_1s", "i8"),
        ("silences_10s", "i8"),
        ("reference2", "i8"),  # first usable mid in half ticks, or else minus twice the first trade's price
        ("latency_rows", "i8"),  # updates with a venue time of their own
        ("latency_min", "i8"),
        ("latency_max", "i8"),
        ("first_latency", "i8"),
        ("newest", "i8", (4,)),  # venue time, by stream
        ("last_local", "i8"),  # the latest
        ("last_trade", "i8"),
        ("last_depth", "i8"),
        ("in_update", "i8"),  # rows of the update in progress
        ("book_status", "i8"),  # not OK: the book was full, and is not judged any more
    ],
    align=True,
)


@kernel
def look_at(rows: Any, books: Any, orders: Any, counts: Any, trade_ids: Any, latencies: Any, stream_of: Any) -> None:
    """Count what is wrong with the rows; all other arguments carry the state from chunk to chunk."""
    book = books[0]
    count = counts[0]
    for i in range(len(rows)):
        row = rows[i]
        if count.in_update == 0:
            _times(count, row, stream_of[row.kind])
        count.in_update += 1
        if row.kind == TRADE:
            _trade(count, trade_ids, book, row)
        elif row.kind == STATUS and row.price == BOOK_GAP:
            count.gaps += 1
        elif row.kind == BEST and row.side == ASK:
            _pair(count, book, row)
        if count.book_status == OK:
            count.book_status = _apply(count, book, orders[0], row)
        if row["flags"] & LAST:
            count.updates += 1
            count.in_update = 0
            count.last_local_ts = row.local_ts
            if row["flags"] & ESTIMATED_TIME == 0:
                _latency(count, latencies, row.local_ts - row.exch_ts)


@subkernel
def _times(count: Any, row: Any, stream: int) -> None:
    """Compare an update's times with those before."""
    back = count.newest[stream] - row.exch_ts
    if back > 0:
        count.venue_back[stream] += 1
        count.venue_back_most[stream] = max(count.venue_back_most[stream], back)
    else:
        count.newest[stream] = row.exch_ts
    if count.first_local_ts == 0:
        count.first_local_ts = row.local_ts
        count.last_local = row.local_ts
        count.first_exch_ts = row.exch_ts
    count.first_exch_ts = min(count.first_exch_ts, row.exch_ts)
    count.last_exch_ts = max(count.last_exch_ts, row.exch_ts)
    gap = row.local_ts - count.last_local
    if gap < 0:
        count.local_time_back += 1
        count.local_time_back_most = max(count.local_time_back_most, -gap)
    elif gap > count.silence:
        count.silence = gap
        count.silence_from = count.last_local
    if gap > SECOND:
        count.silences_1s += 1
    if gap > 10 * SECOND:
        count.silences_10s += 1
    count.last_local = max(count.last_local, row.local_ts)


@subkernel
def _trade(count: Any, trade_ids: Any, book: Any, row: Any) -> None:
    if row.seq != 0:
        place = row.seq & (TRADE_IDS - 1)
        if trade_ids[place] == row.seq:
            count.duplicate_trades += 1
        elif row.seq < count.last_trade:
            count.trade_ids_back += 1
        trade_ids[place] = row.seq
        count.last_trade = max(count.last_trade, row.seq)
    if book.bid > 0 and book.ask > 0 and (book.valid == 1 or book.touch_from_best == 1):
        count.prints += 1
        if row.price < book.bid or row.price > book.ask:
            count.prints_outside += 1
    if count.reference2 == 0:
        count.reference2 = -2 * row.price


@subkernel
def _pair(count: Any, book: Any, row: Any) -> None:
    """Judge a BEST pair at its ask row; the bid row before it is in the book."""
    ask = row.price if row.qty > 0 else 0
    if book.next_bid == 0 or ask == 0:
        count.best_one_sided += 1
    elif book.next_bid > ask:
        count.best_crossed += 1
    elif book.next_bid == ask:
        count.best_locked += 1


@subkernel
def _apply(count: Any, book: Any, orders: Any, row: Any) -> int:
    """Apply a row to the book and judge it at the end of an update; returns the book's status."""
    kind = row.kind
    status = apply_row(book, row)
    if kind in (ADD, CHANGE, DELETE) or (kind == CLEAR and book.l3):
        status = apply_order_row(orders, book, row)
        if status == L3_UNKNOWN:
            count.unknown_orders += 1
            status = OK
        elif status == L3_DUPLICATE:
            count.duplicate_orders += 1
            status = OK
    if status != OK or row["flags"] & LAST == 0:
        return status
    snapshot = book.clearing
    status = finish_update(book, row)
    if count.reference2 <= 0 and book.mid2 > 0:
        count.reference2 = book.mid2
    if kind not in (TRADE, BEST, STATUS, FUNDING):
        _depth(count, book, row.seq, snapshot)
    return status


@subkernel
def _depth(count: Any, book: Any, seq: int, snapshot: int) -> None:
    """Judge the depth book after a depth update."""
    bid = best_level(book, BID)
    ask = best_level(book, ASK)
    if book.valid == 0:
        count.invalid += 1
    elif bid == 0 or ask == 0:
        count.one_sided += 1
    elif bid > ask:
        count.crossed += 1
    elif bid == ask:
        count.locked += 1
    if seq == 0:
        return
    if snapshot:
        count.last_depth = seq - 1  # the first difference may end at the snapshot's own id
        return
    if seq == count.last_depth:
        count.duplicate_updates += 1
    elif seq < count.last_depth:
        count.update_ids_back += 1
    count.last_depth = max(count.last_depth, seq)


@subkernel
def _latency(count: Any, latencies: Any, latency: int) -> None:
    if count.latency_rows == 0:
        count.first_latency = latency
        count.latency_min = latency
        count.latency_max = latency
    count.latency_rows += 1
    count.latency_min = min(count.latency_min, latency)
    count.latency_max = max(count.latency_max, latency)
    count_latency(latencies, latency - count.first_latency)
