"""Market data through faults: what the rows say is the venue's book, and every break of it is told first."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quotewright.domain.events import ASK, BEST, BID, CLEAR, LAST, LEVEL, NOTE, STATUS, TRADE, EventArray
from quotewright.exchange.fault_schedule import FaultRule
from quotewright.exchange.faults import FaultPlane
from quotewright.gateway.port import Alarm, Cleared
from quotewright.importers.binance_ws import BinanceWs
from quotewright.venues.binance_settings import BinanceSettings

S = 1_000_000_000
START = 1_700_000_000 * S
URLS = {"rest_url": "http://v", "stream_url": "ws://v", "api_url": "ws://v/ws-api/v3"}


def faulty(*rules: FaultRule, seed: int = 1) -> FaultPlane:
    return FaultPlane(random.Random(seed), rules, START)


def after(kind: str, begin: float, end: float, **given: Any) -> FaultRule:
    return FaultRule(kind, start=int(begin * S), end=int(end * S), **given)


class FollowedBook:
    """A book from rows alone, checked at every row: continuous ids, whole updates, monotonous times."""

    def __init__(self, instrument: int) -> None:
        self.instrument = instrument
        self.sides: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
        self.valid = False
        self.last_id = 0
        self.trades: list[int] = []
        self.gaps = 0

    def follow(self, rows: EventArray) -> None:
        for row in rows[rows["instrument"] == self.instrument]:
            kind, seq = int(row["kind"]), int(row["seq"])
            if kind == STATUS:
                self.valid = False
                self.gaps += 1
            elif kind == CLEAR:
                self.sides = {BID: {}, ASK: {}}
                self.valid = True
                self.last_id = seq
            elif kind in (LEVEL, NOTE):
                assert seq >= self.last_id
                self.last_id = seq
                if kind == LEVEL:
                    side = self.sides[int(row["side"])]
                    side[int(row["price"])] = int(row["qty"])
                    if not row["qty"]:
                        del side[int(row["price"])]
            elif kind == TRADE:
                assert not self.trades or seq > self.trades[-1]
                self.trades.append(seq)


def assert_is_the_venues(world: Any) -> list[FollowedBook]:
    """Every update is whole, time goes on, and at the venue's own update id the followed books are its books."""
    for rows in world.chunks:
        assert rows["flags"][-1] & LAST
    events = world.events
    assert (np.diff(events["local_ts"]) >= 0).all()
    for symbol in world.server.venue.symbols.values():
        symbol.market._due = 2**63 - 1  # nothing happens any more
    world.run(1)
    books = []
    for index, symbol in enumerate(world.server.venue.symbols.values()):
        assert world.adapter.feed.streams[index].book_id == symbol.book.last_id
        book = FollowedBook(index)
        book.follow(world.events)
        assert book.valid
        for side in (BID, ASK):
            assert sorted(book.sides[side].items()) == sorted(symbol.book.depth(side, 10_000))
        books.append(book)
    return books


def test_books_and_trades_over_overlapping_connections(make_world: Any) -> None:
    given = BinanceSettings(**URLS, connection_life=4 * S, overlap=S)
    world = make_world(market_only=True, settings=given, trip=30_000_000, step=20_000_000).start()
    world.run(30)
    books = assert_is_the_venues(world)
    assert [book.gaps for book in books] == [0, 0]
    assert world.adapter.feed.missed_trades == 0
    for book in books:
        assert book.trades == list(range(book.trades[0], book.trades[-1] + 1))
        assert len(book.trades) > 100
    assert not world.of(Alarm)


@pytest.mark.parametrize(
    "rule",
    [
        after("gap", 3, 4, magnitude=1),
        after("disconnect", 3, 4),
        after("shutdown_notice", 3, 4, magnitude=2),
        after("drop", 3, 5, stream="depth", probability=0.3),
        after("reorder", 3, 5, stream="depth", probability=0.3, magnitude=250),
        after("duplicate", 3, 5, stream="*", probability=0.5, magnitude=2),
        after("delay", 3, 5, stream="trade", probability=0.5, magnitude=300),
        after("missing_field", 3, 4, stream="depth", field="u"),
        after("renamed_field", 3, 4, stream="depth", field="b"),
        after("error_before", 0.001, 3, request="depth", magnitude=503),
        after("lost_ack", 0.001, 3, request="depth"),
    ],
    ids=lambda rule: f"{rule.kind}-{rule.field}",
)
def test_after_every_fault_the_book_is_the_venues(make_world: Any, rule: FaultRule) -> None:
    world = make_world(market_only=True, faults=faulty(rule), step=20_000_000).start()
    world.run(START / S + 9 - world.now / S)
    books = assert_is_the_venues(world)
    breaks = sum(book.gaps for book in books)
    if rule.kind in ("gap", "disconnect", "drop", "reorder", "missing_field", "renamed_field"):
        assert breaks >= 1
    elif rule.kind != "shutdown_notice":  # the venue cuts the connection opened in time along with the old one
        assert breaks == 0
    alarms = {fact.name for fact in world.of(Alarm) if fact.severity == "pause"}
    assert ("api-change" in alarms) == (rule.kind in ("missing_field", "renamed_field"))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_any_mixture_of_faults(make_world: Any, seed: int) -> None:
    rng = random.Random(seed)
    kinds = ["gap", "disconnect", "drop", "reorder", "duplicate", "delay", "missing_field", "frozen_stream", "lost_ack"]
    rules = []
    for kind in rng.sample(kinds, 4):
        begin = rng.uniform(0, 6)
        target: dict[str, Any] = {"every": S, "magnitude": 1} if kind in ("gap", "disconnect") else {"probability": 0.2}
        if kind == "lost_ack":
            target["request"] = "depth"
        elif "every" not in target:
            target["stream"] = rng.choice(["depth", "trade", "bookTicker", "*"])
            target["magnitude"] = rng.randint(1, 400)
        if kind == "missing_field":
            target["field"] = rng.choice(["u", "U", "s", "b", "T", "stream"])
        rules.append(after(kind, begin, begin + rng.uniform(0.5, 3), **target))
    world = make_world(market_only=True, faults=faulty(*rules, seed=seed), step=50_000_000)
    world.adapter.start(world.now)
    world.run(10)
    world.until(lambda: all(stream.synced for stream in world.adapter.feed.streams), 90)
    assert_is_the_venues(world)


def alarms_of(world: Any, name: str) -> list[tuple[int, str]]:
    """(instrument, what) of what was raised and cleared under a name."""
    found = [fact for fact in world.facts if isinstance(fact, Alarm | Cleared) and fact.name == name]
    return [(fact.instrument, type(fact).__name__) for fact in found]


def test_a_frozen_depth_stream_is_stale_before_it_is_mended(make_world: Any) -> None:
    rule = after("frozen_stream", 3, 7, stream="depth", symbol="BTC*")
    world = make_world(market_only=True, faults=faulty(rule), step=20_000_000).start()
    world.run(START / S + 5.6 - world.now / S)
    assert alarms_of(world, "stale-market") == [(0, "Alarm")]
    world.run(10)
    assert alarms_of(world, "stale-market")[-1] == (0, "Cleared")
    assert_is_the_venues(world)


def test_a_connection_that_falls_silent(make_world: Any) -> None:
    """It stays open and answers; the venue itself says by REST that it has moved on."""
    world = make_world(market_only=True, faults=faulty(after("frozen_stream", 3, 25)), step=20_000_000).start()
    world.run(START / S + 13 - world.now / S)
    assert {who for who, what in alarms_of(world, "stale-market") if what == "Alarm"} == {0, 1}
    world.run(40)
    assert_is_the_venues(world)
    raised = alarms_of(world, "stale-market")
    for index in (0, 1):
        assert [what for who, what in raised if who == index][-1] == "Cleared"


def test_a_quiet_market_is_not_stale(make_world: Any) -> None:
    world = make_world(market_only=True, step=1000 * S).start()
    world.run(120)
    assert not world.of(Alarm)
    assert len(world.wire.requests) < 120


def test_a_frozen_best_price_diverges(make_world: Any) -> None:
    rule = after("frozen_stream", 3, 8, stream="bookTicker", symbol="ETH*")
    world = make_world(market_only=True, faults=faulty(rule), step=20_000_000).start()
    world.run(START / S + 7.5 - world.now / S)
    assert alarms_of(world, "diverging-market") == [(1, "Alarm")]
    world.run(4)
    assert alarms_of(world, "diverging-market")[-1] == (1, "Cleared")


def test_best_prices_never_go_back(make_world: Any) -> None:
    rule = after("reorder", 1, 9, stream="bookTicker", probability=0.3, magnitude=150)
    world = make_world(market_only=True, faults=faulty(rule), step=20_000_000).start()
    world.run(10)
    events = world.events
    for index in (0, 1):
        best = events[(events["kind"] == BEST) & (events["instrument"] == index)]
        assert len(best) > 200
        assert (np.diff(best["seq"]) >= 0).all()


def test_raw_messages_are_tapped_so_that_a_recording_can_be_read_again(make_world: Any, tmp_path: Any) -> None:

    world = make_world(
        market_only=True, step=20_000_000, faults=faulty(after("gap", 3, 4, symbol="BTC*", magnitude=1))
    ).start()
    world.run(8)
    lines = []
    for name, text, now in world.tapped:
        if b'"stream":"btcusdt' in text or name == "snapshot/BTCUSDT":
            lines.append(b"%d %b\n" % (now, text))
    path = tmp_path / "recording"
    path.write_bytes(b"".join(lines))
    again = np.concatenate(list(BinanceWs([path], world.adapter.instruments[0]).chunks()))
    live = world.events[world.events["instrument"] == 0]
    assert again.tobytes() == live.tobytes()


def test_trades_missed_without_a_connection_are_asked_for(make_world: Any) -> None:
    world = make_world(market_only=True, faults=faulty(after("refuse_connect", 3, 6)), step=20_000_000).start()
    world.run(START / S + 3.1 - world.now / S)
    for name in list(world.wire.names):
        world.wire.cut(name)
    world.run(10)
    books = assert_is_the_venues(world)
    assert world.adapter.feed.missed_trades == 0
    for book, symbol in zip(books, world.server.venue.symbols.values(), strict=True):
        assert book.gaps == 1
        assert book.trades == list(range(book.trades[0], book.trades[-1] + 1))
        assert book.trades[-1] == symbol.book.tape[-1].id
    events = world.events
    assert (np.diff(events[events["kind"] == TRADE]["local_ts"]) >= 0).all()


def test_a_successor_that_is_lost_during_the_overlap(make_world: Any) -> None:
    given = BinanceSettings(**URLS, connection_life=3 * S, overlap=2 * S, backoff=5 * S, most_backoff=5 * S)
    world = make_world(market_only=True, settings=given, step=20_000_000).start()
    world.until(lambda: "market/2" in world.wire.names)
    world.run(0.5)
    world.wire.cut("market/2")
    assert all(stream.synced for stream in world.adapter.feed.streams)  # the first still speaks
    world.run(2)
    assert not any(stream.synced for stream in world.adapter.feed.streams)  # and is closed: said at once
    world.run(8)
    assert_is_the_venues(world)
    assert world.adapter.feed.missed_trades == 0
