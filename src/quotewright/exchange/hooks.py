"""What the venue server takes in and gives out, and the points at which a fault plane may interfere.

Times are ns since the epoch. A request has one `kind` whatever carried it: the WebSocket API's method names
("order.place", "order.cancel", "openOrders.cancelAll", "order.status", "openOrders.status", "allOrders", "myTrades",
"account.status", "depth", "exchangeInfo", "time", "ping", "session.logon", "userDataStream.subscribe" …); what only
REST has is named in the same manner ("ticker.book", "account.commission" …).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

NEVER = 2**63 - 1


class HttpRequest(msgspec.Struct, frozen=True):
    """A REST request as it came; header names in lower case."""

    method: str
    path: str
    query: str = ""  # raw, without the question mark
    headers: Mapping[str, str] = {}
    body: bytes = b""
    address: str = "127.0.0.1"


class HttpReply(msgspec.Struct, frozen=True):
    """A REST answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Out(msgspec.Struct, frozen=True):
    """One output: "reply" and "drop" go to the HTTP request `to`, "frame" and "close" to the connection `to`.

    A drop ends the TCP connection of a request without an answer.
    """

    kind: Literal["reply", "drop", "frame", "close"]
    to: int
    due: int
    reply: HttpReply | None = None
    payload: bytes = b""


class Request(msgspec.Struct, frozen=True):
    """What is known of a request before it is carried out."""

    kind: str
    transport: Literal["rest", "ws"]
    account: str  # "" if not signed
    symbol: str  # "" if it names none
    address: str
    conn: int = 0  # of the WebSocket API
    params: Mapping[str, str] = {}


class Outcome(msgspec.Struct, frozen=True):
    """What becomes of an answer instead of what it is: lost, another one, or later.

    `status` 0 keeps the answer; otherwise an error of that HTTP status is given, with `code` and `message` as JSON,
    or for code 0 a page that is not JSON (REST), or code -1000 (WebSocket API). `payload` replaces the JSON text of
    the answer (the whole frame on the WebSocket API).
    """

    drop: bool = False
    delay: int = 0  # ns
    status: int = 0
    code: int = 0
    message: str = ""
    retry_after: int = 0  # seconds, for 418 and 429
    payload: bytes | None = None


class VenueEvent(msgspec.Struct, frozen=True):
    """Something that happens to the venue by itself.

    "disconnect" (connections matching), "shutdown" ({"e":"serverShutdown"} to connections matching), "terminate"
    (eventStreamTerminated to user streams matching), "gap" (a symbol's depth update is lost for every subscriber).
    """

    kind: Literal["disconnect", "shutdown", "terminate", "gap"]
    conn: int = 0  # 0: every one
    path: Literal["", "market", "api"] = ""  # which kind of connection; "": both
    symbol: str = ""  # gap; "": every one


class Faults(Protocol):
    """A fault plane. Every hook is called at server time `now`, in a deterministic order."""

    def before_request(self, request: Request, now: int) -> Outcome | None:
        """Before it is carried out; an Outcome (drop or status set) is given instead of carrying it out."""
        ...

    def after_request(self, request: Request, payload: bytes, now: int) -> Outcome | None:
        """After it was carried out (or refused by the venue's rules): what becomes of the answer."""
        ...

    def on_frame(self, conn: int, stream: str, symbol: str, payload: bytes, now: int) -> list[tuple[int, bytes]] | None:
        """A pushed message as (due, payload) each; None: as it is. `stream` is "depth", "trade", "aggTrade",
        "bookTicker", "partialDepth", "ticker", "miniTicker" or "user" (symbol "" for balances).
        """
        ...

    def refuse_connect(self, path: str, address: str, now: int) -> bool:
        """Whether a new WebSocket is refused (503)."""
        ...

    def clock_skew(self, now: int) -> int:
        """Ns added to the venue's clock."""
        ...

    def engine_delay(self, now: int) -> int:
        """Ns that a request for the matching engine waits for its turn."""
        ...

    def frozen(self, conn: int, stream: str, symbol: str, now: int) -> bool:
        """Whether a stream is silent though connected; what it would have sent is lost."""
        ...

    def balance_lag(self, now: int) -> int:
        """Ns by which queries (account, orders, trades) lag the matching engine; at most 60 s."""
        ...

    def banned(self, address: str, now: int) -> int:
        """Until when an address is banned (418); 0: it is not."""
        ...

    def due_events(self, now: int) -> list[VenueEvent]:
        """What happens now; each once."""
        ...

    def next_due(self) -> int:
        """When `due_events` has something next; NEVER if nothing is planned."""
        ...

    def control(self, method: str, path: str, body: bytes, now: int) -> HttpReply:
        """A request to the control port."""
        ...


class NoFaults:
    """A venue at which nothing goes wrong."""

    def before_request(self, request: Request, now: int) -> Outcome | None:
        """Nothing."""

    def after_request(self, request: Request, payload: bytes, now: int) -> Outcome | None:
        """Nothing."""

    def on_frame(self, conn: int, stream: str, symbol: str, payload: bytes, now: int) -> list[tuple[int, bytes]] | None:
        """As it is."""

    def refuse_connect(self, path: str, address: str, now: int) -> bool:
        """Never."""
        return False

    def clock_skew(self, now: int) -> int:
        """None."""
        return 0

    def engine_delay(self, now: int) -> int:
        """None."""
        return 0

    def frozen(self, conn: int, stream: str, symbol: str, now: int) -> bool:
        """Never."""
        return False

    def balance_lag(self, now: int) -> int:
        """None."""
        return 0

    def banned(self, address: str, now: int) -> int:
        """Never."""
        return 0

    def due_events(self, now: int) -> list[VenueEvent]:
        """None."""
        return []

    def next_due(self) -> int:
        """Never."""
        return NEVER

    def control(self, method: str, path: str, body: bytes, now: int) -> HttpReply:
        """There is no fault plane to control."""
        return HttpReply(404, {}, b'{"error":"this venue was started without faults"}')
