"""The compiled book, kept beside an import where a venue wants its own best levels looked at: checksums and depth."""

# pyright: basic
# numba has no type stubs, and records have fields that no type checker sees.

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from quotewright.domain.errors import DataError
from quotewright.domain.events import ASK, BID
from quotewright.domain.kernel import kernel, records
from quotewright.market.levels import (
    BOOK,
    OK,
    best_level,
    clear_levels,
    count_levels,
    follow_market,
    level_qty,
    next_level,
    set_level,
)


@kernel
def _set_levels(books: Any, bids: int, prices: Any, quantities: Any) -> int:
    """Set levels, the first `bids` of them bids; returns OK or BOOK_FULL."""
    book = books[0]
    for i in range(len(prices)):
        status = set_level(book, BID if i < bids else ASK, prices[i], quantities[i])
        if status != OK:
            return status
    return follow_market(book)


@kernel
def _clear(books: Any) -> None:
    clear_levels(books[0])


@kernel
def _from(books: Any, side: int, skip: int, prices: Any, quantities: Any) -> int:
    """Fill in the levels of a side after its best `skip`, as many as there is room for; returns how many."""
    book = books[0]
    price = best_level(book, side)
    at = 0
    while price > 0 and at - skip < len(prices):
        if at >= skip:
            prices[at - skip] = price
            quantities[at - skip] = level_qty(book, side, price)
        at += 1
        price = next_level(book, side, price)
    return max(at - skip, 0)


@kernel
def _count(books: Any, side: int) -> int:
    return count_levels(books[0], side)


class LevelBook:
    """The levels of one book in ticks and lots."""

    def __init__(self) -> None:
        self._books = records(1, BOOK)

    def clear(self) -> None:
        """Take every level away."""
        _clear(self._books)

    def set(self, bids: int, prices: Sequence[int], quantities: Sequence[int]) -> None:
        """Set levels, the first `bids` of them bids; 0 lots take a level away. Raises DataError if it is full."""
        if _set_levels(self._books, bids, np.array(prices, np.int64), np.array(quantities, np.int64)) != OK:
            raise DataError("the book cannot hold this recording's levels; is the tick right?")

    def best(self, side: int, depth: int, skip: int = 0) -> list[tuple[int, int]]:
        """Up to `depth` levels of a side, best first, after its best `skip`."""
        prices, quantities = np.zeros(depth, np.int64), np.zeros(depth, np.int64)
        found = int(_from(self._books, side, skip, prices, quantities))
        return list(zip(prices[:found].tolist(), quantities[:found].tolist(), strict=True))

    def count(self, side: int) -> int:
        """How many levels a side has."""
        return int(_count(self._books, side))
