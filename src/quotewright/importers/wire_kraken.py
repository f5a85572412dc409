"""Kraken spot, WebSocket v1: `book-N` and `trade`.

A change carries the CRC32 of the best ten levels after it, asks then bids: of each price and volume, as the venue
writes them, the digits without the point and without leading zeros. Each side is cut to the subscribed depth by the
client. A trade's side is the taker's. Source: docs.kraken.com, WebSocket API v1, "book", "Book checksum", "trade".
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.domain.units import Step
from quotewright.importers.exact import whole_number
from quotewright.importers.report import Tally
from quotewright.importers.wire_book import WireBook
from quotewright.importers.wire_decoder import OTHER, SERVICE, Decoder, other_stream
from quotewright.importers.wire_levels import LevelBook
from quotewright.importers.wire_times import epoch_ns

_TOP = 10
_SIDES = {"b": BID, "s": ASK}

_Row = list[str]  # price, volume, time, and "r" if it is sent again


class _Levels(msgspec.Struct, gc=False):
    asks: list[_Row] | None = msgspec.field(name="as", default=None)
    bids: list[_Row] | None = msgspec.field(name="bs", default=None)
    a: list[_Row] = []
    b: list[_Row] = []
    c: str = ""


class Kraken(Decoder):
    """Decoder of Kraken's spot messages; pairs are named as in the recordings, `XBT/CHF` is XBTCHF here."""

    exchanges = ("KRAKEN",)
    sequenced = False

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self.book = WireBook(instrument, tally, checksum=self._checksum)
        self._pair = f"{instrument.base}/{instrument.quote}"
        self._price, self._qty = _Digits(instrument.price_step), _Digits(instrument.qty_step)
        self._parts = msgspec.json.Decoder(list[msgspec.Raw]).decode
        self._levels = msgspec.json.Decoder(_Levels).decode
        self._trade_rows = msgspec.json.Decoder(list[_Row]).decode
        self._name = msgspec.json.Decoder(str).decode

    def message(self, text: str | bytes, connection: str) -> str:
        if text[:1] in ("{", b"{"):
            msgspec.json.decode(text)
            return SERVICE
        parts = self._parts(text)
        if len(parts) < 4:
            raise msgspec.ValidationError("a message needs channel, data, name and pair")
        channel, pair = self._name(parts[-2]), self._name(parts[-1])
        kind, _, depth = channel.partition("-")
        if kind not in ("book", "trade"):
            return other_stream(kind)
        if pair != self._pair:
            return OTHER
        if kind == "trade":
            return self.book.trades(self._prints(self._trade_rows(parts[1])))
        self.book.depth = whole_number(depth, "depth") if depth else 0
        return self._book([self._levels(part) for part in parts[1:-2]])

    def _book(self, parts: list[_Levels]) -> str:
        asks = [row for part in parts for row in (part.asks or part.a)]
        bids = [row for part in parts for row in (part.bids or part.b)]
        anew = any(part.asks is not None or part.bids is not None for part in parts)
        if anew:
            self._price.forget()
            self._qty.forget()
        for row in (*asks, *bids):
            if len(row) < 3:
                raise ParseError("level", str(row)[:40], "needs price, volume and time")
            self._price.see(row[0])
            self._qty.see(row[1])
        time = max((epoch_ns(row[2], "time") for row in (*asks, *bids)), default=0)
        bid_levels, ask_levels = [(row[0], row[1]) for row in bids], [(row[0], row[1]) for row in asks]
        expected = next((part.c for part in parts if part.c), "")
        if anew:
            return self.book.snapshot(bid_levels, ask_levels, time)
        return self.book.change(bid_levels, ask_levels, time, expected=whole_number(expected, "c"))

    def _prints(self, rows: list[_Row]) -> Iterator[tuple[int, str, str, int, int, int]]:
        for row in rows:
            if len(row) < 5 or row[3] not in _SIDES:
                raise ParseError("trade", str(row)[:40], "needs price, volume, time and a side b or s")
            yield _SIDES[row[3]], row[0], row[1], epoch_ns(row[2], "time"), 0, 0

    def _checksum(self, levels: LevelBook) -> int:
        top = levels.best(ASK, _TOP) + levels.best(BID, _TOP)
        return zlib.crc32("".join(self._price.of(price) + self._qty.of(qty) for price, qty in top).encode())


class _Digits:
    """Counts of steps as the digits of the venue's text, which has a fixed number of decimals."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._decimals = -1
        self._factor = 1

    def forget(self) -> None:
        """A new book begins."""
        self._decimals = -1

    def see(self, text: str) -> None:
        """Learn the number of decimals from a book's first text. Raises ParseError if it is not that of all others."""
        decimals = len(text.partition(".")[2])
        if decimals == self._decimals:
            return
        if self._decimals >= 0 or not self._step.scale <= decimals <= 18:
            raise ParseError("decimals", text[:40], f"are not {max(self._decimals, self._step.scale)} as before")
        self._decimals = decimals
        self._factor = self._step.digits * 10 ** (decimals - self._step.scale)

    def of(self, count: int) -> str:
        """The digits without leading zeros."""
        return str(count * self._factor)
