"""Order-level queues and crossed markets, worked by hand from docs/reference/replay-venue.md.

Each case runs through the reference matcher and the compiled venue, so that neither is right by agreement alone.
Unless a case says otherwise there are one agent and one instrument, "linear": tick 0.1, lot 0.001, so that one lot at
1000 ticks is worth 0.1.
"""

from __future__ import annotations

from collections.abc import Callable

from recording_builder import (
    add,
    ahead,
    best,
    change,
    delete,
    fills,
    gap,
    level,
    order_snapshot,
    place,
    snapshot,
    trade,
    update,
)
from reference_records import Result, Row

from quotewright.domain.events import ASK, BID, LEVEL
from quotewright.domain.journal import IOC, Record

Run = Callable[..., Result]


BOOK = snapshot(10, {999: 5, 998: 7, 995: 9}, {1001: 4, 1002: 6, 1005: 8})


# ---- L3

ORDERS = order_snapshot(10, (11, BID, 999, 3), (12, BID, 999, 2), (13, BID, 998, 4), (21, ASK, 1001, 5))


def test_order_level_queue_is_exact(run: Run) -> None:
    result = run(
        ORDERS,
        place(20, 1, BID, 999, 4),  # behind 3 + 2
        add(21, 14, BID, 999, 6),  # behind us
        delete(22, 12, BID, 999),  # 3 ahead
        change(23, 11, BID, 999, 1),  # 1 ahead
        change(24, 14, BID, 999, 2),  # behind us: nothing
    )
    assert ahead(result, 1) == 1


def test_enlarged_order_goes_to_the_back(run: Run) -> None:
    steps = (ORDERS, place(20, 1, BID, 999, 4), change(21, 11, BID, 999, 8))
    assert ahead(run(*steps), 1) == 2
    # It is behind us now: neither its deletion nor a trade with it as maker counts as before us.
    assert ahead(run(*steps, delete(22, 11, BID, 999)), 1) == 2
    assert fills(run(*steps, trade(22, ASK, 999, 1, maker=11)), 1) == [(999, 1, 3)]


def test_order_level_trade_fills_only_past_its_maker(run: Run) -> None:
    steps = (ORDERS, place(20, 1, BID, 999, 4))
    assert fills(run(*steps, trade(21, ASK, 999, 3, maker=11)), 1) == []
    assert fills(run(*steps, add(21, 14, BID, 999, 2), trade(22, ASK, 999, 2, maker=14)), 1) == [(999, 2, 2)]
    assert fills(run(*steps, trade(21, ASK, 999, 3, maker=77)), 1) == [(999, 3, 1)]


def test_order_level_trade_is_shared_in_order_of_arrival(run: Run) -> None:
    # The maker 14 arrived between our orders: order 1 is filled by it, order 2 is not.
    result = run(
        ORDERS, place(20, 1, BID, 999, 2), add(21, 14, BID, 999, 9), place(22, 2, BID, 999, 5),
        trade(23, ASK, 999, 6, maker=14),
    )  # fmt: skip
    assert fills(result, 1) == [(999, 2, 0)]
    assert fills(result, 2) == []
    assert ahead(result, 2) == 3 + 2 + 9


def test_order_level_snapshot_puts_ours_behind_everything(run: Run) -> None:
    result = run(
        ORDERS, place(20, 1, BID, 999, 4), add(21, 14, BID, 999, 6),
        order_snapshot(22, (14, BID, 999, 6), (15, BID, 999, 1), (21, ASK, 1001, 5)), trade(23, ASK, 999, 6, maker=14),
    )  # fmt: skip
    assert ahead(result, 1) == 7
    assert fills(result, 1) == []


def test_order_level_book_ignores_best_pairs(run: Run) -> None:
    result = run(ORDERS, best(20, 999, 9, 1000, 9, seq=99), place(21, 1, BID, 1000, 3, IOC))
    assert fills(result, 1) == []


# ---- the market crosses our order


def test_crossing_fills_at_our_price_as_maker(run: Run) -> None:
    # The ask comes down to 999 with 3 and 1000 keeps nothing: our bids at 1000 and 999 share what reached them.
    down = update(30, Row(LEVEL, BID, 999, 0, 0, 0), Row(LEVEL, ASK, 999, 3, 0, 0), Row(LEVEL, ASK, 1000, 2, 0, 0))
    result = run(BOOK, place(20, 1, BID, 999, 4), place(21, 2, BID, 1000, 4), down)
    # Order 2 first: 3 at 999 and 1 at 1000, one fill of 4 at 1000. Order 1 reaches only 999, where nothing is left.
    assert fills(result, 2) == [(1000, 4, 0)]
    assert fills(result, 1) == []
    fill = next(entry for entry in result.entries if entry.kind == Record.FILL)
    assert fill.flags == 0


def test_crossing_again_needs_a_new_report(run: Run) -> None:
    result = run(
        BOOK,
        place(20, 1, BID, 1000, 9),
        level(30, ASK, 1000, 3),  # takes 3
        level(31, ASK, 1005, 1),  # another level: nothing new
        level(32, ASK, 1000, 2),  # reported: 2 more
        level(33, ASK, 1000, 2),  # and again
    )
    assert fills(result, 1) == [(1000, 3, 6), (1000, 2, 4), (1000, 2, 2)]


def test_crossing_by_a_best_pair(run: Run) -> None:
    result = run(BOOK, place(20, 1, ASK, 1000, 5), best(30, 1000, 2, 1001, 4))
    assert fills(result, 1) == [(1000, 2, 3)]


def test_nothing_crosses_while_the_book_is_invalid(run: Run) -> None:
    steps = (BOOK, place(20, 1, BID, 1000, 5), gap(25), level(30, ASK, 1000, 3))
    assert fills(run(*steps), 1) == []
    assert fills(run(*steps, snapshot(31, {998: 1}, {1000: 4})), 1) == [(1000, 4, 1)]


def test_each_world_has_the_whole_of_a_crossing_level(run: Run) -> None:
    result = run(
        BOOK, place(20, 1, BID, 1000, 5, agent=0), place(20, 2, BID, 1000, 5, agent=1),
        place(20, 3, BID, 1000, 5, agent=2), level(30, ASK, 1000, 7), worlds=(0, 0, 1),
    )  # fmt: skip
    assert fills(result, 1) == [(1000, 5, 0)]
    assert fills(result, 2) == [(1000, 2, 3)]
    assert fills(result, 3) == [(1000, 5, 0)]
