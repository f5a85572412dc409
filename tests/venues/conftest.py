"""A venue in this process, under a virtual clock, and the native adapter connected to it."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from quotewright.domain.events import EventArray
from quotewright.domain.instrument import Instrument
from quotewright.exchange.hooks import Faults, HttpReply, HttpRequest
from quotewright.exchange.keys import ApiKey
from quotewright.exchange.limits import Limits
from quotewright.exchange.quiet_market import QuietSettings
from quotewright.exchange.server import ExchangeServer
from quotewright.exchange.settings import AccountSettings, ExchangeSettings
from quotewright.gateway.port import Fact
from quotewright.venues.binance import BinanceSpot
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.signing import HmacKey, Key

MS = 1_000_000
S = 1_000_000_000
START = 1_700_000_000 * S
FEE = "0.001"


def spot(base: str, **fields: str) -> Instrument:
    """An instrument as the venue in this process states it."""
    given = {"tick": "0.01", "lot": "0.0001", "min_notional": "5", "maker_rate": FEE, "taker_rate": FEE} | fields
    return Instrument("binance-spot", f"{base}USDT", "spot", base, "USDT", fee_asset="received", **given)  # type: ignore[arg-type]


class LoopbackWire:
    """A `Wire` to a venue in this process: everything takes `trip` ns each way."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.listener: BinanceSpot | None = None
        self.names: dict[str, int] = {}  # open here: connection at the venue
        self.sent: list[tuple[str, bytes]] = []
        self.requests: list[tuple[str, str]] = []
        self.deaf: set[str] = set()  # connections on which nothing gets through any more
        self.lost: Callable[[str], bool] = lambda url: False  # requests without an answer

    def connect(self, name: str, url: str) -> None:
        path = "/" + url.split("://", 1)[1].partition("/")[2]
        self.world.later(self._arrive, name, path)

    def _arrive(self, name: str, path: str) -> None:
        opened = self.world.server.ws_open(path, "127.0.0.1", self.world.now)
        if isinstance(opened, HttpReply):
            self.world.later(self._tell, "on_close", name, f"HTTP {opened.status}")
            return
        self.names[name] = opened
        self.world.later(self._tell, "on_open", name)

    def _tell(self, what: str, *given: Any) -> None:
        assert self.listener is not None
        getattr(self.listener, what)(*given, self.world.now)

    def send(self, name: str, text: bytes) -> bool:
        if name not in self.names:
            return False
        self.sent.append((name, text))
        if name not in self.deaf:
            self.world.later(self._hear, name, text)
        return True

    def _hear(self, name: str, text: bytes) -> None:
        if name in self.names:
            self.world.server.ws_text(self.names[name], text, self.world.now)

    def close(self, name: str) -> None:
        number = self.names.pop(name, None)
        if number is not None:
            self.world.server.ws_closed(number, self.world.now)
            self.world.later(self._tell, "on_close", name, "closed by us")

    def cut(self, name: str) -> None:
        """The connection is lost."""
        number = self.names.pop(name)
        self.world.server.ws_closed(number, self.world.now)
        self._tell("on_close", name, "reset")

    def request(self, ref: int, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        self.requests.append((method, url))
        if self.lost(url):
            return
        path, _, query = ("/" + url.split("://", 1)[1].partition("/")[2]).partition("?")
        lower = {name.lower(): value for name, value in headers.items()}
        self.world.later(self._serve, ref, HttpRequest(method, path, query, lower, body))

    def _serve(self, ref: int, request: HttpRequest) -> None:
        self.world.server.http(ref, request, self.world.now)

    def carry(self) -> None:
        """Send off what the venue has put out."""
        for out in self.world.server.take_out(self.world.now):
            if out.kind == "frame":
                self.world.later(self._frame, out.to, out.payload)
            elif out.kind == "close":
                self.world.later(self._closed, out.to)
            elif out.kind == "reply" and out.reply is not None:
                reply = out.reply
                self.world.later(self._tell, "on_reply", out.to, reply.status, reply.headers, reply.body)
            else:
                self.world.later(self._tell, "on_failure", out.to, True, "connection lost")

    def _name(self, number: int) -> str:
        return next((name for name, found in self.names.items() if found == number), "")

    def _frame(self, number: int, payload: bytes) -> None:
        name = self._name(number)
        if name and name not in self.deaf:
            self._tell("on_text", name, payload)

    def _closed(self, number: int) -> None:
        name = self._name(number)
        if name:
            del self.names[name]
            self._tell("on_close", name, "closed by the venue")


class World:
    """Clock, venue, wire and adapter; `facts` and `rows` collect what the adapter tells."""

    def __init__(
        self,
        *,
        instruments: Sequence[Instrument] | None = None,
        given: Sequence[Instrument] | None = None,
        settings: BinanceSettings | None = None,
        faults: Faults | None = None,
        limits: Limits | None = None,
        keys: Sequence[ApiKey] = (),
        key: Key | None = None,
        market_only: bool = False,
        trip: int = MS,
        skew: int = 0,
        **market: Any,
    ) -> None:
        self.now = START
        self.trip = trip
        self._queue: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0
        stated = list(instruments or [spot("BTC"), spot("ETH")])
        secret = f"{random.Random(7).getrandbits(256):064x}"
        balances = {"USDT": "1000000", **{each.base: "1000" for each in stated}}
        account = AccountSettings("desk", [ApiKey("key", secret), *keys], balances, FEE, FEE)
        markets = [QuietSettings(each, seed=index, **market) for index, each in enumerate(stated)]
        exchange = ExchangeSettings(markets, [account], limits or Limits())
        self.server = ExchangeServer(exchange, START + skew, faults)
        self.wire = LoopbackWire(self)
        self.facts: list[Fact] = []
        self.told: list[tuple[int, Fact]] = []
        self.chunks: list[EventArray] = []
        self.tapped: list[tuple[str, bytes, int]] = []
        self.adapter = BinanceSpot(
            self.wire,
            given or stated,
            self._fact,
            lambda rows, now: self.chunks.append(rows),
            settings or BinanceSettings(rest_url="http://v", stream_url="ws://v", api_url="ws://v/ws-api/v3"),
            None if market_only else key or HmacKey("key", secret),
            random.Random(1),
            tap=lambda name, text, now: self.tapped.append((name, text, now)),
        )
        self.wire.listener = self.adapter

    def _fact(self, fact: Fact, now: int) -> None:
        self.facts.append(fact)
        self.told.append((now, fact))

    def later(self, call: Callable[..., None], *given: Any) -> None:
        self._count += 1
        heapq.heappush(self._queue, (self.now + self.trip, self._count, call, given))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + int(seconds * S)
        while True:
            self.wire.carry()
            due = min(self.server.next_due(), self.adapter.next_due(), self._queue[0][0] if self._queue else end)
            if due >= end:
                break
            self.now = max(self.now, due)
            if self._queue and self._queue[0][0] <= self.now:
                _, _, call, given = heapq.heappop(self._queue)
                call(*given)
            self.server.advance(self.now)
            self.wire.carry()
            if self.adapter.next_due() <= self.now:
                self.adapter.on_time(self.now)
                assert self.adapter.next_due() > self.now  # else it would be called for ever
        self.now = end

    def until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        """Let time pass until something holds."""
        end = self.now + int(seconds * S)
        while not condition():
            assert self.now < end, f"not within {seconds} s; facts: {self.facts[-10:]}"
            self.run(0.005)

    def start(self) -> World:
        """Start, and wait for everything to be up."""
        self.adapter.start(self.now)
        self.until(lambda: self.adapter.ready and all(stream.synced for stream in self.adapter.feed.streams))
        if self.adapter.capabilities.user_stream:
            self.until(lambda: self.adapter.stream_up)
        return self

    def of(self, kind: type) -> list[Any]:
        """Facts of a kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def take(self) -> list[Fact]:
        """Facts since the last time."""
        taken, self.facts = self.facts, []
        return taken

    @property
    def events(self) -> EventArray:
        """Every row so far."""
        return np.concatenate(self.chunks)


@pytest.fixture(name="make_world")
def _make_world() -> type[World]:
    return World
