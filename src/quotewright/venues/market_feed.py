"""Binance Spot's market data over one stream connection: event rows without a silent gap.

Depth differences are joined to REST snapshots; at a gap, a loss or a message that cannot be read the book is declared
invalid at once, and only then a snapshot is asked for; after a loss the trades missed are asked for first. When a
second connection takes over, the first is read until it is closed, and what the second brought meanwhile comes after
it: nothing is lost or doubled between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.domain.events import EventArray
from quotewright.domain.instrument import Instrument
from quotewright.gateway.port import Alarm, Fact
from quotewright.importers.binance_stream import BEST, DEPTH, TRADES, Room, SymbolStream
from quotewright.venues.binance_due import Due
from quotewright.venues.binance_line import Line
from quotewright.venues.binance_rest import Answer, RestCalls
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.binance_wire import UNREADABLE, ApiError
from quotewright.venues.market_feed_snapshots import Snapshots
from quotewright.venues.market_feed_trades import MissedTrades
from quotewright.venues.market_feed_watch import MarketWatch
from quotewright.venues.wire import Wire

_WRAPPED = b'{"stream":"'
_NAME = len(_WRAPPED)
_STREAMS = {f"@{DEPTH}@100ms": DEPTH, f"@{TRADES}": TRADES, f"@{BEST}": BEST}
_FEW_LEVELS = 5

Tap = Callable[[str, bytes, int], None]


class _Control(msgspec.Struct):
    """A message that is no stream's, or one with its members in another order."""

    stream: str = ""
    id: int | None = None
    error: ApiError | None = None
    e: str = ""
    data: _Kind | None = None


class _Kind(msgspec.Struct):
    e: str = ""


class _UpdateId(msgspec.Struct, rename="camel"):
    last_update_id: int


class FeedOwner(Protocol):
    """Who is told what could not be read."""

    def not_understood(self, what: str, error: Exception, text: bytes, now: int) -> None:
        """A message could not be read."""
        ...


class MarketFeed:
    """Owner of the market line; rows go to `rows`, raw messages before anything else to `tap`."""

    def __init__(
        self,
        wire: Wire,
        instruments: Sequence[Instrument],
        rest: RestCalls,
        settings: BinanceSettings,
        due: Due,
        sink: Callable[[Fact, int], None],
        rows: Callable[[EventArray, int], None],
        owner: FeedOwner,
        headers: Mapping[str, str],
        tap: Tap | None,
    ) -> None:
        self.line: Line | None = None
        self._wire = wire
        self._rest = rest
        self._settings = settings
        self._due = due
        self._sink = sink
        self._owner = owner
        self._tap = tap
        self._symbols = [instrument.symbol.upper() for instrument in instruments]
        room = Room()
        self.streams = [SymbolStream(each, index, room, rows) for index, each in enumerate(instruments)]
        self._routes: dict[bytes, tuple[int, SymbolStream, str]] = {
            (symbol.lower() + suffix).encode(): (index, self.streams[index], kind)
            for index, symbol in enumerate(self._symbols)
            for suffix, kind in _STREAMS.items()
        }
        self._watch = MarketWatch(self.streams, settings, sink, self)
        self._snapshots = Snapshots(self._symbols, rest, settings, due, self._on_snapshot)
        self._missed = MissedTrades(rest, headers, self._take_missed, owner.not_understood)
        self._source = ""  # the connection whose messages are taken as they come
        self._kept: dict[str, list[bytes]] = {}  # by connection: messages to be taken once it is the source
        self._number = 0
        self._judge_at = 0
        self._control = msgspec.json.Decoder(_Control).decode
        self._update_id = msgspec.json.Decoder(_UpdateId).decode

    @property
    def missed_trades(self) -> int:
        """Trades that the venue has numbered and we have never seen, between those that we have."""
        return sum(int(stream.watch["missed"]) for stream in self.streams)

    def on_text(self, name: str, text: bytes, now: int) -> None:
        """Take a message of the line."""
        line = self.line
        if line is not None and name == line.serving:
            line.heard = now
        if text.startswith(_WRAPPED):
            if name != self._source:
                self._kept.setdefault(name, []).append(text)
                return
            if self._tap is not None:
                self._tap("market", text, now)
            route = self._routes.get(text[_NAME : text.find(b'"', _NAME)])
            if route is not None:
                self._take(route, text, now)
                return
        self._other(name, text, now)

    def on_time(self, now: int) -> None:
        """Judge the streams, and ask for snapshots that are due."""
        if self._judge_at and now >= self._judge_at:
            self._judge_at = now + self._settings.watch_interval
            self._watch.judge(now)
        if self._judge_at:
            self._due.by(self._judge_at)
        self._snapshots.on_time(now)

    def line_open(self, name: str, now: int) -> None:
        """Subscribe to everything in one message."""
        names = ",".join(f'"{stream.decode()}"' for stream in self._routes)
        self._number += 1
        self._kept[name] = []
        self._wire.send(name, f'{{"method":"SUBSCRIBE","params":[{names}],"id":{self._number}}}'.encode())

    def line_served(self, name: str, now: int) -> None:
        """Take its messages, at once or when its predecessor is closed."""
        if self._source:
            return
        seen = {index: int(stream.watch["trade"]) for index, stream in enumerate(self.streams)}
        wanted = {index: (self._symbols[index], last) for index, last in seen.items() if last}
        self._missed.ask(wanted, now, partial(self._filled, name))

    def line_closed(self, name: str, why: str, served: bool, now: int) -> None:
        """With nothing to follow at once, every book is invalid from here."""
        self._kept.pop(name, None)
        if name != self._source:
            return
        line = self.line
        if line is not None and line.serving:
            self._switch(line.serving, now)
            return
        self._lost(why, now)

    def line_retired(self, name: str, now: int) -> None:
        """Its successor takes over, if it is still there."""
        line = self.line
        if name != self._source or line is None:
            return
        if line.serving:
            self._switch(line.serving, now)
        else:
            self._lost("the connection was closed, and its successor is lost", now)

    def line_probe(self, name: str, now: int) -> None:
        """Any answer will do."""
        self._number += 1
        self._wire.send(name, b'{"method":"LIST_SUBSCRIPTIONS","id":%d}' % self._number)

    def ask_venue(self, index: int, now: int) -> None:
        """Ask for the update id at which a symbol's book stands."""

        def answered(answer: Answer, at: int) -> None:
            told = 0
            if answer.status == 200:
                try:
                    told = self._update_id(answer.body).last_update_id
                except UNREADABLE as error:
                    self._owner.not_understood("depth snapshot", error, answer.body, at)
            self._watch.told(index, told, at)

        self._rest.ask("GET", f"/api/v3/depth?symbol={self._symbols[index]}&limit={_FEW_LEVELS}", {}, answered, now)

    def resynchronise(self, index: int, why: str, now: int) -> None:
        """Give up a book and ask for a snapshot."""
        self.streams[index].lose(now)
        self._snapshots.want(index, now)

    def reconnect(self, why: str, now: int) -> None:
        """Give up the connection."""
        if self.line is not None and self._source:
            self.line.drop(self._source, why, now)

    def _lost(self, why: str, now: int) -> None:
        """There is nothing to read."""
        self._source = ""
        self._judge_at = 0
        for index, stream in enumerate(self.streams):
            self._snapshots.cancel(index)
            stream.lose(now)
            stream.forget_best()
        self._sink(Alarm("market-connection", why, "note"), now)

    def _filled(self, name: str, now: int) -> None:
        """What was missed has been told, as far as the venue does."""
        line = self.line
        if line is not None and line.serving == name and not self._source:
            self._switch(name, now)
            for index, stream in enumerate(self.streams):
                if not stream.synced:
                    self._snapshots.want(index, now)

    def _take_missed(self, index: int, text: bytes, now: int) -> None:
        if self._tap is not None:
            self._tap("market", text, now)
        self._read((index, self.streams[index], TRADES), text, now)

    def _switch(self, name: str, now: int) -> None:
        """From now on the messages of this connection are taken; first those that have come already."""
        self._source = name
        self._watch.begin(now)
        self._judge_at = now + self._settings.watch_interval
        self._due.by(self._judge_at)
        for text in self._kept.pop(name, []):
            if self._source != name:
                return
            self.on_text(name, text, now)

    def _take(self, route: tuple[int, SymbolStream, str], text: bytes, now: int) -> None:
        self._read(route, text, now)
        if not route[1].synced:
            self._snapshots.want(route[0], now)

    def _read(self, route: tuple[int, SymbolStream, str], text: bytes, now: int) -> None:
        _, stream, kind = route
        try:
            stream.take(kind, text, now)
        except (*UNREADABLE, ParseError) as error:
            if kind == DEPTH:
                stream.lose(now)
            self._owner.not_understood(f"{kind} message", error, text, now)

    def _other(self, name: str, text: bytes, now: int) -> None:
        line = self.line
        if line is None:
            return
        try:
            control = self._control(text)
        except UNREADABLE as error:
            self._owner.not_understood("market message", error, text, now)
            return
        route = self._routes.get(control.stream.encode())
        if route is not None:
            self._take(route, text, now)
        elif "serverShutdown" in (control.e, control.data.e if control.data else ""):
            self._sink(Alarm("server-shutdown", "the venue is about to close the market connection", "note"), now)
            line.renew(now)
        elif control.error is not None:
            line.drop(name, f"the venue refused: {control.error.msg} ({control.error.code})", now)
        elif control.id is not None:
            line.serve(name, now)  # the first answer is to the subscription
        else:
            self._owner.not_understood("market message", ParseError("message", "", "is not known"), text, now)

    def _on_snapshot(self, index: int, body: bytes, now: int) -> bool:
        """Join a snapshot; False if another is needed."""
        if self._tap is not None:
            self._tap(f"snapshot/{self._symbols[index]}", body, now)
        try:
            return self.streams[index].snapshot(body, now)
        except (*UNREADABLE, ParseError) as error:
            self._owner.not_understood("depth snapshot", error, body, now)
            return False
