"""What an operator and a venue may say to a running step, and what each does to it; fees told are booked exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from desk import FIRST_ORDER, MS, SECOND_QUOTER, SPOT, Desk, market_of, open_desk
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.events import ASK, BID, CLEAR, LEVEL, STATUS, Status
from quotewright.domain.journal import FEE_ELSEWHERE, FEE_IN_BASE, FEE_TOLD, IOC, LATE, POST_ONLY, Hold, Record, Refusal
from quotewright.domain.messages import CANCEL, PLACE
from quotewright.live.operator import decision_place, settle_agent
from quotewright.live.step import Departure
from quotewright.orders.states import OPEN, UNKNOWN
from quotewright.sessions.wiring import LegStart
from quotewright.storage.session_log import read_log

LISTENER = Path(__file__).parents[2] / "examples" / "02_own_strategy.py"


def _cancelled(sent: list[Departure]) -> set[int]:
    return {each.order for each in sent if each.kind == CANCEL}


def test_a_pause_pulls_quotes_until_nobody_holds(desk: Desk) -> None:
    quotes = desk.quote()
    assert _cancelled(desk.say(Record.PAUSED, reason=int(Hold.OPERATOR))) == {q.order for q in quotes.values()}
    assert not desk.say(Record.PAUSED, reason=int(Hold.MARKET))
    for quote in quotes.values():
        desk.say(Record.CANCELED, quote.order, leaves=quote.qty, side=quote.side)
    assert not desk.wait(500)
    desk.say(Record.RESUMED, reason=int(Hold.OPERATOR))
    assert not desk.wait(500)
    desk.say(Record.RESUMED, reason=int(Hold.MARKET))
    assert {each.side for each in desk.wait()} == {BID, ASK}
    assert [int(r) for r in desk.records(Record.PAUSED)["reason"]] == [Hold.OPERATOR, Hold.MARKET]


def test_a_parameter_holds_from_the_next_decision(desk: Desk) -> None:
    before = desk.quote()[BID].price
    desk.say(Record.PARAM, price=3, qty=2, leaves=-1)  # half_spread = 3 × 2 ** -1 bp
    assert float(desk.step.wired.state.params[2]) == 1.5
    again = {each.side: each for each in desk.wait() if each.kind == PLACE}
    assert before - again[BID].price == 10  # 1 bp of 1000.00
    desk.say(Record.PARAM, price=3, qty=99, leaves=0)  # no such parameter
    assert float(desk.step.wired.state.params[2]) == 1.5


def test_a_manual_order_rests_whatever_the_strategy_wants(desk: Desk) -> None:
    sent = desk.say(Record.MANUAL, price=99_900, qty=7, side=BID, flags=POST_ONLY)
    assert [(each.kind, each.price, each.qty, each.side, each.flags) for each in sent] == [
        (PLACE, 99_900, 7, BID, POST_ONLY)
    ]
    desk.say(Record.ACCEPTED, sent[0].order, 99_900, 7, 7, BID)
    for _ in range(3):
        assert sent[0].order not in _cancelled(desk.wait())
    assert not desk.say(Record.MANUAL, price=50_000, qty=7, side=BID)  # outside the price band
    assert len(desk.records(Record.REFUSED)) == 1
    assert _cancelled(desk.say(Record.PAUSED, reason=int(Hold.STOPPING))) >= {sent[0].order}


def test_an_order_in_doubt_counts_until_the_venue_speaks(desk: Desk) -> None:
    quote = desk.quote()[BID]
    desk.say(Record.UNKNOWN, quote.order)
    assert int(desk.order(quote.order)["state"]) == UNKNOWN
    assert int(desk.order(quote.order)["leaves"]) == quote.qty
    assert not [each for each in desk.wait(300) if each.kind == PLACE and each.side == BID]  # never doubled
    desk.say(Record.ACCEPTED, quote.order, quote.price, quote.qty, quote.qty, BID)
    assert int(desk.order(quote.order)["state"]) == OPEN
    desk.say(Record.UNKNOWN, quote.order)
    desk.say(Record.DENIED, quote.order)
    assert desk.order(quote.order) is None
    assert [each.side for each in desk.wait() if each.kind == PLACE] == [BID]


def test_a_cancel_before_the_last_fill_keeps_what_is_to_come(desk: Desk) -> None:
    quote = desk.quote()[ASK]
    desk.say(Record.FILL, quote.order, quote.price, 100, quote.qty - 100, ASK, flags=FEE_TOLD)
    desk.say(Record.CANCELED, quote.order, qty=130, leaves=quote.qty - 130, side=ASK)
    assert int(desk.order(quote.order)["leaves"]) == 30
    assert quote.order not in _cancelled(desk.wait())  # nothing is left to cancel
    desk.say(Record.FILL, quote.order, quote.price, 30, 0, ASK, flags=FEE_TOLD | LATE)
    assert desk.order(quote.order) is None
    assert int(desk.leg["position"]) == -130 * SPOT.atoms_per_lot


def test_an_adopted_order_is_in_doubt_and_then_like_any_other() -> None:
    with open_desk(LegStart(position=5 * SPOT.atoms_per_lot, cash=-77, orders_sent=3)) as desk:
        numbers = FIRST_ORDER + 9, FIRST_ORDER + 8
        desk.say(Record.ADOPTED, numbers[0], 99_000, 50, 20, BID, flags=POST_ONLY)
        desk.say(Record.ADOPTED, numbers[1], 102_000, 50, 50, ASK)
        assert int(desk.order(numbers[0])["state"]) == UNKNOWN
        assert int(desk.order(numbers[0])["filled"]) == 30
        sent = desk.wait()
        assert _cancelled(sent) == {numbers[0]}  # a quote far from the target goes, what was by hand stays
        assert min(each.order for each in sent if each.kind == PLACE) == FIRST_ORDER + 10  # no number twice
        desk.say(Record.FILL, numbers[0], 99_000, 20, 0, BID, flags=FEE_TOLD)
        assert desk.order(numbers[0]) is None
        assert int(desk.leg["position"]) == 25 * SPOT.atoms_per_lot


def test_flattening_takes_to_zero_and_no_further(desk: Desk) -> None:
    quotes = desk.quote()
    bid = quotes[BID]
    again = desk.say(Record.FILL, bid.order, bid.price, bid.qty, 0, BID, flags=FEE_TOLD)
    open_now = {each.order for each in again if each.kind == PLACE} | {quotes[ASK].order}
    sent = desk.say(Record.FLATTEN, price=20)
    assert _cancelled(sent) == open_now
    assert not [each for each in sent if each.kind == PLACE]  # not before nothing rests
    for slot_order in open_now:
        desk.say(Record.CANCELED, slot_order)
    take = [each for each in desk.wait() if each.kind == PLACE]
    assert [(each.side, each.qty, each.price, each.flags) for each in take] == [(ASK, bid.qty, 99_979, IOC)]
    assert not desk.wait(300)  # one at a time, whatever its fate
    desk.say(Record.ACCEPTED, take[0].order, take[0].price, take[0].qty, take[0].qty, ASK)
    desk.say(Record.FILL, take[0].order, 99_990, 10, take[0].qty - 10, ASK, flags=FEE_TOLD)
    desk.say(Record.CANCELED, take[0].order, qty=10, leaves=take[0].qty - 10, side=ASK)
    rest = [each for each in desk.wait() if each.kind == PLACE]
    assert [each.qty for each in rest] == [bid.qty - 10]
    desk.say(Record.FILL, rest[0].order, 99_990, rest[0].qty, 0, ASK, flags=FEE_TOLD)
    assert int(desk.leg["position"]) == 0
    assert not desk.wait(500)
    assert {each.side for each in desk.say(Record.FLATTEN, price=0)} == {BID, ASK}


def test_nothing_is_taken_without_a_book(desk: Desk) -> None:
    desk.say(Record.ADJUSTED, qty=40 * SPOT.atoms_per_lot)
    desk.rows([(STATUS, 0, int(Status.BOOK_GAP), 0)])
    assert not desk.say(Record.FLATTEN, price=5)
    assert not desk.wait(300)
    desk.rows([(CLEAR, 0, 0, 0), (LEVEL, BID, 99_990, 5_000), (LEVEL, ASK, 99_995, 5_000)])
    assert [(each.side, each.qty) for each in desk.wait()] == [(ASK, 40)]


def test_an_agent_that_begins_later_has_books_of_its_own(desk: Desk) -> None:
    wired = desk.step.wired
    settle_agent(wired, 1, SECOND_QUOTER, market_of(SPOT), 0, elsewhere=True)
    assert {each.leg for each in desk.wait(300)} == {0}
    desk.say(Record.ACTIVATED, 1, qty=decision_place(wired, SECOND_QUOTER), leg=1)
    sent = desk.wait()
    assert {each.order for each in sent if each.leg == 1} == {2 * FIRST_ORDER + 1, 2 * FIRST_ORDER + 2}
    starts = desk.records(Record.RUN_START)
    assert starts["agent"].tolist() == [0, 1]
    assert starts["mid2"][1] == 200_000
    desk.step.end(desk.now)
    assert desk.records(Record.RUN_END)["agent"].tolist() == [0, 1]


_FEES = (0, FEE_IN_BASE, FEE_ELSEWHERE)
_SAID = st.one_of(
    st.tuples(st.just("fill"), st.sampled_from([BID, ASK]), st.integers(90_000, 110_000), st.integers(1, 10**5),
              st.integers(-(10**9), 10**9), st.sampled_from(_FEES)),
    st.tuples(st.just("adjust"), st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12)),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(_SAID, min_size=1, max_size=40), st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_money_and_atoms_are_conserved(said: list[tuple[Any, ...]], cash: int, position: int) -> None:
    """Cash and position are what they were, and each fill's price, told fee and adjustment, and nothing else."""
    tick, lot = SPOT.price_step.fraction, SPOT.qty_step.fraction
    atom = lot / SPOT.atoms_per_lot
    money, held = cash * SPOT.money_unit, position * atom
    fees, base_fees = 0, 0
    with open_desk(LegStart(cash=cash, position=position, held=int(Hold.OPERATOR), halted=1)) as desk:
        for number, each in enumerate(said):
            if each[0] == "adjust":
                desk.say(Record.ADJUSTED, qty=each[1], fee=each[2])
                held, money = held + each[1] * atom, money + each[2] * SPOT.money_unit
            else:
                _, side, price, qty, fee, kind = each
                flags = FEE_TOLD | kind | (LATE if number % 2 else 0)
                desk.say(Record.FILL, -1, price, qty, 0, side, flags=flags, fee=fee, trade=number + 1)
                money -= side * qty * lot * price * tick
                held += side * qty * lot
                if kind == FEE_IN_BASE:
                    held -= fee * atom
                    base_fees += fee
                elif kind != FEE_ELSEWHERE:
                    money -= fee * SPOT.money_unit
                    fees += fee
            assert int(desk.leg["cash"]) * SPOT.money_unit == money
            assert int(desk.leg["position"]) * atom == held
        assert (int(desk.leg["fees"]), int(desk.leg["base_fees"])) == (fees, base_fees)
        rows = desk.records(Record.FILL, Record.ADJUSTED)
        assert len(rows) == len(said)
        assert int(rows["cash"][-1]) * SPOT.money_unit == money
        told = [(each[4], FEE_TOLD | each[5]) for each in said if each[0] == "fill"]
        fills = desk.records(Record.FILL)
        assert [(int(r["fee"]), int(r["flags"]) & ~LATE) for r in fills] == told


def test_a_trade_elsewhere_is_journaled_with_the_mid_that_it_is_valued_at(desk: Desk) -> None:
    desk.say(Record.ADJUSTED, price=99_000, qty=40 * SPOT.atoms_per_lot, side=BID, fee=-7)
    desk.rows([(LEVEL, ASK, 100_001, 0), (LEVEL, ASK, 100_004, 50)])
    desk.say(Record.ADJUSTED, qty=-SPOT.atoms_per_lot)
    rows = desk.records(Record.ADJUSTED)
    assert rows["mid2"].tolist() == [200_000, 200_003]
    assert rows["cash"].tolist() == [-7, -7]


def test_an_agent_without_a_timer_begins_later_and_waits_for_what_it_listens_to(desk: Desk) -> None:
    wired = desk.step.wired
    listener = replace(SECOND_QUOTER, name="listener", strategy=str(LISTENER), params={}, interval_ms=0)
    settle_agent(wired, 1, listener, market_of(SPOT), 0, elsewhere=True)
    desk.say(Record.ACTIVATED, 1, qty=decision_place(wired, listener), leg=1)
    assert {each.leg for each in desk.wait(500)} == {0}
    assert set(desk.records(Record.DECISION)["agent"].tolist()) == {0}
    sent = desk.rows([(LEVEL, BID, 99_999, 4_000)])
    assert [(each.leg, each.side) for each in sent] == [(1, BID), (1, ASK)]


def test_room_for_agents_that_never_began_has_no_books(desk: Desk) -> None:
    desk.step.end(desk.now)
    assert desk.records(Record.RUN_START)["agent"].tolist() == [0]
    assert desk.records(Record.RUN_END)["agent"].tolist() == [0]
    assert set(desk.records(*Record)["agent"].tolist()) == {0, -1}  # -1: of no agent


def test_after_its_end_a_step_hears_and_journals_nothing(desk: Desk) -> None:
    quote = desk.quote()[BID]
    desk.step.end(desk.now)
    before = [bytes(frame.payload) for frame in read_log(desk.folder)]
    assert desk.records(*Record)["kind"][-1] == Record.RUN_END
    assert not desk.say(Record.FILL, quote.order, quote.price, quote.qty, 0, BID, flags=FEE_TOLD)
    assert not desk.say(Record.MANUAL, price=99_900, qty=7, side=BID)
    assert not desk.rows([(LEVEL, BID, 99_990, 10)])
    assert not desk.wait(1_000)
    desk.log.flush()
    assert [bytes(frame.payload) for frame in read_log(desk.folder)] == before
    assert int(desk.leg["position"]) == 0  # the fill is the next session's to ask for


def test_a_budget_that_is_used_up_keeps_orders_back_for_a_while_and_never_a_cancel(desk: Desk) -> None:
    quotes = desk.quote()
    desk.say(Record.CANCELED, quotes[BID].order, leaves=quotes[BID].qty, side=BID)
    again = [each for each in desk.wait() if each.kind == PLACE]
    assert [each.side for each in again] == [BID]
    desk.say(Record.DENIED, again[0].order, side=BID, reason=int(Refusal.BUDGET))
    denied = desk.now
    assert not desk.wait(400)
    assert desk.records(Record.REFUSED)["reason"].tolist() == [Refusal.MESSAGE_RATE]
    desk.rows([(LEVEL, BID, 99_999, 0), (LEVEL, ASK, 99_998, 50), (LEVEL, BID, 99_000, 50)])
    assert _cancelled(desk.say(Record.PAUSED, reason=int(Hold.OPERATOR))) == {quotes[ASK].order}
    desk.say(Record.CANCELED, quotes[ASK].order, leaves=quotes[ASK].qty, side=ASK)
    desk.say(Record.RESUMED, reason=int(Hold.OPERATOR))
    assert denied + 450 * MS > desk.now
    assert {each.side for each in desk.wait(200) if each.kind == PLACE} == {BID, ASK}


def test_a_denial_for_another_reason_keeps_nothing_back(desk: Desk) -> None:
    quotes = desk.quote()
    for side, quote in quotes.items():
        desk.say(Record.UNKNOWN, quote.order)
        desk.say(Record.DENIED, quote.order, side=side, reason=int(Refusal.HELD))
    assert {each.side for each in desk.wait() if each.kind == PLACE} == {BID, ASK}
