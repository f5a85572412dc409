"""The network between a session and the venue server, in one process and under virtual time, with its own faults.

Messages of one connection keep their order, as on TCP; HTTP requests and answers overtake each other. What a process
sent before it died still arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from random import Random
from typing import Any

from quotewright.exchange.hooks import HttpReply, HttpRequest, Out
from quotewright.exchange.server import ExchangeServer
from quotewright.simtest.mortality import Mortality
from quotewright.simtest.plan import MS, NetworkFault
from quotewright.venues.wire import Listener

NEVER = 2**63 - 1
REFUSED_AFTER = 50 * MS  # a connection to where there is no route
Trace = Callable[[int, str], None]
Digest = Callable[[bytes], None]


class Connection:
    """One WebSocket: its ends at the client and at the venue, which may differ in what they know."""

    __slots__ = ("back", "client_open", "forth", "name", "number", "path", "torn", "wire")

    def __init__(self, wire: SimWire, name: str, path: str) -> None:
        self.wire = wire
        self.name = name
        self.path = path
        self.number = 0  # at the venue; 0: not open there
        self.client_open = False
        self.torn = False  # nothing gets through any more
        self.forth = 0  # when the latest message to the venue arrives
        self.back = 0


class Network:
    """Carries everything; call `run` at `next_due`. `start` is the time that faults are counted from."""

    def __init__(
        self,
        server: ExchangeServer,
        rng: Random,
        latency: int,
        jitter: int,
        faults: tuple[NetworkFault, ...],
        start: int,
        trace: Trace | None,
        digest: Digest,
    ) -> None:
        self.server = server
        self.applied: dict[str, int] = {}
        self.sent = 0  # messages and requests that sessions sent
        self.trace = trace
        self.digest = digest
        self._rng = rng
        self._latency = latency
        self._jitter = jitter
        self._faults = faults
        self._start = start
        self._end = start + max((fault.end for fault in faults), default=0)
        self._queue: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._sequence = 0
        self._at_venue: dict[int, Connection] = {}
        self._requests: dict[int, tuple[SimWire, int]] = {}
        self._last_request = 0

    def next_due(self) -> int:
        """When something arrives, or the venue does something."""
        due = self.server.next_due()
        return min(due, self._queue[0][0]) if self._queue else due

    def run(self, now: int) -> None:
        """Let the venue act, and everything arrive that is due."""
        self.server.advance(now)
        self.collect(now)
        while self._queue and self._queue[0][0] <= now:
            due, _, call, given = heappop(self._queue)
            call(due, *given)

    def drain(self, until: int) -> int:
        """Let what is under way arrive, though nobody listens any more; returns when the last of it did."""
        now = 0
        while self._queue and self._queue[0][0] <= until:
            now = self._queue[0][0]
            self.run(now)
        return now

    def collect(self, now: int) -> None:
        """Send off what the venue has put out."""
        for out in self.server.take_out(now):
            self._carry(out, now)

    def strikes(self, kind: str, now: int) -> NetworkFault | None:
        """The fault of a kind that hits now, if one does."""
        if now >= self._end:
            return None
        for fault in self._faults:
            if fault.kind != kind or not fault.start <= now - self._start < fault.end:
                continue
            if fault.probability >= 1 or self._rng.random() < fault.probability:
                self.applied[kind] = self.applied.get(kind, 0) + 1
                return fault
        return None

    def later(self, due: int, call: Callable[..., None], *given: Any) -> None:
        """Have something happen."""
        self._sequence += 1
        heappush(self._queue, (due, self._sequence, call, given))

    def trip(self, now: int) -> int:
        """How long a message takes."""
        time = self._latency + int(self._rng.random() * self._jitter)
        fault = self.strikes("lag", now)
        return time + int(self._rng.random() * fault.magnitude) if fault else time

    # from a client

    def open(self, conn: Connection, now: int) -> None:
        """A client wants a connection."""
        if self.strikes("no_route", now):
            self.later(now + REFUSED_AFTER, self._refused, conn, "no route")
            return
        conn.forth = now + self.trip(now)
        self.later(conn.forth, self._arrive, conn)

    def text(self, conn: Connection, text: bytes, now: int) -> None:
        """A client sends a message."""
        self.sent += 1
        self.digest(b"%d %s " % (now, conn.name.encode()) + text)
        if self.trace:
            self.trace(now, f"> {conn.name} {text.decode(errors='replace')[:600]}")
        if conn.torn or self._hurt(conn, now):
            return
        conn.forth = max(conn.forth, now + self.trip(now))
        self.later(conn.forth, self._hear, conn, text)

    def hang_up(self, conn: Connection, now: int) -> None:
        """A client closes a connection, in order behind what it sent."""
        if not conn.torn:
            conn.forth = max(conn.forth, now + self.trip(now))
            self.later(conn.forth, self._closed_at_venue, conn)

    def request(self, wire: SimWire, ref: int, request: HttpRequest, now: int) -> None:
        """A client sends an HTTP request."""
        self.sent += 1
        self.digest(b"%d %s %s?%s" % (now, request.method.encode(), request.path.encode(), request.query.encode()))
        if self.trace:
            self.trace(now, f"> http {ref} {request.method} {request.path}?{request.query}")
        if self.strikes("no_route", now):
            self.later(now + REFUSED_AFTER, self._failed, wire, ref, False, "no route")
            return
        self._last_request += 1
        self._requests[self._last_request] = (wire, ref)
        self.later(now + wire.timeout, self._time_out, self._last_request)
        if not self.strikes("lost_request", now):
            self.later(now + self.trip(now), self._serve, self._last_request, request)

    def kill(self, wire: SimWire, now: int, noticed_after: int) -> None:
        """A process is gone: its sockets close after what it sent, or the venue finds out much later."""
        for conn in wire.connections.values():
            conn.client_open = False
            conn.forth = max(conn.forth, now + self.trip(now)) + noticed_after
            self.later(conn.forth, self._closed_at_venue, conn)
        wire.connections.clear()

    # at the venue

    def _arrive(self, now: int, conn: Connection) -> None:
        if conn.torn:
            return
        opened = self.server.ws_open(conn.path, conn.wire.address, now)
        conn.back = now + self.trip(now)
        if isinstance(opened, HttpReply):
            self.later(conn.back, self._refused, conn, f"HTTP {opened.status}")
        else:
            conn.number = opened
            self._at_venue[opened] = conn
            self.later(conn.back, self._opened, conn)
        self.collect(now)

    def _hear(self, now: int, conn: Connection, text: bytes) -> None:
        if conn.number:
            self.server.ws_text(conn.number, text, now)
            self.collect(now)

    def _serve(self, now: int, ref: int, request: HttpRequest) -> None:
        self.server.http(ref, request, now)
        self.collect(now)

    def _closed_at_venue(self, now: int, conn: Connection) -> None:
        if conn.number and self._at_venue.pop(conn.number, None):
            self.server.ws_closed(conn.number, now)
            conn.number = 0

    def _carry(self, out: Out, now: int) -> None:
        if out.kind in ("frame", "close"):
            conn = self._at_venue.get(out.to)
            if conn is None:
                return
            if out.kind == "close":
                del self._at_venue[out.to]
                conn.number = 0
                conn.back = max(conn.back, now + self.trip(now))
                self.later(conn.back, self._closed_at_client, conn, "closed by the venue")
            elif not self._hurt(conn, now):
                conn.back = max(conn.back, now + self.trip(now))
                self.later(conn.back, self._told, conn, out.payload)
        elif out.to in self._requests:
            wire, ref = self._requests[out.to]
            if self.strikes("lost_reply", now):
                return
            del self._requests[out.to]
            if out.kind == "reply" and out.reply is not None:
                self.later(now + self.trip(now), self._replied, wire, ref, out.reply)
            else:
                self.later(now + self.trip(now), self._failed, wire, ref, True, "connection lost")

    def _hurt(self, conn: Connection, now: int) -> bool:
        """Whether the network loses a message, with or without the connection."""
        if now >= self._end:
            return conn.torn
        if conn.torn or self.strikes("silence", now) or self.strikes("no_route", now):
            return True
        if self.strikes("cut", now):
            self._tear(conn, now, 0, 0)
            return True
        fault = self.strikes("half_open", now)
        if fault:
            first = self._rng.random() < 0.5
            self._tear(conn, now, fault.magnitude if first else 0, 0 if first else fault.magnitude)
            return True
        return False

    def _tear(self, conn: Connection, now: int, client_after: int, venue_after: int) -> None:
        conn.torn = True
        self.later(now + self._latency + client_after, self._closed_at_client, conn, "connection reset")
        self.later(now + self._latency + venue_after, self._closed_at_venue, conn)

    # at the client

    def _opened(self, now: int, conn: Connection) -> None:
        if not conn.torn and conn.wire.connections.get(conn.name) is conn:
            conn.client_open = True
            self._say(now, f"< {conn.name} open")
            conn.wire.deliver(now, "on_open", conn.name)

    def _refused(self, now: int, conn: Connection, why: str) -> None:
        self._closed_at_client(now, conn, why)

    def _told(self, now: int, conn: Connection, text: bytes) -> None:
        if conn.client_open:
            if self.trace:
                self.trace(now, f"< {conn.name} {text.decode(errors='replace')[:600]}")
            conn.wire.deliver(now, "on_text", conn.name, text)

    def _closed_at_client(self, now: int, conn: Connection, why: str) -> None:
        conn.client_open = False
        if conn.wire.connections.get(conn.name) is conn:
            del conn.wire.connections[conn.name]
            self._say(now, f"< {conn.name} closed: {why}")
            conn.wire.deliver(now, "on_close", conn.name, why)

    def closed_by_client(self, now: int, conn: Connection) -> None:
        """The client hears of what it did itself."""
        conn.wire.deliver(now, "on_close", conn.name, "closed")

    def _replied(self, now: int, wire: SimWire, ref: int, reply: HttpReply) -> None:
        self._say(now, f"< http {ref} {reply.status} {reply.body[:300]!r}")
        wire.deliver(now, "on_reply", ref, reply.status, reply.headers, reply.body)

    def _failed(self, now: int, wire: SimWire, ref: int, left: bool, why: str) -> None:
        self._say(now, f"< http {ref} failed: {why}")
        wire.deliver(now, "on_failure", ref, left, why)

    def _time_out(self, now: int, request: int) -> None:
        if request in self._requests:
            wire, ref = self._requests.pop(request)
            self._failed(now, wire, ref, True, "time-out")

    def _say(self, now: int, text: str) -> None:
        if self.trace:
            self.trace(now, text)


class SimWire:
    """See `venues.wire.Wire`: one process's way to the network, until the process dies."""

    def __init__(self, network: Network, mortality: Mortality, address: str, timeout: int) -> None:
        self.address = address
        self.timeout = timeout  # of an HTTP request, ns
        self.connections: dict[str, Connection] = {}
        self.listener: Listener | None = None
        self.guard: Callable[..., None] | None = None  # runs every call into the process
        self.now = 0
        self._network = network
        self._mortality = mortality

    def deliver(self, now: int, what: str, *given: Any) -> None:
        """Call the listener, if there still is one."""
        if self.listener is not None and self.guard is not None:
            self.now = now
            self.guard(now, getattr(self.listener, what), *given, now)

    def connect(self, name: str, url: str) -> None:
        """Open a WebSocket."""
        self._mortality.before()
        path = "/" + url.partition("://")[2].partition("/")[2]
        conn = self.connections[name] = Connection(self, name, path)
        self._network.open(conn, self.now)
        self._mortality.after()

    def send(self, name: str, text: bytes) -> bool:
        """Send a message; False if the connection is not open."""
        conn = self.connections.get(name)
        if conn is None or not conn.client_open:
            return False
        self._mortality.before()
        self._network.text(conn, bytes(text), self.now)
        self._mortality.after()
        return True

    def close(self, name: str) -> None:
        """Close a WebSocket."""
        conn = self.connections.pop(name, None)
        if conn is not None:
            conn.client_open = False
            self._network.hang_up(conn, self.now)
            self._network.later(self.now, self._network.closed_by_client, conn)

    def request(self, ref: int, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Send an HTTP request."""
        self._mortality.before()
        rest, _, query = url.partition("?")
        path = "/" + rest.partition("://")[2].partition("/")[2]
        lower = {name.lower(): value for name, value in headers.items()}
        self._network.request(self, ref, HttpRequest(method, path, query, lower, body, self.address), self.now)
        self._mortality.after()
