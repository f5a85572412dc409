"""Bybit v5: topics `orderbook.N` and `publicTrade`, from the WebSocket or from the public order book archive.

A book is numbered by `u`, one by one; `u` = 1 comes with a snapshot. Spot and linear contracts share symbols and are
told apart by the connection's address. The archive has no receive time: it is the time the venue made the message,
`ts`. The engine's time is `cts`. A trade's side is the taker's.
Source: bybit-exchange.github.io/docs/v5, "Orderbook", "Trade".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.importers.exact import whole_id
from quotewright.importers.report import Tally
from quotewright.importers.wire_decoder import OTHER, SERVICE, Decoder, other_stream
from quotewright.importers.wire_times import MS, Id, Milliseconds

_SIDES = {"Buy": BID, "Sell": ASK}


class _Message(msgspec.Struct, gc=False):
    topic: str = ""
    type: str = ""
    ts: Milliseconds = 0
    cts: Milliseconds = 0
    data: msgspec.Raw = msgspec.Raw(b"{}")


class _Book(msgspec.Struct, gc=False):
    s: str
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]
    u: Id


class _Trade(msgspec.Struct, gc=False):
    T: Milliseconds
    s: str
    S: str
    v: str
    p: str
    i: str
    BT: bool = False  # a block trade


class Bybit(Decoder):
    """Decoder of Bybit's messages of one product."""

    exchanges = ("BYBIT",)
    product: ClassVar[str]

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self._others: set[str] = set()  # connections of another product
        self._topic = ""
        self._message = msgspec.json.Decoder(_Message).decode
        self._book = msgspec.json.Decoder(_Book).decode
        self._trades = msgspec.json.Decoder(list[_Trade]).decode

    def connected(self, connection: str, address: str) -> None:
        if not address.endswith("/" + self.product):
            self._others.add(connection)

    def message(self, text: str | bytes, connection: str) -> str:
        message = self._message(text)
        kind, _, rest = message.topic.partition(".")
        if not kind:
            return SERVICE
        if kind not in ("orderbook", "publicTrade"):
            return other_stream(kind)
        if connection in self._others or rest.rpartition(".")[2] != self.instrument.symbol:
            return OTHER
        if not connection:
            self._archived(message.ts)
        if kind == "publicTrade":
            return self.book.trades(self._prints(self._trades(message.data)))
        self._topic = self._topic or message.topic
        if message.topic != self._topic:
            return other_stream(message.topic)
        book = self._book(message.data)
        time = (message.cts or message.ts) * MS
        if message.type == "snapshot":
            return self.book.snapshot(book.b, book.a, time, book.u)
        if message.type != "delta":
            raise ParseError("type", message.type[:40], "must be snapshot or delta")
        return self.book.change(book.b, book.a, time, book.u, first=book.u)

    def _archived(self, ts: int) -> None:
        if ts * MS < self.book.local:
            raise ParseError("ts", ts, "goes back; the archive is not in order")
        self.book.local = ts * MS

    def _prints(self, trades: list[_Trade]) -> Iterator[tuple[int, str, str, int, int, int]]:
        for trade in trades:
            if trade.S not in _SIDES:
                raise ParseError("S", trade.S[:40], "must be Buy or Sell")
            if not trade.BT:
                yield _SIDES[trade.S], trade.p, trade.v, trade.T * MS, whole_id(trade.i), 0


class BybitLinear(Bybit):
    """Linear contracts."""

    product = "linear"


class BybitSpot(Bybit):
    """Spot pairs."""

    product = "spot"
