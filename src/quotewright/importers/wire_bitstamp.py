"""Bitstamp, WebSocket v2: channels `diff_order_book` and `live_trades`, with REST snapshots of `order_book`.

Changes carry no ids but the venue's microseconds, which order them: one that is missing cannot be noticed. Those up to
the snapshot's time are in it. A trade's type is 0 where the taker bought. Source: bitstamp.net/websocket/v2.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.importers.exact import whole_number
from quotewright.importers.report import Tally
from quotewright.importers.wire_decoder import NO_BOOK, OTHER, SERVICE, Decoder, other_stream
from quotewright.importers.wire_times import Id

_US = 1000


class _Message(msgspec.Struct, gc=False):
    event: str
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


class _Book(msgspec.Struct, gc=False):
    microtimestamp: str
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class _Trade(msgspec.Struct, gc=False):
    id: Id
    amount_str: str
    price_str: str
    type: int
    microtimestamp: str
    buy_order_id: Id
    sell_order_id: Id


class Bitstamp(Decoder):
    """Decoder of Bitstamp's aggregated book."""

    exchanges = ("BITSTAMP",)
    sequenced = False

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self._pair = instrument.symbol.lower()
        self._message = msgspec.json.Decoder(_Message).decode
        self._book = msgspec.json.Decoder(_Book).decode
        self._trade = msgspec.json.Decoder(_Trade).decode

    def reply(self, address: str, text: str | bytes) -> str:
        if not address.split("?")[0].rstrip("/").endswith(f"/order_book/{self._pair}"):
            return NO_BOOK
        book = self._book(text)
        time = whole_number(book.microtimestamp, "microtimestamp", _US)
        return self.book.snapshot(book.bids, book.asks, time, time // _US)

    def message(self, text: str | bytes, connection: str) -> str:
        message = self._message(text)
        channel, _, pair = message.channel.rpartition("_")
        if message.event not in ("data", "trade"):
            return SERVICE
        if channel not in ("diff_order_book", "live_trades"):
            return other_stream(channel)
        if pair != self._pair:
            return OTHER
        if channel == "live_trades":
            return self.book.trades(self._print(self._trade(message.data)))
        book = self._book(message.data)
        time = whole_number(book.microtimestamp, "microtimestamp", _US)
        return self.book.change(book.bids, book.asks, time, time // _US)

    def _print(self, trade: _Trade) -> Iterator[tuple[int, str, str, int, int, int]]:
        time = whole_number(trade.microtimestamp, "microtimestamp", _US)
        side, maker = (ASK, trade.buy_order_id) if trade.type else (BID, trade.sell_order_id)
        yield side, trade.price_str, trade.amount_str, time, trade.id, maker
