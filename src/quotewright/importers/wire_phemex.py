"""Phemex: messages `book` and `trades`, all numbers scaled to integers.

Prices of contracts are scaled by the product's `priceScale` and sizes are contracts; prices and sizes of spot pairs are
scaled by the `valueScale` of the quote and of the base currency. All of these are in the recording's product list. The
book is kept at its depth by the venue; its numbers only rise. A trade's side is the taker's. Source:
github.com/phemex/phemex-api-docs, "Orderbook", "Trade", "Query product information".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.domain.units import format_decimal
from quotewright.importers.report import Tally
from quotewright.importers.wire_book import TAKEN
from quotewright.importers.wire_decoder import HISTORY, NO_BOOK, OTHER, SERVICE, Decoder, other_stream
from quotewright.importers.wire_times import Id, Nanoseconds

_SIDES = {"Buy": BID, "Sell": ASK}

_Scale = Annotated[int, msgspec.Meta(ge=0, le=18)]
_Trade = tuple[Nanoseconds, str, Id, Id]  # time, side, price, size


class _Sides(msgspec.Struct, gc=False):
    asks: list[tuple[Id, Id]]
    bids: list[tuple[Id, Id]]


class _Message(msgspec.Struct, gc=False):
    symbol: str = ""
    type: str = ""
    sequence: Id = 0
    timestamp: Nanoseconds = 0
    book: _Sides | None = None
    trades: list[_Trade] | None = None


class _Currency(msgspec.Struct, gc=False):
    currency: str
    valueScale: _Scale  # noqa: N815


class _Product(msgspec.Struct, gc=False):
    symbol: str
    quoteCurrency: str = ""  # noqa: N815
    baseCurrency: str = ""  # noqa: N815
    priceScale: _Scale | None = None  # noqa: N815


class _Products(msgspec.Struct, gc=False):
    currencies: list[_Currency]
    products: list[_Product]


class _Reply(msgspec.Struct, gc=False):
    data: _Products


class Phemex(Decoder):
    """Decoder of Phemex's messages."""

    exchanges = ("PHEMEX",)
    sequenced = False  # numbers rise, but not one by one

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self._scales: tuple[int, int] | None = None  # of prices and sizes
        self._message = msgspec.json.Decoder(_Message).decode
        self._reply = msgspec.json.Decoder(_Reply).decode

    def reply(self, address: str, text: str | bytes) -> str:
        if not address.split("?")[0].endswith("/products"):
            return NO_BOOK
        products = self._reply(text).data
        product = next((p for p in products.products if p.symbol == self.instrument.symbol), None)
        if product is None:
            return NO_BOOK
        values = {currency.currency: currency.valueScale for currency in products.currencies}
        if product.priceScale is not None:
            self._scales = product.priceScale, 0
        else:
            scales = values.get(product.quoteCurrency), values.get(product.baseCurrency)
            if scales[0] is None or scales[1] is None:
                raise ParseError("valueScale", product.symbol, "is missing of its quote or base currency")
            self._scales = scales[0], scales[1]
        return TAKEN

    def message(self, text: str | bytes, connection: str) -> str:
        message = self._message(text)
        if not message.symbol:
            return SERVICE
        if message.symbol != self.instrument.symbol:
            return OTHER
        if message.trades is not None:
            return self.book.trades(self._prints(message.trades)) if message.type == "incremental" else HISTORY
        if message.book is None:
            return other_stream("kline or ticker")
        bids, asks = self._levels(message.book.bids), self._levels(message.book.asks)
        if message.type == "snapshot":
            return self.book.snapshot(bids, asks, message.timestamp, message.sequence)
        return self.book.change(bids, asks, message.timestamp, message.sequence)

    def _levels(self, levels: list[tuple[int, int]]) -> list[tuple[str, str]]:
        price_scale, size_scale = self._known_scales()
        return [(format_decimal(price, price_scale), format_decimal(size, size_scale)) for price, size in levels]

    def _prints(self, trades: list[_Trade]) -> Iterator[tuple[int, str, str, int, int, int]]:
        price_scale, size_scale = self._known_scales()
        for time, side, price, size in reversed(trades):  # newest first
            if side not in _SIDES:
                raise ParseError("side", side[:40], "must be Buy or Sell")
            yield _SIDES[side], format_decimal(price, price_scale), format_decimal(size, size_scale), time, 0, 0

    def _known_scales(self) -> tuple[int, int]:
        if self._scales is None:
            fix = "is in no product list ahead of its messages: their scale is unknown"
            raise ParseError("symbol", self.instrument.symbol, fix)
        return self._scales
