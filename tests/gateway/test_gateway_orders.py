"""Life cycle by scenario: every way an answer can be lost, late, early, doubled or contradicted."""

from __future__ import annotations

import random
from typing import Any

import pytest

from quotewright.domain.events import ASK, BID
from quotewright.domain.journal import FILL_TAKER, IOC, LATE, Record, Refusal, Reject
from quotewright.domain.messages import AMEND, PLACE
from quotewright.gateway.gateway import Gateway
from quotewright.gateway.ids import ClientIds
from quotewright.gateway.lifecycle import ENDED, TRANSITIONS, Event, State
from quotewright.gateway.messages import Command
from quotewright.gateway.port import (
    Failure,
    FailureKind,
    NewOrder,
    OrderReport,
    OrderStatus,
    Source,
    StreamDown,
    TradeReport,
)
from quotewright.gateway.settings import GatewaySettings

from .engine_side import EngineSide, make_pair
from .fake_venue import MS, SECOND, FakeVenue, Faults, make_instruments


def started(**settings: Any) -> EngineSide:
    """A gateway that has compared everything and may place."""
    venue = FakeVenue(make_instruments(2), random.Random(1))
    gateway = Gateway(venue, GatewaySettings(**settings), ClientIds("desk", 7), lambda client_id: -1)
    side = make_pair(venue, gateway)
    venue.state_limits(6000, 100)
    venue.connect()
    gateway.start(venue.now)
    side.step(3 * SECOND)
    assert not gateway.holds
    return side


def kinds(side: EngineSide) -> list[str]:
    return [Record(answer.kind).name for answer in side.heard]


def tell(side: EngineSide, fact: Any) -> None:
    side.gateway.on_fact(fact, side.venue.now)
    side.take()


def test_orders_rest_fill_in_parts_and_are_cancelled() -> None:
    side = started()
    number = side.place(0, BID, 1000, 10)
    side.place(1, ASK, 2000, 4)
    side.step(SECOND)
    side.venue.fill(side.venue.open(0)[0], 3)
    side.step(SECOND)
    side.cancel(number)
    side.venue.fill(side.venue.open(1)[0], 4)
    side.step(SECOND)
    assert sorted(kinds(side)) == sorted(["ACCEPTED", "ACCEPTED", "FILL", "CANCELED", "FILL"])
    assert not side.orders
    assert side.gateway.positions() == [3, -4]
    assert not side.notes
    assert side.gateway.exposure(0) == (0, 0)


def test_a_lost_answer_leaves_an_order_unknown_until_the_venue_speaks() -> None:
    side = started()
    side.venue.faults = Faults(answer_lost=1.0)
    side.place(0, BID, 1000, 10)
    side.step(3 * SECOND)
    assert kinds(side) == ["ACCEPTED"]  # the stream spoke before the doubt
    side.venue.stream = False  # frames vanish, and nobody says so
    side.place(0, BID, 990, 5)
    side.step(2 * SECOND + 100 * MS)
    assert kinds(side)[1:] == ["UNKNOWN"]
    assert side.gateway.exposure(0) == (15, 0)
    side.step(3 * SECOND)
    assert kinds(side)[1:] == ["UNKNOWN"]
    side.venue.faults = Faults()
    side.step(10 * SECOND)
    assert kinds(side)[1:] == ["UNKNOWN", "ACCEPTED"]
    assert side.venue.calls.count("place") == 2


def test_an_order_never_arrived_only_once_it_no_longer_can() -> None:
    side = started()
    side.venue.faults = Faults(request_lost=1.0)
    side.place(0, BID, 1000, 10)
    side.venue.faults = Faults()
    side.step(6900 * MS)  # window 5 s, margin 2 s
    assert side.venue.calls.count("query_order") >= 2
    assert kinds(side) == ["UNKNOWN"]
    assert side.gateway.exposure(0) == (10, 0)
    side.step(SECOND)
    assert kinds(side) == ["UNKNOWN", "REJECTED"]
    assert side.gateway.exposure(0) == (0, 0)
    assert side.venue.calls.count("place") == 1


def test_without_the_stream_nothing_proves_that_an_order_never_arrived() -> None:
    side = started()
    side.venue.faults = Faults(request_lost=1.0)
    side.place(0, BID, 1000, 10)
    side.venue.faults = Faults()
    side.venue.disconnect()
    side.step(20 * SECOND)
    assert kinds(side) == ["UNKNOWN"]
    assert {"stream", "unknown"} <= side.gateway.holds
    side.venue.connect()
    side.step(10 * SECOND)
    assert kinds(side) == ["UNKNOWN", "REJECTED"]
    assert not side.gateway.holds


def test_an_order_believed_never_to_have_arrived_that_fills_is_booked_and_cancelled() -> None:
    side = started()
    side.venue.faults = Faults(request_lost=1.0)
    side.place(0, BID, 1000, 10)
    name = side.venue.ids_sent[-1]
    side.venue.faults = Faults()
    side.step(10 * SECOND)
    assert kinds(side) == ["UNKNOWN", "REJECTED"]
    order = side.venue.accept(NewOrder(name, 0, BID, 1000, 10, 0))  # against its own rules
    side.venue.fill(order, 4)
    side.step(5 * SECOND)
    assert [answer.flags & LATE for answer in side.heard if answer.kind == Record.FILL] == [LATE]
    assert order.status is OrderStatus.CANCELED
    assert side.gateway.positions() == [4, 0]
    assert {"contradiction", "back-from-the-dead"} <= {note.name for note in side.notes}
    assert side.gateway.exposure(0) == (0, 0)


def test_a_cancel_of_a_filled_order_books_the_fill_and_asks() -> None:
    side = started()
    number = side.place(0, ASK, 1000, 10)
    side.step(SECOND)
    side.venue.stream = False
    side.venue.fill(side.venue.open()[0], 10)  # unseen
    side.cancel(number)
    side.step(100 * MS)
    assert kinds(side) == ["ACCEPTED", "UNKNOWN"]
    side.step(5 * SECOND)
    assert kinds(side) == ["ACCEPTED", "UNKNOWN", "FILL"]
    assert side.gateway.positions() == [-10, 0]
    assert side.venue.calls.count("cancel") == 1


def test_fills_during_a_cancel_come_before_or_after_its_end() -> None:
    side = started()
    number = side.place(0, BID, 1000, 10)
    side.step(SECOND)
    venue, gateway = side.venue, side.gateway
    order = venue.open()[0]
    venue.frame = lambda fact: None  # type: ignore[method-assign]
    trade = venue.fill(order, 4)
    side.cancel(number)
    side.step(100 * MS)
    assert kinds(side) == ["ACCEPTED", "CANCELED"]
    assert (side.heard[-1].qty, side.heard[-1].leaves) == (4, 6)
    assert gateway.exposure(0) == (4, 0)
    tell(side, trade)
    tell(side, trade)
    assert kinds(side)[2:] == ["FILL"]
    assert not side.orders
    assert gateway.exposure(0) == (0, 0)
    assert not side.late


def test_fills_that_the_stream_never_tells_are_asked_for() -> None:
    side = started()
    side.place(0, BID, 1000, 10)
    side.step(SECOND)
    order = side.venue.open()[0]
    tell_frame, side.venue.frame = side.venue.frame, lambda fact: None  # type: ignore[method-assign]
    side.venue.fill(order, 6)
    side.venue.fill(order, 1)
    tell_frame(side.venue.report(order, Source.STREAM))  # the report comes, its trades do not
    side.step(2 * SECOND)
    assert kinds(side) == ["ACCEPTED", "FILL", "FILL"]
    assert side.venue.calls[-1] == "trades"


def test_a_cancel_on_its_way_to_an_order_on_its_way_waits_for_it() -> None:
    side = started()
    number = side.place(0, BID, 1000, 10)
    side.cancel(number)
    assert side.venue.calls.count("cancel") == 0
    side.step(SECOND)
    assert kinds(side) == ["ACCEPTED", "CANCELED"]
    assert side.venue.calls.count("cancel") == 1


@pytest.mark.parametrize(
    ("kind", "code", "expected"),
    [
        (FailureKind.LIMITED, 429, [("DENIED", Refusal.BUDGET)]),
        (FailureKind.LIMITED, -1015, [("DENIED", Refusal.BUDGET)]),
        (FailureKind.BANNED, 418, [("DENIED", Refusal.HELD)]),
        (FailureKind.CLOCK, -1021, [("DENIED", Refusal.HELD)]),
        (FailureKind.UNSENT, 0, [("DENIED", Refusal.HELD)]),
        (FailureKind.REFUSED, -2010, [("REJECTED", Reject.POST_ONLY)]),
        (FailureKind.UNKNOWN_ORDER, -2013, [("UNKNOWN", 0)]),
        (FailureKind.DOUBT, -1007, [("UNKNOWN", 0)]),
    ],
)
def test_what_a_failed_place_means(kind: FailureKind, code: int, expected: list[tuple[str, int]]) -> None:
    side = started()
    side.venue.request = lambda *_: None  # type: ignore[method-assign]
    side.place(0, BID, 1000, 10)
    ref = side.gateway._ref
    tell(side, Failure(ref, kind, code, "told", retry_after=SECOND, reason=Reject.POST_ONLY))
    assert [(Record(a.kind).name, a.reason) for a in side.heard] == expected
    doubtful = kind in (FailureKind.UNKNOWN_ORDER, FailureKind.DOUBT)
    assert side.gateway.exposure(0) == ((10, 0) if doubtful else (0, 0))
    side.cancel(side.place(1, BID, 1000, 1))
    tell(side, Failure(ref, kind, code, "told twice", retry_after=SECOND))
    assert len([a for a in side.heard if a.order == 1]) == 1


def test_late_answers_are_evidence_still() -> None:
    side = started(answer_timeout=SECOND)
    held: list[Any] = []
    side.venue.request = lambda ref, *rest: held.append(ref)  # type: ignore[method-assign]
    side.place(0, BID, 1000, 10)
    place_ref = held[-1]
    side.step(1500 * MS)
    assert kinds(side) == ["UNKNOWN"]
    tell(side, Failure(place_ref, FailureKind.REFUSED, -2010, "no", reason=Reject.BALANCE))
    assert kinds(side) == ["UNKNOWN", "REJECTED"]
    assert side.heard[-1].reason == Reject.BALANCE


def report(side: EngineSide, number: int, status: OrderStatus, filled: int, time: int, **more: Any) -> OrderReport:
    order = side.gateway._by_number[number]
    source = more.pop("source", Source.STREAM)
    return OrderReport(order.client_id, 77, 0, order.side, order.price, order.qty, filled, status, time, source, **more)


def test_old_and_doubled_reports_change_nothing() -> None:
    side = started()
    side.venue.request = lambda *_: None  # type: ignore[method-assign]
    number = side.place(0, BID, 1000, 10)
    now = side.venue.now
    trade = TradeReport("", 77, 5, 0, BID, 1000, 4, False, -3, "USD", now + 2, Source.STREAM)
    facts = [
        report(side, number, OrderStatus.OPEN, 0, now + 1),
        report(side, number, OrderStatus.OPEN, 4, now + 2),
        trade,
        report(side, number, OrderStatus.CANCELED, 4, now + 3),
    ]
    for fact in (facts[1], facts[0], facts[2], facts[3], *facts, *reversed(facts)):
        tell(side, fact)
    assert kinds(side) == ["ACCEPTED", "FILL", "CANCELED"]
    fill = side.heard[1]
    assert (fill.qty, fill.leaves, fill.fee, fill.flags, fill.trade) == (4, 6, -3, FILL_TAKER, 5)
    assert not side.notes


def test_an_expired_taker_says_why() -> None:
    side = started()
    side.venue.request = lambda *_: None  # type: ignore[method-assign]
    number = side.place(0, BID, 1000, 10, IOC)
    tell(side, report(side, number, OrderStatus.EXPIRED, 0, side.venue.now))
    assert (kinds(side), side.heard[0].reason, side.heard[0].leaves) == (["CANCELED"], Reject.IOC, 10)


def test_a_contradiction_is_settled_only_by_an_answer_to_a_new_question() -> None:
    side = started()
    number = side.place(0, BID, 1000, 10)
    side.step(SECOND)
    now = side.venue.now
    name = side.gateway.ids.make(number)
    open_order = side.venue.open()[0]
    canceled = OrderReport(name, open_order.venue_id, 0, BID, 1000, 10, 0, OrderStatus.CANCELED, now, Source.STREAM)
    tell(side, canceled)
    assert kinds(side) == ["ACCEPTED", "CANCELED"]
    reopened = OrderReport(name, open_order.venue_id, 0, BID, 1000, 10, 0, OrderStatus.OPEN, now + 1, Source.STREAM)
    tell(side, reopened)
    assert side.gateway.exposure(0) == (10, 0)
    tell(side, canceled)
    assert side.gateway.exposure(0) == (10, 0)
    side.step(5 * SECOND)  # it asks, hears that it rests, and since the engine has done with it, cancels it
    assert open_order.status is OrderStatus.CANCELED
    assert side.gateway.exposure(0) == (0, 0)
    assert kinds(side) == ["ACCEPTED", "CANCELED"]


def test_a_contradiction_that_lasts_is_asked_about_less_and_less_and_left_to_a_person() -> None:
    side = started()
    number = side.place(0, BID, 1000, 10)
    side.step(SECOND)
    order = side.venue.open()[0]
    trade = TradeReport(side.names[number], order.venue_id, 999, 0, BID, 1000, 4, True, 0, "", 5, Source.STREAM)
    tell(side, trade)  # of which the venue then knows nothing
    side.venue.take_off(order)
    side.step(60 * SECOND)
    assert "unknown" in side.gateway.holds
    assert side.gateway.exposure(0) == (6, 0)
    assert 5 < side.venue.calls.count("query_order") < 25
    assert sorted(note.name for note in side.notes) == ["balances", "contradiction", "unknown"]
    assert not side.gateway.abandon("qw-desk-7-nobody", side.venue.now)
    assert side.gateway.abandon(side.names[number], side.venue.now)
    assert not side.gateway.abandon(side.names[number], side.venue.now)
    side.take()
    assert "unknown" not in side.gateway.holds
    assert kinds(side)[-1] == "CANCELED"
    assert not side.orders


def test_no_number_is_placed_twice_and_no_order_cancelled_that_is_gone() -> None:
    side = started(keep_ended=SECOND)
    number = side.place(0, BID, 1000, 10)
    side.step(SECOND)
    side.cancel(number)
    side.step(5 * SECOND)
    again = Command(PLACE, number, 0, 0, BID, 1000, 10)
    side.gateway.command(again, side.venue.now)
    side.take()
    assert side.venue.calls.count("place") == 1
    assert [(note.name, note.severity) for note in side.notes] == [("order-twice", "halt")]
    side.place(0, BID, 1000, 1)
    side.step(SECOND)
    side.orders[number] = side.orders[2]
    side.orders[number].canceling = False
    side.cancel(number)
    assert kinds(side)[-1] == "CANCEL_REJECTED"
    side.gateway.command(Command(AMEND, 2, 0, 0, BID, 1000, 1), side.venue.now)
    side.take()
    assert kinds(side)[-1] == "CANCEL_REJECTED"


def test_other_legs_count_their_orders_on_their_own() -> None:
    side = started(keep_ended=SECOND)
    side.number = 5 << 32
    first = side.place(0, BID, 1000, 10)
    side.step(SECOND)
    side.cancel(first)
    side.step(5 * SECOND)
    side.gateway.command(Command(PLACE, 3, 1, 0, BID, 1000, 10), side.venue.now)
    assert side.venue.calls.count("place") == 2


def test_quoting_is_held_until_everything_was_compared() -> None:
    venue = FakeVenue(make_instruments(1), random.Random(1))
    gateway = Gateway(venue, GatewaySettings(), ClientIds("desk", 7), lambda client_id: -1)
    side = make_pair(venue, gateway)
    gateway.start(venue.now)
    side.place(0, BID, 1000, 10)
    assert [(a.kind, a.reason) for a in side.heard] == [(Record.DENIED, Refusal.HELD)]
    assert gateway.holds == {"starting", "stream"}
    venue.connect()
    side.step(SECOND)
    assert gateway.holds == set()
    tell(side, StreamDown("gone"))
    side.place(0, BID, 1000, 10)
    assert side.heard[-1].reason == Refusal.HELD
    assert venue.calls.count("place") == 0


def test_the_table_is_total_where_it_must_be() -> None:
    assert set(TRANSITIONS) == set(State)
    for state, row in TRANSITIONS.items():
        if state in ENDED:
            assert set(row.values()) == {state}, "an order that ended stays ended"
            assert Event.OPEN not in row
        assert Event.DOUBT in row
    evidence = {Event.OPEN, Event.FILLED, Event.CANCELED, Event.REJECTED, Event.NO_EFFECT, Event.NOT_FOUND}
    leaving = {event for event, to in TRANSITIONS[State.UNKNOWN].items() if to is not State.UNKNOWN}
    assert leaving == evidence
