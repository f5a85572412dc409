"""The image of the best levels: kept row by row, behind a newer BEST pair, and empty where no book may be quoted on."""

from __future__ import annotations

from typing import Any

from quotewright.domain.events import ASK, BID
from quotewright.domain.kernel import inlined, subkernel
from quotewright.market.levels import level_qty, next_level
from quotewright.signals.fair_prices import LEVELS

UNKNOWN = -1  # how many levels of an image are right: it must be made anew


@inlined
def show_level(prices: Any, qtys: Any, side: int, price: int, qty: int, known: int) -> int:
    """Change one level of a side's image, of whose levels the first `known` are right; how many are then."""
    if known == UNKNOWN:
        return UNKNOWN
    at = 0
    while at < known and prices[at] > 0 and (prices[at] - price) * side > 0:
        at += 1
    if at == LEVELS:
        return known
    if at < known and prices[at] == price:
        if qty > 0:
            qtys[at] = qty
            return known
        for m in range(at, known - 1):
            prices[m] = prices[m + 1]
            qtys[m] = qtys[m + 1]
        return known - 1
    if qty == 0 or (at == known and known < LEVELS):
        return known  # it may lie behind others that are not known
    last = min(known, LEVELS - 1)
    for m in range(last, at, -1):
        prices[m] = prices[m - 1]
        qtys[m] = qtys[m - 1]
    prices[at] = price
    qtys[at] = qty
    return min(known + 1, LEVELS)


@subkernel
def show(fs: Any, book: Any, which: int) -> None:
    """Bring the image of the best levels up to date; none of a book that may not be quoted on."""
    levels = fs.levels[which]
    reading = fs.readings[which]
    usable = book.valid == 1 and 0 < book.bid < book.ask
    if usable and (reading.levels[0] < LEVELS or reading.levels[1] < LEVELS):
        reading.news = 1
        _fill_side(book, BID, book.depth_bid, levels.bids, levels.bid_qtys, max(reading.levels[0], 0))
        _fill_side(book, ASK, book.depth_ask, levels.asks, levels.ask_qtys, max(reading.levels[1], 0))
        reading.levels[0] = LEVELS
        reading.levels[1] = LEVELS
    shown = fs.shown[which]
    if not usable:
        reading.news = 1
        for m in range(LEVELS):
            shown.bids[m] = 0
            shown.bid_qtys[m] = 0
            shown.asks[m] = 0
            shown.ask_qtys[m] = 0
    elif book.touch_from_best == 1:
        reading.news = 1
        _put_first(book, BID, book.bid, book.bid_qty, levels.bids, levels.bid_qtys, shown.bids, shown.bid_qtys)
        _put_first(book, ASK, book.ask, book.ask_qty, levels.asks, levels.ask_qtys, shown.asks, shown.ask_qtys)
    plain = 1 if usable and book.touch_from_best == 0 else 0
    if plain != reading.plain:
        reading.news = 1
    reading.plain = plain


@inlined
def _fill_side(book: Any, side: int, best: int, prices: Any, qtys: Any, known: int) -> None:
    """Take the levels behind the first `known` from the depth book."""
    price = best
    if 0 < known < LEVELS:
        price = next_level(book, side, prices[known - 1]) if prices[known - 1] > 0 else 0
    for m in range(known, LEVELS):
        prices[m] = price
        qtys[m] = level_qty(book, side, price) if price > 0 else 0
        price = next_level(book, side, price) if price > 0 else 0


@inlined
def _put_first(book: Any, side: int, best: int, qty: int, prices: Any, qtys: Any, out: Any, out_qtys: Any) -> None:
    """A BEST pair's touch, and the levels of the depth book that are worse."""
    out[0] = best
    out_qtys[0] = qty
    known = 1
    for m in range(LEVELS):
        if known < LEVELS and prices[m] > 0 and (best - prices[m]) * side > 0:
            out[known] = prices[m]
            out_qtys[known] = qtys[m]
            known += 1
    price = next_level(book, side, out[known - 1]) if known < LEVELS else 0
    for m in range(known, LEVELS):
        out[m] = price
        out_qtys[m] = level_qty(book, side, price) if price > 0 else 0
        price = next_level(book, side, price) if price > 0 else 0


@inlined
def image(fs: Any, which: int) -> Any:
    """The best levels as last known: of the depth book itself, unless a BEST pair is newer or there is nothing."""
    return fs.levels[which] if fs.readings[which].plain == 1 else fs.shown[which]
