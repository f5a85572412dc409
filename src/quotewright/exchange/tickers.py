"""The last day of a symbol in minutes: open, high, low, volume."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from quotewright.exchange.orders import MILLISECOND, ms
from quotewright.exchange.public_book import PublicTrade
from quotewright.exchange.rules import SymbolRules, fixed8

_MINUTE = 60 * 10**9
_MINUTES = 1440


class Minute(msgspec.Struct):
    """One minute's trades; `value` in ticks × lots."""

    start: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    value: int = 0
    count: int = 0
    first: int = 0
    last: int = 0


class Ticker:
    """Minutes of the last day with trades in them."""

    def __init__(self) -> None:
        self._minutes: deque[Minute] = deque(maxlen=_MINUTES)

    def add(self, trade: PublicTrade, value: int) -> None:
        """Take a trade in; `value` is atoms of the quote asset for a lot at a tick."""
        start = trade.time - trade.time % _MINUTE
        if not self._minutes or self._minutes[-1].start != start:
            price = trade.price
            self._minutes.append(Minute(start, price, price, price, price, first=trade.id))
        minute = self._minutes[-1]
        minute.high, minute.low = max(minute.high, trade.price), min(minute.low, trade.price)
        minute.close = trade.price
        minute.volume += trade.qty
        minute.value += trade.qty * trade.price * value
        minute.count += 1
        minute.last = trade.id

    def day(self, now: int) -> list[Minute]:
        """Minutes of the 24 hours before `now`."""
        return [minute for minute in self._minutes if minute.start > now - _MINUTES * _MINUTE]

    def event(
        self, rules: SymbolRules, best: tuple[tuple[int, int], tuple[int, int]], now: int, *, whole: bool
    ) -> dict[str, Any]:
        """The miniTicker event, or the `whole` ticker's."""
        day = self._statistics(rules, best, now)
        names = {
            "openPrice": "o",
            "highPrice": "h",
            "lowPrice": "l",
            "lastPrice": "c",
            "volume": "v",
            "quoteVolume": "q",
        }
        event: dict[str, Any] = {"e": "24hrTicker" if whole else "24hrMiniTicker", "E": ms(now), "s": rules.name}
        if whole:
            names |= {
                "priceChange": "p",
                "priceChangePercent": "P",
                "weightedAvgPrice": "w",
                "prevClosePrice": "x",
                "lastQty": "Q",
                "bidPrice": "b",
                "bidQty": "B",
                "askPrice": "a",
                "askQty": "A",
                "openTime": "O",
                "closeTime": "C",
                "firstId": "F",
                "lastId": "L",
                "count": "n",
            }
        return event | {short: day[name] for name, short in names.items()}

    def rest(self, rules: SymbolRules, best: tuple[tuple[int, int], tuple[int, int]], now: int) -> dict[str, Any]:
        """As REST gives it."""
        return {"symbol": rules.name, **self._statistics(rules, best, now)}

    def _statistics(
        self, rules: SymbolRules, best: tuple[tuple[int, int], tuple[int, int]], now: int
    ) -> dict[str, Any]:
        day = self.day(now)
        first = day[0].open if day else 0
        last = day[-1].close if day else 0
        volume, value = sum(m.volume for m in day) * rules.lot, sum(m.value for m in day)
        bid, ask = best
        return {
            "priceChange": fixed8((last - first) * rules.tick),
            "priceChangePercent": _percent(last - first, first),
            "weightedAvgPrice": fixed8(value * 10**8 // volume if volume else 0),
            "prevClosePrice": rules.price(first),
            "lastPrice": rules.price(last),
            "lastQty": rules.qty(0),
            "bidPrice": rules.price(bid[0]),
            "bidQty": rules.qty(bid[1]),
            "askPrice": rules.price(ask[0]),
            "askQty": rules.qty(ask[1]),
            "openPrice": rules.price(first),
            "highPrice": rules.price(max((m.high for m in day), default=0)),
            "lowPrice": rules.price(min((m.low for m in day), default=0)),
            "volume": fixed8(volume),
            "quoteVolume": fixed8(value),
            "openTime": ms(now) - _MINUTES * _MINUTE // MILLISECOND,
            "closeTime": ms(now),
            "firstId": day[0].first if day else -1,
            "lastId": day[-1].last if day else -1,
            "count": sum(m.count for m in day),
        }


def _percent(change: int, of: int) -> str:
    """A change in percent, three decimals."""
    thousandths = abs(change) * 100_000 // of if of else 0
    return f"{'-' if change < 0 else ''}{thousandths // 1000}.{thousandths % 1000:03d}"
