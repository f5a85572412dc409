"""The ways in which an adapter meets the venue server: through memory under a virtual clock, and over sockets."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from heapq import heappop, heappush
from typing import Any

import aiohttp
from conformance_bench import INSTRUMENTS, SECOND, Keys, Switchboard, decoded, exchange_settings, signed_request

from quotewright.domain.events import EventArray
from quotewright.domain.instrument import Instrument
from quotewright.exchange.hooks import HttpReply, HttpRequest
from quotewright.exchange.http_driver import running
from quotewright.exchange.server import ExchangeServer
from quotewright.gateway.port import Fact, StreamUp
from quotewright.venues.binance import BinanceSpot
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.ccxt_settings import CcxtKey, CcxtSettings
from quotewright.venues.ccxt_venue import CcxtVenue
from quotewright.venues.signing import HmacKey
from quotewright.venues.sockets import SocketWire, SteadyClock

MS = 10**6
DELAY = MS  # one way, in memory
HOST = "http://venue"


def native_settings(rest: str, streams: str) -> BinanceSettings:
    """Short waits, so that what must time out does so within a test."""
    return BinanceSettings(
        rest_url=rest,
        stream_url=streams,
        api_url=streams + "/ws-api/v3",
        answer_timeout=SECOND // 2,
        rest_timeout=SECOND,
        backoff=50 * MS,
        snapshot_retry=100 * MS,
        overlap=200 * MS,
    )


class Recorder:
    """What adapters are given to tell."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.rows: list[EventArray] = []
        self.switch = Switchboard()
        self.keys = (Keys(), Keys())

    def sink(self, fact: Fact, now: int) -> None:
        self.facts.append(fact)

    def take_rows(self, events: EventArray, now: int) -> None:
        self.rows.append(events.copy())


class MemoryWire:
    """A `Wire` to a venue core in the same process, every message a millisecond under way."""

    def __init__(self, server: ExchangeServer, now: int) -> None:
        self.server = server
        self.now = now
        self.listener: Any = None
        self.replies: dict[int, Any] = {}  # of requests that are not the adapter's, by ref
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._conns: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._seq = 0

    def later(self, what: Callable[[], None], due: int = 0) -> None:
        self._seq += 1
        heappush(self._heap, (due or self.now + DELAY, self._seq, what))

    def connect(self, name: str, url: str) -> None:
        def arrive() -> None:
            opened = self.server.ws_open("/" + url.split("/", 3)[3], "127.0.0.1", self.now)
            if isinstance(opened, HttpReply):
                self.later(lambda: self.listener.on_close(name, f"refused: {opened.status}", self.now))
                return
            self._conns[name] = opened
            self._names[opened] = name
            self.later(lambda: self.listener.on_open(name, self.now))

        self.later(arrive)

    def send(self, name: str, text: bytes) -> bool:
        conn = self._conns.get(name)
        if conn is None:
            return False
        self.later(lambda: self.server.ws_text(conn, text, self.now))
        return True

    def close(self, name: str) -> None:
        conn = self._conns.pop(name, None)
        if conn is not None:
            del self._names[conn]
            self.later(lambda: self.server.ws_closed(conn, self.now))
            self.later(lambda: self.listener.on_close(name, "closed by us", self.now))

    def request(self, ref: int, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        path, _, query = url.removeprefix(HOST).partition("?")
        lower = {header.lower(): value for header, value in headers.items()}
        asked = HttpRequest(method, path, query, lower, body)
        self.later(lambda: self.server.http(ref, asked, self.now))

    def step(self, next_due: int) -> int:
        """Go to whatever is next, no later than `next_due`; the time then."""
        due = min(next_due, self.server.next_due(), self._heap[0][0] if self._heap else next_due)
        self.now = max(self.now, due)
        while self._heap and self._heap[0][0] <= self.now:
            heappop(self._heap)[2]()
        self.server.advance(self.now)
        for out in self.server.take_out(self.now):
            self._deliver(out)
        return self.now

    def _deliver(self, out: Any) -> None:
        if out.kind in ("reply", "drop") and out.to < 0:
            self.replies[out.to] = out.reply
        elif out.kind == "reply":
            reply = out.reply
            self.later(lambda: self.listener.on_reply(out.to, reply.status, reply.headers, reply.body, self.now))
        elif out.kind == "drop":
            self.later(lambda: self.listener.on_failure(out.to, True, "dropped", self.now))
        elif (name := self._names.get(out.to)) is not None:
            if out.kind == "frame":
                self.later(lambda: self.listener.on_text(name, out.payload, self.now))
            else:
                del self._names[out.to], self._conns[name]
                self.later(lambda: self.listener.on_close(name, "closed by the venue", self.now))


class MemoryRig(Recorder):
    """The native adapter under a virtual clock."""

    def __init__(self) -> None:
        super().__init__()
        start = 1_700_000_000 * SECOND
        self.server = ExchangeServer(exchange_settings(*self.keys), start, self.switch)
        self.wire = MemoryWire(self.server, start)
        key = HmacKey(self.keys[0].name, self.keys[0].secret)
        settings = native_settings(HOST, "ws://venue")
        self.port = BinanceSpot(self.wire, INSTRUMENTS, self.sink, self.take_rows, settings, key, random.Random(1))
        self.wire.listener = self.port
        self._asked = 0
        self.port.start(start)

    def now(self) -> int:
        return self.wire.now

    def until(self, true: Callable[[], Any], seconds: float = 8.0) -> bool:
        end = self.wire.now + int(seconds * SECOND)
        while not true():
            if self.wire.now >= end:
                return False
            now = self.wire.step(min(self.port.next_due(), end))
            if self.port.next_due() <= now:
                self.port.on_time(now)
        return True

    def call(self, work: Callable[[], Any]) -> Any:
        return work()

    def other(self, method: str, path: str, **params: str | int) -> Any:
        self._asked -= 1
        ref = self._asked
        signed = path not in ("/api/v3/depth",)
        request = signed_request(self.keys[1], method, path, params, self.server.venue.clock(self.wire.now))
        if not signed:
            query = "&".join(f"{name}={value}" for name, value in params.items())
            request = HttpRequest(method, path, query)
        self.server.http(ref, request, self.wire.now)
        assert self.until(lambda: ref in self.wire.replies)
        return decoded(self.wire.replies.pop(ref).body)

    def close(self) -> None:
        self.port.stop(self.wire.now)


class SocketRig(Recorder):
    """An adapter on this thread's loop, the venue in a thread of its own."""

    def __init__(self, adapter: Callable[[SocketRig], Any]) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = SteadyClock()
        self._stack = contextlib.ExitStack()
        settings = exchange_settings(*self.keys)
        self.serving = self._stack.enter_context(running(settings, make_faults=lambda now: self.switch))
        self.ending: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self.http: Any = None

        async def begin() -> None:
            self.http = aiohttp.ClientSession()
            self.port = adapter(self)
            self.port.start(self.clock())

        self.loop.run_until_complete(begin())

    def now(self) -> int:
        return self.clock()

    def until(self, true: Callable[[], Any], seconds: float = 8.0) -> bool:
        end = self.clock() + int(seconds * SECOND)
        while not true():
            now = self.clock()
            if now >= end:
                return False
            self.call(self._turn)
        return True

    def call(self, work: Callable[[], Any]) -> Any:
        async def within() -> Any:
            done = work()
            await asyncio.sleep(0.001)
            return done

        return self.loop.run_until_complete(within())

    def _turn(self) -> None:
        now = self.clock()
        if self.port.next_due() <= now:
            self.port.on_time(now)

    def other(self, method: str, path: str, **params: str | int) -> Any:
        now = self.clock() + self.switch.skew
        request = signed_request(self.keys[1], method, path, params, now)
        query = request.query if path != "/api/v3/depth" else "&".join(f"{key}={params[key]}" for key in params)

        async def ask() -> Any:
            url = aiohttp.client.URL(f"{self.serving.rest}{path}?{query}", encoded=True)
            async with self.http.request(method, url, headers=dict(request.headers)) as answer:
                return decoded(await answer.read())

        return self.loop.run_until_complete(ask())

    def close(self) -> None:
        async def end() -> None:
            for ending in self.ending:
                await ending()
            await self.http.close()

        self.loop.run_until_complete(end())
        self._stack.close()
        self.loop.close()


def native_over_sockets(rig: SocketRig) -> BinanceSpot:
    """The native adapter on real connections."""
    wire = SocketWire(rig.clock, request_timeout=1.0)
    key = HmacKey(rig.keys[0].name, rig.keys[0].secret)
    settings = native_settings(rig.serving.rest, rig.serving.streams)
    adapter = BinanceSpot(wire, INSTRUMENTS, rig.sink, rig.take_rows, settings, key, random.Random(1))
    wire.listener = adapter

    async def end() -> None:
        adapter.stop(rig.clock())
        await wire.shut()

    rig.ending.append(end)
    return adapter


def ccxt_settings(rig: SocketRig) -> CcxtSettings:
    """Short waits, so that what must time out does so within a test."""
    return CcxtSettings(
        exchange="binance",
        base_url=rig.serving.rest,
        time_out=SECOND // 2,
        request_window=5 * SECOND,
        backoff=50 * MS,
        stream_patience=SECOND // 2,
        stale_after=SECOND,
        rules_interval=SECOND // 2,
        doubt_hold=SECOND // 5,
    )


def ccxt_key(rig: SocketRig) -> CcxtKey:
    """Our account's key."""
    return CcxtKey(rig.keys[0].name, rig.keys[0].secret)


def ccxt_over_sockets(rig: SocketRig, given: Sequence[Instrument] = INSTRUMENTS) -> CcxtVenue:
    """The adapter over ccxt on real connections."""
    settings = ccxt_settings(rig)
    adapter = CcxtVenue(given, rig.sink, rig.take_rows, settings, ccxt_key(rig), rig.clock, random.Random(1))
    rig.ending.append(adapter.close)
    return adapter


RIGS: dict[str, Callable[[], Any]] = {
    "native-memory": MemoryRig,
    "native-sockets": lambda: SocketRig(native_over_sockets),
    "ccxt-sockets": lambda: SocketRig(ccxt_over_sockets),
}


def up(rig: Any) -> bool:
    """Whether the user stream is up."""
    return rig.until(lambda: StreamUp() in rig.facts, 20)
