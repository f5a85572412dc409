"""Trades that were missed while there was no connection: asked for by their ids, and put into the form of the stream's.

So a recording has every trade, as long as the venue answers; what it does not tell stays counted as missed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from quotewright.venues.binance_rest import Answer, NotUnderstood, RestCalls
from quotewright.venues.binance_wire import UNREADABLE

_PAGE = 1000
_MOST_PAGES = 5


class _OldTrade(msgspec.Struct, rename="camel"):
    """A trade in a list, amounts as they stand."""

    id: int
    price: msgspec.Raw
    qty: msgspec.Raw
    time: int
    is_buyer_maker: bool


class MissedTrades:
    """Asks for the trades of symbols after the last one seen; `take` gets them as messages of the trade stream."""

    def __init__(
        self,
        rest: RestCalls,
        headers: Mapping[str, str],
        take: Callable[[int, bytes, int], None],
        not_understood: NotUnderstood,
    ) -> None:
        self._rest = rest
        self._headers = headers
        self._take = take
        self._not_understood = not_understood
        self._decode = msgspec.json.Decoder(list[_OldTrade]).decode
        self._round = 0
        self._under_way = 0

    def ask(self, wanted: Mapping[int, tuple[str, int]], now: int, done: Callable[[int], None]) -> None:
        """Ask for every symbol, given by index with its name and last trade; `done` is called when all is answered.

        A new round makes an old one's answers void, and its `done` is not called.
        """
        self._round += 1
        self._under_way = len(wanted)
        if not wanted or now < self._rest.spared:
            self._under_way = 0
            done(now)
            return
        for index, (symbol, last) in wanted.items():
            self._page(self._round, index, symbol, last + 1, 1, now, done)

    def _page(
        self, turn: int, index: int, symbol: str, from_id: int, page: int, now: int, done: Callable[[int], None]
    ) -> None:
        def answered(answer: Answer, at: int) -> None:
            if turn != self._round:
                return
            last = self._answered(index, symbol, answer, at)
            if last and page < _MOST_PAGES:
                self._page(turn, index, symbol, last + 1, page + 1, at, done)
                return
            self._under_way -= 1
            if not self._under_way:
                done(at)

        target = f"/api/v3/historicalTrades?symbol={symbol}&fromId={from_id}&limit={_PAGE}"
        self._rest.ask("GET", target, self._headers, answered, now)

    def _answered(self, index: int, symbol: str, answer: Answer, now: int) -> int:
        """Take what was told; returns the last id if there may be more."""
        if answer.status != 200:
            return 0
        try:
            trades = self._decode(answer.body)
        except UNREADABLE as error:
            self._not_understood("list of trades", error, answer.body, now)
            return 0
        for trade in trades:
            self._take(index, _as_streamed(symbol, trade), now)
        return trades[-1].id if len(trades) == _PAGE else 0


def _as_streamed(symbol: str, trade: _OldTrade) -> bytes:
    return b'{"stream":"%b@trade","data":{"e":"trade","E":%d,"s":"%b","t":%d,"p":%b,"q":%b,"T":%d,"m":%b,"M":true}}' % (
        symbol.lower().encode(),
        trade.time,
        symbol.encode(),
        trade.id,
        bytes(trade.price),
        bytes(trade.qty),
        trade.time,
        b"true" if trade.is_buyer_maker else b"false",
    )
