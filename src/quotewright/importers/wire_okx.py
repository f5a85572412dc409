"""OKX, WebSocket v5: channels `books` and `trades`.

A message carries the signed CRC32 of the best 25 levels after it, `bid:size:ask:size:…` in turn, numbers as the venue
writes them (without trailing zeros). Since 2022 it also names its number and the one before it. A trade's side is the
taker's. Source: okx.com/docs-v5, "Order book channel", "Checksum", "Trades channel".
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import zip_longest

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.importers.exact import whole_id, whole_number
from quotewright.importers.report import Tally
from quotewright.importers.wire_book import TAKEN, WireBook
from quotewright.importers.wire_decoder import OTHER, SERVICE, Decoder, other_stream
from quotewright.importers.wire_levels import LevelBook
from quotewright.importers.wire_times import MS, Id
from quotewright.market.sync import SyncRule

_TOP = 25
_SIDES = {"buy": BID, "sell": ASK}

_Row = tuple[str, str, str, str]  # price, size, 0, orders


class _Book(msgspec.Struct, gc=False):
    asks: list[_Row]
    bids: list[_Row]
    ts: str
    checksum: int | None = None
    seqId: Id | None = None  # noqa: N815
    prevSeqId: int = 0  # noqa: N815


class _Trade(msgspec.Struct, gc=False):
    tradeId: str  # noqa: N815
    px: str
    sz: str
    side: str
    ts: str


class _Channel(msgspec.Struct, gc=False):
    channel: str
    instId: str = ""  # noqa: N815


class _Message(msgspec.Struct, gc=False):
    arg: _Channel | None = None
    event: str = ""
    action: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")


class Okx(Decoder):
    """Decoder of OKX's messages."""

    exchanges = ("OKX", "OKEX")
    sequenced = False  # not in recordings of before `seqId`

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self.book = WireBook(instrument, tally, SyncRule.FUTURES, checksum=self._checksum)
        self._price, self._qty = instrument.price_step, instrument.qty_step
        self._message = msgspec.json.Decoder(_Message).decode
        self._books = msgspec.json.Decoder(list[_Book]).decode
        self._trades = msgspec.json.Decoder(list[_Trade]).decode

    def message(self, text: str | bytes, connection: str) -> str:
        if text in ("pong", b"pong"):
            return SERVICE
        message = self._message(text)
        if message.event or message.arg is None:
            return SERVICE
        if message.arg.channel not in ("books", "trades"):
            return other_stream(message.arg.channel)
        if message.arg.instId != self.instrument.symbol:
            return OTHER
        if message.arg.channel == "trades":
            return self.book.trades(self._prints(self._trades(message.data)))
        reason = TAKEN
        for book in self._books(message.data):
            reason = self._book(message.action, book)
        return reason

    def _book(self, action: str, book: _Book) -> str:
        bids, asks = [row[:2] for row in book.bids], [row[:2] for row in book.asks]
        time = whole_number(book.ts, "ts", MS)
        if action == "snapshot":
            return self.book.snapshot(bids, asks, time, book.seqId, expected=book.checksum)
        if book.seqId is not None and book.seqId == book.prevSeqId and not bids and not asks:
            return SERVICE  # sent when nothing has changed for a minute
        if action != "update":
            raise ParseError("action", action[:40], "must be snapshot or update")
        return self.book.change(bids, asks, time, book.seqId, previous=book.prevSeqId, expected=book.checksum)

    def _prints(self, trades: list[_Trade]) -> Iterator[tuple[int, str, str, int, int, int]]:
        for trade in trades:
            if trade.side not in _SIDES:
                raise ParseError("side", trade.side[:40], "must be buy or sell")
            time = whole_number(trade.ts, "ts", MS)
            yield _SIDES[trade.side], trade.px, trade.sz, time, whole_id(trade.tradeId), 0

    def _checksum(self, levels: LevelBook) -> int:
        parts: list[str] = []
        for pair in zip_longest(levels.best(BID, _TOP), levels.best(ASK, _TOP)):
            parts += [f"{self._price.format(level[0])}:{self._qty.format(level[1])}" for level in pair if level]
        unsigned = zlib.crc32(":".join(parts).encode())
        return unsigned - (1 << 32) if unsigned >> 31 else unsigned
