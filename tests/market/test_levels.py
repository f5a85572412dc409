"""The level store against a plain dictionary: near and far prices, re-centring, removal of the best."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.events import ASK, BID
from quotewright.domain.kernel import kernel, records
from quotewright.market.levels import (
    BOOK,
    OK,
    WINDOW,
    best_level,
    clear_levels,
    count_levels,
    follow_market,
    level_qty,
    next_level,
    set_level,
)


@kernel
def _set(books: Any, side: int, price: int, qty: int) -> int:
    return set_level(books[0], side, price, qty)


@kernel
def _follow(books: Any) -> int:
    return follow_market(books[0])


@kernel
def _next(books: Any, side: int, price: int) -> int:
    return next_level(books[0], side, price)


@kernel
def _best_level(books: Any, side: int) -> int:
    return best_level(books[0], side)


@kernel
def _count(books: Any, side: int) -> int:
    return count_levels(books[0], side)


@kernel
def _qty(books: Any, side: int, price: int) -> int:
    return level_qty(books[0], side, price)


@kernel
def _clear(books: Any) -> None:
    clear_levels(books[0])


def _best(levels: dict[int, int], side: int) -> int:
    if not levels:
        return 0
    return max(levels) if side == BID else min(levels)


def _agrees(books: Any, sides: dict[int, dict[int, int]]) -> None:
    for side in (BID, ASK):
        assert _best_level(books, side) == _best(sides[side], side)
        assert _count(books, side) == len(sides[side])


def _walks(books: Any, sides: dict[int, dict[int, int]]) -> None:
    for side in (BID, ASK):
        expected = sorted(sides[side], reverse=side == BID)
        price = _best(sides[side], side)
        found: list[int] = []
        while price:
            found.append(price)
            price = int(_next(books, side, price))
        assert found == expected
        assert [int(_qty(books, side, p)) for p in expected] == [sides[side][p] for p in expected]


PRICES = st.one_of(
    st.integers(999_990, 1_000_010),
    st.integers(1_000_000 - 2 * WINDOW, 1_000_000 + 2 * WINDOW),
    st.integers(1, 10**12),
)
CHANGES = st.lists(
    st.tuples(st.sampled_from((BID, ASK)), PRICES, st.integers(0, 3), st.booleans()), min_size=1, max_size=60
)


@settings(max_examples=150, deadline=None)
@given(CHANGES)
def test_levels_agree_with_a_dictionary(changes: list[tuple[int, int, int, bool]]) -> None:
    books = records(1, BOOK)
    sides: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
    for side, price, qty, take_best in changes:
        if take_best and sides[side]:
            price, qty = _best(sides[side], side), 0
        assert _set(books, side, price, qty) == OK
        if qty:
            sides[side][price] = qty
        else:
            sides[side].pop(price, None)
        _agrees(books, sides)
        assert _follow(books) == OK
        _agrees(books, sides)
    _walks(books, sides)


def test_a_market_that_walks_away_keeps_every_level() -> None:
    books = records(1, BOOK)
    sides: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
    for step in range(40):
        middle = 1_000_000 + step * WINDOW // 3
        for side, offset in ((BID, -1), (ASK, 1)):
            for price in [p for p in sides[side] if (p - middle) * side >= 0]:
                _set(books, side, price, 0)
                del sides[side][price]
            for depth in (1, 7, 5_000):
                price = middle + offset * depth
                _set(books, side, price, step + depth)
                sides[side][price] = step + depth
        assert _follow(books) == OK
        _agrees(books, sides)
    _walks(books, sides)
    assert len(sides[BID]) > 100


def test_clearing_forgets_near_and_far_levels() -> None:
    books = records(1, BOOK)
    for price in (10, 1_000_000, 1_000_001, 10**11):
        _set(books, BID, price, 5)
        _set(books, ASK, price + 1, 5)
    _clear(books)
    _agrees(books, {BID: {}, ASK: {}})
    _set(books, BID, 1_000_000, 2)
    _walks(books, {BID: {1_000_000: 2}, ASK: {}})


@pytest.mark.parametrize("price", [1, 10**15, 2**61])
def test_any_price_is_kept_exactly(price: int) -> None:
    books = records(1, BOOK)
    _set(books, BID, 50_000, 1)
    _set(books, BID, price, 7)
    assert _qty(books, BID, price) == 7
    assert _best_level(books, BID) == max(50_000, price)
    _set(books, BID, max(50_000, price), 0)
    assert _best_level(books, BID) == min(50_000, price)
