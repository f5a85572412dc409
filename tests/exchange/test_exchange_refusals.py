"""Every refusal has Binance's code and status, by REST and on the WebSocket API alike, and leaves no trace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from venue_harness import Harness, balances, instrument, settings

from quotewright.domain.errors import InputError
from quotewright.exchange.rules import SymbolRules
from quotewright.exchange.settings import ExchangeSettings

GOOD = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "99", "quantity": "0.1"}
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"}


def changed(**params: Any) -> dict[str, Any]:
    """A good order with something else in it; None takes a parameter away."""
    return {name: value for name, value in {**GOOD, **params}.items() if value is not None}


PLACES: list[tuple[dict[str, Any], int, str]] = [
    (changed(symbol=None), -1102, "symbol"),
    (changed(symbol="BTCEUR"), -1121, "Invalid symbol."),
    (changed(side=None), -1102, "side"),
    (changed(side=""), -1105, "side"),
    (changed(side="HOLD"), -1117, "Invalid side."),
    (changed(type="STOP_LOSS"), -1116, "Invalid orderType."),
    (changed(timeInForce="GTD"), -1115, "Invalid timeInForce."),
    (changed(timeInForce=None), -1102, "timeInForce"),
    (changed(price=None), -1102, "price"),
    (changed(price="1e2"), -1100, "price"),
    (changed(price="-99"), -1100, "price"),
    (changed(price="99.0000000001"), -1111, "price"),
    (changed(price="99.001"), -1013, "PRICE_FILTER"),
    (changed(price="2000.01"), -1013, "PRICE_FILTER"),
    (changed(price="0"), -1013, "PRICE_FILTER"),
    (changed(quantity="0.0015"), -1013, "LOT_SIZE"),
    (changed(quantity="0.001"), -1013, "LOT_SIZE"),
    (changed(quantity="50.001"), -1013, "LOT_SIZE"),
    (changed(quantity="0.05"), -1013, "NOTIONAL"),
    (changed(price="1000", quantity="20"), -2010, "insufficient balance"),
    (changed(side="SELL", price="120", quantity="2.001"), -2010, "insufficient balance"),
    (changed(price="101", type="LIMIT_MAKER", timeInForce=None), -2010, "immediately match"),
    (changed(type="LIMIT_MAKER"), -1106, "timeInForce"),
    (changed(newClientOrderId="no spaces"), -1100, "newClientOrderId"),
    (changed(newClientOrderId="x" * 37), -1100, "newClientOrderId"),
    (changed(newOrderRespType="ALL"), -1100, "newOrderRespType"),
    (changed(selfTradePreventionMode="DECREMENT"), -1130, "selfTradePreventionMode"),
    (changed(stopPrice="98"), -1106, "stopPrice"),
    ({**MARKET, "quantity": "1", "price": "99"}, -1106, "price"),
    ({**MARKET, "quantity": "1", "quoteOrderQty": "100"}, -1106, "quoteOrderQty"),
    ({**MARKET, "quoteOrderQty": "1"}, -1013, "NOTIONAL"),
    ({**MARKET, "quoteOrderQty": "10001"}, -2010, "insufficient balance"),
    ({**MARKET, "side": "SELL", "quantity": "3"}, -2010, "insufficient balance"),
    (MARKET, -1102, "quantity"),
]


@pytest.mark.parametrize("by", ["rest", "ws"])
def test_orders_that_are_refused(by: str) -> None:
    harness = Harness()
    conn = harness.user_stream()
    before = balances(harness, "a")
    for params, code, words in PLACES:
        if by == "rest":
            status, content, headers = harness.rest("order.place", params)
            assert "x-mbx-order-count-10s" not in headers
        else:
            answer = harness.ws(conn, "order.place", params)
            status, content = answer["status"], answer["error"]
        assert (status, content["code"]) == (400, code), params
        assert words in content["msg"]
    assert balances(harness, "a") == before
    assert harness.events(conn) == []
    assert harness.rest("allOrders", {"symbol": "BTCUSDT"})[1] == []
    assert [rule["count"] for rule in harness.rest("account.rateLimits.orders")[1]] == [0, 0]


def test_orders_that_are_not_there() -> None:
    harness = Harness()
    conn = harness.user_stream()
    named = {"symbol": "BTCUSDT", "origClientOrderId": "never"}
    for kind, params, code in (
        ("order.status", named, -2013),
        ("order.cancel", named, -2011),
        ("order.cancel", {"symbol": "BTCUSDT"}, -1102),
        ("order.cancel", {"symbol": "BTCUSDT", "orderId": "x"}, -1100),
        ("openOrders.cancelAll", {"symbol": "BTCUSDT"}, -2011),
        ("openOrders.cancelAll", {}, -1102),
        ("myTrades", {"symbol": "btcusdt"}, -1121),
    ):
        status, content, _ = harness.rest(kind, params)
        assert (status, content["code"]) == (400, code)
        assert harness.ws(conn, kind, params)["error"] == content


def test_a_client_id_is_unique_among_open_orders_only() -> None:
    harness = Harness()
    mine = changed(newClientOrderId="mine")
    assert harness.rest("order.place", mine)[0] == 200
    assert harness.rest("order.place", mine)[1] == {"code": -2010, "msg": "Duplicate order sent."}
    assert harness.rest("order.place", changed(symbol="ETHUSDT", newClientOrderId="mine"))[0] == 200
    assert harness.rest("order.place", mine, "b")[0] == 200
    first = harness.rest("order.status", {"symbol": "BTCUSDT", "origClientOrderId": "mine"})[1]["orderId"]
    assert harness.rest("order.cancel", {"symbol": "BTCUSDT", "origClientOrderId": "mine"})[0] == 200
    assert harness.rest("order.place", mine)[0] == 200
    second = harness.rest("order.status", {"symbol": "BTCUSDT", "origClientOrderId": "mine"})[1]["orderId"]
    assert second > first
    both = {"symbol": "BTCUSDT", "origClientOrderId": "other", "orderId": second}
    assert harness.rest("order.status", both)[1]["code"] == -2013


def test_no_more_than_so_many_open_orders() -> None:
    harness = Harness()
    for _ in range(200):
        harness.run(10**9)
        assert harness.rest("order.place", changed(price="50", quantity="0.1"))[0] == 200
    status, content, _ = harness.rest("order.place", changed(price="50", quantity="0.1"))
    assert (status, content) == (400, {"code": -1013, "msg": "Filter failure: MAX_NUM_ORDERS"})
    assert harness.rest("order.place", changed(price="50", timeInForce="IOC"))[0] == 200
    assert harness.rest("order.place", changed(symbol="ETHUSDT", price="50"))[0] == 200
    assert len(harness.rest("openOrders.cancelAll", {"symbol": "BTCUSDT"})[1]) == 200


def test_what_is_no_request() -> None:
    harness = Harness()
    conn = harness.user_stream()
    assert harness.answer_raw("GET", "/api/v3/nothing") == 404
    twice = harness.raw_rest("GET", "/api/v3/depth", "symbol=BTCUSDT&symbol=ETHUSDT")
    assert harness.answer(twice)[1]["code"] == -1101
    more = harness.raw_rest("GET", "/api/v3/depth", "symbol=BTCUSDT&colour=red")
    assert harness.answer(more)[1]["code"] == -1104
    for text in (b"{", b"[]", b'{"id":1}', b'"ping"', b'{"method":7}'):
        harness.server.ws_text(conn, text, harness.now)
        harness.collect()
        assert harness.frames[conn][-1]["error"]["code"] == -1100
    assert harness.ws(conn, "order.amend", {}, "")["error"]["code"] == -1000
    assert harness.ws(conn, "ping", {}, "")["result"] == {}


def test_instruments_that_eight_decimals_cannot_write() -> None:
    with pytest.raises(InputError, match="finer than the eight decimals"):
        SymbolRules.of(replace(instrument("BTC"), tick="0.000000001", lot="1"))
    with pytest.raises(InputError, match="finer than eight decimals"):
        SymbolRules.of(replace(instrument("BTC"), tick="0.00001", lot="0.0001"))
    markets = settings().markets
    with pytest.raises(InputError, match="given twice"):
        ExchangeSettings([*markets, markets[0]])
