"""Distorted markets: what comes out is, update by update, the distorted book of what went in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.events import (
    ADD,
    ASK,
    BEST,
    BID,
    CHANGE,
    CLEAR,
    DELETE,
    EVENT,
    LAST,
    LEVEL,
    STATUS,
    TRADE,
    EventArray,
    Status,
)
from quotewright.montecarlo.distortion import View, distort, slow_feed

SECOND = 10**9


def updates(events: EventArray) -> Iterator[EventArray]:
    ends = np.flatnonzero(events["flags"] & LAST) + 1
    yield from np.split(events, ends[:-1])


class PlainBook:
    """Orders or levels in dictionaries: nothing but what the rows say."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[int, int, int]] = {}
        self.levels: dict[tuple[int, int], int] = {}
        self.valid = False

    def take(self, update: EventArray) -> None:
        for row in update:
            key, order = (int(row["side"]), int(row["price"])), int(row["order_id"])
            if row["kind"] == CLEAR:
                self.orders, self.levels, self.valid = {}, {}, True
            elif row["kind"] == LEVEL:
                self.levels[key] = int(row["qty"])
                if row["qty"] == 0:
                    del self.levels[key]
            elif row["kind"] == ADD:
                assert order not in self.orders
                self.orders[order] = (*key, int(row["qty"]))
            elif row["kind"] == CHANGE:
                side, price, _ = self.orders[order]
                self.orders[order] = (side, price, int(row["qty"]))
            elif row["kind"] == DELETE:
                del self.orders[order]
            elif row["kind"] == STATUS and row["price"] == Status.BOOK_GAP:
                self.valid = False


@st.composite
def markets(draw: st.DrawFn, l3: bool) -> EventArray:
    """A snapshot, then single changes and prints, a few at one time; every row of an update at its time."""
    rows: list[tuple[int, ...]] = []
    at, orders, levels = 1000, dict[int, tuple[int, int, int]](), dict[tuple[int, int], int]()

    def put(kind: int, side: int, price: int, qty: int, order: int, last: bool) -> None:
        rows.append((at, at + 7, len(rows), order, price, qty, kind, side, LAST * last, 0))

    put(CLEAR, 0, 0, 0, 0, False)
    for i in range(6):
        side = BID if i < 3 else ASK
        price = 500 - 2 * i if i < 3 else 500 + 2 * i
        orders[i + 1], levels[side, price] = (side, price, 10 + i), 10 + i
        put(ADD if l3 else LEVEL, side, price, 10 + i, (i + 1) * l3, i == 5)
    for number in range(draw(st.integers(5, 60))):
        at += draw(st.sampled_from([0, 1, 30, 200]))
        side = draw(st.sampled_from([BID, ASK]))
        price, qty = 500 - side * draw(st.integers(1, 12)), draw(st.integers(1, 40))
        what = draw(st.integers(0, 3))
        if what == 3:
            put(TRADE, side, price, qty, 0, True)
        elif not l3:
            gone = what == 0 and bool(levels)
            key = draw(st.sampled_from(sorted(levels))) if gone else (side, price)
            levels.pop(key, None)
            if not gone:
                levels[key] = qty
            put(LEVEL, *key, 0 if gone else qty, 0, True)
        elif what == 0 or not orders:
            orders[100 + number] = (side, price, qty)
            put(ADD, side, price, qty, 100 + number, True)
        else:
            order = draw(st.sampled_from(sorted(orders)))
            side, price, _ = orders[order]
            if what == 1:
                orders[order] = (side, price, qty)
            else:
                del orders[order]
            put(CHANGE if what == 1 else DELETE, side, price, qty, order, True)
    return np.array(rows, dtype=EVENT)


VIEWS = st.lists(
    st.tuples(st.integers(900, 3000), st.integers(-450, 450), st.sampled_from([1.0, 0.5, 0.2]), st.booleans()),
    max_size=5,
    unique_by=lambda one: one[0],
).map(lambda all_of: [View(*one) for one in sorted(all_of)])


def kept_orders(events: EventArray, keep: float, seed: int) -> set[int]:
    """Which orders a thinning leaves, found out by one snapshot of every id under that view alone."""
    ids = sorted({int(i) for i in events["order_id"]} - {0})
    rows = [(0, 0, 0, 0, 0, 0, CLEAR, 0, 0, 0)]
    rows += [(0, 0, 0, i, 10, 1, ADD, BID, LAST * (i == ids[-1]), 0) for i in ids]
    seen = distort(np.array(rows, dtype=EVENT), [View(0, 0, keep)], seed)
    return {int(row["order_id"]) for row in seen if row["kind"] == ADD}


@pytest.mark.parametrize("l3", [True, False])
@settings(max_examples=40, deadline=None)
@given(data=st.data(), views=VIEWS, seed=st.integers(0, 50))
def test_the_book_that_comes_out_is_the_distorted_one(
    l3: bool, data: st.DataObject, views: list[View], seed: int
) -> None:
    """Both streams folded by a plain book; at the end of every moment one is the image of the other."""
    events = data.draw(markets(l3))
    out = distort(events, views, seed)
    assert (np.diff(out["exch_ts"]) >= 0).all()
    assert (np.diff(out["local_ts"]) >= 0).all()
    assert len(out) == 0 or out["flags"][-1] & LAST
    for update in updates(out) if len(out) else ():
        assert len(np.unique(update["exch_ts"])) == 1
    true, seen = PlainBook(), PlainBook()
    given_updates = list(updates(events))
    for moment in np.unique(events["exch_ts"]):
        for update in given_updates:
            if update["exch_ts"][0] == moment:
                true.take(update)
        for update in updates(out[out["exch_ts"] == moment]) if (out["exch_ts"] == moment).any() else ():
            seen.take(update)
        view = next((one for one in reversed(views) if one.at <= moment), View(0))
        assert seen.valid == (true.valid and not view.dark)
        if view.dark:
            continue
        kept = kept_orders(events, view.keep, seed) if view.keep < 1 and l3 else set(true.orders)
        assert seen.orders == {
            i: (side, price + view.shift, qty)
            for i, (side, price, qty) in true.orders.items()
            if i in kept and price + view.shift > 0
        }
        assert seen.levels == {
            (side, price + view.shift): max(1, round(qty * view.keep))
            for (side, price), qty in true.levels.items()
            if price + view.shift > 0
        }


@settings(max_examples=40, deadline=None)
@given(events=markets(True), at=st.integers(900, 3000), seed=st.integers(0, 50))
def test_nothing_changes_before_the_first_view(events: EventArray, at: int, seed: int) -> None:
    out = distort(events, [View(at, 7, 0.4)], seed)
    before = events[events["exch_ts"] < at]
    assert np.array_equal(out[: len(before)], before)
    assert np.array_equal(distort(events, [], seed), events)
    prints = events[(events["kind"] == TRADE) & (events["exch_ts"] >= at)]
    moved = out[(out["kind"] == TRADE) & (out["exch_ts"] >= at)]
    assert np.array_equal(moved["price"], prints["price"] + 7)
    assert np.array_equal(moved["qty"], prints["qty"])


def test_thinning_leaves_the_share_asked_for_and_less_of_the_same() -> None:
    rows = [(0, 0, 0, 0, 0, 0, CLEAR, 0, 0, 0)]
    rows += [(0, 0, 0, i, 10, 1, ADD, BID, LAST * (i == 20_000), 0) for i in range(1, 20_001)]
    events = np.array(rows, dtype=EVENT)
    half, fifth = (set(distort(events, [View(0, 0, keep)], 3)["order_id"].tolist()) for keep in (0.5, 0.2))
    assert len(half) / 20_000 == pytest.approx(0.5, abs=0.02)
    assert len(fifth) / 20_000 == pytest.approx(0.2, abs=0.02)
    assert fifth <= half
    other = set(distort(events, [View(0, 0, 0.5)], 4)["order_id"].tolist())
    assert len(half & other) / 20_000 == pytest.approx(0.25, abs=0.02)


def test_the_best_pair_moves_with_the_book() -> None:
    """A pair sent before a view would otherwise stay the touch, at the price of before."""
    rows = [
        (0, 0, 1, 0, 0, 0, CLEAR, 0, 0, 0),
        (0, 0, 1, 0, 99, 5, LEVEL, BID, 0, 0),
        (0, 0, 1, 0, 101, 5, LEVEL, ASK, LAST, 0),
        (1, 1, 9, 0, 100, 3, BEST, BID, 0, 0),
        (1, 1, 9, 0, 101, 4, BEST, ASK, LAST, 0),
        (5, 5, 2, 0, 98, 7, LEVEL, BID, LAST, 0),
    ]
    out = distort(np.array(rows, dtype=EVENT), [View(3, -10, 0.5)], 0)
    again = out[(out["exch_ts"] == 5) & (out["kind"] == BEST)]
    assert again["price"].tolist() == [90, 91]
    assert again["qty"].tolist() == [2, 2]
    assert again["seq"].tolist() == [9, 9]
    assert out["price"][-1] == 88


def test_darkness_is_a_gap_and_then_the_whole_book() -> None:
    rows = [(0, 0, 1, 0, 0, 0, CLEAR, 0, 0, 0), (0, 0, 1, 4, 99, 5, ADD, BID, LAST, 0)]
    rows += [(10 + i, 12 + i, 2 + i, 5 + i, 90, 1, ADD, BID, LAST, 0) for i in range(10)]
    out = distort(np.array(rows, dtype=EVENT), [View(12, dark=True), View(17)], 0)
    gap = out[out["kind"] == STATUS]
    assert gap["exch_ts"].tolist() == [12]
    assert gap["price"].tolist() == [Status.BOOK_GAP]
    assert not ((out["exch_ts"] > 12) & (out["exch_ts"] < 17)).any()
    back = out[out["exch_ts"] == 17]
    assert back["kind"].tolist() == [CLEAR, *[ADD] * 8, ADD]
    assert set(back["order_id"].tolist()) == {0, 4, *range(5, 13)}


@settings(max_examples=50, deadline=None)
@given(
    ways=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 400)), min_size=1, max_size=40),
    start=st.integers(0, 1000),
    length=st.integers(1, 1000),
    times=st.floats(1, 50),
)
def test_a_slow_feed_never_overtakes(ways: list[tuple[int, int]], start: int, length: int, times: float) -> None:
    events = np.zeros(len(ways), EVENT)
    events["exch_ts"] = np.cumsum([gap for gap, _ in ways])
    events["local_ts"] = np.maximum.accumulate(events["exch_ts"] + [way for _, way in ways])
    slowed = slow_feed(events, start, start + length, times)
    assert (np.diff(slowed["local_ts"]) >= 0).all()
    assert (slowed["local_ts"] >= events["local_ts"]).all()
    assert np.array_equal(slowed["exch_ts"], events["exch_ts"])
    within = (events["exch_ts"] >= start) & (events["exch_ts"] < start + length)
    way = (events["local_ts"] - events["exch_ts"])[within]
    assert ((slowed["local_ts"] - events["exch_ts"])[within] >= np.floor(way * times)).all()
    before = events["exch_ts"] < start
    assert np.array_equal(slowed["local_ts"][before], events["local_ts"][before])
