"""Methods that only the WebSocket API has: logging on, and subscribing to one's own events."""

from __future__ import annotations

from typing import Any

from quotewright.exchange.accounts import Account
from quotewright.exchange.api_errors import ApiError
from quotewright.exchange.orders import ms
from quotewright.exchange.streams import Connection
from quotewright.exchange.venue import Call, Method, takes


def _connection(call: Call) -> Connection:
    if call.conn is None:
        raise ApiError(-1000, "An unknown error occurred while processing the request.")
    return call.conn


def log_on(call: Call, now: int) -> Any:
    """Later requests on this connection need no signature."""
    conn = _connection(call)
    if call.key is None or not call.key.ed25519:
        raise ApiError(-4056, "HMAC_SHA256 API key is not supported.")
    conn.account, conn.key, conn.authorized = call.account, call.key.name, ms(call.venue.clock(now))
    return session_status(call, now)


def log_out(call: Call, now: int) -> Any:
    """Later requests must be signed again; the user stream of the session ends."""
    conn = _connection(call)
    for number, account in list(conn.user_streams.items()):
        if account is conn.account:
            call.venue.subscriptions.remove_user(conn, number)
    conn.account, conn.key, conn.authorized = None, "", 0
    return session_status(call, now)


def session_status(call: Call, now: int) -> Any:
    """Who is logged on."""
    conn = _connection(call)
    return {
        "apiKey": conn.key or None,
        "authorizedSince": conn.authorized or None,
        "connectedSince": ms(conn.opened),
        "returnRateLimits": True,
        "serverTime": ms(call.venue.clock(now)),
        "userDataStream": bool(conn.user_streams),
    }


def subscribe(call: Call, now: int) -> Any:
    """The events of the account that is logged on."""
    conn = _connection(call)
    if conn.account is None:
        raise ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    return _subscribed(call, conn, conn.account)


def subscribe_signed(call: Call, now: int) -> Any:
    """The events of the account that signs."""
    return _subscribed(call, _connection(call), call.account)


def _subscribed(call: Call, conn: Connection, account: Account) -> Any:
    if account in conn.user_streams.values():
        raise ApiError(-2035, "User Data Stream subscription already active.")
    return {"subscriptionId": call.venue.subscriptions.add_user(conn, account)}


def unsubscribe(call: Call, now: int) -> Any:
    """No more events of one subscription, or of any."""
    conn = _connection(call)
    if "subscriptionId" in call.params and call.number("subscriptionId", -1) not in conn.user_streams:
        raise ApiError(-2036, "User Data Stream subscription not found.")
    for number in list(conn.user_streams):
        if "subscriptionId" not in call.params or number == call.number("subscriptionId", -1):
            call.venue.subscriptions.remove_user(conn, number)
    return {}


METHODS = {
    "session.logon": Method(log_on, 2, takes("returnRateLimits"), signed=True),
    "session.logout": Method(log_out, 2),
    "session.status": Method(session_status, 2),
    "userDataStream.subscribe": Method(subscribe, 2),
    "userDataStream.subscribe.signature": Method(subscribe_signed, 2, signed=True),
    "userDataStream.unsubscribe": Method(unsubscribe, 2, takes("subscriptionId")),
}
