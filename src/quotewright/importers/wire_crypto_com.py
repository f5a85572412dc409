"""Crypto.com Exchange, v2: channels `book.N` (whole books) and `trade`.

A book message is the best N levels of each side; after the first one only what differs becomes rows. The first trade
message of an instrument repeats older trades; each lists its trades newest first. A trade's side is the taker's.
Source: exchange-docs.crypto.com, spot v2, "book.{instrument_name}.{depth}", "trade.{instrument_name}".
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.importers.report import Tally
from quotewright.importers.wire_book import TAKEN
from quotewright.importers.wire_decoder import HISTORY, OTHER, SERVICE, Decoder, number, other_stream
from quotewright.importers.wire_times import MS, Id, Milliseconds

_SIDES = {"BUY": BID, "SELL": ASK}

_Row = tuple[msgspec.Raw, msgspec.Raw, int]  # price, quantity, orders


class _Book(msgspec.Struct, gc=False):
    bids: list[_Row]
    asks: list[_Row]
    t: Milliseconds


class _Trade(msgspec.Struct, gc=False):
    d: Id
    s: str
    p: msgspec.Raw
    q: msgspec.Raw
    t: Milliseconds


class _Result(msgspec.Struct, gc=False):
    channel: str = ""
    instrument_name: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")


class _Message(msgspec.Struct, gc=False):
    result: _Result | None = None


class CryptoCom(Decoder):
    """Decoder of Crypto.com's messages."""

    exchanges = ("CRYPTO.COM",)

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self._live = False  # the message that repeats older trades has come
        self._message = msgspec.json.Decoder(_Message).decode
        self._books = msgspec.json.Decoder(list[_Book]).decode
        self._trades = msgspec.json.Decoder(list[_Trade]).decode

    def message(self, text: str | bytes, connection: str) -> str:
        result = self._message(text).result
        if result is None or not result.channel:
            return SERVICE
        if result.channel not in ("book", "trade"):
            return other_stream(result.channel)
        if result.instrument_name != self.instrument.symbol:
            return OTHER
        if result.channel == "trade":
            trades = self._trades(result.data)
            if not self._live:
                self._live = True
                return HISTORY
            return self.book.trades(self._prints(trades))
        reason = TAKEN
        for book in self._books(result.data):
            reason = self.book.show(_levels(book.bids), _levels(book.asks), book.t * MS, 0)
        return reason

    def _prints(self, trades: list[_Trade]) -> Iterator[tuple[int, str, str, int, int, int]]:
        for trade in reversed(trades):
            if trade.s not in _SIDES:
                raise ParseError("s", trade.s[:40], "must be BUY or SELL")
            yield _SIDES[trade.s], number(trade.p), number(trade.q), trade.t * MS, trade.d, 0


def _levels(rows: list[_Row]) -> list[tuple[str, str]]:
    return [(number(price), number(qty)) for price, qty, _ in rows]
