"""Binance USD-M and COIN-M in wrapped recordings: `depth`, `aggTrade`, `bookTicker`, with REST snapshots.

The messages and the rule that joins them are those of `binance_ws`; here trades are `aggTrade`, all that one taker
order filled at one price. Source: developers.binance.com, "Diff. Book Depth Streams", "Aggregate Trade Streams".
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.importers.binance_messages import Best, Depth, Id, Milliseconds, Snapshot
from quotewright.importers.report import Tally
from quotewright.importers.wire_book import WireBook
from quotewright.importers.wire_decoder import NO_BOOK, OTHER, SERVICE, Decoder, other_stream
from quotewright.importers.wire_times import MS
from quotewright.market.sync import SyncRule


class _AggTrade(msgspec.Struct, gc=False):
    s: str
    a: Id
    p: str
    q: str
    T: Milliseconds
    m: bool


class _Message(msgspec.Struct, gc=False):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


class BinanceFutures(Decoder):
    """Decoder of Binance's futures streams."""

    exchanges = ("BINANCE_FUTURES", "BINANCE_DELIVERY")

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self.book = WireBook(instrument, tally, SyncRule.FUTURES)
        self._stream = instrument.symbol.lower()
        self._message = msgspec.json.Decoder(_Message).decode
        self._depth = msgspec.json.Decoder(Depth).decode
        self._trade = msgspec.json.Decoder(_AggTrade).decode
        self._best = msgspec.json.Decoder(Best).decode
        self._snapshot = msgspec.json.Decoder(Snapshot).decode

    def reply(self, address: str, text: str | bytes) -> str:
        parts = urlsplit(address)
        if not parts.path.endswith("/depth") or parse_qs(parts.query).get("symbol") != [self.instrument.symbol]:
            return NO_BOOK
        whole = self._snapshot(text)
        return self.book.snapshot(whole.bids, whole.asks, whole.T * MS, whole.lastUpdateId)

    def message(self, text: str | bytes, connection: str) -> str:
        message = self._message(text)
        symbol, _, stream = message.stream.partition("@")
        if not stream:
            return SERVICE
        kind = stream.partition("@")[0]
        if kind not in ("depth", "aggTrade", "bookTicker"):
            return other_stream(kind)
        if symbol != self._stream:
            return OTHER
        if kind == "aggTrade":
            return self.book.trades(self._print(self._trade(message.data)))
        if kind == "bookTicker":
            best = self._best(message.data)
            return self.book.best((best.b, best.B), (best.a, best.A), best.T * MS, best.u)
        depth = self._depth(message.data)
        if depth.u < depth.U:
            raise ParseError("U", depth.U, "is above u: the update covers no ids")
        time = (depth.T or depth.E) * MS
        return self.book.change(depth.b, depth.a, time, depth.u, first=depth.U, previous=depth.pu)

    def _print(self, trade: _AggTrade) -> Iterator[tuple[int, str, str, int, int, int]]:
        yield ASK if trade.m else BID, trade.p, trade.q, trade.T * MS, trade.a, 0
