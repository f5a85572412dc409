"""The compiled book of one instrument: its levels, and the touch.

The *touch* is the best bid and ask as last known, from the depth book or from a newer BEST pair. It follows from what
each update leaves behind (UPDATE), so that a second observer, who hears of the same updates later, keeps a touch
without keeping levels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.events import ASK, BEST, BID, CLEAR, FUNDING, LEVEL, STATUS, TRADE, Status
from quotewright.domain.kernel import inlined, subkernel
from quotewright.market.levels import (
    OK,
    best_level,
    clear_levels,
    follow_market,
    level_qty,
    next_level,
    set_level,
)

BOOK_GAP = int(Status.BOOK_GAP)

TOUCH = np.dtype(
    [
        ("valid", "i8"),
        ("bid", "i8"),  # ticks; 0 when the side is empty
        ("bid_qty", "i8"),
        ("ask", "i8"),
        ("ask_qty", "i8"),
        ("mid2", "i8"),  # bid + ask when the touch was last usable; 0 before
        ("depth_seq", "i8"),
        ("best_seq", "i8"),
        ("touch_from_best", "i8"),
        ("last_price", "i8"),  # last trade
        ("last_qty", "i8"),
        ("last_side", "i8"),
        ("l3", "i8"),
    ],
    align=True,
)

UPDATE = np.dtype(
    [
        ("local_ts", "i8"),
        ("exch_ts", "i8"),
        ("instrument", "i8"),
        ("kind", "i8"),  # of the last row
        ("rows", "i8"),
        ("seq", "i8"),  # of the depth book; for BEST of the pair
        ("bid", "i8"),  # best of the depth book, or the BEST pair
        ("bid_qty", "i8"),
        ("ask", "i8"),
        ("ask_qty", "i8"),
        ("snapshot", "i8"),
        ("printed", "i8"),  # the fields below tell of a trade
        ("price", "i8"),  # of the last trade; for STATUS and FUNDING of the row
        ("qty", "i8"),
        ("side", "i8"),
    ],
    align=True,
)


@inlined
def apply_row(book: Any, row: Any) -> int:
    """Apply one L2, trade, BEST or STATUS row; `finish_update` must follow the update's last row."""
    kind = row.kind
    if kind == LEVEL:
        return set_level(book, row.side, row.price, row.qty)
    if kind == BEST:
        if row.side == BID:
            book.next_bid = row.price if row.qty > 0 else 0
            book.next_bid_qty = row.qty
    elif kind == TRADE:
        book.printed = 1
        book.last_price = row.price
        book.last_qty = row.qty
        book.last_side = row.side
    elif kind == CLEAR:
        clear_levels(book)
        book.clearing = 1
    elif kind == STATUS and row.price == BOOK_GAP:
        book.valid = 0
    return OK


@inlined
def finish_update(book: Any, row: Any) -> int:
    """Bring the touch up to date after the last row of an update; returns OK or BOOK_FULL."""
    kind = row.kind
    book.printed = 0
    if kind in (TRADE, STATUS, FUNDING):
        return OK
    if kind == BEST:
        _take_best(book, book.next_bid, book.next_bid_qty, row.price if row.qty > 0 else 0, row.qty, row.seq)
        return OK
    book.depth_seq = row.seq
    bid = best_level(book, BID)
    ask = best_level(book, ASK)
    book.depth_bid = bid
    book.depth_ask = ask
    book.depth_bid_qty = level_qty(book, BID, bid) if bid > 0 else 0
    book.depth_ask_qty = level_qty(book, ASK, ask) if ask > 0 else 0
    if book.clearing:
        book.clearing = 0
        book.valid = 1
    _take_depth(book, bid, book.depth_bid_qty, ask, book.depth_ask_qty)
    return follow_market(book)


@inlined
def note_update(book: Any, row: Any, rows: int, snapshot: int, printed: int, update: Any) -> None:
    """Write down what an update left behind, after `finish_update`, for `take_update` of another observer.

    `rows`, `snapshot` and `printed` tell of the update's rows; the last two as the book had them before it finished.
    """
    kind = row.kind
    update.local_ts = row.local_ts
    update.exch_ts = row.exch_ts
    update.instrument = row.instrument
    update.kind = kind
    update.rows = rows
    update.snapshot = snapshot
    update.printed = printed
    if kind == BEST:
        update.seq = row.seq
        update.bid = book.next_bid
        update.bid_qty = book.next_bid_qty
        update.ask = row.price if row.qty > 0 else 0
        update.ask_qty = row.qty
    else:
        update.seq = book.depth_seq
        update.bid = book.depth_bid
        update.bid_qty = book.depth_bid_qty
        update.ask = book.depth_ask
        update.ask_qty = book.depth_ask_qty
    if printed:
        update.price = book.last_price
        update.qty = book.last_qty
        update.side = book.last_side
    elif kind in (STATUS, FUNDING):
        update.price = row.price
        update.qty = row.qty


@inlined
def take_update(touch: Any, update: Any) -> None:
    """Bring a touch up to date with what an update left behind."""
    kind = update.kind
    if update.printed:
        touch.last_price = update.price
        touch.last_qty = update.qty
        touch.last_side = update.side
    if kind == BEST:
        _take_best(touch, update.bid, update.bid_qty, update.ask, update.ask_qty, update.seq)
    elif kind == STATUS:
        if update.price == BOOK_GAP:
            touch.valid = 0
    elif kind not in (TRADE, FUNDING):
        touch.depth_seq = update.seq
        if update.snapshot:
            touch.valid = 1
        _take_depth(touch, update.bid, update.bid_qty, update.ask, update.ask_qty)


@inlined
def _take_depth(touch: Any, bid: int, bid_qty: int, ask: int, ask_qty: int) -> None:
    if touch.touch_from_best == 0 or touch.best_seq <= touch.depth_seq:
        touch.touch_from_best = 0
        touch.bid = bid
        touch.bid_qty = bid_qty
        touch.ask = ask
        touch.ask_qty = ask_qty
    _settle_mid(touch)


@inlined
def _take_best(touch: Any, bid: int, bid_qty: int, ask: int, ask_qty: int, seq: int) -> None:
    if touch.l3 == 0 and (seq == 0 or seq >= touch.depth_seq):
        touch.best_seq = seq
        touch.touch_from_best = 1
        touch.bid = bid
        touch.bid_qty = bid_qty
        touch.ask = ask
        touch.ask_qty = ask_qty
    _settle_mid(touch)


@inlined
def _settle_mid(touch: Any) -> None:
    if touch.valid == 1 and 0 < touch.bid < touch.ask:
        touch.mid2 = touch.bid + touch.ask


@inlined
def copy_touch(book: Any, touch: Any) -> None:
    """Let a touch be that of a book."""
    touch.valid = book.valid
    touch.bid = book.bid
    touch.bid_qty = book.bid_qty
    touch.ask = book.ask
    touch.ask_qty = book.ask_qty
    touch.mid2 = book.mid2
    touch.depth_seq = book.depth_seq
    touch.best_seq = book.best_seq
    touch.touch_from_best = book.touch_from_best
    touch.last_price = book.last_price
    touch.last_qty = book.last_qty
    touch.last_side = book.last_side


@subkernel
def usable(book: Any) -> bool:
    """Whether a book (or its touch) may be quoted on: valid, both sides present, not crossed, not locked."""
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
        return best_level(book, side)
    return next_level(book, side, price)
