"""Answers as the wire has them: bodies, headers, the WebSocket API's envelopes."""

from __future__ import annotations

from typing import Any

import msgspec

from quotewright.exchange.api_errors import ApiError
from quotewright.exchange.hooks import HttpReply, Request
from quotewright.exchange.orders import ms
from quotewright.exchange.requests import Admitted
from quotewright.exchange.streams import Connection
from quotewright.exchange.venue import Method, Venue


class Pending(msgspec.Struct):
    """A request on its way through the venue."""

    request: Request
    method: Method
    to: int  # HTTP reference or connection
    id: msgspec.Raw = msgspec.Raw(b"null")
    conn: Connection | None = None
    admitted: Admitted = Admitted()


def written(venue: Venue, pending: Pending, result: Any, error: ApiError | None, now: int) -> bytes:
    """The body of an answer, or the whole message on the WebSocket API."""
    if pending.conn is not None:
        limits = _rate_limits(venue, pending, now)
        if error is not None:
            return ws_error(venue, pending.id, error, limits, now)
        return msgspec.json.encode({"id": pending.id, "status": 200, "result": result, "rateLimits": limits})
    if error is None:
        return msgspec.json.encode(result)
    if not error.code:
        return b"<html><body>" + error.message.encode() + b"</body></html>"
    return msgspec.json.encode({"code": error.code, "msg": error.message})


def ws_error(
    venue: Venue, number: msgspec.Raw | None, error: ApiError, limits: list[dict[str, Any]], now: int
) -> bytes:
    """A refusal on the WebSocket API."""
    told: dict[str, Any] = {"code": error.code, "msg": error.message}
    if error.retry_after:
        clock = ms(venue.clock(now))
        told["data"] = {"serverTime": clock, "retryAfter": clock + 1000 * error.retry_after}
    return msgspec.json.encode({"id": number, "status": error.status, "error": told, "rateLimits": limits})


def _rate_limits(venue: Venue, pending: Pending, now: int) -> list[dict[str, Any]]:
    counters, request = venue.counters, pending.request
    if request.params.get("returnRateLimits") == "false":
        return []
    rules = counters.order_rules(request.account, now) if pending.method.order else []
    return [*rules, counters.weight_rule(request.address, now)]


def http_reply(venue: Venue, pending: Pending, payload: bytes, error: ApiError | None, now: int) -> HttpReply:
    """A REST answer with the headers that tell what is used of the limits."""
    counters, request = venue.counters, pending.request
    used = str(counters.weight.used(request.address, now))
    json = error is None or error.code
    headers = {"content-type": "application/json;charset=UTF-8" if json else "text/html"}
    headers |= {"x-mbx-used-weight": used, "x-mbx-used-weight-1m": used}
    if pending.method.order and error is None:
        headers["x-mbx-order-count-10s"] = str(counters.orders_10s.used(request.account, now))
        headers["x-mbx-order-count-1d"] = str(counters.orders_day.used(request.account, now))
    if error is not None and error.retry_after:
        headers["retry-after"] = str(error.retry_after)
    return HttpReply(error.status if error else 200, headers, payload)
