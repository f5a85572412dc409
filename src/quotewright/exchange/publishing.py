"""The public streams of a symbol: what is told at once, and what is gathered for 100 ms or a second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from quotewright.domain.events import ASK, BID
from quotewright.exchange.orders import ms
from quotewright.exchange.public_book import PublicTrade
from quotewright.exchange.streams import FAST, SLOW, Connection, Subscriptions
from quotewright.exchange.tickers import Ticker
from quotewright.exchange.trading import Symbol

PACES = (100_000_000, 1_000_000_000)  # ns, of FAST and SLOW
NEVER = 2**63 - 1

Push = Callable[[Connection, str, str, str, bytes, int], None]  # connection, kind, symbol, name, JSON, now


class Publisher:
    """Tells the connections subscribed to a symbol's streams."""

    def __init__(self, symbol: Symbol, subscriptions: Subscriptions, clock: Callable[[int], int], push: Push) -> None:
        self.ticker = Ticker()
        self._symbol = symbol
        self._listeners: Mapping[str, Mapping[int, Connection]] = subscriptions.by_name
        self._clock = clock
        self._push = push
        self._stem = symbol.rules.name.lower()
        self._due = [NEVER, NEVER]
        self._told = ((0, 0), (0, 0))
        self._aggregate = 0
        self._encode = msgspec.json.Encoder().encode

    def next_due(self) -> int:
        """When `tell_gathered` has something to tell."""
        return min(self._due)

    def tell_at_once(self, now: int) -> None:
        """Trades, the best bid and ask; and note when the rest is due."""
        book, trades = self._symbol.book, self._symbol.trades
        if trades:
            self._symbol.trades = []
            for trade in trades:
                self.ticker.add(trade, self._symbol.rules.value)
            self._tell_trades(trades, now)
            self._tell_aggregates(trades, now)
        best = book.best(BID), book.best(ASK)
        if best != self._told:
            self._told = best
            self._send("bookTicker", f"{self._stem}@bookTicker", lambda: self.best(), now)
        for pace in (FAST, SLOW):
            if self._due[pace] == NEVER and (book.pending(pace) or trades):
                self._due[pace] = now - now % PACES[pace] + PACES[pace]

    def tell_gathered(self, now: int) -> None:
        """Differences, partial books and tickers that are due."""
        book, stem = self._symbol.book, self._stem
        for pace, suffix in ((FAST, "@100ms"), (SLOW, "")):
            if self._due[pace] > now:
                continue
            self._due[pace] = NEVER
            if book.pending(pace):
                first, changed = book.take(pace)
                self._send(
                    "depth", f"{stem}@depth{suffix}", lambda f=first, c=changed: self._difference(f, c, now), now
                )
                for levels in (5, 10, 20):
                    self._send("partialDepth", f"{stem}@depth{levels}{suffix}", lambda n=levels: self.depth(n), now)
            if pace == SLOW:
                for kind, whole in (("miniTicker", False), ("ticker", True)):
                    self._send(kind, f"{stem}@{kind}", lambda w=whole: self._ticker(w, now), now)

    def best(self) -> dict[str, Any]:
        """The bookTicker event."""
        rules, ((bid, bid_qty), (ask, ask_qty)) = self._symbol.rules, self._told
        return {
            "u": self._symbol.book.last_id,
            "s": rules.name,
            "b": rules.price(bid),
            "B": rules.qty(bid_qty),
            "a": rules.price(ask),
            "A": rules.qty(ask_qty),
        }

    def depth(self, limit: int) -> dict[str, Any]:
        """A book of at most `limit` levels a side, as REST and the partial streams give it."""
        book, rules = self._symbol.book, self._symbol.rules
        sides = {"bids": BID, "asks": ASK}
        levels = {name: [[rules.price(p), rules.qty(q)] for p, q in book.depth(s, limit)] for name, s in sides.items()}
        return {"lastUpdateId": book.last_id, **levels}

    def _difference(self, first: int, changed: Mapping[tuple[int, int], int], now: int) -> dict[str, Any]:
        rules = self._symbol.rules
        sides: dict[int, list[list[str]]] = {BID: [], ASK: []}
        for (side, price), qty in sorted(changed.items(), reverse=True):
            sides[side].append([rules.price(price), rules.qty(qty)])
        return {
            "e": "depthUpdate",
            "E": ms(self._clock(now)),
            "s": rules.name,
            "U": first,
            "u": self._symbol.book.last_id,
            "b": sides[BID],
            "a": sides[ASK][::-1],
        }

    def _tell_trades(self, trades: list[PublicTrade], now: int) -> None:
        rules = self._symbol.rules
        for trade in trades:
            event: dict[str, Any] = {
                "e": "trade",
                "E": ms(self._clock(now)),
                "s": rules.name,
                "t": trade.id,
                "p": rules.price(trade.price),
                "q": rules.qty(trade.qty),
                "T": ms(trade.time),
                "m": trade.side == ASK,
                "M": True,
            }
            self._send("trade", f"{self._stem}@trade", lambda e=event: e, now)

    def _tell_aggregates(self, trades: list[PublicTrade], now: int) -> None:
        """Trades of one moment, side and price as one."""
        rules = self._symbol.rules
        for group in aggregated(trades):
            self._aggregate += 1
            event: dict[str, Any] = {"e": "aggTrade", "E": ms(self._clock(now)), "s": rules.name, "a": self._aggregate}
            event |= {
                "p": rules.price(group[0].price),
                "q": rules.qty(sum(trade.qty for trade in group)),
                "f": group[0].id,
                "l": group[-1].id,
                "T": ms(group[0].time),
                "m": group[0].side == ASK,
                "M": True,
            }
            self._send("aggTrade", f"{self._stem}@aggTrade", lambda e=event: e, now)

    def _ticker(self, whole: bool, now: int) -> dict[str, Any]:
        return self.ticker.event(self._symbol.rules, self._told, self._clock(now), whole=whole)

    def _send(self, kind: str, name: str, event: Callable[[], dict[str, Any]], now: int) -> None:
        listeners = self._listeners.get(name)
        if listeners:
            payload = self._encode(event())
            for conn in list(listeners.values()):
                self._push(conn, kind, self._symbol.rules.name, name, payload, now)


def aggregated(trades: list[PublicTrade]) -> list[list[PublicTrade]]:
    """Neighbouring trades of one time, side and price together."""
    groups: list[list[PublicTrade]] = []
    for trade in trades:
        last = groups[-1][-1] if groups else None
        if last and (last.time, last.side, last.price) == (trade.time, trade.side, trade.price):
            groups[-1].append(trade)
        else:
            groups.append([trade])
    return groups
