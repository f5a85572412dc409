"""Errors that other backtesters and bots are known for, each a named test, in the reference and the compiled venue.

"linear" has a lot of 0.001, so 0.004 and 0.006 are 4 and 6 lots.
"""

from __future__ import annotations

from collections.abc import Callable

from recording_builder import (
    ahead,
    amend,
    best,
    cancel,
    fills,
    gap,
    leaves,
    ledger,
    level,
    outcomes,
    place,
    snapshot,
    trade,
)
from reference_records import Result
from scenarios import INSTRUMENTS

from quotewright.domain.events import ASK, BID
from quotewright.domain.journal import FILL_TAKER, IOC, POST_ONLY, Record

Run = Callable[..., Result]

BOOK = snapshot(10, {999: 5, 998: 7}, {1001: 4, 1002: 6})


def test_two_partial_fills_of_0_004_and_0_006_give_a_position_of_0_010(run: Run) -> None:
    result = run(BOOK, place(20, 1, BID, 1000, 10), trade(30, ASK, 1000, 4), trade(31, ASK, 1000, 6))
    assert fills(result, 1) == [(1000, 4, 6), (1000, 6, 0)]
    _, position = ledger(result)
    assert INSTRUMENTS["linear"].position(position) == "0.01"
    assert leaves(result) == {}


def test_fill_of_exactly_the_open_size_closes_the_order(run: Run) -> None:
    result = run(
        BOOK, place(20, 1, BID, 1000, 7), trade(30, ASK, 1000, 7), trade(31, ASK, 1000, 7), cancel(32, 1),
    )  # fmt: skip
    assert fills(result, 1) == [(1000, 7, 0)]
    assert outcomes(result, 1)[-1] == "CANCEL_REJECTED UNKNOWN_ORDER"
    assert leaves(result) == {}


def test_taking_exactly_the_open_size_closes_the_order(run: Run) -> None:
    result = run(BOOK, place(20, 1, BID, 1002, 10), place(21, 2, BID, 1001, 4, IOC))
    assert fills(result, 1) == [(1001, 4, 6), (1002, 6, 0)]
    assert outcomes(result, 2) == ["ACCEPTED", "CANCELED IOC"]
    assert leaves(result) == {}


def test_trade_smaller_than_the_order_never_fills_it_whole(run: Run) -> None:
    for price in (1000, 999, 990):  # at our price and through it
        result = run(BOOK, place(20, 1, BID, 1000, 100), trade(30, ASK, price, 3))
        assert fills(result, 1) == [(1000, 3, 97)]


def test_fills_of_an_order_never_exceed_its_quantity(run: Run) -> None:
    result = run(BOOK, place(20, 1, BID, 1000, 3), trade(30, ASK, 1000, 2), trade(30, ASK, 998, 50))
    assert fills(result, 1) == [(1000, 2, 1), (1000, 1, 0)]


def test_orders_of_one_world_at_one_price_share_a_trade(run: Run) -> None:
    # A trade of 6 at a price where only we queue: 4 for the first, 2 for the second, never 6 for each.
    result = run(
        BOOK, place(20, 1, BID, 1000, 4, agent=0), place(21, 2, BID, 1000, 4, agent=1), trade(30, ASK, 1000, 6),
        worlds=(0, 0),
    )  # fmt: skip
    assert fills(result, 1) == [(1000, 4, 0)]
    assert fills(result, 2) == [(1000, 2, 2)]


def test_worlds_do_not_share(run: Run) -> None:
    result = run(
        BOOK, place(20, 1, BID, 1000, 4, agent=0), place(21, 2, BID, 1000, 4, agent=1), trade(30, ASK, 1000, 6),
        place(40, 3, BID, 1001, 4, IOC, agent=0), place(41, 4, BID, 1001, 4, IOC, agent=1),
        worlds=(0, 1),
    )  # fmt: skip
    assert fills(result, 1) == fills(result, 2) == [(1000, 4, 0)]
    assert fills(result, 3) == fills(result, 4) == [(1001, 4, 0)]  # one world's taking leaves the other's depth


def test_touching_our_price_is_no_fill(run: Run) -> None:
    # A print at our price smaller than the queue ahead only advances the queue.
    result = run(BOOK, place(20, 1, BID, 999, 1), trade(30, ASK, 999, 5))
    assert fills(result, 1) == []
    assert ahead(result, 1) == 0


def test_own_orders_do_not_fill_at_a_better_price_than_they_ask(run: Run) -> None:
    result = run(BOOK, place(20, 1, BID, 1000, 5), trade(30, ASK, 995, 5))
    assert fills(result, 1) == [(1000, 5, 0)]


def test_trade_of_the_other_side_does_not_fill(run: Run) -> None:
    result = run(BOOK, place(20, 1, BID, 1000, 5), trade(30, BID, 1000, 5), trade(31, BID, 990, 5))
    assert fills(result, 1) == []


def test_depth_taken_once_is_not_taken_twice(run: Run) -> None:
    result = run(BOOK, *(place(20 + n, n, BID, 1001, 4, IOC) for n in (1, 2, 3)))
    assert [sum(qty for _, qty, _ in fills(result, n)) for n in (1, 2, 3)] == [4, 0, 0]


def test_taker_pays_the_taker_rate_and_its_rest_the_maker_rate(run: Run) -> None:
    # 4 at 1001 as taker: 0.004 · 100.1 · 0.0005 = 0.0002002; 1 at 1001 as maker: a rebate of 0.1001 · 0.00005.
    result = run(BOOK, place(20, 1, BID, 1001, 5), trade(30, ASK, 1001, 9))
    taker, maker = (entry for entry in result.entries if entry.kind == Record.FILL)
    assert (taker.fee, taker.flags) == (20_020, FILL_TAKER)
    assert (maker.fee, maker.flags) == (-500, 0)


def test_cancel_that_overtakes_its_order_does_not_cancel_it(run: Run) -> None:
    result = run(BOOK, cancel(19, 1), place(20, 1, BID, 990, 5))
    assert outcomes(result, 1) == ["CANCEL_REJECTED UNKNOWN_ORDER", "ACCEPTED"]
    assert leaves(result) == {1: 5}


def test_fill_while_the_cancel_is_in_flight_counts(run: Run) -> None:
    # The cancel was sent before the trade was recorded and arrives after it.
    result = run(BOOK, place(20, 1, BID, 1000, 5), trade(30, ASK, 1000, 5), cancel(31, 1), response_latency=50)
    assert outcomes(result, 1) == ["ACCEPTED", "FILL", "CANCEL_REJECTED UNKNOWN_ORDER"]
    assert ledger(result)[1] == 5


def test_replaced_order_loses_its_place_amended_keeps_it(run: Run) -> None:
    book = snapshot(10, {990: 5}, {1001: 4})
    orders = (place(20, 1, BID, 1000, 6), place(21, 2, BID, 1000, 6))
    result = run(book, *orders, amend(22, 1, 4), trade(30, ASK, 1000, 5))
    assert fills(result, 1) == [(1000, 4, 0)]
    assert fills(result, 2) == [(1000, 1, 5)]
    result = run(book, *orders, cancel(22, 1), place(22, 3, BID, 1000, 4), trade(30, ASK, 1000, 8))
    assert fills(result, 2) == [(1000, 6, 0)]
    assert fills(result, 3) == [(1000, 2, 2)]


def test_cancels_of_others_do_not_advance_the_queue_by_default(run: Run) -> None:
    book = snapshot(10, {999: 50}, {1001: 4})
    result = run(
        book, level(15, BID, 999, 90), place(20, 1, BID, 999, 1), level(30, BID, 999, 120), level(31, BID, 999, 95)
    )
    assert ahead(result, 1) == 90


def test_far_level_keeps_its_quantity(run: Run) -> None:
    # No window drops a level: millions of ticks away it answers as any other.
    book = snapshot(10, {5_000_000: 5}, {5_000_001: 4})
    result = run(
        book, level(11, BID, 1_000, 9), level(12, ASK, 9_000_000, 8), level(13, BID, 4_999_999, 1),
        place(20, 1, BID, 1_000, 1), place(21, 2, ASK, 9_000_000, 1), place(22, 3, BID, 9_000_000, 20, IOC, agent=1),
        worlds=(0, 1),
    )  # fmt: skip
    assert (ahead(result, 1), ahead(result, 2)) == (9, 8)
    assert fills(result, 3) == [(5_000_001, 4, 16), (9_000_000, 8, 8)]


def test_market_that_moves_far_away_and_back_keeps_resting_orders(run: Run) -> None:
    result = run(
        BOOK, place(20, 1, BID, 999, 3), snapshot(30, {4_000_000: 5}, {4_000_001: 4}),
        snapshot(40, {999: 5}, {1001: 4}), trade(50, ASK, 999, 2),
    )  # fmt: skip
    # With the touch at 4,000,000 nothing is recorded at 999, so nothing is ahead; 2 of the 3 are filled.
    assert fills(result, 1) == [(999, 2, 1)]


def test_gap_keeps_orders_but_admits_no_new_ones(run: Run) -> None:
    result = run(BOOK, place(20, 1, BID, 999, 3), gap(30), place(31, 2, BID, 999, 3))
    assert leaves(result) == {1: 3}
    assert outcomes(result, 2) == ["REJECTED NO_BOOK"]


def test_post_only_order_never_pays_the_taker_fee(run: Run) -> None:
    result = run(BOOK, place(20, 1, BID, 1000, 3, POST_ONLY), best(30, 999, 5, 1000, 9))
    (fill,) = (entry for entry in result.entries if entry.kind == Record.FILL)
    assert (fill.qty, fill.price, fill.flags, fill.fee) == (3, 1000, 0, -1500)


def test_position_of_a_sale_is_negative_and_flat_is_zero(run: Run) -> None:
    result = run(BOOK, place(20, 1, ASK, 999, 2), place(30, 2, BID, 1001, 2))
    # Sold 2 at 999, bought 2 at 1001: 0.002 · (99.9 − 100.1) = −0.0004, less fees 0.0000999 and 0.0001001.
    assert ledger(result) == (-40_000 - 9_990 - 10_010, 0)


def test_base_fee_leaves_a_fraction_of_a_lot(run: Run) -> None:
    # Ten lots bought, 1,000,000 atoms, pay ceil(1000.1) = 1001 of them: ten lots can not be sold again.
    book = snapshot(10, {999: 5}, {1001: 40})
    result = run(book, place(20, 1, BID, 1001, 10), instrument="received")
    assert INSTRUMENTS["received"].position(ledger(result)[1]) == "0.00998999"
