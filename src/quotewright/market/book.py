"""The compiled book of one instrument: its levels, and the touch.

The *touch* is the best bid and ask as last known, from the depth book or from a newer BEST pair.
"""

from __future__ import annotations

from typing import Any

from quotewright.domain.events import ASK, BEST, BID, CLEAR, FUNDING, LEVEL, NOTE, STATUS, TRADE, Status
from quotewright.domain.kernel import inlined, subkernel
from quotewright.market.levels import BOOK_FULL, OK, clear_levels, follow_market, level_qty, next_level, set_level

BOOK_GAP = int(Status.BOOK_GAP)


@inlined
def apply_row(book: Any, row: Any) -> int:
    """Apply one L2, trade, BEST or STATUS row; `finish_update` must follow the update's last row."""
    kind = row.kind
    if kind == LEVEL:
        book.depth_seq = row.seq
        return set_level(book, row.side, row.price, row.qty)
    if kind == BEST:
        if row.side == BID:
            book.next_bid = row.price if row.qty > 0 else 0
            book.next_bid_qty = row.qty
    elif kind == TRADE:
        book.last_price = row.price
        book.last_qty = row.qty
        book.last_side = row.side
    elif kind == CLEAR:
        clear_levels(book)
        book.clearing = 1
        book.depth_seq = row.seq
    elif kind == STATUS:
        if row.price == BOOK_GAP:
            book.valid = 0
    elif kind == NOTE:
        book.depth_seq = row.seq
    return OK


@inlined
def finish_update(book: Any, row: Any) -> int:
    """Bring the touch up to date after the last row of an update; returns OK or BOOK_FULL."""
    kind = row.kind
    if kind in (TRADE, STATUS, FUNDING):
        return OK
    if kind == BEST:
        if book.l3 == 0 and (row.seq == 0 or row.seq >= book.depth_seq):
            book.best_seq = row.seq
            book.touch_from_best = 1
            book.bid = book.next_bid
            book.bid_qty = book.next_bid_qty
            book.ask = row.price if row.qty > 0 else 0
            book.ask_qty = row.qty
    else:
        if book.clearing:
            book.clearing = 0
            book.valid = 1
        if book.touch_from_best == 0 or book.best_seq <= book.depth_seq:
            book.touch_from_best = 0
            book.bid = book.best_bid
            book.ask = book.best_ask
            book.bid_qty = level_qty(book, BID, book.bid) if book.bid > 0 else 0
            book.ask_qty = level_qty(book, ASK, book.ask) if book.ask > 0 else 0
        if follow_market(book) != OK:
            return BOOK_FULL
    if book.valid == 1 and 0 < book.bid < book.ask:
        book.mid2 = book.bid + book.ask
    return OK


@subkernel
def usable(book: Any) -> bool:
    """Whether the book may be quoted on: valid, both sides present, not crossed, not locked."""
    return book.valid == 1 and 0 < book.bid < book.ask


@subkernel
def touch_qty(book: Any, side: int, price: int) -> int:
    """Recorded lots at a price, as `Q(side, price)` of the replay venue's rules."""
    if side == BID:
        if book.bid > 0:
            if price > book.bid:
                return 0
            if price == book.bid:
                return book.bid_qty
    elif book.ask > 0:
        if price < book.ask:
            return 0
        if price == book.ask:
            return book.ask_qty
    return level_qty(book, side, price)


@subkernel
def next_price(book: Any, side: int, price: int) -> int:
    """Next price at or after the touch that is worse than `price` (0: start at the touch), or 0."""
    best = book.bid if side == BID else book.ask
    if price == 0:
        if best > 0:
            return best
        return book.best_bid if side == BID else book.best_ask
    return next_level(book, side, price)
