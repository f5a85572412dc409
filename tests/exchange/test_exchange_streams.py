"""Streams carry what was subscribed, in the venue's forms; events of the venue itself reach whom they should."""

from __future__ import annotations

from typing import Any

from venue_harness import MS, SECOND, Harness, settings

from quotewright.exchange.hooks import NEVER, HttpReply, NoFaults, VenueEvent

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "50", "quantity": "0.1"}


def test_subscriptions_are_acknowledged_listed_and_ended() -> None:
    harness = Harness()
    conn = harness.connect("/ws/0")  # a path that names no stream opens, and is silent
    harness.run(SECOND)
    assert harness.frames[conn] == []
    names = ["btcusdt@trade", "ethusdt@depth@100ms"]
    harness.say(conn, {"method": "SUBSCRIBE", "params": names, "id": 7})
    harness.say(conn, {"method": "LIST_SUBSCRIPTIONS", "id": "list"})
    assert harness.frames[conn][:2] == [{"result": None, "id": 7}, {"result": names, "id": "list"}]
    harness.run(5 * SECOND)
    kinds = {(frame.get("e"), frame.get("s")) for frame in harness.frames[conn][2:]}
    assert kinds == {("trade", "BTCUSDT"), ("depthUpdate", "ETHUSDT")}
    harness.say(conn, {"method": "UNSUBSCRIBE", "params": names, "id": 8})
    for wrong in ({"params": ["btcusdt@colour"]}, {"params": []}, {"params": "btcusdt@trade"}, {}):
        harness.say(conn, {"method": "SUBSCRIBE", "id": 9, **wrong})
        assert harness.frames[conn][-1]["error"]["code"] in (2, 3)
        harness.run(SECOND)
    count = len(harness.frames[conn])
    harness.run(5 * SECOND)
    assert len(harness.frames[conn]) == count


def test_combined_streams_are_wrapped_and_partial_books_are_the_book_s_best() -> None:
    harness = Harness()
    conn = harness.connect(
        "/stream?streams=btcusdt@depth5@100ms/btcusdt@bookTicker/btcusdt@aggTrade/btcusdt@miniTicker"
    )
    plain = harness.connect("/ws/btcusdt@depth5@100ms/btcusdt@ticker")
    harness.run(10 * SECOND)
    by_name: dict[str, list[Any]] = {}
    for frame in harness.frames[conn]:
        by_name.setdefault(frame["stream"], []).append(frame["data"])
    assert set(by_name) == {f"btcusdt@{kind}" for kind in ("depth5@100ms", "bookTicker", "aggTrade", "miniTicker")}
    books = [frame for frame in harness.frames[plain] if "lastUpdateId" in frame]
    assert books == by_name["btcusdt@depth5@100ms"]
    best = {ticker["u"]: ticker for ticker in by_name["btcusdt@bookTicker"]}
    agreeing = [(book, best[book["lastUpdateId"]]) for book in books if book["lastUpdateId"] in best]
    assert len(agreeing) > 5
    for book, ticker in agreeing:
        assert book["bids"][0] == [ticker["b"], ticker["B"]]
        assert book["asks"][0] == [ticker["a"], ticker["A"]]
        assert max(len(book["bids"]), len(book["asks"])) <= 5
    groups = by_name["btcusdt@aggTrade"]
    assert [group["f"] for group in groups[1:]] == [group["l"] + 1 for group in groups[:-1]]
    day = harness.rest("ticker.24hr", {"symbol": "BTCUSDT"}, "")[1]
    assert day["count"] == groups[-1]["l"] == len(harness.rest("trades.recent", {"symbol": "BTCUSDT"}, "")[1])
    last = [frame for frame in harness.frames[plain] if frame.get("e") == "24hrTicker"][-1]
    assert float(last["l"]) <= float(last["c"]) <= float(last["h"])


def test_depth_is_told_on_the_grid_and_the_slow_stream_says_the_same_in_fewer_words() -> None:
    harness = Harness()
    conn = harness.connect("/stream?streams=btcusdt@depth/btcusdt@depth@100ms")
    harness.run(20 * SECOND)
    fast = [frame["data"] for frame in harness.frames[conn] if frame["stream"] == "btcusdt@depth@100ms"]
    slow = [frame["data"] for frame in harness.frames[conn] if frame["stream"] == "btcusdt@depth"]
    assert {event["E"] % 100 for event in fast} == {0}
    assert {event["E"] % 1000 for event in slow} == {0}
    assert len(slow) < len(fast)
    for events in (fast, slow):
        assert [event["U"] for event in events[1:]] == [event["u"] + 1 for event in events[:-1]]

    def book(events: list[dict[str, Any]], side: str) -> dict[str, str]:
        return {price: qty for event in events for price, qty in event[side] if event["u"] <= slow[-1]["u"]}

    assert book(fast, "b") == book(slow, "b")
    assert book(fast, "a") == book(slow, "a")


class Planned(NoFaults):
    """Events at given times, and a connection that may be frozen or refused."""

    def __init__(self) -> None:
        self.plan: list[tuple[int, VenueEvent]] = []
        self.silent = 0
        self.closed = False

    def due_events(self, now: int) -> list[VenueEvent]:
        due = [event for time, event in self.plan if time <= now]
        self.plan = [(time, event) for time, event in self.plan if time > now]
        return due

    def next_due(self) -> int:
        return min((time for time, _ in self.plan), default=NEVER)

    def frozen(self, conn: int, stream: str, symbol: str, now: int) -> bool:
        return conn == self.silent

    def refuse_connect(self, path: str, address: str, now: int) -> bool:
        return self.closed


def test_what_happens_to_the_venue_itself() -> None:
    faults = Planned()
    harness = Harness(settings(step=10 * MS), faults)
    market, api = harness.connect("/ws/btcusdt@depth@100ms"), harness.user_stream()
    harness.run(SECOND)
    faults.plan = [
        (harness.now + 50 * MS, VenueEvent("gap", symbol="BTCUSDT")),
        (harness.now + SECOND, VenueEvent("terminate")),
        (harness.now + 2 * SECOND, VenueEvent("shutdown")),
        (harness.now + 3 * SECOND, VenueEvent("disconnect", path="market")),
    ]
    before = len(harness.frames[market])
    harness.run(1500 * MS)
    events = harness.frames[market]
    gaps = [i for i in range(1, len(events)) if events[i]["U"] != events[i - 1]["u"] + 1]
    assert gaps == [before]
    assert harness.frames[api][-1]["event"]["e"] == "eventStreamTerminated"
    harness.rest("order.place", ORDER)
    assert harness.events(api) == []
    assert harness.ws(api, "userDataStream.subscribe.signature")["result"] == {"subscriptionId": 1}
    harness.rest("openOrders.cancelAll", {"symbol": "BTCUSDT"})
    assert [event["x"] for event in harness.events(api)] == ["CANCELED"]
    harness.run(SECOND)
    assert harness.frames[api][-1]["event"]["e"] == "serverShutdown"
    assert any(frame["e"] == "serverShutdown" for frame in harness.frames[market])
    harness.run(SECOND)
    assert harness.closed == [market]
    faults.closed = True
    refused = harness.server.ws_open("/ws", harness.address, harness.now)
    assert isinstance(refused, HttpReply)
    assert refused.status == 503


def test_a_frozen_stream_is_silent_though_requests_are_answered() -> None:
    faults = Planned()
    harness = Harness(faults=faults)
    conn = faults.silent = harness.user_stream()
    other = harness.user_stream()
    assert harness.ws(conn, "order.place", {**ORDER})["status"] == 200
    assert harness.events(conn) == []
    assert len(harness.events(other)) == 1


class Lagging(NoFaults):
    """Queries that lag."""

    lag = 0

    def balance_lag(self, now: int) -> int:
        return self.lag


def test_queries_may_lag_behind_the_matching_engine() -> None:
    faults = Lagging()
    harness = Harness(faults=faults)

    def seen() -> list[Any]:
        named = {"symbol": "BTCUSDT"}
        opened = [order["clientOrderId"] for order in harness.rest("openOrders.status", named)[1]]
        trades = [trade["id"] for trade in harness.rest("myTrades", named)[1]]
        one = harness.rest("order.status", {**named, "origClientOrderId": "1"})[1].get("status")
        return [opened, trades, one, harness.rest("account.status")[1]["balances"]]

    states = []
    steps = [
        lambda: harness.place(price="50", quantity="0.1", newClientOrderId="1"),
        lambda: harness.place(type="MARKET", quantity="0.1", newClientOrderId="2"),
        lambda: harness.place(price="51", quantity="0.1", newClientOrderId="3"),
        lambda: harness.rest("order.cancel", {"symbol": "BTCUSDT", "origClientOrderId": "1"}),
        lambda: harness.rest("openOrders.cancelAll", {"symbol": "BTCUSDT"}),
    ]
    for step in steps:
        states.append(seen())
        harness.run(10 * SECOND)
        step()
    final = seen()
    assert [state[0] for state in states] == [[], ["1"], ["1"], ["1", "3"], ["3"]]
    assert states[0][2] is None
    assert states[-1][2] == "CANCELED"
    for back, state in enumerate(reversed(states)):
        faults.lag = back * 10 * SECOND + SECOND
        assert seen() == state, back
    faults.lag = 0
    assert seen() == final
