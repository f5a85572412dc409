"""Huobi swaps: channels `depth.stepN` (whole books, 150 levels) and `trade.detail`.

Messages arrive packed by gzip. After the first book only what differs becomes rows. Sizes are contracts; a trade's
`amount` counts its buyer and its seller, so it is twice what traded. Trades that come ahead of `subbed` are older. The
direction is the taker's. Inverse and linear swaps have addresses and venues of their own here, named as in Tardis's
files. Source: huobiapi.github.io/docs, coin-margined and USDT-margined swaps, "Market Depth", "Trade Detail".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.importers.exact import whole_number
from quotewright.importers.report import Tally
from quotewright.importers.wire_decoder import HISTORY, OTHER, SERVICE, Decoder, number, other_stream
from quotewright.importers.wire_times import MS, Id, Milliseconds

_SIDES = {"buy": BID, "sell": ASK}

_Row = tuple[msgspec.Raw, msgspec.Raw]  # price, contracts


class _Message(msgspec.Struct, gc=False):
    ch: str = ""
    subbed: str = ""
    tick: msgspec.Raw = msgspec.Raw(b"{}")


class _Book(msgspec.Struct, gc=False):
    ts: Milliseconds
    mrid: Id
    bids: list[_Row] = []
    asks: list[_Row] = []


class _Trade(msgspec.Struct, gc=False):
    id: Id
    ts: Milliseconds
    amount: msgspec.Raw
    price: msgspec.Raw
    direction: str


class _Trades(msgspec.Struct, gc=False):
    data: list[_Trade]


class HuobiSwap(Decoder):
    """Decoder of Huobi's messages about swaps of one margin."""

    exchanges = ("HUOBI_SWAP",)
    path: ClassVar[str]

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self._others: set[str] = set()  # connections of the other margin
        self._live = False
        self._step = ""
        self._message = msgspec.json.Decoder(_Message).decode
        self._book = msgspec.json.Decoder(_Book).decode
        self._trades = msgspec.json.Decoder(_Trades).decode

    def connected(self, connection: str, address: str) -> None:
        if address.rpartition("/")[2] != self.path:
            self._others.add(connection)

    def message(self, text: str | bytes, connection: str) -> str:
        message = self._message(text)
        if message.subbed == f"market.{self.instrument.symbol}.trade.detail" and connection not in self._others:
            self._live = True
        if not message.ch:
            return SERVICE
        _, _, rest = message.ch.partition(".")
        symbol, _, stream = rest.partition(".")
        if not stream.startswith("depth.step") and stream != "trade.detail":
            return other_stream(stream)
        if symbol != self.instrument.symbol or connection in self._others:
            return OTHER
        if stream == "trade.detail":
            return self.book.trades(self._prints(self._trades(message.tick).data)) if self._live else HISTORY
        self._step = self._step or stream
        if stream != self._step:
            return other_stream(stream)
        book = self._book(message.tick)
        return self.book.show(_levels(book.bids), _levels(book.asks), book.ts * MS, book.mrid)

    def _prints(self, trades: list[_Trade]) -> Iterator[tuple[int, str, str, int, int, int]]:
        for trade in trades:
            if trade.direction not in _SIDES:
                raise ParseError("direction", trade.direction[:40], "must be buy or sell")
            both = whole_number(number(trade.amount), "amount")
            if both % 2:
                raise ParseError("amount", both, "is not even, as the sum of both sides must be")
            yield _SIDES[trade.direction], number(trade.price), str(both // 2), trade.ts * MS, trade.id, 0


class HuobiInverse(HuobiSwap):
    """Coin-margined swaps."""

    path = "swap-ws"


class HuobiLinear(HuobiSwap):
    """USDT-margined swaps."""

    path = "linear-swap-ws"


def _levels(rows: list[_Row]) -> list[tuple[str, str]]:
    return [(number(price), number(qty)) for price, qty in rows]
