"""dYdX v3: channels `v3_orderbook` (with offsets) and `v3_trades`.

Messages are numbered on each connection; answers to subscriptions come late. Changes may come out of order: a level
keeps the change of the highest offset, and an older one is left out. The book may cross for a moment, by design. Trades
have no id; their side is the taker's.
Source: dydxprotocol.github.io/v3-teacher, "Orderbook channel", "Trades channel".
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.importers.exact import whole_number
from quotewright.importers.report import Tally
from quotewright.importers.wire_decoder import HISTORY, OTHER, SERVICE, Decoder, other_stream
from quotewright.importers.wire_times import Id, iso_ns

_SIDES = {"BUY": BID, "SELL": ASK}


class _Message(msgspec.Struct, gc=False):
    type: str
    message_id: Id
    channel: str = ""
    id: str = ""
    contents: msgspec.Raw = msgspec.Raw(b"{}")


class _Level(msgspec.Struct, gc=False):
    price: str
    offset: str
    size: str


class _Snapshot(msgspec.Struct, gc=False):
    bids: list[_Level]
    asks: list[_Level]


class _Change(msgspec.Struct, gc=False):
    offset: str
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class _Trade(msgspec.Struct, gc=False):
    side: str
    size: str
    price: str
    createdAt: str  # noqa: N815


class _Trades(msgspec.Struct, gc=False):
    trades: list[_Trade]


class _Missing:
    """Numbers of messages that have not come yet; one that is LATEST places late is lost."""

    LATEST = 64

    def __init__(self) -> None:
        self._next = 0
        self._missing: set[int] = set()

    def any_lost(self, number: int) -> bool:
        """Take the number of a message; whether one ahead of it is lost."""
        if number < self._next:
            self._missing.discard(number)
        else:
            self._missing.update(range(max(self._next, number - 2 * self.LATEST), number))
            self._next = number + 1
        lost = {missing for missing in self._missing if missing < number - self.LATEST}
        self._missing -= lost
        return bool(lost)


class Dydx(Decoder):
    """Decoder of dYdX's messages."""

    exchanges = ("DYDX",)
    sequenced = False  # a missing message shows only many messages later

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self._missing = _Missing()
        self._offsets: dict[tuple[int, str], int] = {}  # side and price to the offset of its last change
        self._message = msgspec.json.Decoder(_Message).decode
        self._snapshot = msgspec.json.Decoder(_Snapshot).decode
        self._change = msgspec.json.Decoder(_Change).decode
        self._trades = msgspec.json.Decoder(_Trades).decode

    def message(self, text: str | bytes, connection: str) -> str:
        message = self._message(text)
        if self._missing.any_lost(message.message_id):
            self.book.lost()
        if not message.channel:
            return SERVICE
        if message.channel not in ("v3_orderbook", "v3_trades"):
            return other_stream(message.channel)
        if message.id != self.instrument.symbol:
            return OTHER
        whole = message.type == "subscribed"
        if message.channel == "v3_trades":
            return HISTORY if whole else self.book.trades(self._prints(self._trades(message.contents).trades))
        if whole:
            snapshot = self._snapshot(message.contents)
            self._offsets.clear()
            bids, asks = self._start(BID, snapshot.bids), self._start(ASK, snapshot.asks)
            return self.book.snapshot(bids, asks, 0, message.message_id)
        change = self._change(message.contents)
        offset = whole_number(change.offset, "offset")
        bids, asks = self._newer(BID, change.bids, offset), self._newer(ASK, change.asks, offset)
        return self.book.change(bids, asks, 0, message.message_id)

    def _start(self, side: int, levels: list[_Level]) -> list[tuple[str, str]]:
        for level in levels:
            self._offsets[side, level.price] = whole_number(level.offset, "offset")
        return [(level.price, level.size) for level in levels if level.size.strip("0.")]

    def _newer(self, side: int, levels: list[tuple[str, str]], offset: int) -> list[tuple[str, str]]:
        newer = [level for level in levels if self._offsets.get((side, level[0]), -1) < offset]
        for price, _ in newer:
            self._offsets[side, price] = offset
        return newer

    def _prints(self, trades: list[_Trade]) -> Iterator[tuple[int, str, str, int, int, int]]:
        for trade in reversed(trades):  # newest first
            if trade.side not in _SIDES:
                raise ParseError("side", trade.side[:40], "must be BUY or SELL")
            yield _SIDES[trade.side], trade.price, trade.size, iso_ns(trade.createdAt, "createdAt"), 0, 0
