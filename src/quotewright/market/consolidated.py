"""Several venues as one book: levels in the order of what a taker really pays or gets, stale venues left out.

Prices stay in each venue's ticks and are compared as netted price units (`fee_netted`), so that the order of two
levels is exact. A venue counts while its last stamp, put on our clock, is no older than `max_age` and no further
ahead of us than that: a stamp from the future says that the offset is wrong, and nothing else can be believed then.

Law of the kernels: arrays, records and numbers in, no allocation, counts and codes out.
"""

# pyright: basic
# numba has no type stubs.

from __future__ import annotations

from typing import Any

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BID
from quotewright.domain.kernel import kernel, records, subkernel

DEPTH = 32  # levels a side that are kept of each venue
REFUSED = -1

VENUE_BOOK = np.dtype(
    [
        ("clock_offset", "i8"),  # ns, venue clock minus ours
        ("stamp", "i8"),  # venue time of the last update, ns; 0: never heard of
        ("bids", "i8"),
        ("asks", "i8"),
        ("bid_ticks", "i8", (DEPTH,)),  # best first
        ("bid_lots", "i8", (DEPTH,)),
        ("ask_ticks", "i8", (DEPTH,)),
        ("ask_lots", "i8", (DEPTH,)),
    ],
    align=True,
)

VIEW_LEVEL = np.dtype(
    [
        ("net", "i8"),  # price units: what a taker on our tier pays (asks) or gets (bids)
        ("quantity", "i8"),  # quantity units
        ("venue", "i8"),
        ("ticks", "i8"),
        ("age", "i8"),  # ns
    ],
    align=True,
)

CURSOR = np.dtype([("next", "i8"), ("end", "i8")], align=True)


def venue_books(clock_offsets: list[int]) -> Any:
    """Empty books of as many venues as offsets (ns, venue clock minus ours)."""
    if not clock_offsets:
        raise InputError("clock_offsets", clock_offsets, "must name one offset a venue")
    books = records(len(clock_offsets), VENUE_BOOK)
    for book, offset in zip(books, clock_offsets, strict=True):
        book["clock_offset"] = offset
    return books


@kernel
def put_side(books: Any, netting: Any, venue: int, stamp: int, side: int, ticks: Any, lots: Any) -> int:
    """Replace a venue's side by its best levels, best first; returns how many of them fit (the best DEPTH).

    Returns REFUSED, and leaves the side as it was, for a price or quantity that is not positive or a price beyond
    the venue's `most_ticks`.
    """
    book = books[venue]
    count = min(len(ticks), DEPTH)
    for i in range(count):
        if not (0 < ticks[i] <= netting[venue].most_ticks) or lots[i] <= 0:
            return REFUSED
    for i in range(count):
        if side == BID:
            book.bid_ticks[i] = ticks[i]
            book.bid_lots[i] = lots[i]
        else:
            book.ask_ticks[i] = ticks[i]
            book.ask_lots[i] = lots[i]
    if side == BID:
        book.bids = count
    else:
        book.asks = count
    book.stamp = max(stamp, book.stamp)
    return count


@subkernel
def age_of(book: Any, now: int) -> int:
    """How old a venue's last stamp is on our clock, ns; negative if it seems to come from the future."""
    return now - (book.stamp - book.clock_offset)


@subkernel
def usable(book: Any, now: int, max_age: int) -> int:
    """1 if the venue has been heard of and its last stamp is within `max_age` of `now`, on either side."""
    return 1 if book.stamp != 0 and abs(age_of(book, now)) <= max_age else 0


@subkernel
def _net(book: Any, terms: Any, side: int, place: int) -> int:
    if side == BID:
        return book.bid_ticks[place] * terms.taker_gets
    return book.ask_ticks[place] * terms.taker_pays


@kernel
def consolidate(books: Any, netting: Any, now: int, max_age: int, side: int, cursors: Any, out: Any) -> int:
    """Fill `out` with the best levels over all usable venues, best for the taker first; returns how many.

    Equal prices stand in the order of the venues. `cursors` is room of one CURSOR a venue.
    """
    for v in range(len(books)):
        book = books[v]
        cursors[v].next = 0
        cursors[v].end = 0
        if usable(book, now, max_age):
            cursors[v].end = book.bids if side == BID else book.asks
    filled = 0
    while filled < len(out):
        best, best_net = -1, 0
        for v in range(len(books)):
            if cursors[v].next < cursors[v].end:
                net = _net(books[v], netting[v], side, cursors[v].next)
                if best < 0 or (net > best_net if side == BID else net < best_net):
                    best, best_net = v, net
        if best < 0:
            break
        book, place, level = books[best], cursors[best].next, out[filled]
        cursors[best].next = place + 1
        level.net = best_net
        level.venue = best
        level.age = age_of(book, now)
        level.ticks = book.bid_ticks[place] if side == BID else book.ask_ticks[place]
        level.quantity = (book.bid_lots[place] if side == BID else book.ask_lots[place]) * netting[best].quantity
        filled += 1
    return filled


@kernel
def crossed_edge(bids: Any, bid_levels: int, asks: Any, ask_levels: int) -> tuple[int, int]:
    """What taking both sides of a crossed view would earn after fees: (price units at the touch, quantity units).

    The edge is negative or zero where nothing is to be earned; the quantity is then 0. Levels are walked as long as
    a bid still pays more than an ask costs.
    """
    if bid_levels == 0 or ask_levels == 0:
        return 0, 0
    edge = bids[0].net - asks[0].net
    i, j, taken = 0, 0, 0
    bid_left, ask_left = bids[0].quantity, asks[0].quantity
    while i < bid_levels and j < ask_levels and bids[i].net > asks[j].net:
        matched = min(bid_left, ask_left)
        taken += matched
        bid_left -= matched
        ask_left -= matched
        if bid_left == 0:
            i += 1
            if i < bid_levels:
                bid_left = bids[i].quantity
        if ask_left == 0:
            j += 1
            if j < ask_levels:
                ask_left = asks[j].quantity
    return edge, taken


class ConsolidatedBook:
    """The compiled view with its memory: put sides in, read levels out.

    `netting` are the rows of `fee_netted.netting_table`; times in ns; `max_age` in ns.
    """

    def __init__(self, netting: Any, clock_offsets: list[int], max_age: int, levels: int = DEPTH) -> None:
        if len(clock_offsets) != len(netting):
            raise InputError("clock_offsets", clock_offsets, f"must be {len(netting)}, one a venue")
        if max_age <= 0 or levels <= 0:
            raise InputError("max_age", max_age, "and the number of levels must be positive")
        self.books = venue_books(clock_offsets)
        self._netting = netting
        self._max_age = max_age
        self._cursors = records(len(netting), CURSOR)
        self._out = {BID: records(levels, VIEW_LEVEL), ASK: records(levels, VIEW_LEVEL)}

    def put(self, venue: int, stamp: int, side: int, ticks: Any, lots: Any) -> int:
        """Replace a venue's side (best first, int64 arrays); returns how many levels were kept, or REFUSED."""
        return put_side(self.books, self._netting, venue, stamp, side, ticks, lots)

    def side(self, side: int, now: int) -> Any:
        """The levels of a side at `now` as VIEW_LEVEL rows; valid until the next call for that side."""
        out = self._out[side]
        return out[: consolidate(self.books, self._netting, now, self._max_age, side, self._cursors, out)]

    def edge(self, now: int) -> tuple[int, int]:
        """`crossed_edge` of the view at `now`."""
        bids, asks = self.side(BID, now), self.side(ASK, now)
        return crossed_edge(bids, len(bids), asks, len(asks))
