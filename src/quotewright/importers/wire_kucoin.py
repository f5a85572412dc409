"""KuCoin: topics `/market/level2` and `/market/match`, with REST snapshots of the whole book.

Changes cover the ids `sequenceStart` to `sequenceEnd` and carry no time; a price of 0 only counts. A match's side is
the taker's. Source: docs.kucoin.com, "Level-2 Market Data", "Match Execution Data".
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.importers.exact import whole_number
from quotewright.importers.report import Tally
from quotewright.importers.wire_decoder import NO_BOOK, OTHER, SERVICE, Decoder, other_stream
from quotewright.importers.wire_times import MS, Id, Milliseconds

_SIDES = {"buy": BID, "sell": ASK}

_Row = tuple[str, str, str]  # price, size, id


class _Message(msgspec.Struct, gc=False):
    topic: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


class _Sides(msgspec.Struct, gc=False):
    asks: list[_Row]
    bids: list[_Row]


class _Change(msgspec.Struct, gc=False):
    sequenceStart: Id  # noqa: N815
    sequenceEnd: Id  # noqa: N815
    symbol: str
    changes: _Sides


class _Match(msgspec.Struct, gc=False):
    symbol: str
    sequence: str
    side: str
    size: str
    price: str
    time: str


class _Snapshot(msgspec.Struct, gc=False):
    sequence: str
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    time: Milliseconds = 0


class _Reply(msgspec.Struct, gc=False):
    data: _Snapshot


class Kucoin(Decoder):
    """Decoder of KuCoin's messages."""

    exchanges = ("KUCOIN",)

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        super().__init__(instrument, tally)
        self._message = msgspec.json.Decoder(_Message).decode
        self._change = msgspec.json.Decoder(_Change).decode
        self._match = msgspec.json.Decoder(_Match).decode
        self._reply = msgspec.json.Decoder(_Reply).decode

    def reply(self, address: str, text: str | bytes) -> str:
        parts = urlsplit(address)
        ours = parse_qs(parts.query).get("symbol") == [self.instrument.symbol]
        if not (ours and parts.path.endswith("/orderbook/level2")):
            return NO_BOOK
        whole = self._reply(text).data
        sequence = whole_number(whole.sequence, "sequence")
        return self.book.snapshot(whole.bids, whole.asks, whole.time * MS, sequence)

    def message(self, text: str | bytes, connection: str) -> str:
        message = self._message(text)
        topic, _, symbol = message.topic.partition(":")
        if not topic:
            return SERVICE
        if topic not in ("/market/level2", "/market/match"):
            return other_stream(topic)
        if symbol != self.instrument.symbol:
            return OTHER
        if topic == "/market/match":
            return self.book.trades(self._print(self._match(message.data)))
        change = self._change(message.data)
        bids, asks = _levels(change.changes.bids), _levels(change.changes.asks)
        return self.book.change(bids, asks, 0, change.sequenceEnd, first=change.sequenceStart)

    def _print(self, match: _Match) -> Iterator[tuple[int, str, str, int, int, int]]:
        if match.side not in _SIDES:
            raise ParseError("side", match.side[:40], "must be buy or sell")
        sequence = whole_number(match.sequence, "sequence")
        yield _SIDES[match.side], match.price, match.size, whole_number(match.time, "time"), sequence, 0


def _levels(rows: list[_Row]) -> list[tuple[str, str]]:
    return [(price, size) for price, size, _ in rows if price.strip("0.")]
