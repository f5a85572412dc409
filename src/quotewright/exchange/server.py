"""A venue speaking Binance Spot's REST, streams and WebSocket API, as a pure core: inputs at a time, timed outputs.

It reads no clock, opens no socket and draws nothing but from seeded generators: equal inputs give equal bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from typing import Any, Literal

import msgspec

from quotewright.exchange.accounts import Account
from quotewright.exchange.api_errors import ApiError
from quotewright.exchange.hooks import (
    NEVER,
    Faults,
    HttpReply,
    HttpRequest,
    NoFaults,
    Out,
    Outcome,
    Request,
    VenueEvent,
)
from quotewright.exchange.keys import rest_payload, rest_signature, ws_payloads
from quotewright.exchange.limits import SECOND, Window, banned_error
from quotewright.exchange.orders import ms
from quotewright.exchange.replies import Pending, http_reply, written, ws_error
from quotewright.exchange.requests import (
    METHODS,
    ROUTES,
    Admitted,
    Envelope,
    admit,
    check_names,
    late,
    read_deadline,
    rest_params,
    ws_params,
)
from quotewright.exchange.settings import ExchangeSettings
from quotewright.exchange.streams import Connection, answer, read_name
from quotewright.exchange.venue import Call, Venue

LIFE = 86_400 * SECOND  # of a connection
_PLAIN = {"content-type": "text/html"}


class ExchangeServer:
    """The venue. Call `advance` and `take_out` at `next_due` or later; inputs advance it by themselves."""

    def __init__(self, settings: ExchangeSettings, now: int, faults: Faults | None = None) -> None:
        self.faults: Faults = faults or NoFaults()
        self.venue = Venue(settings, self.faults, self._report, self._push, now)
        self.served = 0  # requests answered
        self.pushed = 0  # messages of streams
        self._now = now
        self._outs: list[tuple[int, int, Out]] = []
        self._waiting: list[tuple[int, int, Pending]] = []  # for the matching engine
        self._engine_free = 0
        self._sequence = 0
        self._last_conn = 0
        self._alive: set[int] = set()
        self._lives: deque[tuple[int, int]] = deque()  # end, connection
        self._talk = Window(SECOND, settings.limits.stream_messages)

    @property
    def accounts(self) -> Mapping[str, Account]:
        """Accounts by name: balances, orders and fills as the matching engine has them."""
        return self.venue.accounts

    @property
    def connections(self) -> int:
        """WebSockets that are open."""
        return len(self.venue.subscriptions.connections)

    def http(self, ref: int, request: HttpRequest, now: int) -> None:
        """A REST request; a "reply" or "drop" to `ref` follows."""
        self.advance(now)
        kind = ROUTES.get((request.method, request.path))
        if kind is None:
            self._put(Out("reply", ref, now, HttpReply(404, _PLAIN, b"<html>Not found</html>")))
            return
        method, body = METHODS[kind], request.body.decode("utf-8", "replace")
        params: dict[str, str] = {}
        error: ApiError | None = None
        try:
            params = rest_params(request.query, body)
            check_names(method, params)
        except ApiError as found:
            error = found
        key = request.headers.get("x-mbx-apikey")
        account = self._account_of(key) if method.signed else ""
        asked = Request(kind, "rest", account, params.get("symbol", ""), request.address, params=params)
        signature = rest_signature(params.get("signature", "").replace(" ", "+"))
        payloads = (rest_payload(request.query, body),)
        self._begin(Pending(asked, method, ref), payloads, key, signature, error)

    def ws_open(self, path: str, address: str, now: int) -> int | HttpReply:
        """A new WebSocket at a path (with its query); its number, or a refusal."""
        self.advance(now)
        plain, _, query = path.partition("?")
        kind: Literal["market", "api"] = "api" if plain.rstrip("/") == "/ws-api/v3" else "market"
        names = _names_in(plain, query) if kind == "market" else []
        counters = self.venue.counters
        if names is None:
            return HttpReply(404, _PLAIN, b"")
        until = self._banned(address, now)
        if until:
            return HttpReply(418, {"retry-after": str(-(-(until - now) // SECOND))}, b"")
        if counters.connections.full(address, now):
            return HttpReply(429, {"retry-after": str(counters.connections.wait(now))}, b"")
        if self.faults.refuse_connect(path, address, now):
            return HttpReply(503, _PLAIN, b"")
        counters.connections.add(address, now)
        counters.weight.add(address, now, 2)
        self._last_conn += 1
        conn = Connection(self._last_conn, kind, address, self.venue.clock(now), wrapped=plain.startswith("/stream"))
        self.venue.subscriptions.connections[conn.number] = conn
        self._alive.add(conn.number)
        self._lives.append((now + LIFE, conn.number))
        for name in names:
            if read_name(name) is not None:  # what is no stream is silent, and no error: clients count in paths
                self.venue.subscriptions.add(conn, name)
        return conn.number

    def ws_text(self, conn: int, text: bytes, now: int) -> None:
        """A message on a WebSocket."""
        self.advance(now)
        found = self.venue.subscriptions.connections.get(conn)
        if found is None:
            return
        if found.kind == "market":
            if self._talk.full(str(conn), now):
                self._close(conn)
                return
            self._talk.add(str(conn), now)
            self._put(Out("frame", conn, now, payload=answer(self.venue.subscriptions, found, text)))
            return
        try:
            asked = msgspec.json.decode(text, type=Envelope)
        except msgspec.DecodeError:
            error = ApiError(-1100, "Illegal characters found in a parameter, or not a JSON request.")
            self._put(Out("frame", conn, now, payload=ws_error(self.venue, None, error, [], now)))
            return
        self._ws_request(found, asked)

    def ws_closed(self, conn: int, now: int) -> None:
        """A WebSocket is gone."""
        self.advance(now)
        self._alive.discard(conn)
        self.venue.subscriptions.drop(conn)

    def advance(self, now: int) -> None:
        """Run everything due at or before `now`."""
        while True:
            due = self._next_step()
            if due > now:
                break
            self._now = max(self._now, due)
            self._step(self._now)
        self._now = max(self._now, now)

    def next_due(self) -> int:
        """When there is something to do or to send next."""
        return min(self._next_step(), self._outs[0][0] if self._outs else NEVER)

    def take_out(self, now: int) -> list[Out]:
        """Outputs due by `now`, in order."""
        taken: list[Out] = []
        while self._outs and self._outs[0][0] <= now:
            out = heappop(self._outs)[2]
            if out.kind in ("frame", "close"):
                if out.to not in self._alive:
                    continue
                if out.kind == "close":
                    self._alive.discard(out.to)
            taken.append(out)
        return taken

    def _next_step(self) -> int:
        due = self.faults.next_due()
        for symbol in self.venue.symbols.values():
            due = min(due, symbol.market.next_due())
        for publisher in self.venue.publishers.values():
            due = min(due, publisher.next_due())
        if self._waiting:
            due = min(due, self._waiting[0][0])
        return min(due, self._lives[0][0]) if self._lives else due

    def _step(self, now: int) -> None:
        for event in self.faults.due_events(now):
            self._happen(event, now)
        while self._lives and self._lives[0][0] <= now:
            self._close(self._lives.popleft()[1])
        for name, symbol in self.venue.symbols.items():
            if symbol.market.next_due() <= now:
                symbol.market.advance(now)
                self._settle(name)
        while self._waiting and self._waiting[0][0] <= now:
            self._execute(heappop(self._waiting)[2])
        for publisher in self.venue.publishers.values():
            if publisher.next_due() <= now:
                publisher.tell_gathered(now)

    def _settle(self, name: str) -> None:
        self.venue.trading.settle(self.venue.symbols[name], self._now)
        self.venue.publishers[name].tell_at_once(self._now)

    def _happen(self, event: VenueEvent, now: int) -> None:
        """An event of the fault plane."""
        if event.kind == "gap":
            for name, symbol in self.venue.symbols.items():
                if event.symbol in ("", name):
                    symbol.book.skip()
            return
        for conn in list(self.venue.subscriptions.connections.values()):
            if event.conn not in (0, conn.number) or event.path not in ("", conn.kind):
                continue
            if event.kind == "disconnect":
                self._close(conn.number)
            elif event.kind == "shutdown":
                told = {"e": "serverShutdown", "E": ms(self.venue.clock(now))}
                payload = msgspec.json.encode({"event": told} if conn.kind == "api" else told)
                self._put(Out("frame", conn.number, now, payload=payload))
            else:
                for number in list(conn.user_streams):
                    self.venue.subscriptions.remove_user(conn, number)
                    self._terminated(conn, number)

    def _terminated(self, conn: Connection, number: int) -> None:
        event = {"e": "eventStreamTerminated", "E": ms(self.venue.clock(self._now))}
        payload = msgspec.json.encode({"subscriptionId": number, "event": event})
        self._put(Out("frame", conn.number, self._now, payload=payload))

    def _close(self, conn: int) -> None:
        self.venue.subscriptions.drop(conn)
        if conn in self._alive:
            self._put(Out("close", conn, self._now))

    def _banned(self, address: str, now: int) -> int:
        return max(self.venue.counters.banned(address, now), self.faults.banned(address, now))

    def _account_of(self, key: str | None) -> str:
        known = self.venue.keys.get(key or "")
        return known[1].name if known else ""

    def _ws_request(self, conn: Connection, asked: Envelope) -> None:
        """A request on the WebSocket API; what is signed may be left unsigned after a log-on."""
        method = METHODS.get(asked.method)
        if method is None or asked.method.startswith(("sapi.", "futures.")):
            error = ApiError(-1000, f"Unknown method: {asked.method[:40]}")
            payload = ws_error(self.venue, asked.id, error, [], self._now)
            self._put(Out("frame", conn.number, self._now, payload=payload))
            return
        params = ws_params(asked.params)
        key, signature = params.get("apiKey"), params.get("signature", "")
        account = self._account_of(key) if key else conn.account.name if conn.account else ""
        symbol = params.get("symbol", "")
        request = Request(asked.method, "ws", account, symbol, conn.address, conn.number, params)
        pending = Pending(request, method, conn.number, asked.id, conn)
        self._begin(pending, ws_payloads(params), key, signature, None)

    def _begin(
        self, pending: Pending, payloads: Sequence[bytes], key: str | None, signature: str, error: ApiError | None
    ) -> None:
        request, method, now = pending.request, pending.method, self._now
        until = self._banned(request.address, now)
        try:
            if until:
                raise banned_error(until, now)
            self.venue.counters.request(request.address, method.cost(request.params), now)
        except ApiError as refused:
            self._reply(pending, None, refused)
            return
        try:
            if error is not None:
                raise error
            pending.admitted = self._admit(pending, payloads, key, signature)
        except ApiError as refused:
            self._finish(pending, None, refused)
            return
        outcome = self.faults.before_request(request, now)
        if outcome is not None:
            self._instead(pending, outcome, b"", None)
            return
        if method.trades:
            due = max(now + self.faults.engine_delay(now), self._engine_free)
            if due > now or self._waiting:
                self._engine_free = due
                self._sequence += 1
                heappush(self._waiting, (due, self._sequence, pending))
                return
        self._execute(pending)

    def _admit(self, pending: Pending, payloads: Sequence[bytes], key: str | None, signature: str) -> Admitted:
        conn, method, params = pending.conn, pending.method, pending.request.params
        if conn is not None and conn.account is not None and method.signed and not signature:
            known = self.venue.keys[conn.key]
            if method.trades and not known[0].may_trade:
                raise ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
            deadline = NEVER
            if "timestamp" in params:
                deadline = read_deadline(self.venue, params, self._now)
            return Admitted(known[0], known[1], deadline)
        return admit(self.venue, method, params, payloads, key, signature, self._now)

    def _execute(self, pending: Pending) -> None:
        """Carry a request out, at its turn in the matching engine if it trades."""
        request, admitted, venue = pending.request, pending.admitted, self.venue
        call = Call(venue, request.kind, request.params, request.address, admitted.key, admitted.account, pending.conn)
        before = dict(pending.conn.user_streams) if pending.conn else {}
        try:
            if venue.clock(self._now) > admitted.deadline:
                raise late()
            self._finish(pending, pending.method.handler(call, self._now), None)
        except ApiError as error:
            self._finish(pending, None, error)
        if pending.method.trades and request.symbol in venue.symbols:
            self._settle(request.symbol)
        if pending.conn:
            for number in before.keys() - pending.conn.user_streams.keys():
                self._terminated(pending.conn, number)

    def _finish(self, pending: Pending, result: Any, error: ApiError | None) -> None:
        payload = self._written(pending, result, error)
        outcome = self.faults.after_request(pending.request, payload, self._now)
        if outcome is not None:
            self._instead(pending, outcome, payload, error)
        else:
            self._send(pending, payload, error, self._now)

    def _reply(self, pending: Pending, result: Any, error: ApiError | None) -> None:
        self._send(pending, self._written(pending, result, error), error, self._now)

    def _instead(self, pending: Pending, outcome: Outcome, payload: bytes, error: ApiError | None) -> None:
        """Give the answer that a fault makes of it."""
        due = self._now + outcome.delay
        if outcome.drop:
            if pending.conn is None:
                self._put(Out("drop", pending.to, due))
            return
        if outcome.status:
            code = outcome.code or (-1000 if pending.conn else 0)
            error = ApiError(code, outcome.message or "Internal error.", outcome.status, outcome.retry_after)
            payload = self._written(pending, None, error)
        self._send(pending, outcome.payload if outcome.payload is not None else payload, error, due)

    def _written(self, pending: Pending, result: Any, error: ApiError | None) -> bytes:
        return written(self.venue, pending, result, error, self._now)

    def _send(self, pending: Pending, payload: bytes, error: ApiError | None, due: int) -> None:
        self.served += 1
        if pending.conn is not None:
            self._put(Out("frame", pending.to, due, payload=payload))
        else:
            self._put(Out("reply", pending.to, due, http_reply(self.venue, pending, payload, error, self._now)))

    def _report(self, account: Account, symbol: str, event: dict[str, Any]) -> None:
        """Push an account's event to whoever subscribed to it."""
        listeners = self.venue.subscriptions.by_account.get(account.number)
        if listeners:
            raw = msgspec.json.encode(event)
            for (_, number), conn in list(listeners.items()):
                self._push_frame(conn, "user", symbol, b'{"subscriptionId":%d,"event":%b}' % (number, raw), self._now)

    def _push(self, conn: Connection, kind: str, symbol: str, name: str, raw: bytes, now: int) -> None:
        if conn.wrapped:
            raw = b'{"stream":"%b","data":%b}' % (name.encode(), raw)
        self._push_frame(conn, kind, symbol, raw, now)

    def _push_frame(self, conn: Connection, kind: str, symbol: str, payload: bytes, now: int) -> None:
        if self.faults.frozen(conn.number, kind, symbol, now):
            return
        self.pushed += 1
        frames = self.faults.on_frame(conn.number, kind, symbol, payload, now)
        for due, frame in [(now, payload)] if frames is None else frames:
            self._put(Out("frame", conn.number, due, payload=frame))

    def _put(self, out: Out) -> None:
        self._sequence += 1
        heappush(self._outs, (out.due, self._sequence, out))


def _names_in(path: str, query: str) -> list[str] | None:
    """Streams named in the address of a WebSocket; None for an address that is none."""
    if path.rstrip("/") in ("/ws", "/stream"):
        streams = [part.removeprefix("streams=") for part in query.split("&") if part.startswith("streams=")]
        return [name for name in "/".join(streams).split("/") if name]
    return path[4:].strip("/").split("/") if path.startswith("/ws/") else None
