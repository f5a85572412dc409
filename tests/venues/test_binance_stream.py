"""The user stream through everything that ends or spoils it: nothing is missed in silence."""

from __future__ import annotations

import random
from typing import Any

import pytest

from quotewright.domain.events import ASK, BID
from quotewright.exchange.fault_schedule import FaultRule
from quotewright.exchange.faults import FaultPlane
from quotewright.gateway.port import (
    Alarm,
    Cleared,
    Failure,
    FailureKind,
    NewOrder,
    OrderStatus,
    Source,
    StreamDown,
    StreamUp,
    TradeReport,
)
from quotewright.venues.binance_settings import BinanceSettings

S = 1_000_000_000
START = 1_700_000_000 * S


def quick(**fields: int) -> BinanceSettings:
    return BinanceSettings(rest_url="http://v", stream_url="ws://v", api_url="ws://v/ws-api/v3", **fields)


def faulty(*rules: FaultRule, seed: int = 1) -> FaultPlane:
    return FaultPlane(random.Random(seed), rules, START)


def after(kind: str, begin: float, end: float, **given: Any) -> FaultRule:
    return FaultRule(kind, start=int(begin * S), end=int(end * S), **given)


def ups_and_downs(world: Any) -> list[str]:
    return [type(fact).__name__ for fact in world.facts if isinstance(fact, StreamUp | StreamDown)]


def trade_ids(world: Any, source: Source) -> list[tuple[int, int]]:
    return [(fact.instrument, fact.trade_id) for fact in world.of(TradeReport) if fact.source is source]


def true_trades(world: Any) -> set[tuple[int, int]]:
    """Our fills as the matching engine knows them."""
    account = world.server.accounts["desk"]
    symbols = [each.symbol for each in world.adapter.instruments]
    return {(symbols.index(symbol), fill.id) for symbol, fills in account.fills.items() for fill in fills}


def quote(world: Any, seconds: float, every: float = 0.1) -> None:
    """Rest orders at the touch, so that some fill."""
    number = 0
    end = world.now + int(seconds * S)
    while world.now < end:
        for instrument, stream in enumerate(world.adapter.feed.streams):
            side = BID if number % 2 else ASK
            price = int(stream.watch["bid"] if side == BID else stream.watch["ask"])
            number += 1
            if price:
                order = NewOrder(f"o{world.now}-{number}", instrument, side, price, 80, 0)
                world.adapter.place(number, order, world.now)
        world.run(every)


def test_overlapping_connections_miss_nothing(make_world: Any) -> None:
    world = make_world(settings=quick(connection_life=4 * S, overlap=S), trip=20_000_000).start()
    quote(world, 20)
    world.run(1)
    assert ups_and_downs(world) == ["StreamUp"]
    told = trade_ids(world, Source.STREAM)
    assert set(told) == true_trades(world)
    assert len(told) > 50
    assert len({name for name, _ in world.wire.sent if name.startswith("api")}) >= 5
    assert {failure.kind for failure in world.of(Failure)} <= {FailureKind.LIMITED}
    world.until(lambda: len(world.wire.names) == 2, 3)  # none is left behind


@pytest.mark.parametrize(
    "rule",
    [
        after("end_user_stream", 3, 4),
        after("shutdown_notice", 3, 4, magnitude=1),
        after("disconnect", 3, 4),
        after("renamed_field", 3, 4, stream="user", field="z"),
        after("missing_field", 3, 4, stream="user", field="e"),
        after("frozen_stream", 3, 6, stream="user"),
    ],
    ids=lambda rule: rule.kind + rule.field,
)
def test_what_ends_or_spoils_the_stream_is_told_and_mended(make_world: Any, rule: FaultRule) -> None:
    world = make_world(faults=faulty(rule)).start()
    world.run(START / S + 3.01 - world.now / S)
    quote(world, 2)
    world.run(15)
    told = ups_and_downs(world)
    assert told[:3] == ["StreamUp", "StreamDown", "StreamUp"]
    assert told[-1] == "StreamUp"
    world.take()
    quote(world, 5)
    assert set(trade_ids(world, Source.STREAM)) <= true_trades(world)
    assert trade_ids(world, Source.STREAM)


@pytest.mark.parametrize("field", ["z", "X", "i", "C", "t", "N"])
def test_a_changed_report_never_kills_and_is_kept(make_world: Any, field: str) -> None:
    settings = quick(doubt_hold=20 * S)
    world = make_world(faults=faulty(after("renamed_field", 1, 2, stream="user", field=field)), settings=settings)
    world.start()
    world.run(1)
    world.adapter.place(1, NewOrder("a", 0, BID, 99_000, 100, 0), world.now)
    world.run(0.3)
    (alarm,) = [fact for fact in world.of(Alarm) if fact.name == "api-change"]
    assert alarm.severity == "pause"
    assert b'"executionReport"' in world.adapter.unreadable[0][2]
    world.run(19)
    assert not [fact for fact in world.of(Cleared) if fact.name == "api-change"]
    world.run(2)
    assert [fact for fact in world.of(Cleared) if fact.name == "api-change"]
    assert world.adapter.stream_up


def test_a_venue_that_refuses_connections_is_not_stormed(make_world: Any) -> None:
    world = make_world(faults=faulty(after("refuse_connect", 2, 300))).start()
    world.run(3)
    for name in list(world.wire.names):
        world.wire.cut(name)
    opened = 0
    connect = world.wire.connect

    def counted(name: str, url: str) -> None:
        nonlocal opened
        opened += 1
        connect(name, url)

    world.wire.connect = counted
    world.run(250)
    assert 10 <= opened <= 40
    world.run(150)
    assert world.adapter.stream_up
    assert all(stream.synced for stream in world.adapter.feed.streams)


def test_a_silent_connection_is_given_up(make_world: Any) -> None:
    world = make_world().start()
    world.run(20)
    assert ups_and_downs(world) == ["StreamUp"]  # quiet, but it answers
    name = next(name for name in world.wire.names if name.startswith("api"))
    world.wire.deaf.add(name)
    world.run(14)
    assert ups_and_downs(world)[:2] == ["StreamUp", "StreamDown"]
    world.run(3)
    assert world.adapter.stream_up


def test_a_key_that_is_refused_halts(make_world: Any) -> None:
    world = make_world()
    world.server.venue.keys.clear()
    world.adapter.start(world.now)
    world.run(5)
    assert any(fact.name == "key-refused" and fact.severity == "halt" for fact in world.of(Alarm))
    assert not world.of(StreamUp)


def test_answers_that_are_lost_or_lie_leave_doubt(make_world: Any) -> None:
    rules = [
        after("lost_ack", 2, 3, request="order.place"),
        after("error_after", 3, 4, request="order.place", magnitude=502),
        after("unknown_status", 4, 5, request="order.*"),
        after("missing_field", 5, 6, request="order.place", field="status"),
        after("renamed_field", 6, 7, request="order.place", field="orderId"),
    ]
    world = make_world(faults=faulty(*rules)).start()
    for second in range(5):
        world.run(START / S + 2.1 + second - world.now / S)
        world.until(lambda: world.adapter.stream_up, 0.7)
        world.adapter.place(second + 1, NewOrder(f"a{second}", 0, BID, 99_000, 100, 0), world.now)
    world.run(8)
    found = {failure.ref: failure.kind for failure in world.of(Failure)}
    assert found == dict.fromkeys(range(1, 6), FailureKind.DOUBT)
    seen = {fact.client_id for fact in world.facts if getattr(fact, "status", None) is OrderStatus.OPEN}
    assert {"a0", "a1"} <= seen  # the stream told of them all the same
