"""Coinbase Advanced Trade: channels `l2_data` and `market_trades`.

Messages are numbered on each connection (`sequence_num`), all channels together. A trade's `side` is its maker's.
A message lists its trades newest first. Source: docs.cdp.coinbase.com, Advanced Trade, WebSocket channels.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.importers.exact import whole_id
from quotewright.importers.report import Tally
from quotewright.importers.wire_decoder import HISTORY, OTHER, SERVICE, ConnectionCounter, Decoder, other_stream
from quotewright.importers.wire_times import Id, iso_ns

_TAKER = {"BUY": ASK, "SELL": BID}  # of a maker who bought, sold
_SERVICES = ("subscriptions", "heartbeats")


class _Level(msgspec.Struct, gc=False):
    side: str
    event_time: str
    price_level: str
    new_quantity: str


class _BookEvent(msgspec.Struct, gc=False):
    type: str
    product_id: str
    updates: list[_Level]


class _Trade(msgspec.Struct, gc=False):
    product_id: str
    trade_id: str
    price: str
    size: str
    time: str
    side: str


class _TradeEvent(msgspec.Struct, gc=False):
    type: str
    trades: list[_Trade]


class _Message(msgspec.Struct, gc=False):
    channel: str
    sequence_num: Id
    events: msgspec.Raw = msgspec.Raw(b"[]")


class Coinbase(Decoder):
    """Decoder of Coinbase's messages."""

    exchanges = ("COINBASE",)

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self._numbers = ConnectionCounter()
        self._message = msgspec.json.Decoder(_Message).decode
        self._book_events = msgspec.json.Decoder(list[_BookEvent]).decode
        self._trade_events = msgspec.json.Decoder(list[_TradeEvent]).decode

    def message(self, text: str | bytes, connection: str) -> str:
        message = self._message(text)
        if not self._numbers.follows(connection, message.sequence_num):
            self.book.lost()
        if message.channel == "l2_data":
            return self._book(self._book_events(message.events), message.sequence_num)
        if message.channel == "market_trades":
            return self._trades(self._trade_events(message.events))
        return SERVICE if message.channel in _SERVICES else other_stream(message.channel)

    def _book(self, events: list[_BookEvent], number: int) -> str:
        reason = OTHER
        for event in events:
            if event.product_id != self.instrument.symbol:
                continue
            bids = [(level.price_level, level.new_quantity) for level in event.updates if level.side == "bid"]
            asks = [(level.price_level, level.new_quantity) for level in event.updates if level.side == "offer"]
            if len(bids) + len(asks) != len(event.updates):
                raise ParseError("side", event.updates[0].side, "must be bid or offer in every update")
            newest = max((level.event_time for level in event.updates), default="", key=_padded)
            time = iso_ns(newest, "event_time") if newest else 0
            if event.type == "snapshot":
                reason = self.book.snapshot(bids, asks, time, number)
            else:
                reason = self.book.change(bids, asks, time, number)
        return reason

    def _trades(self, events: list[_TradeEvent]) -> str:
        ours = [trade for event in events for trade in event.trades if trade.product_id == self.instrument.symbol]
        if not ours:
            return OTHER
        if all(event.type == "snapshot" for event in events):
            return HISTORY
        return self.book.trades(self._prints(ours))

    def _prints(self, trades: list[_Trade]) -> Iterator[tuple[int, str, str, int, int, int]]:
        for trade in reversed(trades):
            if trade.side not in _TAKER:
                raise ParseError("side", trade.side[:40], "must be BUY or SELL")
            time = iso_ns(trade.time, "time")
            yield _TAKER[trade.side], trade.price, trade.size, time, whole_id(trade.trade_id), 0


def _padded(time: str) -> str:
    """A time as text whose order is that of time."""
    return time.removesuffix("Z").ljust(29, "0")
