"""Our picture against the venue's: restarts, orders of others, lists that lag, balances that differ, stops."""

from __future__ import annotations

import random
from typing import Any

from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import LATE, Record
from quotewright.gateway.gateway import Gateway
from quotewright.gateway.holdings import Holdings, describe
from quotewright.gateway.ids import ClientIds
from quotewright.gateway.lifecycle import State
from quotewright.gateway.messages import KnownOrder
from quotewright.gateway.port import NewOrder, OpenOrders, OrderStatus, Source, TradeReport
from quotewright.gateway.seen_trades import SeenTrades
from quotewright.gateway.settings import GatewaySettings

from .engine_side import EngineOrder, EngineSide, make_pair
from .fake_venue import MS, SECOND, START, FakeVenue, Faults, make_instruments


def build(venue: FakeVenue | None = None, session: int = 7, leg: int = -1, **settings: Any) -> EngineSide:
    venue = venue or FakeVenue(make_instruments(2), random.Random(1))
    gateway = Gateway(venue, GatewaySettings(**settings), ClientIds("desk", session), lambda client_id: leg)
    venue.state_limits(6000, 100)
    return make_pair(venue, gateway)


def begin(side: EngineSide, span: int = 5 * SECOND) -> EngineSide:
    side.venue.connect()
    side.gateway.start(side.venue.now)
    side.step(span)
    return side


def kinds(side: EngineSide) -> list[str]:
    return [Record(answer.kind).name for answer in side.heard]


def test_a_restart_takes_over_what_rests_filled_ended_and_never_left() -> None:
    side = begin(build())
    for price in (1000, 1001, 1002, 1003):
        side.place(0, BID, price, 10)
    side.step(SECOND)
    venue = side.venue
    resting, filled, part, gone = venue.open()
    venue.fill(part, 2)
    side.step(SECOND)
    before = side.gateway.expected_balances()
    venue.stream = False  # killed here
    venue.fill(filled, 10)
    venue.fill(part, 3)
    venue.take_off(gone)
    venue.life += 1
    known: list[KnownOrder] = []
    for order in (resting, filled, part, gone):
        name, booked = order.client_id, 2 if order is part else 0
        known.append(KnownOrder(name, 101 + len(known), 0, 0, BID, 0, 10, booked, 0, 0, canceling=order is resting))
    known.append(KnownOrder("qw-desk-7-z", 105, 1, 0, ASK, 0, 10, 0, 0, 0))  # journaled, and killed before it was sent
    again = build(venue, session=8, leg=0)
    again.orders = {order.order: EngineOrder(10, 10 - order.filled, order.side, 0, order.filled) for order in known}
    seen = [trade for _, trade in side.fills]
    again.gateway.restore(known, {0: seen}, before, START, venue.now)
    begin(again, 3 * SECOND)
    again.place(0, ASK, 3000, 1)
    assert kinds(again)[-1] == "DENIED"  # one is still in doubt
    again.step(12 * SECOND)
    assert not again.gateway.holds
    assert sum(again.fills.values()) == 13
    assert sorted(again.orders) == [103]
    assert [order.client_id for order in venue.open()] == [part.client_id]
    assert again.gateway.live_orders()[0].venue_id == part.venue_id
    assert resting.status is OrderStatus.CANCELED  # its cancel had been asked for
    assert [Record(a.kind).name for a in again.heard if a.order == 105] == ["UNKNOWN", "REJECTED"]
    assert again.gateway.expected_balances() == venue.totals
    assert not [note for note in again.notes if note.severity == "halt"]


def test_fills_of_an_earlier_session_that_no_journal_holds_are_booked_as_late() -> None:
    venue = FakeVenue(make_instruments(2), random.Random(1))
    order = venue.accept(NewOrder(ClientIds("desk", 3).make(9), 1, ASK, 500, 6, 0))
    venue.fill(order, 6)
    stranger = venue.accept(NewOrder("somebody", 0, BID, 500, 6, 0))
    venue.fill(stranger, 6)
    venue.advance(venue.now + SECOND)  # nobody listens yet
    side = build(venue, leg=4)
    begin(side)
    assert [(a.leg, a.order, a.qty, a.flags & LATE) for a in side.heard] == [(4, -1, 6, LATE)]
    assert sorted(note.name for note in side.notes) == ["foreign-trade"]
    assert side.gateway.positions() == [6, -6]


def test_trades_from_before_the_first_session_are_history() -> None:
    venue = FakeVenue(make_instruments(1), random.Random(1))
    for number in range(30):
        venue.fill(venue.accept(NewOrder(f"old-{number}", 0, BID, 500, 1, 0)), 1)
    venue.advance(venue.now + 3600 * SECOND)
    side = begin(build(venue))
    assert not side.heard
    assert not side.notes
    assert venue.calls.count("query_order") == 0
    assert side.gateway.positions() == [0]


def orphaned() -> FakeVenue:
    venue = FakeVenue(make_instruments(2), random.Random(1))
    venue.accept(NewOrder(ClientIds("desk", 3).make(1), 0, BID, 500, 6, 0))
    venue.accept(NewOrder("by-hand", 1, ASK, 900, 5, 0))
    venue.advance(venue.now + SECOND)
    return venue


def test_orders_of_others_are_refused_cancelled_or_adopted_by_policy() -> None:
    venue = orphaned()
    side = begin(build(venue, orphans="cancel", foreign="refuse"))
    assert [order.client_id for order in venue.open()] == ["by-hand"]
    assert side.gateway.holds == {"strangers"}
    side.gateway.cancel_everything(venue.now)
    side.step(5 * SECOND)
    assert side.gateway.everything_cancelled  # of ours nothing rests, and his is left alone
    assert venue.calls.count("cancel_all") == 0
    venue.take_off(venue.open()[0])
    side.gateway.resume(venue.now)
    side.step(SECOND)
    assert not side.gateway.holds

    venue = orphaned()
    side = begin(build(venue, orphans="adopt", foreign="adopt"))
    assert len(venue.open()) == 2
    assert [side.gateway.exposure(i) for i in (0, 1)] == [(6, 0), (0, 5)]
    assert not side.gateway.holds
    venue.fill(venue.open()[1], 2)
    side.step(SECOND)
    assert side.gateway.worst_position(1) == (-5, -2)
    side.gateway.cancel_everything(venue.now)
    side.step(5 * SECOND)
    assert side.gateway.everything_cancelled
    assert not venue.open()
    assert kinds(side) == []


def test_a_list_that_lags_neither_kills_the_young_nor_raises_the_dead() -> None:
    side = begin(build())
    venue = side.venue
    number = side.place(0, BID, 1000, 10)
    side.step(500 * MS)
    resting = venue.report(venue.open()[0], Source.SNAPSHOT)
    side.gateway.on_fact(OpenOrders(0, 0, [], sent=venue.now, time=venue.now), venue.now)
    assert side.gateway.live_orders()[0].state is State.OPEN
    side.cancel(number)
    side.step(100 * MS)
    side.gateway.on_fact(OpenOrders(0, 0, [resting], sent=venue.now, time=venue.now), venue.now)
    assert not side.gateway.live_orders()
    side.step(2 * SECOND)
    side.gateway.on_fact(OpenOrders(0, 0, [resting], sent=venue.now, time=venue.now), venue.now)
    assert [order.state for order in side.gateway.live_orders()] == [State.UNKNOWN]  # by now it should know
    side.step(5 * SECOND)
    assert not side.gateway.live_orders()
    assert [note.name for note in side.notes] == ["contradiction"]


def test_an_order_the_venue_took_off_unseen_is_found_on_the_timer() -> None:
    side = begin(build())
    side.place(0, BID, 1000, 10)
    side.place(0, BID, 1001, 10)
    side.step(SECOND)
    side.venue.frame = lambda fact: None  # type: ignore[method-assign]
    side.venue.take_off(side.venue.open()[0])
    side.venue.fill(side.venue.open()[0], 4)
    side.step(40 * SECOND)
    assert kinds(side)[:2] == ["ACCEPTED", "ACCEPTED"]
    assert sorted(kinds(side)[2:]) == ["CANCELED", "FILL", "UNKNOWN"]
    assert side.gateway.exposure(0) == (6, 0)


def test_balances_that_differ_for_long_hold_quoting_until_a_person_speaks() -> None:
    side = begin(build())
    side.place(0, BID, 1000, 10)
    side.step(SECOND)
    side.venue.fill(side.venue.open()[0], 10)
    side.step(40 * SECOND)
    assert not side.gateway.holds
    assert side.gateway.expected_balances() == side.venue.totals
    side.venue.totals["AAA"] -= 123_456_789  # withdrawn
    side.venue.totals["ZZZ"] = 5  # of no concern
    side.venue.remember()
    side.step(40 * SECOND)
    assert side.gateway.holds == {"balances"}
    note = side.notes[-1]
    assert (note.severity, note.text.endswith("AAA -1.23456789")) == ("pause", True)
    side.gateway.accept_balances(side.venue.now)
    side.step(40 * SECOND)
    assert not side.gateway.holds
    assert side.gateway.expected_balances() == side.venue.totals


def test_balances_of_lagging_readings_are_no_difference() -> None:
    side = begin(build())
    side.venue.faults = Faults(rest_lag=900 * MS, delay=400 * MS)
    rng = random.Random(3)
    for _ in range(300):
        side.place(rng.randrange(2), rng.choice((BID, ASK)), 1000, 3)
        if side.venue.open():
            side.venue.fill(rng.choice(side.venue.open()), 1)
        side.step(400 * MS)
    side.step(5 * SECOND)
    assert not [note for note in side.notes if note.name == "balances"]
    assert sum(1 for call in side.venue.calls if call == "balances") < 30


def test_a_restart_without_known_balances_does_not_begin_with_readings_that_lack_its_trades() -> None:
    """Seed 104206: two readings after a restart lagged behind trades of before it, and were taken as their sum."""
    first = begin(build(), 100 * MS)
    venue = first.venue
    first.place(0, BID, 1000, 10)
    first.step(50 * MS)
    stale = venue.seen()
    venue.fill(venue.open()[0], 10)
    first.step(50 * MS)
    assert not first.gateway.expected_balances()  # killed before they were known
    seen = [trade for _, trade in first.fills]
    venue.life += 1
    again = build(venue, session=8)
    killed, latest = venue.now, venue.seen
    venue.seen = lambda: stale if venue.now < killed + 900 * MS else latest()
    again.gateway.restore([], {0: seen}, None, START, killed)
    begin(again, 200 * MS)
    venue.disconnect()
    again.step(100 * MS)
    venue.connect()  # so that everything is asked for anew
    again.step(60 * SECOND)
    assert not again.gateway.holds
    assert again.gateway.expected_balances() == venue.totals
    assert "balances" not in [note.name for note in again.notes]


def test_holdings_are_exact_beyond_atoms_and_leave_contracts_alone() -> None:
    fine = Instrument("v", "AAAUSD", "spot", "AAA", "USD", tick="0.00000001", lot="0.1", largest_amount="1000")
    future = Instrument("v", "BTCUSD", "inverse", "BTC", "USDT", tick="0.5", lot="1")
    holdings = Holdings([fine, future])
    assert not holdings.begin({"AAA": (5, 0), "USD": (10**9, 7), "BTC": (1, 1)}, 0)
    assert holdings.begin({"AAA": (5, 0), "USD": (10**9, 7), "BTC": (2, 2)}, 0)
    for number in range(10):
        holdings.book(TradeReport("", 1, number, 0, BID, 7, 1, True, 3, "BNB", 100 + number, Source.STREAM))
    now = {"AAA": (5 + 10 * 10**7, 0), "USD": (10**9 + 7 - 7, 0), "BNB": (-30, 0)}
    assert holdings.compare(now, 200) == {}
    assert holdings.compare({**now, "USD": (10**9 + 7 - 7 + 11, 0)}, 200) == {"USD": 11}
    assert holdings.compare({**now, "BNB": (-27, 0)}, 200) == {"BNB": 3}
    assert holdings.compare({**now, "BNB": (-27, 0)}, 108) == {}  # as of before the last trade
    assert describe({"USD": 11, "BNB": -3}) == "BNB -0.00000003, USD 0.00000011"


def test_seen_trades_stay_bounded() -> None:
    seen = SeenTrades(100)
    seen.restore([5, 3, 9, 7], overlap=2)
    assert seen.ask_from == 7
    assert 9 in seen
    assert 4 not in seen
    for trade_id in range(10, 1010):
        assert trade_id not in seen
        seen.add(trade_id)
    assert 9 in seen
    assert 500 in seen
    assert 1010 not in seen
    assert len(seen._ids) == 100


def test_memory_stays_flat() -> None:
    side = begin(build(keep_ended=2 * SECOND, most_ended=50, reconcile_every=5 * SECOND))
    gateway = side.gateway
    rng = random.Random(5)
    sizes: list[int] = []
    for step in range(1500):
        number = side.place(rng.randrange(2), rng.choice((BID, ASK)), 1000, 2)
        if step % 3 == 0 and side.venue.open():
            side.venue.fill(side.venue.open()[0], 2)
        side.step(150 * MS)
        side.cancel(number)
        side.step(150 * MS)
        if step % 100 == 99:
            errands = len(gateway._errands._heap) + len(gateway._errands._all)
            orders = len(gateway._orders) + len(gateway._by_number) + len(gateway._by_venue) + len(gateway._ended)
            sizes.append(errands + orders + len(gateway._asked) + len(gateway._deadlines))
    assert max(sizes[5:]) < 400
    assert not side.notes
