"""Independent Reserve: order-level channels `orderbook-<coin>`, with REST snapshots of all orders of a pair.

A coin's orders are one book in every currency: an order shows a price in each, converted when it was placed. Events of
a channel are numbered by `Nonce`; snapshots are not, so they are joined by time and by the orders' names. The recording
holds no change of an order and no trade: these events are not read.
Source: independentreserve.com/api, "WebSockets",
"GetAllOrders".
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.importers.report import Tally
from quotewright.importers.wire_decoder import (
    NO_BOOK,
    OTHER,
    SERVICE,
    ConnectionCounter,
    Decoder,
    number,
    other_stream,
)
from quotewright.importers.wire_orders import WireOrders
from quotewright.importers.wire_times import MS, Id, Milliseconds, iso_ns

_SIDES = {"LimitBid": BID, "LimitOffer": ASK}


class _Message(msgspec.Struct, gc=False):
    Event: str
    Channel: str = ""
    Nonce: Id = 0
    Time: Milliseconds = 0
    Data: msgspec.Raw = msgspec.Raw(b"{}")


class _Order(msgspec.Struct, gc=False):
    OrderGuid: str
    OrderType: str
    Price: dict[str, msgspec.Raw] = {}
    Volume: msgspec.Raw = msgspec.Raw(b"")


class _Resting(msgspec.Struct, gc=False):
    Guid: str
    Price: msgspec.Raw
    Volume: msgspec.Raw


class _Snapshot(msgspec.Struct, gc=False):
    BuyOrders: list[_Resting]
    SellOrders: list[_Resting]
    CreatedTimestampUtc: str


class IndependentReserve(Decoder):
    """Decoder of Independent Reserve's messages; the symbol is COIN-CURRENCY."""

    exchanges = ("INDEPENDENT_RESERVE",)

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self.book: WireOrders = WireOrders(instrument, tally)
        self._coin, self._currency = instrument.base.lower(), instrument.quote.lower()
        self._numbers = ConnectionCounter()
        self._message = msgspec.json.Decoder(_Message).decode
        self._order = msgspec.json.Decoder(_Order).decode
        self._snapshot = msgspec.json.Decoder(_Snapshot).decode

    def reply(self, address: str, text: str | bytes) -> str:
        parts = urlsplit(address)
        query = parse_qs(parts.query)
        pair = query.get("primaryCurrencyCode"), query.get("secondaryCurrencyCode")
        if not parts.path.endswith("/GetAllOrders") or pair != ([self._coin], [self._currency]):
            return NO_BOOK
        whole = self._snapshot(text)
        time = iso_ns(whole.CreatedTimestampUtc, "CreatedTimestampUtc")
        return self.book.start(_orders(whole.BuyOrders), _orders(whole.SellOrders), time)

    def message(self, text: str | bytes, connection: str) -> str:
        message = self._message(text)
        kind, _, coin = message.Channel.partition("-")
        if not kind:
            return SERVICE
        if kind != "orderbook":
            return other_stream(kind)
        if coin != self._coin:
            return OTHER
        if not self._numbers.follows(message.Channel, message.Nonce):
            self.book.lost()
        order = self._order(message.Data)
        if order.OrderType not in _SIDES:
            return other_stream(f"orders of type {order.OrderType}")
        if message.Event == "OrderCanceled":
            return self.book.remove(order.OrderGuid, message.Time * MS, message.Nonce)
        if message.Event != "NewOrder":
            raise ParseError("Event", message.Event[:40], "is not read: what it does to the book is not known here")
        if self._currency not in order.Price:
            raise ParseError("Price", ", ".join(order.Price)[:40], f"has none in {self._currency}")
        price, volume = number(order.Price[self._currency]), number(order.Volume)
        return self.book.add(order.OrderGuid, _SIDES[order.OrderType], price, volume, message.Time * MS, message.Nonce)


def _orders(orders: list[_Resting]) -> list[tuple[str, str, str]]:
    return [(order.Guid, number(order.Price), number(order.Volume)) for order in orders]
