"""The levels of a depth book: any price, exact best prices, next occupied tick.

Levels near the market live in a window of ticks (a direct index, with a three-level bitmap to find the next
occupied tick); all others in a hash table, so that no level is ever dropped. The window follows the market.

The two sides share every array, bids first. A bid's *rank* is its price, an ask's TOP minus its price: the higher, the
better, on either side, and 0 is no level. So the path of every row asks neither which side it changes nor whether a
level comes or goes, which no branch predictor could know.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.events import ASK, BID
from quotewright.domain.kernel import highest_bit, inlined, lowest_bit, subkernel

WINDOW = 32_768  # ticks; 32 cubed, one bitmap word of 32 bits on each of three levels
MARKS = 1 + 32 + 1024
FAR = 131_072  # slots for levels outside the window
FAR_MOST = FAR * 9 // 10
TOP = 2**62  # above every price

OK = 0
BOOK_FULL = 1  # more levels outside the window than FAR_MOST

BOOK = np.dtype(
    [
        ("valid", "i8"),
        ("clearing", "i8"),  # the update in progress began with CLEAR
        ("printed", "i8"),  # it has a trade
        ("bid", "i8"),  # the touch, ticks and lots; price 0 when the side is empty
        ("bid_qty", "i8"),
        ("ask", "i8"),
        ("ask_qty", "i8"),
        ("depth_bid", "i8"),  # the best of the depth book after the last depth update, likewise
        ("depth_bid_qty", "i8"),
        ("depth_ask", "i8"),
        ("depth_ask_qty", "i8"),
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
        ("origin", "i8"),  # tick of window index 0
        ("far_used", "i8"),
        ("best", "i8", (2,)),  # rank of the best level of each side; 0 when there is none
        ("lots", "i8", (2 * WINDOW,)),
        ("marks", "i8", (2 * MARKS,)),  # per side the bitmap's levels 0 (one word), 1 (32), 2 (1024)
        ("far_key", "i8", (FAR,)),  # price × 2 + (1 for bids); 0 is free
        ("far_qty", "i8", (FAR,)),
    ],
    align=True,
)


@inlined
def side_index(side: int) -> int:
    """0 for BID, 1 for ASK."""
    return (1 - int(side)) >> 1


@inlined
def _rank(side: int, price: int) -> int:
    return price * side + side_index(side) * TOP


@inlined
def _price(side: int, rank: int) -> int:
    """Price of a rank; 0 of rank 0."""
    return (rank - side_index(side) * TOP) * side if rank > 0 else 0


@inlined
def best_level(book: Any, side: int) -> int:
    """Best price of the depth book on a side; 0 when it is empty."""
    return _price(side, book.best[side_index(side)])


@inlined
def _mark(marks: Any, base: int, index: int, present: bool) -> None:
    """Set or clear the mark of one index; `base` is where the side's bitmap begins."""
    at = base + 33 + (index >> 5)
    bit = 1 << (index & 31)
    before = marks[at]
    after = (before & ~bit) | (bit if present else 0)
    marks[at] = after
    if (before == 0) != (after == 0):
        _mark_above_words(marks, base, index, present)


@subkernel
def _mark_above_words(marks: Any, base: int, index: int, present: bool) -> None:
    """Pass on to the upper levels of the bitmap that a word became used or unused."""
    middle = base + 1 + (index >> 10)
    bit = 1 << ((index >> 5) & 31)
    if present:
        marks[middle] |= bit
        marks[base] |= 1 << (index >> 10)
        return
    marks[middle] &= ~bit
    if marks[middle] == 0:
        marks[base] &= ~(1 << (index >> 10))


@subkernel
def _marked_below(marks: Any, base: int, index: int) -> int:
    """Highest marked index below `index` (0..WINDOW), or -1."""
    if index <= 0:
        return -1
    index -= 1
    word = marks[base + 33 + (index >> 5)] & ((2 << (index & 31)) - 1)
    if word != 0:
        return (index >> 5 << 5) + highest_bit(word)
    middle = index >> 5
    word = marks[base + 1 + (middle >> 5)] & ((1 << (middle & 31)) - 1)
    if word != 0:
        middle = (middle >> 5 << 5) + highest_bit(word)
        return (middle << 5) + highest_bit(marks[base + 33 + middle])
    word = marks[base] & ((1 << (middle >> 5)) - 1)
    if word != 0:
        top = highest_bit(word)
        middle = (top << 5) + highest_bit(marks[base + 1 + top])
        return (middle << 5) + highest_bit(marks[base + 33 + middle])
    return -1


@subkernel
def _marked_above(marks: Any, base: int, index: int) -> int:
    """Lowest marked index above `index` (-1..WINDOW-1), or -1."""
    index += 1
    if index >= WINDOW:
        return -1
    word = marks[base + 33 + (index >> 5)] >> (index & 31)
    if word != 0:
        return index + lowest_bit(word)
    middle = (index >> 5) + 1
    if middle & 31:
        word = marks[base + 1 + (middle >> 5)] >> (middle & 31)
        if word != 0:
            middle += lowest_bit(word)
            return (middle << 5) + lowest_bit(marks[base + 33 + middle])
        middle = ((middle >> 5) + 1) << 5
    top = middle >> 5
    if top >= 32:
        return -1
    word = marks[base] >> top
    if word != 0:
        top += lowest_bit(word)
        middle = (top << 5) + lowest_bit(marks[base + 1 + top])
        return (middle << 5) + lowest_bit(marks[base + 33 + middle])
    return -1


@subkernel
def _key(side: int, price: int) -> int:
    return price * 2 + 1 - side_index(side)


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
    """Best far rank on `side` that is strictly below the rank `below`, or 0."""
    best = 0
    if book.far_used == 0:
        return 0
    parity = _key(side, 0)
    for slot in range(FAR):
        key = book.far_key[slot]
        if key != 0 and (key & 1) == parity:
            rank = _rank(side, key >> 1)
            if best < rank < below:
                best = rank
    return best


@subkernel
def level_qty(book: Any, side: int, price: int) -> int:
    """Lots of the depth book at a price, 0 if the level is empty."""
    index = price - book.origin
    if 0 <= index < WINDOW:
        return book.lots[side_index(side) * WINDOW + index]
    if book.far_used == 0:
        return 0
    return book.far_qty[_far_slot(book, _key(side, price))]


@subkernel
def _next_rank(book: Any, side: int, price: int) -> int:
    """Rank of the next occupied level strictly worse than `price`, or 0."""
    index = price - book.origin
    base = side_index(side) * MARKS
    if side == BID:
        found = _marked_below(book.marks, base, min(max(index, 0), WINDOW))
        settled = index <= WINDOW
    else:
        found = _marked_above(book.marks, base, max(min(index, WINDOW - 1), -1))
        settled = index >= -1
    near = _rank(side, book.origin + found) if found >= 0 else 0
    if book.far_used == 0 or (found >= 0 and settled):
        return near
    return max(near, _far_best(book, side, _rank(side, price)))


@subkernel
def next_level(book: Any, side: int, price: int) -> int:
    """Next occupied price of the depth book strictly worse than `price`, or 0."""
    return _price(side, _next_rank(book, side, price))


@subkernel
def _place_far(book: Any, side: int, price: int, qty: int) -> int:
    """Write a level outside the window, which the first level of all puts around itself; returns OK or BOOK_FULL."""
    if book.origin == 0 and qty > 0:
        status = _recentre(book, price)
        index = price - book.origin
        book.lots[side_index(side) * WINDOW + index] = qty
        _mark(book.marks, side_index(side) * MARKS, index, True)
        return status
    key = _key(side, price)
    slot = _far_slot(book, key)
    before = book.far_qty[slot]
    if qty > 0:
        if before == 0:
            if book.far_used >= FAR_MOST:
                return BOOK_FULL
            book.far_used += 1
            book.far_key[slot] = key
        book.far_qty[slot] = qty
    elif before > 0:
        _far_remove(book, slot)
    return OK


@subkernel
def _empty_window(book: Any, side: int) -> int:
    """Move every level of one side from the window to the far table."""
    s = side_index(side)
    index = _marked_above(book.marks, s * MARKS, -1)
    while index >= 0:
        if book.far_used >= FAR_MOST:
            return BOOK_FULL
        key = _key(side, book.origin + index)
        slot = _far_slot(book, key)
        book.far_key[slot] = key
        book.far_qty[slot] = book.lots[s * WINDOW + index]
        book.far_used += 1
        book.lots[s * WINDOW + index] = 0
        _mark(book.marks, s * MARKS, index, False)
        index = _marked_above(book.marks, s * MARKS, index)
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
            s = 1 - (key & 1)
            book.lots[s * WINDOW + index] = book.far_qty[slot]
            _mark(book.marks, s * MARKS, index, True)
            _far_remove(book, slot)  # the slot now holds another key, or none: look at it again
            if book.far_key[slot] == 0:
                slot += 1
        else:
            slot += 1
    return OK


@subkernel
def set_level(book: Any, side: int, price: int, qty: int) -> int:
    """Set the lots resting at a price (0 removes the level); returns OK or BOOK_FULL."""
    return set_level_here(book, side, price, qty)


@inlined
def set_level_here(book: Any, side: int, price: int, qty: int) -> int:
    """`set_level` in place of the call: for loops over whole feeds, as each copy costs a second of compiling."""
    s = side_index(side)
    index = price - book.origin
    status = OK
    if 0 <= index < WINDOW:
        book.lots[s * WINDOW + index] = qty
        _mark(book.marks, s * MARKS, index, qty > 0)
    else:
        status = _place_far(book, side, price, qty)
    rank = _rank(side, price)
    best = book.best[s]
    if (rank == best) & (qty == 0):  # one branch: that a row is at the best price is no surprise, that it empties it is
        book.best[s] = _next_rank(book, side, price)
    else:
        book.best[s] = max(best, rank if qty > 0 else 0)
    return status


@subkernel
def count_levels(book: Any, side: int) -> int:
    """How many levels a side has."""
    count = 0
    s = side_index(side)
    index = _marked_above(book.marks, s * MARKS, -1)
    while index >= 0:
        count += 1
        index = _marked_above(book.marks, s * MARKS, index)
    if book.far_used > 0:
        for slot in range(FAR):
            key = book.far_key[slot]
            if key != 0 and (key & 1) == 1 - s:
                count += 1
    return count


@subkernel
def clear_levels(book: Any) -> None:
    """Empty both sides."""
    if book.far_used > 0:
        book.far_key[:] = 0
        book.far_qty[:] = 0
    book.far_used = 0
    for s in range(2):
        index = _marked_above(book.marks, s * MARKS, -1)
        while index >= 0:
            book.lots[s * WINDOW + index] = 0
            _mark(book.marks, s * MARKS, index, False)
            index = _marked_above(book.marks, s * MARKS, index)
        book.best[s] = 0


@subkernel
def follow_market(book: Any) -> int:
    """Re-centre the window when a plausible best price has left it; returns OK or BOOK_FULL."""
    bid = best_level(book, BID)
    ask = best_level(book, ASK)
    middle = (bid + ask) // 2 if bid > 0 and ask > 0 else max(bid, ask)
    if middle == 0 or (bid > 0 and ask > 0 and abs(ask - bid) > WINDOW // 4):
        return OK
    if abs(middle - book.origin - WINDOW // 2) > WINDOW // 4:
        return _recentre(book, middle)
    return OK
