"""Kraken Futures, WebSocket v1: feeds `book` and `trade`.

Each product's book is numbered by `seq`; a change is one level. A trade's side is the taker's; trades of type `block`
did not meet the book. Source: docs.kraken.com, Futures API, WebSocket, "Book" and "Trade".
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.importers.report import Tally
from quotewright.importers.wire_decoder import HISTORY, OFF_BOOK, OTHER, SERVICE, Decoder, number, other_stream
from quotewright.importers.wire_times import MS, Id, Milliseconds

_SIDES = {"buy": BID, "sell": ASK}
_MET_THE_BOOK = ("fill", "liquidation", "termination")


class _Level(msgspec.Struct, gc=False):
    price: msgspec.Raw
    qty: msgspec.Raw


class _Envelope(msgspec.Struct, gc=False):
    feed: str = ""
    product_id: str = ""
    event: str = ""


class _Snapshot(msgspec.Struct, gc=False):
    seq: Id
    timestamp: Milliseconds
    bids: list[_Level]
    asks: list[_Level]


class _Change(msgspec.Struct, gc=False):
    seq: Id
    timestamp: Milliseconds
    side: str
    price: msgspec.Raw
    qty: msgspec.Raw


class _Trade(msgspec.Struct, gc=False):
    seq: Id
    time: Milliseconds
    side: str
    type: str
    price: msgspec.Raw
    qty: msgspec.Raw


class KrakenFutures(Decoder):
    """Decoder of Kraken Futures' messages."""

    exchanges = ("KRAKEN_FUTURES",)

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self._envelope = msgspec.json.Decoder(_Envelope).decode
        self._snapshot = msgspec.json.Decoder(_Snapshot).decode
        self._change = msgspec.json.Decoder(_Change).decode
        self._trade = msgspec.json.Decoder(_Trade).decode

    def message(self, text: str | bytes, connection: str) -> str:
        envelope = self._envelope(text)
        if envelope.event or not envelope.feed:
            return SERVICE
        if envelope.feed not in ("book", "book_snapshot", "trade", "trade_snapshot"):
            return other_stream(envelope.feed)
        if envelope.product_id != self.instrument.symbol:
            return OTHER
        if envelope.feed == "trade_snapshot":
            return HISTORY
        if envelope.feed == "trade":
            trade = self._trade(text)
            return self.book.trades(self._print(trade)) if trade.type in _MET_THE_BOOK else OFF_BOOK
        if envelope.feed == "book_snapshot":
            whole = self._snapshot(text)
            return self.book.snapshot(_levels(whole.bids), _levels(whole.asks), whole.timestamp * MS, whole.seq)
        change = self._change(text)
        level = [(number(change.price), number(change.qty))]
        side = _side(change.side)
        bids, asks = (level, []) if side == BID else ([], level)
        return self.book.change(bids, asks, change.timestamp * MS, change.seq, first=change.seq)

    def _print(self, trade: _Trade) -> Iterator[tuple[int, str, str, int, int, int]]:
        yield _side(trade.side), number(trade.price), number(trade.qty), trade.time * MS, trade.seq, 0


def _side(text: str) -> int:
    if text not in _SIDES:
        raise ParseError("side", text[:40], "must be buy or sell")
    return _SIDES[text]


def _levels(levels: list[_Level]) -> list[tuple[str, str]]:
    return [(number(level.price), number(level.qty)) for level in levels]
