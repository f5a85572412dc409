"""BitMEX: tables `orderBookL2` and `trade`.

A level is named by an id, whose price is in the partial or the insert; updates and deletes give the id alone. There
are no numbers: an id that is not known shows that something is missing. Level rows carry no time (in 2021). A trade's
side is the taker's. Source: bitmex.com/app/wsAPI, bitmex.com/app/restAPI#OrderBookL2.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.importers.exact import whole_id
from quotewright.importers.report import Tally
from quotewright.importers.wire_decoder import HISTORY, OTHER, SERVICE, Decoder, number, other_stream
from quotewright.importers.wire_times import Id, iso_ns

_SIDES = {"Buy": BID, "Sell": ASK}


class _Message(msgspec.Struct, gc=False):
    table: str = ""
    action: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")
    filter: dict[str, str] = {}


class _Level(msgspec.Struct, gc=False):
    symbol: str
    id: Id
    side: str
    size: msgspec.Raw = msgspec.Raw(b"")
    price: msgspec.Raw = msgspec.Raw(b"")


class _Trade(msgspec.Struct, gc=False):
    symbol: str
    timestamp: str
    side: str
    size: msgspec.Raw
    price: msgspec.Raw
    trdMatchID: str = ""  # noqa: N815


class Bitmex(Decoder):
    """Decoder of BitMEX's messages."""

    exchanges = ("BITMEX",)
    sequenced = False

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self._known: dict[int, tuple[int, str]] = {}  # level id to side and price
        self._message = msgspec.json.Decoder(_Message).decode
        self._levels = msgspec.json.Decoder(list[_Level]).decode
        self._trades = msgspec.json.Decoder(list[_Trade]).decode

    def message(self, text: str | bytes, connection: str) -> str:
        message = self._message(text)
        if not message.table:
            return SERVICE
        if message.table not in ("orderBookL2", "trade"):
            return other_stream(message.table)
        if message.table == "trade":
            ours = [trade for trade in self._trades(message.data) if trade.symbol == self.instrument.symbol]
            if not ours:
                return OTHER
            return self.book.trades(self._prints(ours)) if message.action == "insert" else HISTORY
        levels = [level for level in self._levels(message.data) if level.symbol == self.instrument.symbol]
        if message.action == "partial" and message.filter.get("symbol", "") in ("", self.instrument.symbol):
            self._known.clear()
            return self.book.snapshot(*self._sides(levels, message.action))
        if not levels:
            return OTHER
        return self.book.change(*self._sides(levels, message.action))

    def _sides(self, levels: list[_Level], action: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        bids: list[tuple[str, str]] = []
        asks: list[tuple[str, str]] = []
        for level in levels:
            side = _side(level.side)
            if action in ("partial", "insert"):
                self._known[level.id] = side, number(level.price)
            if level.id not in self._known:
                raise ParseError("id", level.id, "names no level of the book: something is missing")
            before, price = self._known[level.id]
            if action == "delete":
                del self._known[level.id]
            elif before != side:  # the level went over to the other side
                (bids if before == BID else asks).append((price, "0"))
                self._known[level.id] = side, price
            size = "0" if action == "delete" else number(level.size)
            (bids if side == BID else asks).append((price, size))
        return bids, asks

    def _prints(self, trades: list[_Trade]) -> Iterator[tuple[int, str, str, int, int, int]]:
        for trade in trades:
            time = iso_ns(trade.timestamp, "timestamp")
            yield _side(trade.side), number(trade.price), number(trade.size), time, whole_id(trade.trdMatchID), 0


def _side(text: str) -> int:
    if text not in _SIDES:
        raise ParseError("side", text[:40], "must be Buy or Sell")
    return _SIDES[text]
