"""The account's news through ccxt: kept subscribed, every report delivered, and its loss told at once.

The stream counts as lost when its connection ends, when the venue says so, when it cannot be subscribed, and when an
order that the venue acknowledged is not on it within `stream_patience`: ccxt itself hangs in silence in that case.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any

from quotewright.domain.errors import ParseError
from quotewright.gateway.port import Alarm, Balances, Cleared, Fact, Source, StreamDown, StreamUp
from quotewright.venues.ccxt_reports import Reader, remember
from quotewright.venues.ccxt_settings import SECOND, CcxtSettings

_MOST_TEXT = 2000


class Unread:
    """Tells of what cannot be understood, its text kept, and takes it back when it has not happened for `hold`."""

    def __init__(self, tell: Callable[[Fact], None], hold: int) -> None:
        self._tell = tell
        self._hold = hold
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, raw: Any, why: str) -> None:
        """Something was not understood."""
        text = raw if isinstance(raw, str) else json.dumps(raw, default=str)
        self._tell(Alarm("api-change", f"{why}: {text[:_MOST_TEXT]}", "pause"))
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(self._hold / SECOND, self._clear)

    def stop(self) -> None:
        """Take nothing back any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _clear(self) -> None:
        self._timer = None
        self._tell(Cleared("api-change"))


class UserStream:
    """One account's subscriptions on one exchange object."""

    def __init__(
        self,
        tell: Callable[[Fact], None],
        unread: Unread,
        settings: CcxtSettings,
        clock: Callable[[], int],
        random: Random,
    ) -> None:
        self._unread = unread
        self.up = False
        self.reader = Reader([], [])
        self._tell = tell
        self._settings = settings
        self._clock = clock
        self._random = random
        self._lost = asyncio.Event()
        self._why = ""
        self._shown: dict[str, bool] = {}  # client ids that the stream has named
        self._awaited: dict[str, asyncio.TimerHandle] = {}

    async def run(self, exchange: Any, acknowledged: Callable[[], Awaitable[None]] | None) -> None:
        """Keep it subscribed until cancelled; `acknowledged` subscribes and returns on the venue's word, if it can."""
        wait = self._settings.backoff
        try:
            while True:
                self._lost.clear()
                self._why = ""
                watchers: list[asyncio.Task[None]] = []
                try:
                    limit = self._settings.start_time_out / SECOND
                    await asyncio.wait_for(self._subscribe(exchange, acknowledged, watchers), limit)
                    if not self._lost.is_set():
                        self.up, wait = True, self._settings.backoff
                        self._tell(StreamUp())
                    await self._lost.wait()
                except Exception as error:
                    self.lost(f"{type(error).__name__}: {error}"[:300])
                finally:
                    for task in watchers:
                        task.cancel()
                self._down()
                await exchange.close_ws_clients()
                await asyncio.sleep(wait / SECOND * self._random.uniform(0.75, 1.25))
                wait = min(wait * 2, self._settings.longest_backoff)
        finally:
            self._forget_awaited()

    def lost(self, why: str) -> None:
        """The stream can no longer be trusted; the first reason is the one told."""
        if not self._lost.is_set():
            self._why = why
            self._lost.set()

    def acknowledged(self, client_id: str) -> None:
        """The venue has acknowledged a resting order by another way: its stream must show it soon."""
        if self.up and client_id not in self._shown:
            late = f"the venue acknowledged {client_id}, and its stream does not show it"
            patience = self._settings.stream_patience / SECOND
            self._awaited[client_id] = asyncio.get_running_loop().call_later(patience, self.lost, late)

    def on_order(self, raw: Mapping[str, Any]) -> None:
        """An order's report, as ccxt parsed it."""
        if self.reader.instrument(raw.get("symbol")) < 0:
            return  # of an instrument that this session has no part in
        try:
            report = self.reader.order(raw, Source.STREAM)
        except (ParseError, KeyError, TypeError, ValueError) as error:
            self._unread(raw.get("info"), str(error))
            return
        if (timer := self._awaited.pop(report.client_id, None)) is not None:
            timer.cancel()
        remember(self._shown, report.client_id, True)
        self._tell(report)

    def on_trade(self, raw: Mapping[str, Any]) -> None:
        """A trade of ours, as ccxt parsed it."""
        if self.reader.instrument(raw.get("symbol")) < 0:
            return
        try:
            self._tell(self.reader.trade(raw, Source.STREAM))
        except (ParseError, KeyError, TypeError, ValueError) as error:
            self._unread(raw.get("info"), str(error))

    def on_message(self, raw: Any, wrong: str) -> None:
        """A message that ccxt could not take, or one by which the venue says that it ends the stream."""
        if wrong:
            self._unread(raw, wrong)
        else:
            self.lost(f"the venue ends the stream: {json.dumps(raw, default=str)[:200]}")

    async def _subscribe(
        self,
        exchange: Any,
        acknowledged: Callable[[], Awaitable[None]] | None,
        watchers: list[asyncio.Task[None]],
    ) -> None:
        if acknowledged is not None:
            await acknowledged()
        watches: list[Callable[[], Awaitable[None]]] = [exchange.watch_orders, exchange.watch_my_trades]
        if exchange.has.get("watchBalance") is True:
            watches.append(lambda: self._balances(exchange))
        watchers += [asyncio.ensure_future(self._watch(each)) for each in watches]
        if acknowledged is None:
            while not exchange.clients or not all(client.isConnected for client in exchange.clients.values()):
                await asyncio.sleep(0.02)
            await asyncio.sleep(self._settings.settle / SECOND)

    async def _watch(self, watch: Callable[[], Awaitable[None]]) -> None:
        """Keep one subscription; what it brings comes through the taps."""
        try:
            while True:
                await watch()
        except Exception as error:
            self.lost(f"{type(error).__name__}: {error}"[:300])

    async def _balances(self, exchange: Any) -> None:
        raw = await exchange.watch_balance()
        time = int(raw.get("timestamp") or 0) * 10**6 or self._clock()
        self._tell(Balances(0, self.reader.balances(raw), time, whole=False))

    def _down(self) -> None:
        self._forget_awaited()
        if self.up:
            self.up = False
            self._tell(StreamDown(self._why))

    def _forget_awaited(self) -> None:
        for timer in self._awaited.values():
            timer.cancel()
        self._awaited.clear()
