"""The live rows compare like with like: both sides read the same messages into the same book."""

from __future__ import annotations

import asyncio

import live_messages as messages
import live_player
import native_side
import pytest

COUNT = 300


def test_messages_follow_each_other_and_the_book_is_never_crossed() -> None:
    made = messages.differences(COUNT)
    for number in (1, 40, COUNT):
        bids, asks = messages.book_after(made[:number], depth=1)
        assert bids[0][0] < asks[0][0]
    again = live_player.renumbered(made[7], 7 + 2 * COUNT, COUNT)
    first = messages.FIRST_ID + 1 + 7 + 2 * COUNT
    assert b'"U":%d,"u":%d' % (first, first) in again
    assert live_player.frame(made[0])[4:] == made[0]


def test_ours_ends_with_the_book_that_the_messages_make() -> None:
    found = native_side.decode(COUNT)
    assert found["book"] == messages.book_after(messages.differences(COUNT))
    assert found["seen"] == COUNT + 1  # the snapshot came first


def test_ccxt_ends_with_the_same_book() -> None:
    pytest.importorskip("ccxt")
    import ccxt_side

    found = asyncio.run(ccxt_side.decode(COUNT))
    assert found["book"] == messages.book_after(messages.differences(COUNT))
    assert found["seen"] == COUNT - COUNT // ccxt_side.WARM  # never crossed
