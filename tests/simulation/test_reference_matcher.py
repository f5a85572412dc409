"""New orders, cancels, trades, queues and the touch on L2, worked by hand from docs/reference/replay-venue.md.

Each case runs through the reference matcher and the compiled venue, so that neither is right by agreement alone.
Unless a case says otherwise there are one agent and one instrument, "linear": tick 0.1, lot 0.001, so that one lot at
1000 ticks is worth 0.1.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from recording_builder import (
    ahead,
    amend,
    best,
    cancel,
    fills,
    gap,
    leaves,
    level,
    outcomes,
    place,
    snapshot,
    trade,
    update,
)
from reference_records import Result, Row, Update

from quotewright.domain.events import ASK, BID, NOTE
from quotewright.domain.journal import FOK, IOC, POST_ONLY, REDUCE_ONLY, Record

Run = Callable[..., Result]


BOOK = snapshot(10, {999: 5, 998: 7, 995: 9}, {1001: 4, 1002: 6, 1005: 8})


# ---- a new order


def test_order_before_the_first_snapshot_is_rejected(run: Run) -> None:
    result = run(place(9, 1, BID, 990, 1), BOOK)
    assert outcomes(result, 1) == ["REJECTED NO_BOOK"]


def test_order_at_the_snapshots_own_time_meets_the_book(run: Run) -> None:
    # Market at the venue comes before messages at equal times.
    result = run(place(10, 1, BID, 999, 1), BOOK)
    assert outcomes(result, 1) == ["ACCEPTED"]
    assert ahead(result, 1) == 5


def test_order_after_a_gap_is_rejected_until_the_next_snapshot(run: Run) -> None:
    result = run(
        BOOK, gap(20), place(21, 1, BID, 990, 1), level(22, BID, 999, 3), place(23, 2, BID, 990, 1),
        snapshot(24, {999: 5}, {1001: 4}), place(25, 3, BID, 990, 1),
    )  # fmt: skip
    assert [outcomes(result, n) for n in (1, 2, 3)] == [["REJECTED NO_BOOK"]] * 2 + [["ACCEPTED"]]


def test_queue_ahead_is_the_touch_the_depth_or_nothing(run: Run) -> None:
    result = run(BOOK, *(place(20, n, BID, price, 1) for n, price in enumerate((999, 998, 997, 1000), 1)))
    assert [ahead(result, n) for n in (1, 2, 3, 4)] == [5, 7, 0, 0]


def test_taker_walks_the_levels_and_rests_with_the_remainder(run: Run) -> None:
    # 4 at 1001, then 6 at 1002, then 2 of 12 are left and rest at 1003 where nothing is recorded on the bid side.
    result = run(BOOK, place(20, 1, BID, 1003, 12))
    assert fills(result, 1) == [(1001, 4, 8), (1002, 6, 2)]
    assert leaves(result) == {1: 2}
    assert ahead(result, 1) == 0


def test_taken_depth_is_gone_until_the_level_is_reported_again(run: Run) -> None:
    result = run(
        BOOK,
        place(20, 1, BID, 1001, 3, IOC),  # leaves 4 − 3 = 1
        place(21, 2, BID, 1001, 3, IOC),  # gets that 1
        level(22, ASK, 1002, 6),  # another level: nothing comes back at 1001
        place(23, 3, BID, 1001, 3, IOC),
        level(24, ASK, 1001, 4),  # reported again
        place(25, 4, BID, 1001, 3, IOC),
    )
    assert [fills(result, n) for n in (1, 2, 3, 4)] == [[(1001, 3, 0)], [(1001, 1, 2)], [], [(1001, 3, 0)]]
    assert outcomes(result, 2) == ["ACCEPTED", "FILL", "CANCELED IOC"]
    assert outcomes(result, 3) == ["ACCEPTED", "CANCELED IOC"]


def test_best_pair_also_refreshes_what_was_taken(run: Run) -> None:
    result = run(
        BOOK, place(20, 1, BID, 1001, 4), best(21, 999, 5, 1001, 3), place(22, 2, BID, 1001, 9, IOC),
    )  # fmt: skip
    assert fills(result, 2) == [(1001, 3, 6)]


def test_fill_or_kill_counts_only_what_is_left_within_its_price(run: Run) -> None:
    result = run(
        BOOK,
        place(20, 1, BID, 1001, 1),  # 3 + 6 = 9 are left up to 1002
        place(21, 2, BID, 1002, 10, FOK),
        place(22, 3, BID, 1002, 9, FOK),
    )
    assert outcomes(result, 2) == ["REJECTED FOK"]
    assert fills(result, 3) == [(1001, 3, 6), (1002, 6, 0)]
    assert leaves(result) == {}


def test_post_only_is_rejected_where_the_venue_rejects(run: Run) -> None:
    result = run(BOOK, place(20, 1, BID, 1001, 1, POST_ONLY), place(20, 2, BID, 1000, 1, POST_ONLY), instrument="spot")
    assert outcomes(result, 1) == ["REJECTED POST_ONLY"]
    assert outcomes(result, 2) == ["ACCEPTED"]


def test_post_only_is_repriced_one_tick_outside_the_opposite_touch(run: Run) -> None:
    # A sale at 990 meets the bid 999 and becomes 1000; a purchase at 1003 meets the ask 1001 and becomes 1000.
    result = run(BOOK, place(20, 1, ASK, 990, 1, POST_ONLY))
    (resting,) = result.resting
    assert (resting.price, resting.leaves, resting.ahead) == (1000, 1, 0)
    accepted = next(entry for entry in result.entries if entry.kind == Record.ACCEPTED)
    assert accepted.price == 1000
    result = run(BOOK, place(20, 1, BID, 1003, 2, POST_ONLY))
    assert [(own.price, own.leaves) for own in result.resting] == [(1000, 2)]


def test_repriced_order_meets_self_trade_prevention_at_its_new_price(run: Run) -> None:
    result = run(BOOK, place(20, 1, ASK, 1000, 1), place(21, 2, BID, 1003, 1, POST_ONLY))
    assert outcomes(result, 2) == ["REJECTED SELF_TRADE"]


def test_reduce_only_by_the_position_at_the_venue(run: Run) -> None:
    result = run(
        BOOK,
        place(20, 1, ASK, 999, 1, REDUCE_ONLY),  # flat
        place(21, 2, BID, 1001, 2),  # long 2
        place(22, 3, BID, 990, 1, REDUCE_ONLY),  # has the position's sign
        place(23, 4, ASK, 1000, 3, REDUCE_ONLY),  # exceeds it
        place(24, 5, ASK, 1000, 2, REDUCE_ONLY),
        response_latency=1000,  # home knows nothing of the fill yet; the venue does
    )
    assert [outcomes(result, n)[0] for n in (1, 3, 4)] == ["REJECTED REDUCE_ONLY"] * 3
    assert outcomes(result, 5) == ["ACCEPTED"]


def test_self_trade_is_judged_by_world_and_instrument(run: Run) -> None:
    result = run(
        BOOK,
        snapshot(10, {999: 5}, {1001: 4}, instrument=1),
        place(20, 1, ASK, 1000, 1, agent=0),
        place(21, 2, BID, 1000, 1, agent=1),  # the same world
        place(22, 3, BID, 1000, 1, agent=2),  # another
        place(23, 4, BID, 1000, 1, agent=1, instrument=1),  # another instrument
        place(24, 5, BID, 999, 1, agent=1),  # does not reach 1000
        instrument=("linear", "linear"),
        worlds=(0, 0, 1),
    )
    assert outcomes(result, 2) == ["REJECTED SELF_TRADE"]
    assert [outcomes(result, n) for n in (3, 4, 5)] == [["ACCEPTED"]] * 3


def test_rules_are_asked_in_their_order(run: Run) -> None:
    # Reduce-only comes before post-only, post-only before self-trade, self-trade before fill-or-kill.
    result = run(
        BOOK,
        place(20, 1, ASK, 1001, 1),
        place(21, 2, BID, 1001, 1, REDUCE_ONLY | POST_ONLY),
        place(22, 3, BID, 1001, 1, POST_ONLY),
        place(23, 4, BID, 1001, 99, FOK),
        instrument="spot",
    )
    assert [outcomes(result, n) for n in (2, 3, 4)] == [
        ["REJECTED REDUCE_ONLY"],
        ["REJECTED POST_ONLY"],
        ["REJECTED SELF_TRADE"],
    ]


def test_post_only_with_immediate_or_cancel_is_cancelled_at_once(run: Run) -> None:
    result = run(BOOK, place(20, 1, BID, 999, 2, POST_ONLY | IOC))
    assert outcomes(result, 1) == ["ACCEPTED", "CANCELED IOC"]


# ---- cancel and amend


def test_cancel_twice_and_of_an_unknown_order(run: Run) -> None:
    result = run(BOOK, place(20, 1, BID, 999, 2), cancel(21, 1), cancel(21, 1), cancel(22, 7))
    assert outcomes(result, 1) == ["ACCEPTED", "CANCELED", "CANCEL_REJECTED UNKNOWN_ORDER"]
    assert outcomes(result, 7) == ["CANCEL_REJECTED UNKNOWN_ORDER"]


def test_cancel_in_flight_meets_a_partial_fill(run: Run) -> None:
    result = run(BOOK, place(20, 1, BID, 1000, 5), trade(30, ASK, 1000, 2), cancel(30, 1))
    cancelled = result.entries[-1]
    assert (cancelled.kind, cancelled.qty, cancelled.leaves, cancelled.exch_ts) == (Record.CANCELED, 2, 3, 30)
    assert leaves(result) == {}


def test_amend_counts_what_was_filled_and_keeps_the_place(run: Run) -> None:
    result = run(
        BOOK,
        place(20, 1, BID, 999, 10),
        trade(30, ASK, 999, 8),  # 5 ahead, then 3 of ours: 7 open
        level(31, BID, 999, 4),
        place(32, 2, BID, 999, 1),
        amend(33, 1, 9),  # 9 − 3 = 6 open
        amend(34, 1, 10),  # would enlarge
        trade(35, ASK, 999, 6),  # all ours: order 1 was first with nothing ahead
        amend(36, 2, 1),  # order 2 as it is
    )
    amended = [entry.qty for entry in result.entries if entry.kind == Record.AMENDED]
    assert amended == [6, 1]
    assert outcomes(result, 1) == ["ACCEPTED", "FILL", "AMENDED", "CANCEL_REJECTED UNKNOWN_ORDER", "FILL"]
    assert leaves(result) == {2: 1}


def test_amend_to_no_more_than_was_filled_cancels(run: Run) -> None:
    result = run(BOOK, place(20, 1, BID, 1000, 10), trade(30, ASK, 1000, 4), amend(31, 1, 4))
    assert outcomes(result, 1) == ["ACCEPTED", "FILL", "CANCELED"]
    assert (result.entries[-1].leaves, result.entries[-1].qty) == (6, 4)


# ---- trades on L2


def test_trade_eats_the_queue_first(run: Run) -> None:
    result = run(BOOK, place(20, 1, BID, 999, 4), trade(30, ASK, 999, 3), trade(31, ASK, 999, 3))
    # 5 ahead − 3 = 2; then 2 foreign and 1 of ours.
    assert fills(result, 1) == [(999, 1, 3)]
    assert ahead(result, 1) == 0


def test_segments_between_own_orders(run: Run) -> None:
    # Order 1 behind 5. The level grows to 9, order 2 behind those 9: foreign 5, ours 3, foreign 4, ours 2.
    # A trade of 10: 5 foreign, 3 ours, 2 foreign of the second segment.
    result = run(
        BOOK, place(20, 1, BID, 999, 3), level(21, BID, 999, 9), place(22, 2, BID, 999, 2), trade(30, ASK, 999, 10),
    )  # fmt: skip
    assert fills(result, 1) == [(999, 3, 0)]
    assert fills(result, 2) == []
    assert ahead(result, 2) == 9 - 7


def test_trade_through_the_price_fills_ours_first_up_to_its_volume(run: Run) -> None:
    # The print at 998 passed 1000 and 999: order 3 (1000) first, then 999 by arrival; 8 = 2 + 5 + 1.
    result = run(
        BOOK, place(20, 1, BID, 999, 5), place(21, 2, BID, 999, 4), place(22, 3, BID, 1000, 2),
        place(23, 4, BID, 998, 6), trade(30, ASK, 998, 8),
    )  # fmt: skip
    assert fills(result, 3) == [(1000, 2, 0)]
    assert fills(result, 1) == [(999, 5, 0)]
    assert fills(result, 2) == [(999, 1, 3)]
    assert fills(result, 4) == []
    assert ahead(result, 2) == 0  # the print was beyond it
    assert ahead(result, 4) == 7  # no volume was left to eat the queue at 998


def test_trade_short_of_our_price_does_nothing(run: Run) -> None:
    result = run(BOOK, place(20, 1, BID, 998, 4), place(20, 2, ASK, 1002, 4), trade(30, ASK, 999, 50))
    assert leaves(result) == {1: 4, 2: 4}
    assert (ahead(result, 1), ahead(result, 2)) == (7, 6)


def test_trades_count_while_the_book_is_invalid(run: Run) -> None:
    result = run(BOOK, place(20, 1, BID, 1000, 4), gap(25), trade(30, ASK, 1000, 3))
    assert fills(result, 1) == [(1000, 3, 1)]


# ---- the queue on L2


def test_risk_averse_queue_moves_only_by_trades_and_the_level(run: Run) -> None:
    result = run(
        snapshot(10, {999: 10}, {1001: 4}), place(20, 1, BID, 999, 2), level(21, BID, 999, 14), level(22, BID, 999, 11),
    )  # fmt: skip
    assert ahead(result, 1) == 10
    result = run(snapshot(10, {999: 10}, {1001: 4}), place(20, 1, BID, 999, 2), level(21, BID, 999, 6))
    assert ahead(result, 1) == 6


def test_better_touch_than_our_price_is_behind_it(run: Run) -> None:
    # The best pair moves down to 998: at 999 nothing is recorded any more.
    result = run(BOOK, place(20, 1, BID, 999, 2), best(21, 998, 3, 1001, 4))
    assert ahead(result, 1) == 0


QUEUE = (
    snapshot(10, {999: 10}, {1001: 4}),
    place(20, 1, BID, 999, 1),
    level(21, BID, 999, 30),  # 20 behind us
)


@pytest.mark.parametrize(
    ("model", "power", "expected"),
    [
        # seen 30, now 18: change 12, ahead 10, back 20.
        ("proportional", 0.0, 6),  # p = 2/3: 10 − 4 + min(0, 20 − 8) = 6
        ("power", 2.0, 8),  # p = 400/500: 10 − 2.4 = 7.6
        ("power", 1.0, 6),
        ("log", 0.0, 5),  # p = 3.0445 / (3.0445 + 2.3979) = 0.55941: 10 − 5.287 = 4.713
        ("risk-averse", 0.0, 10),
    ],
)
def test_cancel_models(run: Run, model: str, power: float, expected: int) -> None:
    result = run(*QUEUE, level(22, BID, 999, 18), queue_model=model, power=power)
    assert ahead(result, 1) == expected


def test_cancel_larger_than_the_back_comes_from_the_front(run: Run) -> None:
    # power 3: p = 8000/9000; change 27: 10 − 3 + min(0, 20 − 24) = 3, and the level has 3.
    result = run(*QUEUE, level(22, BID, 999, 3), queue_model="power", power=3.0)
    assert ahead(result, 1) == 3
    # power 3, change 24: 10 − 2.667 + min(0, 20 − 21.333) = 6.0: with the level at 6.
    result = run(*QUEUE, level(22, BID, 999, 6), queue_model="power", power=3.0)
    assert ahead(result, 1) == 6


def test_traded_volume_is_no_cancel(run: Run) -> None:
    # A trade of 4: ahead 6. The level falls from 30 to 20: of those 10, 4 were traded, 6 cancelled.
    # base = 26, back = 20, proportional p = 20/26: 6 − (6/26)·6 = 4.615 → 5.
    result = run(*QUEUE, trade(22, ASK, 999, 4), level(23, BID, 999, 20), queue_model="proportional")
    assert ahead(result, 1) == 5
    # Fallen by the traded 4 alone: no cancel.
    result = run(*QUEUE, trade(22, ASK, 999, 4), level(23, BID, 999, 26), queue_model="proportional")
    assert ahead(result, 1) == 6


def test_two_trades_before_one_level_report_add_up(run: Run) -> None:
    steps = (trade(22, ASK, 999, 2), trade(23, ASK, 999, 2), level(24, BID, 999, 20))
    assert ahead(run(*QUEUE, *steps, queue_model="proportional"), 1) == 5


def test_model_may_put_a_later_order_before_an_earlier_one(run: Run) -> None:
    # Order 1 has 10 ahead, order 2 has 20, of a level of 30; then the level falls to 15, power 3:
    # order 1: p = 8000/9000: 10 − 15/9 = 8.33 → 9; order 2: p = 1000/9000: 20 − 15 · 8/9 = 6.67 → 7. Order 3 has 15.
    # A trade of 22: 9 foreign and 1 ours; nothing foreign between, 5 ours; 15 − 9 = 6 foreign; 1 of order 3.
    result = run(
        snapshot(10, {999: 10}, {1001: 4}), place(20, 1, BID, 999, 1), level(21, BID, 999, 20),
        place(22, 2, BID, 999, 5), level(23, BID, 999, 30), level(24, BID, 999, 15),
        place(25, 3, BID, 999, 4), trade(26, ASK, 999, 22), queue_model="power", power=3.0,
    )  # fmt: skip
    assert [fills(result, n) for n in (1, 2, 3)] == [[(999, 1, 0)], [(999, 5, 0)], [(999, 1, 3)]]


@pytest.mark.parametrize(
    "between", [best(23, 999, 30, 1001, 4), level(23, BID, 998, 2), level(23, ASK, 1001, 9), level(23, BID, 999, 30)]
)
def test_what_was_traded_waits_until_the_level_changes(run: Run, between: Update) -> None:
    # As in test_traded_volume_is_no_cancel, with a report between the trade and the level that says nothing new of it.
    steps = (trade(22, ASK, 999, 4), between, level(24, BID, 999, 20))
    assert ahead(run(*QUEUE, *steps, queue_model="proportional"), 1) == 5


# ---- the touch


def test_best_pair_with_a_lower_number_than_the_depth_is_ignored(run: Run) -> None:
    book = snapshot(10, {999: 5}, {1001: 4}, seq=50)
    result = run(book, best(20, 999, 2, 1000, 9, seq=49), place(21, 1, BID, 1000, 3, IOC))
    assert fills(result, 1) == []
    result = run(book, best(20, 999, 2, 1000, 9, seq=50), place(21, 1, BID, 1000, 3, IOC))
    assert fills(result, 1) == [(1000, 3, 0)]
    result = run(book, best(20, 999, 2, 1000, 9, seq=0), place(21, 1, BID, 1000, 3, IOC))
    assert fills(result, 1) == [(1000, 3, 0)]


def test_best_pair_with_a_higher_number_stays_over_older_depth(run: Run) -> None:
    book = (snapshot(10, {999: 5}, {1001: 4}, seq=50), best(20, 999, 2, 1000, 9, seq=60))
    result = run(*book, level(21, ASK, 1002, 4, seq=59), place(22, 1, BID, 1000, 3, IOC))
    assert fills(result, 1) == [(1000, 3, 0)]
    result = run(*book, level(21, ASK, 1002, 4, seq=60), place(22, 1, BID, 1000, 3, IOC))
    assert fills(result, 1) == []
    note = update(21, Row(NOTE, 0, 0, 0, 0, 61))
    result = run(*book, note, place(22, 1, BID, 1000, 3, IOC))
    assert fills(result, 1) == []


def test_touch_answers_for_its_price_and_hides_better_depth(run: Run) -> None:
    # Touch 1002 with 2: the depth's 1001 is gone, 1002 has 2, not 6, and 1005 is the depth's.
    result = run(BOOK, best(20, 999, 5, 1002, 2), place(21, 1, BID, 1005, 20, IOC))
    assert fills(result, 1) == [(1002, 2, 18), (1005, 8, 10)]
