"""Bitfinex, WebSocket v2: channels `book` (aggregated) and `trades`.

Messages name a channel number, told by `subscribed`. With the flag SEQ_ALL (65536) every message of a connection ends
with its number. A count of 0 removes a level; bids have positive amounts, asks negative ones; a trade's amount is
positive where the taker bought. Book messages carry no time. Source: docs.bitfinex.com, "Books", "Trades", "Flags".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.importers.report import Tally
from quotewright.importers.wire_decoder import (
    HISTORY,
    OTHER,
    SERVICE,
    ConnectionCounter,
    Decoder,
    number,
    other_stream,
)
from quotewright.importers.wire_times import MS, Id, Milliseconds

_SEQ_ALL = 65_536

_Row = tuple[msgspec.Raw, int, msgspec.Raw]  # price, orders, amount
_Trade = tuple[Id, Milliseconds, msgspec.Raw, msgspec.Raw]  # id, time, amount, price


class _Event(msgspec.Struct, gc=False):
    event: str
    channel: str = ""
    chanId: int = 0  # noqa: N815
    symbol: str = ""
    prec: str = ""
    flags: int = 0


class _Channel(NamedTuple):
    kind: str
    symbol: str


class Bitfinex(Decoder):
    """Decoder of Bitfinex's messages; the symbol is the venue's pair without its colon."""

    exchanges = ("BITFINEX",)
    sequenced = False  # only with SEQ_ALL

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self._channels: dict[tuple[str, int], _Channel] = {}
        self._counted: set[str] = set()  # connections with SEQ_ALL
        self._numbers = ConnectionCounter()
        self._event = msgspec.json.Decoder(_Event).decode
        self._parts = msgspec.json.Decoder(list[msgspec.Raw]).decode
        self._whole = msgspec.json.Decoder(int).decode
        self._name = msgspec.json.Decoder(str).decode
        self._row = msgspec.json.Decoder(_Row).decode
        self._rows = msgspec.json.Decoder(list[_Row]).decode
        self._trade = msgspec.json.Decoder(_Trade).decode

    def message(self, text: str | bytes, connection: str) -> str:
        if text[:1] in ("{", b"{"):
            self._subscribe(self._event(text), connection)
            return SERVICE
        parts = self._parts(text)
        if len(parts) < 2:
            raise msgspec.ValidationError("a message needs a channel and data")
        if connection in self._counted and not self._numbers.follows(connection, self._whole(parts[-1])):
            self.book.lost()
        if bytes(parts[1]) == b'"hb"':
            return SERVICE
        channel = self._channels.get((connection, self._whole(parts[0])))
        if channel is None:
            raise ParseError("channel", number(parts[0])[:40], "was not subscribed")
        if channel.kind not in ("book", "trades"):
            return other_stream(channel.kind)
        if channel.symbol != self.instrument.symbol:
            return OTHER
        return self._trades(parts) if channel.kind == "trades" else self._book(parts[1])

    def _subscribe(self, event: _Event, connection: str) -> None:
        if event.event == "conf" and event.flags & _SEQ_ALL:
            self._counted.add(connection)
        elif event.event == "subscribed":
            raw = event.channel == "book" and not event.prec.startswith("P")
            kind = f"book of precision {event.prec}" if raw else event.channel
            symbol = event.symbol.removeprefix("t").replace(":", "")
            self._channels[connection, event.chanId] = _Channel(kind, symbol)

    def _book(self, data: msgspec.Raw) -> str:
        body = bytes(data)
        whole = body.startswith(b"[[") or body == b"[]"
        bids: list[tuple[str, str]] = []
        asks: list[tuple[str, str]] = []
        for price, count, amount in self._rows(body) if whole else [self._row(body)]:
            text = number(amount)
            side = asks if text.startswith("-") else bids
            side.append((number(price), text.removeprefix("-") if count else "0"))
        return self.book.snapshot(bids, asks) if whole else self.book.change(bids, asks)

    def _trades(self, parts: list[msgspec.Raw]) -> str:
        if not bytes(parts[1]).startswith(b'"'):
            return HISTORY
        kind = self._name(parts[1])
        if kind != "te":
            return other_stream(f"trades: {kind}")
        return self.book.trades(self._print(self._trade(parts[2])))

    def _print(self, trade: _Trade) -> Iterator[tuple[int, str, str, int, int, int]]:
        id, time, amount, price = trade
        text = number(amount)
        side = ASK if text.startswith("-") else BID
        yield side, number(price), text.removeprefix("-"), time * MS, id, 0
