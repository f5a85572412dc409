"""What every adapter must do alike, stated on `gateway.port` and on a venue whose market stands still.

A `Rig` is an adapter connected to the venue server, and the means to pass time, trade against it and disturb it.
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

import numpy as np

from quotewright.domain.events import ASK, BID, CLEAR, LEVEL, STATUS, EventArray, Status
from quotewright.domain.instrument import Instrument
from quotewright.exchange.hooks import NEVER, HttpRequest, NoFaults, Outcome, Request, VenueEvent
from quotewright.exchange.keys import ApiKey
from quotewright.exchange.quiet_market import QuietSettings
from quotewright.exchange.settings import AccountSettings, ExchangeSettings
from quotewright.gateway.port import Fact, NewOrder, OrderReport, OrderStatus, Source, StreamDown, StreamUp, VenuePort

SECOND = 10**9
MID = 100_000  # ticks; the house quotes from two ticks away
RATE = 75_000  # of both sides' fees, 1e-8


def instrument(symbol: str, **changes: str) -> Instrument:
    """A spot pair of the venue under test."""
    fields = {"tick": "0.01", "lot": "0.0001", "min_qty": "0.0001", "max_qty": "9000", "min_notional": "0.1"}
    fields |= {"min_price": "0.01", "max_price": "1000000"}
    fields |= {"maker_rate": "0.00075", "taker_rate": "0.00075", "fee_asset": "received", **changes}
    return Instrument("binance-spot", symbol, "spot", symbol.removesuffix("USDT"), "USDT", **fields)  # type: ignore[arg-type]


INSTRUMENTS = [instrument("BTCUSDT"), instrument("ETHUSDT")]


class Switchboard(NoFaults):
    """Faults thrown by hand."""

    def __init__(self) -> None:
        self.events: list[VenueEvent] = []
        self.before: dict[str, Outcome] = {}  # by kind of request: every one, until taken out
        self.after: dict[str, Outcome] = {}
        self.skew = 0
        self.shut = False  # to new WebSockets
        self.silent = ""  # a stream that says nothing
        self.renamed: tuple[bytes, bytes] | None = None  # in frames of the user stream

    def before_request(self, request: Request, now: int) -> Outcome | None:
        return self.before.get(request.kind) if request.account != "other" else None

    def after_request(self, request: Request, payload: bytes, now: int) -> Outcome | None:
        return self.after.get(request.kind) if request.account != "other" else None

    def refuse_connect(self, path: str, address: str, now: int) -> bool:
        return self.shut

    def clock_skew(self, now: int) -> int:
        return self.skew

    def frozen(self, conn: int, stream: str, symbol: str, now: int) -> bool:
        return stream == self.silent

    def on_frame(self, conn: int, stream: str, symbol: str, payload: bytes, now: int) -> list[tuple[int, bytes]] | None:
        if self.renamed is None or stream != "user":
            return None
        return [(now, payload.replace(*self.renamed))]

    def due_events(self, now: int) -> list[VenueEvent]:
        events, self.events = self.events, []
        return events

    def next_due(self) -> int:
        return 0 if self.events else NEVER


@dataclass
class Keys:
    """An account's key, made for one run."""

    name: str = field(default_factory=lambda: secrets.token_hex(16))
    secret: str = field(default_factory=lambda: secrets.token_hex(16))


def exchange_settings(ours: Keys, other: Keys) -> ExchangeSettings:
    """Two symbols whose markets stand still, and two accounts."""
    markets = [QuietSettings(each, price=MID, move=0.0, take=0.0) for each in INSTRUMENTS]
    rich = {"BTC": "10", "ETH": "10", "USDT": "1000000"}
    return ExchangeSettings(
        markets,
        [
            AccountSettings("ours", [ApiKey(ours.name, ours.secret)], rich, "0.00075", "0.00075"),
            AccountSettings("other", [ApiKey(other.name, other.secret)], rich, "0.00075", "0.00075"),
        ],
    )


def signed_request(key: Keys, method: str, path: str, params: Mapping[str, str | int], now: int) -> HttpRequest:
    """A request of the other account."""
    query = urlencode({**params, "timestamp": now // 10**6, "recvWindow": 60_000})
    query += "&signature=" + hmac.new(key.secret.encode(), query.encode(), "sha256").hexdigest()
    return HttpRequest(method, path, query, {"x-mbx-apikey": key.name})


class Rig(Protocol):
    """An adapter that is started and connected."""

    port: VenuePort
    facts: list[Fact]
    rows: list[EventArray]
    switch: Switchboard

    def now(self) -> int:
        """The adapter's clock."""
        ...

    def until(self, true: Callable[[], Any], seconds: float = 8.0) -> bool:
        """Let time pass until it is true; False if it does not come true."""
        ...

    def call(self, work: Callable[[], Any]) -> Any:
        """Do something where the adapter lives."""
        ...

    def other(self, method: str, path: str, **params: str | int) -> Any:
        """What the venue answers to a request of the other account, as read from JSON."""
        ...

    def close(self) -> None:
        """Take everything down."""
        ...


class Bench:
    """A rig with the words that tests speak in."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.run = f"{time.time_ns():x}"[-10:]
        self.refs = 0
        self.orders = 0
        self.answered: set[int] = set()

    def ask(self, command: Callable[[int, int], None], seconds: float = 8.0) -> Any:
        """The one answer to a command, as a fact."""
        self.refs += 1
        ref = self.refs
        self.rig.call(lambda: command(ref, self.rig.now()))
        assert self.rig.until(lambda: self.answers(ref), seconds), f"no answer to {ref}: {self.rig.facts[-5:]}"
        return self.answers(ref)[0]

    def answers(self, ref: int) -> list[Any]:
        """Facts that repeat a ref."""
        return [fact for fact in self.rig.facts if getattr(fact, "ref", 0) == ref]

    def client_id(self) -> str:
        """A fresh one."""
        self.orders += 1
        return f"qw-{self.run}-{self.orders}"

    def order(self, side: int, price: int, qty: int, flags: int = 0, *, number: int = 0) -> NewOrder:
        """An order of ours."""
        return NewOrder(self.client_id(), number, side, price, qty, flags)

    def place(self, order: NewOrder) -> Any:
        """Its answer."""
        return self.ask(lambda ref, now: self.rig.port.place(ref, order, now))

    def rest(self, side: int = BID, price: int = MID - 100, qty: int = 30, *, number: int = 0) -> NewOrder:
        """An order that rests."""
        order = self.order(side, price, qty, number=number)
        answer = self.place(order)
        assert isinstance(answer, OrderReport), answer
        return order

    def cancel(self, order: NewOrder) -> Any:
        """The answer to its cancel."""
        return self.ask(lambda ref, now: self.rig.port.cancel(ref, order.instrument, order.client_id, now))

    def query(self, order: NewOrder) -> Any:
        """What the venue says of it when asked."""
        return self.ask(lambda ref, now: self.rig.port.query_order(ref, order.instrument, order.client_id, now))

    def cancel_all(self, number: int = 0) -> Any:
        """The answer to a cancel-all."""
        return self.ask(lambda ref, now: self.rig.port.cancel_all(ref, number, now))

    def take(self, side: str, price: int, qty: int, *, number: int = 0) -> Any:
        """The other account takes what rests."""
        given = INSTRUMENTS[number]
        return self.rig.other(
            "POST",
            "/api/v3/order",
            symbol=given.symbol,
            side=side,
            type="LIMIT",
            timeInForce="IOC",
            price=given.price_step.format(price),
            quantity=given.qty_step.format(qty),
        )

    def last_state(self) -> Fact:
        """The last word on the user stream."""
        return next(fact for fact in reversed(self.rig.facts) if isinstance(fact, (StreamUp, StreamDown)))

    def up(self) -> bool:
        """Whether orders can be sent."""
        return isinstance(self.last_state(), StreamUp)

    def of(self, kind: type, order: NewOrder | None = None, source: int = 0) -> list[Any]:
        """Facts of a kind, of an order, from a source."""
        return [
            fact
            for fact in self.rig.facts
            if isinstance(fact, kind)
            and (order is None or getattr(fact, "client_id", "") == order.client_id)
            and (not source or getattr(fact, "source", 0) == source)
        ]

    def status(self, order: NewOrder) -> OrderStatus | None:
        """As the stream last said."""
        told = self.of(OrderReport, order, Source.STREAM)
        return told[-1].status if told else None

    def book(self, number: int) -> tuple[dict[tuple[int, int], int], bool]:
        """The book that the rows so far make, and whether it is valid."""
        levels: dict[tuple[int, int], int] = {}
        valid = False
        for events in self.rig.rows:
            for event in events[events["instrument"] == number]:
                kind = int(event["kind"])
                if kind == CLEAR:
                    levels, valid = {}, True
                elif kind == STATUS and event["price"] == Status.BOOK_GAP:
                    valid = False
                elif kind == LEVEL:
                    levels[int(event["side"]), int(event["price"])] = int(event["qty"])
        return {place: lots for place, lots in levels.items() if lots}, valid

    def venue_book(self, number: int) -> dict[tuple[int, int], int]:
        """The book as the venue shows it."""
        given = INSTRUMENTS[number]
        told = self.rig.other("GET", "/api/v3/depth", symbol=given.symbol, limit=20)
        return {
            (side, given.price_ticks(price)): given.qty_lots(qty)
            for side, name in ((BID, "bids"), (ASK, "asks"))
            for price, qty in told[name]
        }

    def quiet(self) -> None:
        """Nothing rests, every command was answered once, and the rows are whole updates."""
        self.rig.switch.__init__()  # type: ignore[misc]
        for number in range(len(INSTRUMENTS)):
            self.cancel_all(number)
        for ref in range(1, self.refs + 1):
            assert len(self.answers(ref)) == 1, (ref, self.answers(ref))
        for events in self.rig.rows:
            assert events["flags"][-1] & 1
            assert (np.diff(events["local_ts"]) == 0).all()


def decoded(body: bytes) -> Any:
    """JSON."""
    return json.loads(body)
