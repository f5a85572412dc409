"""The levels that an order-by-order recording would have shown, and what in truth became of their lots.

A decrement's truth is known from its orders: lots that a print names their maker for were traded, others cancelled. An
update of levels tells of their change only, so where a level was also refilled, its decrement D = traded + cancelled −
posted is smaller than what left it. By convention the lots it shows are then traded ones first: min(traded, D).
"""

# pyright: basic
# numba has no type stubs, and records have fields that no type checker sees.

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import (
    ADD,
    BEST,
    CHANGE,
    CLEAR,
    DELETE,
    EVENT,
    LAST,
    LEVEL,
    STATUS,
    TRADE,
    EventArray,
    empty_events,
)
from quotewright.domain.kernel import as_records, kernel, records, subkernel
from quotewright.market.l3 import L3_DUPLICATE, L3_UNKNOWN, ORDER_BOOK, apply_order_row, find_order
from quotewright.market.levels import BOOK, OK, clear_levels, level_qty

Integers = npt.NDArray[np.int64]

MOST = 1 << 14  # levels that one update may change
FILLS = 256  # prints that may wait for their makers' orders to change

TOUCHED = np.dtype(
    [
        ("side", "i8"),
        ("price", "i8"),
        ("before", "i8"),
        ("traded", "i8"),
        ("order", "i8"),  # a print's maker
        ("lots", "i8"),
    ],
    align=True,
)


class OrderLevels(NamedTuple):
    """Levels of an order-by-order recording, prints among them, and the truth about each change of a level."""

    events: EventArray  # CLEAR, LEVEL and TRADE rows, prints before the levels of their update
    lots: Integers  # of each LEVEL row after the snapshot: its change, below zero for a decrement
    traded: Integers  # lots of its decrement that traded


@subkernel
def _level_at(touched: Any, counts: Any, side: int, price: int) -> int:
    """Where a level that this update changed is noted, or -1."""
    for i in range(counts[0]):
        if touched[i].side == side and touched[i].price == price:
            return i
    return -1


@subkernel
def _note(touched: Any, counts: Any, side: int, price: int, before: int) -> int:
    at = _level_at(touched, counts, side, price)
    if at < 0 and counts[0] < MOST:
        at = counts[0]
        touched[at].side = side
        touched[at].price = price
        touched[at].before = before
        touched[at].traded = 0
        counts[0] += 1
    return at


@subkernel
def _fill_of(touched: Any, counts: Any, order: int, gone: int) -> int:
    """Lots of `gone` that prints account for, taken off those prints."""
    filled = 0
    for i in range(FILLS):
        fill = touched[MOST + i]
        if fill.order == order and fill.lots > 0 and filled < gone:
            lots = min(fill.lots, gone - filled)
            fill.lots -= lots
            filled += lots
    return filled


@subkernel
def _write(out: Any, counts: Any, kind: int, side: int, price: int, qty: int, exch: int, local: int, seq: int) -> None:
    row = out[counts[1]]
    row.kind = kind
    row.side = side
    row.price = price
    row.qty = qty
    row.exch_ts = exch
    row.local_ts = local
    row.seq = seq
    row["flags"] = 0
    counts[1] += 1


@subkernel
def _tell_levels(
    book: Any, touched: Any, counts: Any, snapshot: int, exch: int, local: int, out: Any, lots: Any, traded: Any
) -> None:
    """Write the levels that changed since the last update told of, and the truth; forget them."""
    first = counts[1]
    for i in range(counts[0]):
        level = touched[i]
        now = level_qty(book, level.side, level.price)
        if now != level.before:
            if snapshot == 0:
                lots[counts[2]] = now - level.before
                traded[counts[2]] = max(0, min(level.traded, level.before - now))
                counts[2] += 1
            _write(out, counts, LEVEL, level.side, level.price, now, exch, local, 0)
    if counts[1] > first or snapshot == 1:
        out[counts[1] - 1]["flags"] = LAST
    counts[0] = 0


@kernel
def _follow(
    rows: Any, book: Any, orders: Any, touched: Any, counts: Any, every: int, out: Any, lots: Any, traded: Any
) -> int:
    """Turn order rows into level rows; counts: levels noted, rows and truths written, prints kept."""
    b = book[0]
    o = orders[0]
    snapshot = 0
    due = 0
    late = 0
    for i in range(len(rows)):
        row = rows[i]
        kind = row.kind
        if every > 0 and snapshot == 0 and row.exch_ts > due:
            if counts[0] > 0:
                _tell_levels(b, touched, counts, 0, due, due + late, out, lots, traded)
            due = -(-row.exch_ts // every) * every
        late = row.local_ts - row.exch_ts
        if kind == CLEAR:
            clear_levels(b)
            snapshot = 1
            counts[0] = 0
            _write(out, counts, CLEAR, 0, 0, 0, row.exch_ts, row.local_ts, row.seq)
        elif kind == TRADE:
            fill = touched[MOST + counts[3] % FILLS]
            fill.order = row.order_id
            fill.lots = row.qty
            counts[3] += 1
            _write(out, counts, TRADE, row.side, row.price, row.qty, row.exch_ts, row.local_ts, row.seq)
            out[counts[1] - 1]["flags"] = LAST
        if kind in (CLEAR, ADD, CHANGE, DELETE):
            at = -1
            if kind == ADD:
                at = _note(touched, counts, row.side, row.price, level_qty(b, row.side, row.price))
            elif kind != CLEAR:
                slot = find_order(o, row.order_id)
                if slot >= 0:
                    price = o.price[slot]
                    at = _note(touched, counts, o.side[slot], price, level_qty(b, o.side[slot], price))
            if counts[0] >= MOST:
                return -1
            status = apply_order_row(o, b, row)
            if status not in (OK, L3_UNKNOWN, L3_DUPLICATE):
                return status
            if at >= 0 and o.gone_qty > 0:
                touched[at].traded += _fill_of(touched, counts, row.order_id, o.gone_qty)
        if row["flags"] & LAST == LAST and (every == 0 or snapshot == 1):
            _tell_levels(b, touched, counts, snapshot, row.exch_ts, row.local_ts, out, lots, traded)
            snapshot = 0
    return OK


def order_levels(events: EventArray, every_ns: int = 0) -> OrderLevels:
    """The levels of an order-by-order recording after each of its updates, or after every `every_ns` of venue time.

    With `every_ns` an update is stamped with the end of its interval, as a venue does that sends its book at intervals,
    and prints come in between. Raises InputError for a recording without orders, DataError for what the book can't
    hold.
    """
    if every_ns < 0:
        raise InputError("every_ns", every_ns, "give 0 or a positive number")
    if not (events["kind"] == ADD).any():
        raise InputError("events", "no orders", "give a recording order by order")
    rows = as_records(events[~np.isin(events["kind"], (BEST, STATUS))].view(EVENT))
    book, orders = records(1, BOOK), records(1, ORDER_BOOK)
    book["l3"] = 1
    touched, counts = records(MOST + FILLS, TOUCHED), np.zeros(4, np.int64)
    out = as_records(empty_events(2 * len(rows) + MOST))
    lots, traded = np.zeros(len(out), np.int64), np.zeros(len(out), np.int64)
    status = _follow(rows, book, orders, touched, counts, every_ns, out, lots, traded)
    if status != OK:
        raise DataError(f"an update changes more levels or orders than the book holds (status {status})")
    shown = np.asarray(out[: counts[1]]).view(EVENT).copy()
    shown["instrument"] = events["instrument"][0]
    return OrderLevels(by_receipt(shown), lots[: counts[2]], traded[: counts[2]])


def by_receipt(events: EventArray) -> EventArray:
    """Prints and updates merged in order of receipt; neither stream overtakes itself, at one time prints come first."""
    shown = events.copy()
    prints = shown["kind"] == TRADE
    for stream in (prints, ~prints):
        shown["local_ts"][stream] = np.maximum.accumulate(shown["local_ts"][stream])
    return shown[np.lexsort((~prints, shown["local_ts"]))]
