"""Weight is per address, orders are per account, headers tell both, and who does not stop is banned."""

from __future__ import annotations

from venue_harness import MS, SECOND, START, Harness, settings

from quotewright.exchange.hooks import HttpReply
from quotewright.exchange.limits import Limits

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "50", "quantity": "0.1"}
BOOK = {"symbol": "BTCUSDT", "limit": 5000}  # weighs 250


def test_weight_is_told_and_refused_per_address_until_the_minute_is_over() -> None:
    harness = Harness(settings(Limits(weight_minute=1000)))
    used = [harness.rest("depth", BOOK, "")[2]["x-mbx-used-weight-1m"] for _ in range(4)]
    assert used == ["250", "500", "750", "1000"]
    status, content, headers = harness.rest("order.cancel", {"symbol": "BTCUSDT", "orderId": 1})
    assert (status, content["code"]) == (429, -1003)
    left = 60 - START // SECOND % 60
    assert headers["retry-after"] == str(left)
    harness.address = "2.2.2.2"
    assert harness.rest("order.place", ORDER)[2]["x-mbx-used-weight-1m"] == "1"
    harness.address = "1.1.1.1"
    harness.run(left * SECOND)
    assert harness.rest("ping", key="")[2]["x-mbx-used-weight-1m"] == "1"


def test_who_goes_on_is_banned_and_longer_the_next_time() -> None:
    harness = Harness(settings(Limits(weight_minute=250, ban_after=3, ban_seconds=120)))
    conn = harness.connect("/ws-api/v3")
    for length in (120, 240):
        harness.run(60 * SECOND)
        while harness.rest("depth", BOOK, "")[0] == 200:
            pass
        statuses = [harness.rest("ping", key="")[0] for _ in range(3)]
        assert statuses == [429, 429, 418]
        status, content, headers = harness.rest("order.place", ORDER)
        assert (status, headers["retry-after"]) == (418, str(length))
        assert content["msg"].endswith(f"until {(harness.now + length * SECOND) // MS}.")
        assert harness.ws(conn, "ping", key="")["status"] == 418
        refused = harness.server.ws_open("/ws/btcusdt@trade", harness.address, harness.now)
        assert isinstance(refused, HttpReply)
        assert (refused.status, refused.headers["retry-after"]) == (418, str(length))
        harness.run((length - 1) * SECOND)
        assert harness.rest("ping", key="")[0] == 418
        harness.run(61 * SECOND)
        assert harness.rest("ping", key="")[0] == 200


def test_orders_are_counted_per_account_and_cancels_are_not() -> None:
    harness = Harness(settings(Limits(orders_10s=3, orders_day=5)))
    conn = harness.user_stream()
    assert harness.rest("order.place", ORDER)[2]["x-mbx-order-count-10s"] == "1"
    assert harness.rest("order.place", ORDER | {"price": "0"})[0] == 400
    answer = harness.ws(conn, "order.place", ORDER)
    counts = {(r["rateLimitType"], r["interval"], r["intervalNum"]): r["count"] for r in answer["rateLimits"]}
    assert (counts["ORDERS", "SECOND", 10], counts["ORDERS", "DAY", 1]) == (2, 2)
    assert counts["REQUEST_WEIGHT", "MINUTE", 1] > 0
    harness.rest("order.place", ORDER)
    status, content, headers = harness.rest("order.place", ORDER)
    assert (status, content["code"], headers["retry-after"]) == (429, -1015, "10")
    told = harness.ws(conn, "order.place", ORDER)
    assert (told["status"], told["error"]["code"]) == (429, -1015)
    assert told["error"]["data"]["retryAfter"] == harness.now // MS + 10_000
    assert harness.rest("order.place", ORDER, "b")[0] == 200
    assert len(harness.rest("openOrders.cancelAll", {"symbol": "BTCUSDT"})[1]) == 3
    harness.run(10 * SECOND)
    assert [harness.rest("order.place", ORDER)[0] for _ in range(3)] == [200, 200, 429]
    assert "1 DAY" in harness.rest("order.place", ORDER)[1]["msg"]


def test_a_client_that_talks_too_much_on_streams_is_cut_off() -> None:
    harness = Harness()
    conn = harness.connect("/ws")
    for number in range(5):
        harness.say(conn, {"method": "LIST_SUBSCRIPTIONS", "id": number})
    assert [frame["id"] for frame in harness.frames[conn]] == [0, 1, 2, 3, 4]
    harness.say(conn, {"method": "LIST_SUBSCRIPTIONS", "id": 5})
    assert harness.closed == [conn]
    harness.say(conn, {"method": "LIST_SUBSCRIPTIONS", "id": 6})
    assert len(harness.frames[conn]) == 5


def test_connections_are_counted_and_end_after_a_day() -> None:
    harness = Harness(settings(Limits(connections_5min=2), step=3600 * SECOND))
    first, second = harness.connect("/ws"), harness.connect("/ws-api/v3")
    refused = harness.server.ws_open("/ws", harness.address, harness.now)
    assert isinstance(refused, HttpReply)
    assert refused.status == 429
    harness.run(86_400 * SECOND)
    assert harness.closed == [first, second]
    assert harness.server.connections == 0
