"""What an error through ccxt means: the venue's own answers, put through each venue's own error mapping."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from quotewright.domain.journal import Reject
from quotewright.gateway.port import FailureKind as Kind

pytest.importorskip("ccxt")

from quotewright.venues.ccxt_exchange import FATE, Fate, Taps, ccxt_pro, make_exchange
from quotewright.venues.ccxt_failures import failure
from quotewright.venues.ccxt_settings import SECOND, CcxtSettings

_SILENT = Taps(*(lambda *_: None,) * 5)
_EXCHANGES: dict[str, Any] = {}


def _exchange(name: str) -> Any:
    if name not in _EXCHANGES:
        settings = CcxtSettings(exchange=name, base_url="http://127.0.0.1:1" if name == "binance" else "")
        _EXCHANGES[name] = make_exchange(settings, None, _SILENT, exact=True)
    return _EXCHANGES[name]


def _failed(name: str, status: int, body: str, headers: dict[str, str] | None = None, *, named: bool = False) -> Any:
    """As `fetch` does once an answer is there."""
    exchange = _exchange(name)
    fate = Fate(critical=True, sent=True)
    FATE.set(fate)
    url = "http://127.0.0.1:1/api/v3/order"
    try:
        exchange.on_rest_response(status, "", url, "POST", headers or {}, body, {}, "")
        parsed = exchange.parse_json(body)
        exchange.handle_errors(status, "", url, "POST", headers or {}, body, parsed, {}, "")
        exchange.handle_http_status_code(status, "", url, "POST", body)
        exchange.market("NO/SUCH")  # whatever goes wrong after an answer that ccxt took for a success
    except Exception as error:
        return failure(7, error, fate, binance=name == "binance", ccxt=ccxt_pro(), named=named)
    raise AssertionError("nothing went wrong")


def _binance(code: int, text: str = "") -> str:
    return json.dumps({"code": code, "msg": text})


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (400, _binance(-2010, "Order would immediately match and take."), Kind.REFUSED, Reject.POST_ONLY),
        (400, _binance(-2010, "Account has insufficient balance for requested action."), Kind.REFUSED, Reject.BALANCE),
        (400, _binance(-1013, "Filter failure: PRICE_FILTER"), Kind.REFUSED, Reject.FILTER),
        (400, _binance(-1013, "Filter failure: NOTIONAL"), Kind.REFUSED, Reject.FILTER),
        (400, _binance(-2010, "Duplicate order sent."), Kind.DOUBT, 0),  # by whom? the venue must be asked
        (400, _binance(-1006, "An unexpected response was received from the message bus."), Kind.DOUBT, 0),
        (408, _binance(-1007, "Timeout waiting for response from backend server."), Kind.DOUBT, 0),
        (400, _binance(-2013, "Order does not exist."), Kind.UNKNOWN_ORDER, 0),
        (400, _binance(-2011, "Unknown order sent."), Kind.UNKNOWN_ORDER, 0),
        (400, _binance(-1021, "Timestamp for this request is outside of the recvWindow."), Kind.CLOCK, 0),
        (429, _binance(-1015, "Too many new orders."), Kind.LIMITED, Reject.LIMIT),
        (429, _binance(-1003, "Too much request weight used."), Kind.LIMITED, Reject.LIMIT),
        (418, _binance(-1003, "Way too much request weight used; IP banned."), Kind.BANNED, Reject.LIMIT),
        (400, _binance(-2015, "Invalid API-key, IP, or permissions for action."), Kind.REFUSED, Reject.OTHER),
        (502, "<html>bad gateway</html>", Kind.DOUBT, 0),
        (503, _binance(-1000, "Unknown error"), Kind.DOUBT, 0),
        (200, '{"orderId": 1', Kind.DOUBT, 0),  # cut off: it was carried out
        (200, "{}", Kind.DOUBT, 0),
    ],
)
def test_what_binance_says_is_read_by_its_own_codes(status: int, body: str, kind: Kind, reason: int) -> None:
    told = _failed("binance", status, body)
    assert (told.ref, told.kind, told.reason) == (7, kind, reason)
    assert told.text


@pytest.mark.parametrize(
    ("venue", "status", "answer", "kind"),
    [
        ("okx", 200, {"code": "1", "data": [{"sCode": "51008", "sMsg": "Insufficient balance"}]}, Kind.REFUSED),
        ("okx", 200, {"code": "50004", "data": [], "msg": "Endpoint request timeout"}, Kind.DOUBT),
        ("okx", 200, {"code": "50011", "data": [], "msg": "Rate limit reached"}, Kind.LIMITED),
        ("okx", 200, {"code": "51603", "data": [], "msg": "Order does not exist"}, Kind.UNKNOWN_ORDER),
        ("okx", 200, {"code": "99999", "data": [], "msg": "never seen before"}, Kind.DOUBT),
        ("kraken", 200, {"error": ["EOrder:Insufficient funds"]}, Kind.REFUSED),
        ("kraken", 200, {"error": ["EService:Timeout"]}, Kind.DOUBT),
        ("kraken", 200, {"error": ["EGeneral:Invalid arguments"]}, Kind.REFUSED),
        ("kraken", 200, {"error": ["EAPI:Invalid nonce"]}, Kind.CLOCK),
        ("bybit", 200, {"retCode": 110007, "retMsg": "ab not enough for new order"}, Kind.REFUSED),
        (
            "bybit",
            200,
            {"retCode": 10002, "retMsg": "request expired, check your timestamp and recv_window"},
            Kind.CLOCK,
        ),
        ("bybit", 200, {"retCode": 10006, "retMsg": "too many visits"}, Kind.LIMITED),
    ],
)
def test_other_venues_are_read_by_the_class_that_ccxt_gives_the_answer(
    venue: str, status: int, answer: dict[str, Any], kind: Kind
) -> None:
    assert _failed(venue, status, json.dumps(answer)).kind is kind


def test_an_order_that_a_venue_calls_invalid_when_it_is_asked_for_is_one_it_does_not_know() -> None:
    answer = json.dumps({"error": ["EOrder:Unknown order"]})
    assert _failed("kraken", 200, answer, named=True).kind is Kind.UNKNOWN_ORDER


def test_a_wait_is_the_venues_own_or_ours() -> None:
    assert _failed("binance", 418, _binance(-1003), {"Retry-After": "130"}).retry_after == 130 * SECOND
    assert _failed("binance", 429, _binance(-1003)).retry_after > 0
    assert _failed("okx", 200, json.dumps({"code": "50011", "data": [], "msg": "Rate limit"})).retry_after > 0


def test_only_a_request_that_certainly_never_left_is_unsent() -> None:
    ccxt = ccxt_pro()
    sent, unsent = Fate(critical=True, sent=True), Fate()
    for error in (ccxt.ExchangeNotAvailable("gone"), ccxt.RequestTimeout(), TimeoutError(), asyncio.CancelledError()):
        assert failure(1, error, sent, binance=True, ccxt=ccxt).kind is Kind.DOUBT
        assert failure(1, error, unsent, binance=True, ccxt=ccxt).kind is Kind.UNSENT
    # ccxt's own checks before sending raise the same classes as a venue's refusal
    assert failure(1, ccxt.InvalidOrder("amount too small"), unsent, binance=True, ccxt=ccxt).kind is Kind.UNSENT


@pytest.mark.parametrize("when", ["refused", "cut before the answer", "cut in the answer"])
def test_a_lost_connection_is_doubt_unless_none_was_made(when: str) -> None:
    async def go() -> Kind:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            if when == "cut in the answer":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
                await writer.drain()
            writer.transport.abort() if when == "cut before the answer" else writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        if when == "refused":
            server.close()
            await server.wait_closed()
        settings = CcxtSettings(exchange="binance", base_url=f"http://127.0.0.1:{port}", time_out=2 * SECOND)
        from quotewright.venues.ccxt_settings import CcxtKey

        exchange = make_exchange(settings, CcxtKey("name", "s" * 16), _SILENT, exact=True)
        fate = Fate()
        FATE.set(fate)
        try:
            await exchange.privatePostOrder({"symbol": "BTCUSDT"})
        except Exception as error:
            return failure(1, error, fate, binance=True, ccxt=ccxt_pro()).kind
        finally:
            await exchange.close()
            server.close()
        raise AssertionError("the request went through")

    assert asyncio.run(go()) is (Kind.UNSENT if when == "refused" else Kind.DOUBT)
