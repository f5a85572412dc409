"""From the wire to a method: paths, parameters, keys, signatures, and the window a request must arrive in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.units import parse_decimal
from quotewright.exchange import account_methods, public_methods, session_methods
from quotewright.exchange.accounts import Account
from quotewright.exchange.api_errors import ApiError, illegal, missing
from quotewright.exchange.keys import ApiKey
from quotewright.exchange.venue import Method, Venue, takes

SECOND = 10**9
_MILLI, _MICRO = 10**6, 10**3
LONGEST_WINDOW = 60_000 * _MILLI
DEFAULT_WINDOW = 5_000 * _MILLI
_AHEAD = 1_000 * _MILLI  # a client's clock may be less than this ahead
_SIGNING = takes("timestamp recvWindow signature apiKey returnRateLimits")

METHODS: dict[str, Method] = {**public_methods.METHODS, **account_methods.METHODS, **session_methods.METHODS}
_FUTURES: dict[str, Any] = {"timezone": "UTC", "rateLimits": [], "exchangeFilters": [], "assets": [], "symbols": []}
METHODS["futures.exchangeInfo"] = Method(
    lambda call, now: {**_FUTURES, "optionSymbols": [], "serverTime": call.venue.clock(now) // _MILLI}, 1
)

_V3 = "/api/v3/"
ROUTES: dict[tuple[str, str], str] = {
    ("GET", _V3 + "ping"): "ping",
    ("GET", _V3 + "time"): "time",
    ("GET", _V3 + "exchangeInfo"): "exchangeInfo",
    ("GET", _V3 + "depth"): "depth",
    ("GET", _V3 + "trades"): "trades.recent",
    ("GET", _V3 + "historicalTrades"): "trades.historical",
    ("GET", _V3 + "aggTrades"): "trades.aggregate",
    ("GET", _V3 + "ticker/price"): "ticker.price",
    ("GET", _V3 + "ticker/bookTicker"): "ticker.book",
    ("GET", _V3 + "ticker/24hr"): "ticker.24hr",
    ("GET", _V3 + "account"): "account.status",
    ("GET", _V3 + "account/commission"): "account.commission",
    ("GET", _V3 + "rateLimit/order"): "account.rateLimits.orders",
    ("POST", _V3 + "order"): "order.place",
    ("POST", _V3 + "order/test"): "order.test",
    ("GET", _V3 + "order"): "order.status",
    ("DELETE", _V3 + "order"): "order.cancel",
    ("GET", _V3 + "openOrders"): "openOrders.status",
    ("DELETE", _V3 + "openOrders"): "openOrders.cancelAll",
    ("GET", _V3 + "allOrders"): "allOrders",
    ("GET", _V3 + "myTrades"): "myTrades",
    ("GET", "/sapi/v1/capital/config/getall"): "sapi.currencies",
    ("GET", "/sapi/v1/margin/allPairs"): "sapi.marginPairs",
    ("GET", "/sapi/v1/margin/isolated/allPairs"): "sapi.marginPairs",
    ("GET", "/sapi/v1/asset/tradeFee"): "sapi.tradeFee",
    ("GET", "/sapi/v1/account/apiRestrictions"): "sapi.apiRestrictions",
    ("GET", "/fapi/v1/exchangeInfo"): "futures.exchangeInfo",
    ("GET", "/dapi/v1/exchangeInfo"): "futures.exchangeInfo",
    ("GET", "/eapi/v1/exchangeInfo"): "futures.exchangeInfo",
}


class Envelope(msgspec.Struct):
    """A request on the WebSocket API; values of `params` are kept as they were written, for the signature."""

    method: str
    id: msgspec.Raw = msgspec.Raw(b"null")
    params: dict[str, msgspec.Raw] = {}


class Admitted(msgspec.Struct, frozen=True):
    """Who signed a request, and until when (clients' clock, ns) the matching engine may take it."""

    key: ApiKey | None = None
    account: Account | None = None
    deadline: int = 2**63 - 1


def rest_params(query: str, body: str) -> dict[str, str]:
    """Parameters of a REST request; raises ApiError if one is there twice."""
    params: dict[str, str] = {}
    for name, value in (*parse_qsl(query, keep_blank_values=True), *parse_qsl(body, keep_blank_values=True)):
        if name in params:
            raise ApiError(-1101, "Duplicate values for a parameter detected.")
        params[name] = value
    return params


def ws_params(raw: Mapping[str, msgspec.Raw]) -> dict[str, str]:
    """Parameters of a request on the WebSocket API, numbers as they were written; null ones are left out."""
    params: dict[str, str] = {}
    for name, value in raw.items():
        text = bytes(value)
        if text.startswith(b'"'):
            params[name] = msgspec.json.decode(text, type=str)
        elif text != b"null":
            params[name] = text.decode()
    return params


def check_names(method: Method, params: Mapping[str, str]) -> None:
    """Raise ApiError for parameters that a REST method does not read."""
    read = sum(name in method.takes or name in _SIGNING for name in params)
    if read < len(params):
        message = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(params)}'."
        raise ApiError(-1104, message)


def admit(
    venue: Venue,
    method: Method,
    params: Mapping[str, str],
    payloads: Sequence[bytes],
    key: str | None,
    signature: str,
    now: int,
) -> Admitted:
    """Check key, time and signature of a signed method's request; raises ApiError.

    `payloads` are what the signature may cover.
    """
    if not method.signed:
        return Admitted()
    if not key:
        raise ApiError(-2014, "API-key format invalid.", 401)
    known = venue.keys.get(key)
    if known is None or (method.trades and not known[0].may_trade):
        raise ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    if not signature:
        raise missing("signature")
    deadline = read_deadline(venue, params, now)
    if not any(known[0].signed(payload, signature) for payload in payloads):
        raise ApiError(-1022, "Signature for this request is not valid.")
    return Admitted(known[0], known[1], deadline)


def read_deadline(venue: Venue, params: Mapping[str, str], now: int) -> int:
    """Until when a request may be carried out; raises ApiError if that is over, or its time is in the future."""
    text = params.get("timestamp", "")
    if not text:
        raise missing("timestamp")
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise illegal("timestamp", "^[0-9]{1,20}$")
    time = int(text) * (_MILLI if len(text) < 16 else _MICRO)
    window = DEFAULT_WINDOW
    if "recvWindow" in params:
        try:
            digits, scale = parse_decimal(params["recvWindow"], "recvWindow")
        except ParseError:
            raise illegal("recvWindow", "^[0-9]{1,5}(\\.[0-9]{1,3})?$") from None
        window = digits * _MILLI // 10**scale
    if not 0 <= window <= LONGEST_WINDOW:
        raise ApiError(-1131, "recvWindow must be less than 60000.")
    clock = venue.clock(now)
    if time >= clock + _AHEAD:
        raise ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if clock > time + window:
        raise late()
    return time + window


def late() -> ApiError:
    """A request whose window is over."""
    return ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")
