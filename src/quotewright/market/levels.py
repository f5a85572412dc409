"""The levels of a depth book: any price, exact best prices, next occupied tick.

Levels near the market live in a window of ticks (a direct index, with a three-level bitmap to find the next
occupied tick); all others in a hash table, so that no level is ever dropped. The window follows the market.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.events import ASK, BID
from quotewright.domain.kernel import highest_bit, inlined, lowest_bit, subkernel

WINDOW = 32_768  # ticks; 32 cubed, one bitmap word of 32 bits on each of three levels
FAR = 131_072  # slots for levels outside the window
FAR_MOST = FAR * 9 // 10

OK = 0
BOOK_FULL = 1  # more levels outside the window than FAR_MOST

BOOK = np.dtype(
    [
        ("valid", "i8"),
        ("clearing", "i8"),  # the update in progress began with CLEAR
        ("bid", "i8"),  # the touch, ticks and lots; price 0 when the side is empty
        ("bid_qty", "i8"),
        ("ask", "i8"),
        ("ask_qty", "i8"),
        ("mid2", "i8"),  # bid + ask when the touch was last usable; 0 before
        ("depth_seq", "i8"),
        ("best_seq", "i8"),
        ("touch_from_best", "i8"),
        ("next_bid", "i8"),  # the BEST pair in progress
        ("next_bid_qty", "i8"),
        ("last_price", "i8"),  # last trade
        ("last_qty", "i8"),
        ("last_side", "i8"),
        ("l3", "i8"),  # 1: levels are sums of orders, BEST rows are ignored
        ("best_bid", "i8"),  # best of the depth book; 0 when empty
        ("best_ask", "i8"),
        ("bid_levels", "i8"),
        ("ask_levels", "i8"),
        ("origin", "i8"),  # tick of window index 0; 0 before the first level
        ("far_used", "i8"),
        ("bids", "i8", (WINDOW,)),
        ("asks", "i8", (WINDOW,)),
        ("bid_bits", "i8", (1 + 32 + 1024,)),  # levels 0 (one word), 1 (32), 2 (1024) of the bitmap
        ("ask_bits", "i8", (1 + 32 + 1024,)),
        ("far_key", "i8", (FAR,)),  # price × 2 + (1 for bids); 0 is free
        ("far_qty", "i8", (FAR,)),
    ],
    align=True,
)


@subkernel
def _mark(bits: Any, index: int) -> None:
    bits[33 + (index >> 5)] |= 1 << (index & 31)
    bits[1 + (index >> 10)] |= 1 << ((index >> 5) & 31)
    bits[0] |= 1 << (index >> 10)


@subkernel
def _unmark(bits: Any, index: int) -> None:
    bits[33 + (index >> 5)] &= ~(1 << (index & 31))
    if bits[33 + (index >> 5)] == 0:
        bits[1 + (index >> 10)] &= ~(1 << ((index >> 5) & 31))
        if bits[1 + (index >> 10)] == 0:
            bits[0] &= ~(1 << (index >> 10))


@subkernel
def _marked_below(bits: Any, index: int) -> int:
    """Highest marked index below `index` (0..WINDOW), or -1."""
    if index <= 0:
        return -1
    index -= 1
    word = bits[33 + (index >> 5)] & ((2 << (index & 31)) - 1)
    if word != 0:
        return (index >> 5 << 5) + highest_bit(word)
    middle = index >> 5
    word = bits[1 + (middle >> 5)] & ((1 << (middle & 31)) - 1)
    if word != 0:
        middle = (middle >> 5 << 5) + highest_bit(word)
        return (middle << 5) + highest_bit(bits[33 + middle])
    word = bits[0] & ((1 << (middle >> 5)) - 1)
    if word != 0:
        top = highest_bit(word)
        middle = (top << 5) + highest_bit(bits[1 + top])
        return (middle << 5) + highest_bit(bits[33 + middle])
    return -1


@subkernel
def _marked_above(bits: Any, index: int) -> int:
    """Lowest marked index above `index` (-1..WINDOW-1), or -1."""
    index += 1
    if index >= WINDOW:
        return -1
    word = bits[33 + (index >> 5)] >> (index & 31)
    if word != 0:
        return index + lowest_bit(word)
    middle = (index >> 5) + 1
    if middle & 31:
        word = bits[1 + (middle >> 5)] >> (middle & 31)
        if word != 0:
            middle += lowest_bit(word)
            return (middle << 5) + lowest_bit(bits[33 + middle])
        middle = ((middle >> 5) + 1) << 5
    top = middle >> 5
    if top >= 32:
        return -1
    word = bits[0] >> top
    if word != 0:
        top += lowest_bit(word)
        middle = (top << 5) + lowest_bit(bits[1 + top])
        return (middle << 5) + lowest_bit(bits[33 + middle])
    return -1


@subkernel
def _home(key: int) -> int:
    """Where the far table looks for a key first."""
    return ((((key >> 30) ^ key) & 0x3FFFFFFF) * 0x9E3779B1 >> 14) & (FAR - 1)


@subkernel
def _far_slot(book: Any, key: int) -> int:
    """Slot that holds `key`, or the free slot where it belongs."""
    slot = _home(key)
    while book.far_key[slot] != 0 and book.far_key[slot] != key:
        slot = (slot + 1) & (FAR - 1)
    return slot


@subkernel
def _far_remove(book: Any, slot: int) -> None:
    """Free a slot and close the probe chain behind it."""
    book.far_used -= 1
    hole = slot
    probe = slot
    while True:
        probe = (probe + 1) & (FAR - 1)
        key = book.far_key[probe]
        if key == 0:
            break
        home = _home(key)
        if ((probe - home) & (FAR - 1)) >= ((probe - hole) & (FAR - 1)):
            book.far_key[hole] = key
            book.far_qty[hole] = book.far_qty[probe]
            hole = probe
    book.far_key[hole] = 0
    book.far_qty[hole] = 0


@subkernel
def _far_best(book: Any, side: int, below: int) -> int:
    """Best far price on `side` that is strictly worse than `below` (0: no bound), or 0."""
    best = 0
    if book.far_used == 0:
        return 0
    parity = 1 if side == BID else 0
    for slot in range(FAR):
        key = book.far_key[slot]
        if key == 0 or (key & 1) != parity:
            continue
        price = key >> 1
        if side == BID:
            if (below == 0 or price < below) and price > best:
                best = price
        elif (below == 0 or price > below) and (best == 0 or price < best):
            best = price
    return best


@subkernel
def level_qty(book: Any, side: int, price: int) -> int:
    """Lots of the depth book at a price, 0 if the level is empty."""
    index = price - book.origin
    if 0 <= index < WINDOW:
        return book.bids[index] if side == BID else book.asks[index]
    if book.far_used == 0:
        return 0
    slot = _far_slot(book, price * 2 + (1 if side == BID else 0))
    return book.far_qty[slot]


@subkernel
def next_level(book: Any, side: int, price: int) -> int:
    """Next occupied price of the depth book strictly worse than `price`, or 0."""
    index = price - book.origin
    if side == BID:
        found = _marked_below(book.bid_bits, min(max(index, 0), WINDOW))
        near = book.origin + found if found >= 0 else 0
        if book.far_used == 0 or (near > 0 and index <= WINDOW):
            return near
        return max(near, _far_best(book, side, price))
    found = _marked_above(book.ask_bits, max(min(index, WINDOW - 1), -1))
    near = book.origin + found if found >= 0 else 0
    if book.far_used == 0 or (near > 0 and index >= -1):
        return near
    far = _far_best(book, side, price)
    return far if near == 0 or 0 < far < near else near


@inlined
def _place_level(book: Any, side: int, price: int, qty: int) -> int:
    """Write a level without looking at best prices; returns its quantity before, or -1 when full."""
    index = price - book.origin
    if 0 <= index < WINDOW:
        levels = book.bids if side == BID else book.asks
        bits = book.bid_bits if side == BID else book.ask_bits
        before = levels[index]
        levels[index] = qty
        if before == 0 and qty > 0:
            _mark(bits, index)
        elif before > 0 and qty == 0:
            _unmark(bits, index)
        return before
    slot = _far_slot(book, price * 2 + (1 if side == BID else 0))
    before = book.far_qty[slot]
    if qty > 0:
        if before == 0:
            if book.far_used >= FAR_MOST:
                return -1
            book.far_used += 1
            book.far_key[slot] = price * 2 + (1 if side == BID else 0)
        book.far_qty[slot] = qty
    elif before > 0:
        _far_remove(book, slot)
    return before


@subkernel
def _empty_window(book: Any, side: int) -> int:
    """Move every level of one side from the window to the far table."""
    levels = book.bids if side == BID else book.asks
    bits = book.bid_bits if side == BID else book.ask_bits
    index = _marked_above(bits, -1)
    while index >= 0:
        if book.far_used >= FAR_MOST:
            return BOOK_FULL
        key = (book.origin + index) * 2 + (1 if side == BID else 0)
        slot = _far_slot(book, key)
        book.far_key[slot] = key
        book.far_qty[slot] = levels[index]
        book.far_used += 1
        levels[index] = 0
        _unmark(bits, index)
        index = _marked_above(bits, index)
    return OK


@subkernel
def _recentre(book: Any, price: int) -> int:
    """Move the window so that `price` is in its middle; every level keeps its quantity."""
    if _empty_window(book, BID) != OK or _empty_window(book, ASK) != OK:
        return BOOK_FULL
    book.origin = price - WINDOW // 2
    slot = 0
    while slot < FAR and book.far_used > 0:
        key = book.far_key[slot]
        index = (key >> 1) - book.origin
        if key != 0 and 0 <= index < WINDOW:
            qty = book.far_qty[slot]
            if key & 1:
                book.bids[index] = qty
                _mark(book.bid_bits, index)
            else:
                book.asks[index] = qty
                _mark(book.ask_bits, index)
            _far_remove(book, slot)  # the slot now holds another key, or none: look at it again
            if book.far_key[slot] == 0:
                slot += 1
        else:
            slot += 1
    return OK


@inlined
def set_level(book: Any, side: int, price: int, qty: int) -> int:
    """Set the lots resting at a price (0 removes the level); returns OK or BOOK_FULL."""
    if book.origin == 0:
        book.origin = price - WINDOW // 2
    before = _place_level(book, side, price, qty)
    if before < 0:
        return BOOK_FULL
    if side == BID:
        if qty > 0:
            if before == 0:
                book.bid_levels += 1
            if price > book.best_bid:
                book.best_bid = price
        elif before > 0:
            book.bid_levels -= 1
            if price == book.best_bid:
                book.best_bid = next_level(book, BID, price)
    elif qty > 0:
        if before == 0:
            book.ask_levels += 1
        if book.best_ask == 0 or price < book.best_ask:
            book.best_ask = price
    elif before > 0:
        book.ask_levels -= 1
        if price == book.best_ask:
            book.best_ask = next_level(book, ASK, price)
    return OK


@subkernel
def clear_levels(book: Any) -> None:
    """Empty both sides."""
    if book.far_used > 0:
        book.far_key[:] = 0
        book.far_qty[:] = 0
    book.far_used = 0
    index = _marked_above(book.bid_bits, -1)
    while index >= 0:
        book.bids[index] = 0
        _unmark(book.bid_bits, index)
        index = _marked_above(book.bid_bits, index)
    index = _marked_above(book.ask_bits, -1)
    while index >= 0:
        book.asks[index] = 0
        _unmark(book.ask_bits, index)
        index = _marked_above(book.ask_bits, index)
    book.best_bid = 0
    book.best_ask = 0
    book.bid_levels = 0
    book.ask_levels = 0


@subkernel
def follow_market(book: Any) -> int:
    """Re-centre the window when a plausible best price has left it; returns OK or BOOK_FULL."""
    bid = book.best_bid
    ask = book.best_ask
    middle = (bid + ask) // 2 if bid > 0 and ask > 0 else max(bid, ask)
    if middle == 0 or (bid > 0 and ask > 0 and abs(ask - bid) > WINDOW // 4):
        return OK
    if abs(middle - book.origin - WINDOW // 2) > WINDOW // 4:
        return _recentre(book, middle)
    return OK
