"""The image of the best levels, kept row by row, is what the book holds: against a plain dictionary."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.events import ASK, BEST, BID, CLEAR, EVENT, LAST, LEVEL
from quotewright.features.matrix import FeatureStream
from quotewright.features.settings import FeatureSettings
from quotewright.signals.fair_prices import LEVELS

level = st.tuples(st.sampled_from([BID, ASK]), st.integers(0, 30), st.integers(0, 4))
update = st.one_of(
    st.tuples(st.just(LEVEL), st.lists(level, min_size=1, max_size=6)),
    st.tuples(st.just(CLEAR), st.lists(level, min_size=1, max_size=25)),
    st.tuples(st.just(BEST), st.tuples(st.integers(0, 30), st.integers(0, 30))),
)


def rows_of(kind: int, content: Any, number: int) -> list[tuple[int, int, int, int]]:
    """(kind, side, price, lots) of an update; bids rest at 1000 − k, asks at 1001 + k."""
    if kind == BEST:
        return [(BEST, BID, 1000 - content[0], 7), (BEST, ASK, 1001 + content[1], 9)]
    rows = [(LEVEL, side, 1000 - k if side == BID else 1001 + k, qty) for side, k, qty in content]
    return [(CLEAR, 0, 0, 0), *rows] if kind == CLEAR else rows


def expected(book: dict[int, dict[int, int]], best: tuple[int, int] | None) -> dict[int, list[tuple[int, int]]]:
    shown: dict[int, list[tuple[int, int]]] = {}
    for side in (BID, ASK):
        levels = sorted(book[side].items(), key=lambda one: -one[0] * side)
        if best is not None:
            first = (best[0], 7) if side == BID else (best[1], 9)
            levels = [first, *(one for one in levels if (first[0] - one[0]) * side > 0)]
        shown[side] = [*levels[:LEVELS], *[(0, 0)] * LEVELS][:LEVELS]
    return shown


@settings(max_examples=150, deadline=None)
@given(st.lists(update, min_size=1, max_size=30))
def test_the_image_is_the_book(updates: list[tuple[int, Any]]) -> None:
    stream = FeatureStream(FeatureSettings())
    book: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
    best: tuple[int, int] | None = None
    valid = False
    for number, (kind, content) in enumerate(updates, 1):
        rows = rows_of(kind, content, number)
        events = np.zeros(len(rows), EVENT)
        for event, (row_kind, side, price, qty) in zip(events, rows, strict=True):
            event["kind"], event["side"], event["price"], event["qty"] = row_kind, side, price, qty
        events["exch_ts"] = events["local_ts"] = number * 1_000_000
        events["seq"] = number
        events["flags"][-1] = LAST
        stream.take(events)
        if kind == CLEAR:
            book = {BID: {}, ASK: {}}
            valid = True
        if kind == BEST:
            best = (rows[0][2], rows[1][2])
        else:
            best = None  # the depth is newer
            for row_kind, side, price, qty in rows:
                if row_kind == LEVEL:
                    book[side].pop(price, None)
                    if qty:
                        book[side][price] = qty
        bids, asks = book[BID], book[ASK]
        touch = best or ((max(bids), min(asks)) if bids and asks else (0, 0))
        state = stream.state
        image = state.levels[0] if state.readings[0]["plain"] else state.shown[0]
        found = {
            BID: list(zip(image["bids"].tolist(), image["bid_qtys"].tolist(), strict=True)),
            ASK: list(zip(image["asks"].tolist(), image["ask_qtys"].tolist(), strict=True)),
        }
        if (valid or best is not None) and 0 < touch[0] < touch[1]:
            assert found == expected(book, best)
        else:
            assert found == {side: [(0, 0)] * LEVELS for side in (BID, ASK)}
