"""The image of the best levels, kept row by row, is what the book holds: against a plain dictionary."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.events import ASK, BEST, BID, CLEAR, EVENT, LAST, LEVEL, TRADE
from quotewright.features.matrix import FeatureStream
from quotewright.features.settings import FeatureSettings
from quotewright.features.slots import (
    DEEP_ORDER_FLOW,
    DUST_ROBUST,
    ORDER_FLOW,
    POST_IMBALANCE,
    QUEUE_IMBALANCE,
    SKEW,
    SPREAD,
    TRADE_FLOW,
    WEIGHTED_MID,
)
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
        if valid and 0 < touch[0] < touch[1]:
            assert found == expected(book, best)
        else:
            assert found == {side: [(0, 0)] * LEVELS for side in (BID, ASK)}


def _update(number: int, rows: list[tuple[int, int, int, int]]) -> Any:
    events = np.zeros(len(rows), EVENT)
    for event, (kind, side, price, qty) in zip(events, rows, strict=True):
        event["kind"], event["side"], event["price"], event["qty"] = kind, side, price, qty
    events["exch_ts"] = events["local_ts"] = number * 1_000_000
    events["seq"] = number
    events["flags"][-1] = LAST
    return events


def test_a_best_pair_that_the_depth_supersedes_leaves_nothing_behind() -> None:
    """The depth that makes it old changes only a level that is far out of sight."""
    book = [(LEVEL, BID, 1000 - k, 5) for k in range(15)] + [(LEVEL, ASK, 1002 + k, 5) for k in range(15)]
    stream = FeatureStream(FeatureSettings())
    before = stream.take(_update(1, [(CLEAR, 0, 0, 0), *book]))
    stream.take(_update(2, [(BEST, BID, 1001, 70), (BEST, ASK, 1002, 3)]))
    after = stream.take(_update(3, [(LEVEL, BID, 980, 9)]))
    for slot in (WEIGHTED_MID, DUST_ROBUST, SKEW, SPREAD, QUEUE_IMBALANCE):
        assert after.values[0, slot] == before.values[0, slot]


def test_no_update_is_too_large_for_the_labels() -> None:
    """As wide a reach as may be set, and more changes in one update than labels may wait."""
    stream = FeatureStream(FeatureSettings(delta_depth=10_000))
    stream.take(_update(1, [(CLEAR, 0, 0, 0), (LEVEL, BID, 30_000, 1), (LEVEL, ASK, 30_001, 1)]))
    for number in (2, 3):
        found = stream.take(_update(number, [(LEVEL, BID, 30_000 - k, 2 * number - 1) for k in range(1, 16_000)]))
    assert found.values[0, POST_IMBALANCE] == 1.0
    assert int(stream.state.deltas[0]["made"]) == 0


def test_flow_that_was_not_seen_is_not_known() -> None:
    """NaN before the first print and the first book, and while there is no book; what comes after begins anew."""
    stream = FeatureStream(FeatureSettings())
    book = [(CLEAR, 0, 0, 0), (LEVEL, BID, 1000, 5), (LEVEL, ASK, 1002, 5)]
    first = stream.take(_update(1, book)).values[0]
    assert np.isnan(first[TRADE_FLOW])
    assert first[ORDER_FLOW] == first[DEEP_ORDER_FLOW] == 0.0
    stream.take(_update(2, [(TRADE, BID, 1002, 2)]))
    moved = stream.take(_update(3, [(LEVEL, BID, 1000, 9)])).values[0]
    assert moved[TRADE_FLOW] == 1.0
    assert moved[ORDER_FLOW] > 0.0
    gone = stream.take(_update(4, [(CLEAR, 0, 0, 0), (LEVEL, BID, 1000, 9)])).values[0]
    assert np.isnan(gone[ORDER_FLOW])
    assert np.isnan(gone[DEEP_ORDER_FLOW])
    assert stream.take(_update(5, book)).values[0, ORDER_FLOW] == 0.0
