"""Deribit, JSON-RPC v2: subscriptions to `book` (raw) and `trades`.

A change names its id and the one before it. Numbers are read as their text. A trade's direction is the taker's.
Source: docs.deribit.com, "book.{instrument_name}.{interval}", "trades.{instrument_name}.{interval}".
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.importers.exact import whole_id
from quotewright.importers.report import Tally
from quotewright.importers.wire_book import WireBook
from quotewright.importers.wire_decoder import OTHER, SERVICE, Decoder, number, other_stream
from quotewright.importers.wire_times import MS, Id, Milliseconds
from quotewright.market.sync import SyncRule

_SIDES = {"buy": BID, "sell": ASK}

_Row = tuple[str, msgspec.Raw, msgspec.Raw]  # new, change or delete; price; amount


class _Params(msgspec.Struct, gc=False):
    channel: str
    data: msgspec.Raw


class _Message(msgspec.Struct, gc=False):
    method: str = ""
    params: _Params | None = None


class _Book(msgspec.Struct, gc=False):
    type: str
    timestamp: Milliseconds
    change_id: Id
    bids: list[_Row]
    asks: list[_Row]
    prev_change_id: Id = 0


class _Trade(msgspec.Struct, gc=False):
    trade_id: str
    timestamp: Milliseconds
    price: msgspec.Raw
    amount: msgspec.Raw
    direction: str


class Deribit(Decoder):
    """Decoder of Deribit's messages."""

    exchanges = ("DERIBIT",)

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self.book = WireBook(instrument, tally, SyncRule.FUTURES)
        self._message = msgspec.json.Decoder(_Message).decode
        self._book = msgspec.json.Decoder(_Book).decode
        self._trades = msgspec.json.Decoder(list[_Trade]).decode

    def message(self, text: str | bytes, connection: str) -> str:
        params = self._message(text).params
        if params is None:
            return SERVICE
        kind, _, rest = params.channel.partition(".")
        if kind not in ("book", "trades"):
            return other_stream(kind)
        if rest.rpartition(".")[0] != self.instrument.symbol:
            return OTHER
        if kind == "trades":
            return self.book.trades(self._prints(self._trades(params.data)))
        book = self._book(params.data)
        bids, asks = [_level(row) for row in book.bids], [_level(row) for row in book.asks]
        time = book.timestamp * MS
        if book.type == "snapshot":
            return self.book.snapshot(bids, asks, time, book.change_id)
        if book.type != "change":
            raise ParseError("type", book.type[:40], "must be snapshot or change")
        return self.book.change(bids, asks, time, book.change_id, previous=book.prev_change_id)

    def _prints(self, trades: list[_Trade]) -> Iterator[tuple[int, str, str, int, int, int]]:
        for trade in trades:
            if trade.direction not in _SIDES:
                raise ParseError("direction", trade.direction[:40], "must be buy or sell")
            id = whole_id(trade.trade_id.rpartition("-")[2])
            yield _SIDES[trade.direction], number(trade.price), number(trade.amount), trade.timestamp * MS, id, 0


def _level(row: _Row) -> tuple[str, str]:
    action, price, amount = row
    if action not in ("new", "change", "delete"):
        raise ParseError("action", action[:40], "must be new, change or delete")
    return number(price), "0" if action == "delete" else number(amount)
