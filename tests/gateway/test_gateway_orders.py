"""Life cycle by scenario: every way an answer can be lost, late, early or doubled."""

from __future__ import annotations

import random
from typing import Any

from quotewright.domain.events import ASK, BID
from quotewright.domain.journal import Record
from quotewright.gateway.gateway import Gateway
from quotewright.gateway.ids import ClientIds
from quotewright.gateway.settings import GatewaySettings

from .engine_side import EngineSide, make_pair
from .fake_venue import MS, SECOND, FakeVenue, Faults, make_instruments


def started(faults: Faults | None = None, seed: int = 1, **settings: Any) -> EngineSide:
    venue = FakeVenue(make_instruments(2), random.Random(seed), faults or Faults())
    gateway = Gateway(venue, GatewaySettings(**settings), ClientIds("desk", 7), lambda client_id: -1)
    side = make_pair(venue, gateway)
    quiet, venue.faults = venue.faults, Faults()
    venue.state_limits(6000, 100)
    venue.connect()
    gateway.start(venue.now)
    side.step(3 * SECOND)
    assert not gateway.holds
    venue.faults = quiet
    return side


def kinds(side: EngineSide) -> list[str]:
    return [Record(answer.kind).name for answer in side.heard]


def test_an_order_rests_fills_in_parts_and_is_cancelled() -> None:
    side = started()
    number = side.place(0, BID, 1000, 10)
    other = side.place(1, ASK, 2000, 4)
    side.step(SECOND)
    order = side.venue.open(0)[0]
    side.venue.fill(order, 3)
    side.step(SECOND)
    side.cancel(number)
    side.venue.fill(side.venue.open(1)[0], 4)
    side.step(SECOND)
    assert sorted(kinds(side)) == sorted(["ACCEPTED", "ACCEPTED", "FILL", "CANCELED", "FILL"])
    assert not side.orders
    assert side.gateway.positions() == [3, -4]
    assert not side.notes
    assert other not in side.orders


def test_a_lost_answer_leaves_an_order_unknown_until_the_stream_speaks() -> None:
    side = started()
    side.venue.faults.answer_lost = 1.0
    side.place(0, BID, 1000, 10)
    side.step(100 * MS)
    assert kinds(side) == ["ACCEPTED"]  # the stream spoke before the doubt
    side.venue.stream = False  # frames vanish, and nobody says so
    side.place(0, BID, 990, 5)
    side.step(3 * SECOND)
    assert kinds(side)[-1] == "UNKNOWN"
    assert side.gateway.exposure(0) == (15, 0)
    side.venue.faults.answer_lost = 0.0
    side.step(10 * SECOND)
    assert kinds(side)[-1] == "ACCEPTED"
    assert len(side.venue.open()) == 2
    assert side.venue.calls.count("place") == 2


def test_an_order_that_never_arrived_is_believed_so_only_when_it_no_longer_can() -> None:
    side = started()
    side.venue.faults.request_lost = 1.0
    sent = side.venue.now
    side.place(0, BID, 1000, 10)
    side.venue.faults.request_lost = 0.0
    side.step(6 * SECOND)
    assert kinds(side) == ["UNKNOWN"]
    assert side.venue.calls.count("query_order") >= 2
    assert side.gateway.exposure(0) == (10, 0)
    side.step(10 * SECOND)
    assert kinds(side) == ["UNKNOWN", "REJECTED"]
    assert side.gateway.exposure(0) == (0, 0)
    assert side.venue.now > sent
    assert side.venue.calls.count("place") == 1
