"""Limits and bans: who goes on asking is banned, and banned for longer, so everything of the adapter keeps quiet."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from quotewright.exchange.limits import Limits
from quotewright.gateway.port import Fact, Failure, FailureKind, Rule
from quotewright.venues.binance_clock import VenueClock
from quotewright.venues.binance_due import NEVER, Due
from quotewright.venues.binance_line import Attempts, Line
from quotewright.venues.binance_rest import Answer, RestCalls
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.market_feed_snapshots import Snapshots
from quotewright.venues.market_feed_trades import MissedTrades

S = 1_000_000_000
NOW = 1_700_000_000 * S
MINUTE = 60 * S
SETTINGS = BinanceSettings(rest_url="http://v", stream_url="ws://v", api_url="ws://v/ws-api/v3")


class Calls:
    """REST calls over a wire that only notes what is asked of it."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.connections: list[str] = []
        self.answers: list[Answer] = []
        self.due = Due()
        self.attempts = Attempts(SETTINGS)
        self.rest = RestCalls(self, SETTINGS, self.attempts, self.due, self._ignore)

    def connect(self, name: str, url: str) -> None:
        self.connections.append(name)

    def send(self, name: str, text: bytes) -> bool:
        raise AssertionError(text)

    def close(self, name: str) -> None:
        self.connections.remove(name)

    def request(self, ref: int, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        self.requests.append(url)

    def _ignore(self, fact: Fact, now: int) -> None:
        pass

    def answered(self, status: int, code: int, wait: str | None = None, now: int = NOW) -> None:
        """The venue's answer to the latest request; `code` 0: without words of its own."""
        body = json.dumps({"code": code, "msg": "no"}).encode() if code else b"<html>"
        headers = {} if wait is None else {"retry-after": wait}
        self.rest.on_reply(len(self.requests), status, headers, body, now)

    def due_within(self, call: Callable[[int], None], until: int) -> None:
        """Let time pass as an adapter does."""
        while self.due.at < until:
            now, self.due.at = self.due.at, NEVER
            call(now)
            assert self.due.at > now


@pytest.mark.parametrize(
    ("status", "code", "wait", "quiet", "told"),
    [
        (418, -1003, "120", 120, 120),
        (418, 0, "120", 120, 120),
        (418, -1015, "120", 120, 120),
        (418, -1003, None, 10, 10),
        (429, -1003, "7", 7, 7),
        (429, 0, "7", 7, 7),  # of whatever stands before the venue
        (429, -1003, "soon", 10, 10),
        (429, -1003, "-5", 10, 10),
        (429, -1003, "9" * 9, 10, 10),
        (429, -1015, "7", 0, 7),  # too many orders of one account: all else may go on
        (503, 0, "7", 0, 0),
        (200, 0, "7", 0, 0),
    ],
)
def test_which_answers_keep_the_adapter_quiet(status: int, code: int, wait: str | None, quiet: int, told: int) -> None:
    calls = Calls()
    calls.rest.ask("GET", "/x", {}, lambda answer, now: calls.answers.append(answer), NOW)
    calls.answered(status, code, wait)
    assert calls.rest.hold == (NOW + quiet * S if quiet else 0)
    assert [answer.retry_after for answer in calls.answers] == [told * S]


def test_a_ban_is_heard_though_nobody_waits_for_the_answer_any_more() -> None:
    calls = Calls()
    calls.rest.ask("GET", "/x", {}, lambda answer, now: None, NOW)
    calls.rest.on_time(NOW + SETTINGS.rest_timeout)
    calls.answered(418, -1003, "60", NOW + SETTINGS.rest_timeout)
    assert calls.rest.hold == NOW + SETTINGS.rest_timeout + MINUTE


def test_an_earlier_end_does_not_shorten_a_ban() -> None:
    calls = Calls()
    calls.rest.stay_away(NOW + 100)
    calls.rest.stay_away(NOW + 50)
    assert calls.rest.hold == NOW + 100
    assert calls.attempts.wait(NOW) == 100  # nor is it gone round by a new connection
    assert calls.attempts.wait(NOW + 100) == 0


def test_the_clock_is_measured_once_a_ban_is_over() -> None:
    calls = Calls()
    clock = VenueClock(calls.rest, SETTINGS, calls.due, calls._ignore, lambda now: None, lambda *_: None)  # pyright: ignore
    clock.measure(NOW)
    clock.measure(NOW)  # it is under way
    assert len(calls.requests) == 1
    calls.answered(418, -1003, "60")
    clock.measure(NOW + S)  # an order was refused for its time stamp
    calls.due_within(clock.on_time, NOW + MINUTE)
    assert len(calls.requests) == 1
    calls.due_within(clock.on_time, NOW + MINUTE + 1)
    assert len(calls.requests) == 2


def test_rules_are_read_again_once_a_ban_is_over(make_world: Any) -> None:
    world = make_world()
    world.wire.lost = lambda url: "exchangeInfo" in url
    world.adapter.start(world.now)
    world.run(0.1)
    asked = world.wire.requests
    (number,) = [number for number, (_, url) in enumerate(asked, 1) if "exchangeInfo" in url]
    world.adapter.on_reply(number, 418, {"retry-after": "60"}, b"", world.now)
    before = len(asked)
    world.run(59.9)
    assert len(asked) == before
    world.wire.lost = lambda url: False
    world.until(lambda: world.adapter.ready, 1)


def test_rules_that_are_due_during_a_ban_wait_for_its_end(make_world: Any) -> None:
    world = make_world(settings=replace(SETTINGS, rules_interval=30 * S))
    world.adapter.start(world.now)
    world.until(lambda: world.adapter.ready, 1)
    world.adapter._rest.stay_away(world.now + 90 * S)
    before = sum("exchangeInfo" in url for _, url in world.wire.requests)
    world.run(89)
    assert sum("exchangeInfo" in url for _, url in world.wire.requests) == before
    world.run(2)
    assert sum("exchangeInfo" in url for _, url in world.wire.requests) == before + 1


class Owner:
    """Of a line; hears what is said of its connections."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def line_open(self, name: str, now: int) -> None:
        self.heard.append("open")

    def line_served(self, name: str, now: int) -> None:
        self.heard.append("served")

    def line_closed(self, name: str, why: str, served: bool, now: int) -> None:
        self.heard.append(why)

    def line_retired(self, name: str, now: int) -> None:
        self.heard.append("retired")

    def line_probe(self, name: str, now: int) -> None:
        self.heard.append("probe")


def test_a_silent_connection_is_neither_probed_nor_given_up_during_a_ban() -> None:
    calls, owner = Calls(), Owner()
    line = Line("api", "ws://v", calls, SETTINGS, calls.attempts, Random(1), calls.due, owner)
    line.begin(NOW)
    line.opened("api/1", NOW)
    line.serve("api/1", NOW)
    calls.rest.stay_away(NOW + MINUTE)
    calls.due_within(line.on_time, NOW + MINUTE)
    assert owner.heard == ["open", "served"]
    calls.due_within(line.on_time, NOW + MINUTE + SETTINGS.silence + 1)
    assert owner.heard == ["open", "served", "probe", "the connection is silent"]  # then it is, as ever


def test_market_data_waits_while_orders_need_the_weight() -> None:
    calls = Calls()
    calls.rest.weigh(Rule("weight", MINUTE, 6_000), NOW)
    calls.rest.on_reply(0, 200, {"x-mbx-used-weight-1m": "3599"}, b"", NOW)
    snapshots = Snapshots(["AUSDT", "BUSDT"], calls.rest, SETTINGS, calls.due, lambda *_: True)
    snapshots.want(0, NOW)
    assert len(calls.requests) == 1
    calls.rest.on_reply(0, 200, {"x-mbx-used-weight-1m": "3600"}, b"", NOW)
    assert calls.rest.spared == NOW - NOW % MINUTE + MINUTE
    assert calls.rest.hold == 0  # orders may still be asked about
    snapshots.want(1, NOW)
    calls.due.at = NEVER
    snapshots.on_time(NOW)
    assert calls.due.at == calls.rest.spared
    missed = MissedTrades(calls.rest, {}, lambda *_: None, lambda *_: None)
    done: list[int] = []
    missed.ask({0: ("AUSDT", 7)}, NOW, done.append)
    assert done == [NOW]  # they stay counted as missed
    assert len(calls.requests) == 1
    snapshots.on_time(calls.rest.spared)
    missed.ask({0: ("AUSDT", 7)}, calls.rest.spared, done.append)
    assert len(calls.requests) == 3


def test_limits_are_learned_from_rules_and_answers_of_the_order_connection(make_world: Any) -> None:
    world = make_world(limits=Limits(weight_minute=2_000)).start()
    rest = world.adapter._rest
    assert rest.spared <= world.now
    for ref in range(60):  # at 20 each
        world.adapter.balances(ref + 1, world.now)
    world.run(0.05)
    assert not world.of(Failure)
    assert rest.spared == world.now - world.now % MINUTE + MINUTE


def test_a_ban_told_on_the_order_connection_is_kept_by_all_connections(make_world: Any) -> None:
    world = make_world(limits=Limits(weight_minute=400, ban_after=3, ban_seconds=90)).start()
    for ref in range(30):
        world.adapter.balances(ref + 1, world.now)
    world.run(0.05)
    banned = [fact for fact in world.of(Failure) if fact.kind is FailureKind.BANNED]
    assert banned
    assert all(90 * S >= fact.retry_after > 89 * S for fact in banned)
    over = world.adapter._rest.hold
    assert 89 * S < over - world.now <= 90 * S
    asked: list[str] = []
    connect, request, send = world.wire.connect, world.wire.request, world.wire.send
    world.wire.connect = lambda *given: (asked.append("connect"), connect(*given))
    world.wire.request = lambda *given: (asked.append("request"), request(*given))
    world.wire.send = lambda *given: (asked.append("send"), send(*given))[1]
    for name in list(world.wire.names):
        if name.startswith("market"):
            world.wire.cut(name)
    world.adapter.clock.measure(world.now)
    world.run((over - world.now) / S - 0.01)
    assert asked == []
    world.run(30)
    assert {"connect", "request"} <= set(asked)
    assert world.adapter.stream_up
    assert all(stream.synced for stream in world.adapter.feed.streams)
