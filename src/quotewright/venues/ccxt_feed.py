"""A market feed through ccxt: books and trades of any venue as event rows, whole updates only.

ccxt keeps the book; after each of its updates the levels within `depth` are compared with those of the update before,
and the differences become rows. A level that falls out of the window is told as gone. After any doubt (a gap that ccxt
found, a lost connection, silence) a BOOK_GAP row comes at once, then a snapshot: never a silent gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from quotewright.domain.errors import ParseError
from quotewright.domain.events import (
    ASK,
    BID,
    CLEAR,
    ESTIMATED_TIME,
    LAST,
    LEVEL,
    STATUS,
    TRADE,
    EventArray,
    Status,
    empty_events,
)
from quotewright.domain.instrument import Instrument
from quotewright.domain.units import Step
from quotewright.gateway.port import Alarm, Cleared, Fact
from quotewright.venues.ccxt_exchange import Taps, ccxt_pro, make_exchange
from quotewright.venues.ccxt_markets import find_market
from quotewright.venues.ccxt_reports import VenueIds, plain, remember
from quotewright.venues.ccxt_settings import SECOND, CcxtSettings
from quotewright.venues.ccxt_stream import Unread

MILLISECOND = 10**6
Level = tuple[int, int, int]  # side, ticks, lots


class BookRows:
    """The last told window of one book, and the rows that lead from it to the next."""

    def __init__(self, instrument: Instrument, number: int, depth: int) -> None:
        self._tick: Step = instrument.price_step
        self._lot: Step = instrument.qty_step
        self._number = number
        self._depth = depth
        self._told: dict[int, dict[float, float]] = {BID: {}, ASK: {}}
        self.valid = False

    def rows(self, book: Mapping[str, Any], now: int) -> EventArray | None:
        """The update as rows, None if nothing within the window changed; ParseError for prices off the step."""
        changed: list[Level] = []
        windows: dict[int, dict[float, float]] = {}
        for side, name in ((BID, "bids"), (ASK, "asks")):
            levels: Sequence[Any] = book[name][: self._depth]
            window = {level[0]: level[1] for level in levels}
            before = self._told[side] if self.valid else {}
            changed += [(side, self._ticks(price), 0) for price in before if price not in window]
            changed += [
                (side, self._ticks(price), self._lots(qty)) for price, qty in window.items() if before.get(price) != qty
            ]
            windows[side] = window
        if not changed and self.valid:
            return None
        seq = int(book.get("nonce") or 0)
        time = int(book.get("timestamp") or 0) * MILLISECOND
        events = level_rows(changed, seq, self._number, snapshot=not self.valid)
        stamp(events, time, now)
        self._told, self.valid = windows, True
        return events

    def gap(self, now: int) -> EventArray:
        """The book is no longer to be used."""
        self.valid = False
        events = empty_events(1)
        events["kind"], events["price"], events["instrument"] = STATUS, Status.BOOK_GAP, self._number
        events["flags"] = LAST
        stamp(events, 0, now)
        return events

    def _ticks(self, price: float) -> int:
        return self._tick.count(plain(price, "price"), "price")

    def _lots(self, qty: float) -> int:
        return self._lot.count(plain(qty, "amount"), "amount")


def level_rows(levels: Sequence[Level], seq: int, number: int, *, snapshot: bool) -> EventArray:
    """LEVEL rows of one update, after a CLEAR row if it is a snapshot; times are still to be set."""
    events = empty_events(len(levels) + snapshot)
    events["kind"], events["seq"], events["instrument"] = LEVEL, seq, number
    for row, (side, ticks, lots) in enumerate(levels, start=int(snapshot)):
        events[row]["side"], events[row]["price"], events[row]["qty"] = side, ticks, lots
    if snapshot:
        events[0]["kind"] = CLEAR
    events["flags"][-1] = LAST
    return events


def trade_rows(
    trades: Sequence[Mapping[str, Any]], instrument: Instrument, number: int, ids: VenueIds, now: int
) -> EventArray:
    """Trades as TRADE rows, each an update of its own; ParseError for prices and amounts off the steps."""
    events = empty_events(len(trades))
    events["kind"], events["flags"], events["local_ts"], events["instrument"] = TRADE, LAST, now, number
    for event, trade in zip(events, trades, strict=True):
        event["side"] = BID if trade["side"] == "buy" else ASK
        event["price"] = instrument.price_ticks(plain(trade["price"], "price"))
        event["qty"] = instrument.qty_lots(plain(trade["amount"], "amount"))
        event["seq"] = ids.number(str(trade["id"])) if trade.get("id") else 0
        event["exch_ts"] = int(trade.get("timestamp") or 0) * MILLISECOND or now
        if not trade.get("timestamp"):
            event["flags"] |= ESTIMATED_TIME
    return events


def stamp(events: EventArray, time: int, now: int) -> None:
    """Set both times; one that the venue did not tell is estimated by ours and flagged."""
    events["local_ts"] = now
    events["exch_ts"] = time or now
    if not time:
        events["flags"] |= ESTIMATED_TIME


class CcxtFeed:
    """Watches books and trades of the instruments, each in its own task, until cancelled."""

    def __init__(
        self,
        instruments: Sequence[Instrument],
        rows: Callable[[EventArray, int], None],
        sink: Callable[[Fact, int], None],
        unread: Unread,
        settings: CcxtSettings,
        clock: Callable[[], int],
        random: Random,
    ) -> None:
        self._unread = unread
        self._instruments = list(instruments)
        self._rows = rows
        self._sink = sink
        self._settings = settings
        self._clock = clock
        self._random = random
        self._ids = VenueIds()
        self._seen: list[dict[str, bool]] = [{} for _ in self._instruments]  # ids of trades
        taps = Taps(_nothing, _nothing, self._on_message, _nothing, _nothing)
        self._exchange: Any = make_exchange(settings, None, taps, exact=False)
        self._loading = asyncio.Lock()

    async def run(self) -> None:
        """Every instrument's book and trades."""
        numbers = range(len(self._instruments))
        watches = [self._kept(number, self._books, "stale-market", "pause") for number in numbers]
        if self._exchange.has.get("watchTrades") is True:
            watches += [self._kept(number, self._trades, "trades-interrupted", "note") for number in numbers]
        await asyncio.gather(*watches)

    async def close(self) -> None:
        """Give the sockets back."""
        await self._exchange.close()

    async def _kept(self, number: int, watch: Callable[[int, str], Any], name: str, severity: str) -> None:
        """Start a watch again whenever it ends, after a growing wait; the end is an alarm."""
        wait = self._settings.backoff
        while True:
            began = self._clock()
            try:
                async with self._loading:
                    await asyncio.wait_for(self._exchange.load_markets(), self._settings.start_time_out / SECOND)
                await watch(number, find_market(self._exchange, self._instruments[number])["symbol"])
            except Exception as error:
                why = f"{self._instruments[number].name}: {type(error).__name__}: {error}"[:300]
                self._sink(Alarm(name, why, severity, number), self._clock())
            if self._clock() - began > self._settings.longest_backoff:
                wait = self._settings.backoff
            await asyncio.sleep(wait / SECOND * self._random.uniform(0.75, 1.25))
            wait = min(wait * 2, self._settings.longest_backoff)

    async def _books(self, number: int, symbol: str) -> None:
        state = BookRows(self._instruments[number], number, self._settings.depth)
        first = True
        try:
            while True:
                limit = (self._settings.start_time_out if first else self._settings.stale_after) / SECOND
                book = await asyncio.wait_for(self._exchange.watch_order_book(symbol), limit)
                now = self._clock()
                if (events := state.rows(book, now)) is not None:
                    self._rows(events, now)
                if first:
                    first = False
                    self._sink(Cleared("stale-market", number), now)
        except Exception as error:
            now = self._clock()
            self._rows(state.gap(now), now)
            if isinstance(error, ParseError):
                self._unread(self._instruments[number].name, str(error))
            await self._forget(symbol)
            raise

    async def _trades(self, number: int, symbol: str) -> None:
        while True:
            trades = await self._exchange.watch_trades(symbol)
            now = self._clock()
            fresh = [trade for trade in trades if self._is_new(number, trade)]
            if fresh:
                self._rows(trade_rows(fresh, self._instruments[number], number, self._ids, now), now)

    def _is_new(self, number: int, trade: Mapping[str, Any]) -> bool:
        """Many venues send the latest trades again when they are subscribed to."""
        name = trade.get("id")
        if name is None:
            return True
        known = self._seen[number]
        new = name not in known
        remember(known, name, True)
        return new

    async def _forget(self, symbol: str) -> None:
        """Drop ccxt's book and its connection, so that the next watch subscribes anew: it never resubscribes itself."""
        self._exchange.orderbooks.pop(symbol, None)
        for url, client in list(self._exchange.clients.items()):
            if any(symbol in str(name) for name in client.subscriptions):
                self._exchange.clients.pop(url, None)
                for waiting in client.futures.values():
                    waiting.add_done_callback(_seen)
                client.reject(ccxt_pro().NetworkError("resubscribing"))  # closing would cancel whoever waits on it
                await client.close()

    def _on_message(self, raw: Any, wrong: str) -> None:
        if wrong:
            self._unread(raw, wrong)


def _seen(future: asyncio.Future[Any]) -> None:
    """An error that nobody waits for any more; asyncio would log it."""
    if not future.cancelled():
        future.exception()


def _nothing(_: Any) -> None:
    """A feed has no use for it."""
