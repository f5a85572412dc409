"""Who listens to what: connections, stream names, subscriptions."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from quotewright.exchange.accounts import Account

FAST, SLOW = 0, 1  # streams told every 100 ms, and every second
_NAME = re.compile(
    r"([a-z0-9]{2,20})@(?:(trade|aggTrade|bookTicker|miniTicker|ticker)|depth(5|10|20)?(@100ms|@1000ms)?)"
)
MOST_STREAMS = 1024  # a connection


class Connection:
    """A WebSocket as the venue knows it."""

    def __init__(
        self, number: int, kind: Literal["market", "api"], address: str, opened: int, *, wrapped: bool
    ) -> None:
        self.number = number
        self.kind = kind
        self.address = address
        self.opened = opened
        self.wrapped = wrapped  # messages carry the name of their stream
        self.names: dict[str, None] = {}
        self.account: Account | None = None  # logged on
        self.key = ""
        self.authorized = 0
        self.user_streams: dict[int, Account] = {}
        self.next_user_stream = 0


class StreamName(msgspec.Struct, frozen=True):
    """What a stream's name says; `kind` as in `hooks.Faults.on_frame`."""

    symbol: str
    kind: str
    pace: int  # FAST or SLOW
    levels: int  # of a partial book; 0: differences


def read_name(name: str) -> StreamName | None:
    """A stream's name such as btcusdt@depth@100ms; None if it is none."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    symbol, plain, levels, pace = match.groups()
    if plain:
        return StreamName(symbol.upper(), plain, FAST, 0)
    kind = "partialDepth" if levels else "depth"
    return StreamName(symbol.upper(), kind, FAST if pace == "@100ms" else SLOW, int(levels or 0))


class Subscriptions:
    """Connections by number and by stream."""

    def __init__(self) -> None:
        self.connections: dict[int, Connection] = {}
        self.by_name: dict[str, dict[int, Connection]] = {}
        self.by_account: dict[int, dict[tuple[int, int], Connection]] = {}  # (connection, subscription id)

    def add(self, conn: Connection, name: str) -> None:
        """Subscribe a connection to a stream; again changes nothing."""
        conn.names[name] = None
        self.by_name.setdefault(name, {})[conn.number] = conn

    def remove(self, conn: Connection, name: str) -> None:
        """Unsubscribe; what it was not subscribed to changes nothing."""
        conn.names.pop(name, None)
        listeners = self.by_name.get(name, {})
        listeners.pop(conn.number, None)
        if not listeners:
            self.by_name.pop(name, None)

    def add_user(self, conn: Connection, account: Account) -> int:
        """Subscribe a connection to an account's events; the subscription's id."""
        number = conn.next_user_stream
        conn.next_user_stream += 1
        conn.user_streams[number] = account
        self.by_account.setdefault(account.number, {})[conn.number, number] = conn
        return number

    def remove_user(self, conn: Connection, number: int) -> None:
        """End a subscription to an account's events."""
        account = conn.user_streams.pop(number)
        del self.by_account[account.number][conn.number, number]

    def drop(self, number: int) -> None:
        """Forget a connection."""
        conn = self.connections.pop(number, None)
        if conn is not None:
            for name in list(conn.names):
                self.remove(conn, name)
            for stream in list(conn.user_streams):
                self.remove_user(conn, stream)


class Asked(msgspec.Struct):
    """A message from a client of the market streams."""

    method: str
    id: Any = None
    params: list[object] | None = None


def answer(subscriptions: Subscriptions, conn: Connection, text: bytes) -> bytes:
    """Carry out a message from a client of the market streams; what it is told."""
    try:
        asked = msgspec.json.decode(text, type=Asked)
    except msgspec.DecodeError as error:
        return _told(None, error=(3, f"Invalid JSON: {error}"))
    if asked.method == "LIST_SUBSCRIPTIONS":
        return _told(asked.id, list(conn.names))
    if asked.method == "GET_PROPERTY":
        return _told(asked.id, conn.wrapped)
    given: list[object] = asked.params or []
    if asked.method == "SET_PROPERTY" and len(given) == 2 and given[0] == "combined" and isinstance(given[1], bool):
        conn.wrapped = given[1]
        return _told(asked.id)
    names = [name for name in given if isinstance(name, str) and read_name(name)]
    if asked.method not in ("SUBSCRIBE", "UNSUBSCRIBE") or not given or len(names) != len(given):
        return _told(asked.id, error=(2, "Invalid request: unknown method, or parameters that are no streams"))
    if asked.method == "SUBSCRIBE" and len(conn.names.keys() | set(names)) > MOST_STREAMS:
        return _told(asked.id, error=(2, f"Invalid request: more than {MOST_STREAMS} streams"))
    for name in names:
        if asked.method == "SUBSCRIBE":
            subscriptions.add(conn, name)
        else:
            subscriptions.remove(conn, name)
    return _told(asked.id)


def _told(number: Any, result: Any = None, error: tuple[int, str] | None = None) -> bytes:
    if error is not None:
        return msgspec.json.encode({"error": {"code": error[0], "msg": error[1]}, "id": number})
    return msgspec.json.encode({"result": result, "id": number})
