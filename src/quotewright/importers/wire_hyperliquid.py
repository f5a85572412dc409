"""Hyperliquid: channels `l2Book` (whole books, 20 levels) and `trades`.

After the first book only what differs becomes rows. The first trades message repeats older trades. A trade's side is
the taker's, A for a seller. Source: hyperliquid.gitbook.io, "Subscriptions" (WsBook, WsTrade).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.importers.report import Tally
from quotewright.importers.wire_decoder import HISTORY, OTHER, SERVICE, Decoder, other_stream
from quotewright.importers.wire_times import MS, Id, Milliseconds

_SIDES = {"B": BID, "A": ASK}


class _Level(msgspec.Struct, gc=False):
    px: str
    sz: str


class _Book(msgspec.Struct, gc=False):
    coin: str
    levels: tuple[list[_Level], list[_Level]]
    time: Milliseconds


class _Trade(msgspec.Struct, gc=False):
    coin: str
    px: str
    sz: str
    side: str
    time: Milliseconds
    tid: Id


class _Message(msgspec.Struct, gc=False):
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


class Hyperliquid(Decoder):
    """Decoder of Hyperliquid's messages; the symbol is the coin."""

    exchanges = ("HYPERLIQUID",)

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self._live = False
        self._message = msgspec.json.Decoder(_Message).decode
        self._book = msgspec.json.Decoder(_Book).decode
        self._trades = msgspec.json.Decoder(list[_Trade]).decode

    def message(self, text: str | bytes, connection: str) -> str:
        message = self._message(text)
        if message.channel in ("", "subscriptionResponse", "pong"):
            return SERVICE
        if message.channel not in ("l2Book", "trades"):
            return other_stream(message.channel)
        if message.channel == "l2Book":
            book = self._book(message.data)
            if book.coin != self.instrument.symbol:
                return OTHER
            bids, asks = ([(level.px, level.sz) for level in side] for side in book.levels)
            return self.book.show(bids, asks, book.time * MS, 0)
        trades = [trade for trade in self._trades(message.data) if trade.coin == self.instrument.symbol]
        if not trades:
            return OTHER
        if not self._live:
            self._live = True
            return HISTORY
        return self.book.trades(self._prints(trades))

    def _prints(self, trades: list[_Trade]) -> Iterator[tuple[int, str, str, int, int, int]]:
        for trade in trades:
            if trade.side not in _SIDES:
                raise ParseError("side", trade.side[:40], "must be B or A")
            yield _SIDES[trade.side], trade.px, trade.sz, trade.time * MS, trade.tid, 0
