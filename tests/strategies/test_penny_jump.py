"""The penny-jumper in a book of competitors, step by step, and what it never does."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.kernel import as_records
from quotewright.domain.quotes import TARGET, VIEW
from quotewright.domain.strategy import MEMORY_BYTES
from quotewright.engine.functions import compile_decision
from quotewright.strategies.penny_jump import STRATEGY

SECOND = 10**9
TENTH = SECOND // 10
Level = tuple[int, int]  # ticks, lots

DECIDE = compile_decision(STRATEGY)


class Player:
    """The strategy with its memory, on a tick of 1 and lots of 1, so that 10,000 ticks are a basis point a tick."""

    def __init__(self, **given: float) -> None:
        self.params = STRATEGY.bind({"order_notional": 100_000, "skew": 0.0, **given})  # 10 lots at 10,000
        self.memory = np.zeros(MEMORY_BYTES // 8)
        self.target: Any = as_records(np.zeros(1, TARGET))
        self.bid: Level = (0, 0)
        self.ask: Level = (0, 0)

    def step(self, time: int, bid: Level, ask: Level, inventory: float = 0.0) -> None:
        views: Any = np.zeros(1, VIEW)
        mid = 0.5 * (bid[0] + ask[0])
        fields = {"time": time, "bid": bid[0], "bid_qty": bid[1], "ask": ask[0], "ask_qty": ask[1], "mid": mid}
        for name, value in (fields | {"tick": 1.0, "lot": 1.0, "lot_value": mid, "inventory": inventory}).items():
            views[name] = value
        target = self.target[0]
        target["bids"] = target["asks"] = 0  # as the engine does: prices of the last decision stay behind the count
        DECIDE(as_records(views)[0], self.params, self.memory, target)
        self.bid = (int(target["bid_price"][0]), int(target["bid_qty"][0])) if target["bids"] else (0, 0)
        self.ask = (int(target["ask_price"][0]), int(target["ask_qty"][0])) if target["asks"] else (0, 0)


def best(*levels: Level, side: int = 1) -> Level:
    """The best of some quotes, with the lots of all at its price."""
    price = max((p * side for p, q in levels if q), default=0) * side
    return price, sum(q for p, q in levels if p == price)


def play(player: Player, others: Callable[[int, int], Level], steps: int, floor_ask: Level) -> list[tuple[int, int]]:
    """Bids of (player, others) while `others(our bid, step)` answers; the book that the player sees holds its own."""
    played: list[tuple[int, int]] = []
    for step in range(steps):
        other = others(player.bid[0], step)
        played.append((player.bid[0], other[0]))
        player.step(step * TENTH, best(player.bid, other), floor_ask)
    return played


FAR_ASK = (10_040, 3)


def test_one_competitor_that_stays_is_jumped_once_and_not_again() -> None:
    player = Player()
    played = play(player, lambda ours, step: (9_990, 7), 8, FAR_ASK)
    assert [ours for ours, _ in played] == [0, *[9_991] * 7]


def test_in_a_replay_whose_book_holds_others_only_the_quote_stays_one_tick_ahead() -> None:
    player = Player()
    for step, price in enumerate((9_990, 9_990, 9_993, 9_980)):
        player.step(step * TENTH, (price, 50), FAR_ASK)
        assert player.bid == (price + 1, 10)


def test_a_jumping_competitor_is_jumped_until_the_floor_and_then_followed_one_tick_behind() -> None:
    """The other jumps us up to 10,012; our floor is 17 bp under the mid."""
    player = Player(floor=17)
    played = play(player, lambda ours, step: (min(max(9_990, ours + 1), 10_012), 7), 30, FAR_ASK)
    ours, theirs = played[-1]
    mid = 0.5 * (theirs + FAR_ASK[0])
    capitulation = mid * (1 - 17e-4)
    assert theirs + 1 > capitulation
    assert ours == theirs - 1
    assert theirs < 10_012  # we gave up before the other did, and so it stopped one tick above us
    contest = [o for o, _ in played[1:]]
    assert all(b >= a for a, b in pairwise(contest[:-8]))


@pytest.mark.parametrize(("behind", "expected"), [(0, 9_998), (1, 9_997), (3, 9_995)])
def test_where_improving_breaks_the_floor_second_place_is_as_far_behind_as_asked(behind: int, expected: int) -> None:
    player = Player(floor=1.5, behind=behind)  # mid 10,000: 9,998.5 at most
    player.step(0, (9_998, 5), (10_002, 5))
    assert player.bid == (expected, 10)
    assert player.ask == (20_000 - expected, 10)


def test_beyond_the_floor_it_stands_on_the_floor_however_near_the_others_are() -> None:
    player = Player(floor=5)
    player.step(0, (9_999, 5), (10_001, 5))
    assert (player.bid[0], player.ask[0]) == (9_995, 10_005)


def test_fees_count_towards_the_floor_and_rebates_against_it() -> None:
    for fee, bid in ((0.0, 9_996), (2.5, 9_994), (-1.0, 9_996)):
        player = Player(floor=3.5, fee=fee)
        player.step(0, (9_995, 5), (10_005, 5))
        assert player.bid[0] == bid


def test_with_no_room_between_the_touches_it_joins() -> None:
    player = Player(floor=-1)
    player.step(0, (10_000, 5), (10_001, 5))
    assert (player.bid[0], player.ask[0]) == (10_000, 10_001)


def test_two_competitors_the_second_best_is_what_counts_once_the_best_leaves() -> None:
    """The best leaves: alone in front, ours steps back tick by tick until it stands one above the other."""
    player = Player(patience=0.5)

    def others(ours: int, step: int) -> Level:
        return (9_990, 7) if step < 3 else (9_980, 4)

    bids = [ours for ours, _ in play(player, others, 120, FAR_ASK)]
    assert bids[1:4] == [9_991] * 3
    assert all(b <= a for a, b in pairwise(bids[1:41]))
    assert set(bids[70:]) <= {9_980, 9_981}  # at 9,980 it sees that someone is there, and is one above again
    assert bids[70:].count(9_981) > bids[70:].count(9_980)


def test_it_never_jumps_itself_nor_what_it_left_a_moment_ago() -> None:
    player = Player(patience=1_000)
    player.step(0, (9_990, 7), FAR_ASK)
    player.step(TENTH, (9_991, 10), FAR_ASK)
    assert player.bid[0] == 9_991
    player.step(2 * TENTH, (9_991, 6), FAR_ASK)  # partly filled
    assert player.bid[0] == 9_991
    player.step(3 * TENTH, (9_993, 7), FAR_ASK)
    assert player.bid[0] == 9_994
    player.step(4 * TENTH, (9_993, 7), FAR_ASK)  # not there yet
    assert player.bid[0] == 9_994
    player.step(5 * TENTH, (9_980, 7), FAR_ASK)
    assert player.bid[0] == 9_981
    player.step(6 * TENTH, (9_994, 10), FAR_ASK)  # the cancel is on its way
    assert player.bid[0] <= 9_994


def test_someone_who_joins_us_with_more_than_we_hold_is_jumped() -> None:
    player = Player()
    player.step(0, (9_990, 7), FAR_ASK)
    player.step(TENTH, (9_991, 11), FAR_ASK)
    assert player.bid[0] == 9_992


def test_the_only_price_between_the_touches_goes_to_the_side_that_sheds_inventory() -> None:
    for inventory, expected in ((0.0, (9_999, 10_001)), (5.0, (9_999, 10_000)), (-5.0, (10_000, 10_001))):
        player = Player()
        player.step(0, (9_999, 50), (10_001, 50), inventory)
        assert (player.bid[0], player.ask[0]) == expected


def test_the_micro_price_moves_the_floor_towards_the_thinner_queue() -> None:
    heavy, even = Player(floor=2, micro=1), Player(floor=2, micro=0)
    for player in (heavy, even):
        player.step(0, (9_997, 90), (10_003, 10))
    assert (even.bid[0], even.ask[0]) == (9_998, 10_002)
    assert heavy.bid[0] == 9_998
    assert heavy.ask[0] == 10_005  # fair is 10,002.4: no improving on 10,003


def test_inventory_steps_back_on_its_own_side_and_forward_on_the_other() -> None:
    long = Player(floor=2, skew=6)
    long.step(0, (9_996, 5), (10_004, 5), inventory=50)  # half of the bound: fair is 9,997
    assert long.bid[0] == 9_995
    assert long.ask[0] == 10_003


VIEWS = st.tuples(st.integers(1, 30), st.integers(1, 30), st.integers(1, 40), st.integers(1, 40))


@settings(max_examples=150, deadline=None)
@given(
    moves=st.lists(VIEWS, min_size=1, max_size=25),
    floor=st.floats(-5, 20),
    fee=st.floats(-2, 5),
    behind=st.integers(0, 5),
    inventory=st.floats(-100, 100),
)
def test_never_inside_the_floor_never_through_the_touch(
    moves: list[tuple[int, int, int, int]], floor: float, fee: float, behind: int, inventory: float
) -> None:
    """The fair price of a book of others only is its mid; the floor holds in any history."""
    player = Player(floor=floor, fee=fee, behind=behind, patience=0.25)
    for step, (away, wide, bid_lots, ask_lots) in enumerate(moves):
        bid, ask = 10_000 - away, 10_000 - away + wide
        lots = (bid_lots + 20, ask_lots + 20)  # more than ours: the levels are others'
        player.step(step * TENTH, (bid, lots[0]), (ask, lots[1]), inventory)
        fair = 0.5 * (bid + ask)
        if player.bid[1] and player.ask[1]:
            assert player.bid[0] < player.ask[0]
        if player.bid[1]:
            assert player.bid[0] < ask
            assert player.bid[0] <= fair * (1 - (floor + fee) / 1e4) + 1e-6
            assert player.bid[0] <= bid + 1
        if player.ask[1]:
            assert player.ask[0] > bid
            assert player.ask[0] >= fair * (1 + (floor + fee) / 1e4) - 1e-6
            assert player.ask[0] >= ask - 1
