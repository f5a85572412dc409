"""The order connection of Binance Spot: logging on, subscribing to the user stream, and taking its events.

While a stream is up, every change of our orders and balances is told; `StreamDown` says that from now on some are not.
A report that cannot be read is a change we have not seen: the stream is then taken down, and up again by a new
connection, so that whoever listens reconciles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.gateway.port import Alarm, Fact, FailureKind, OrderReport, OrderStatus, StreamDown, StreamUp, Used
from quotewright.venues.binance_clock import VenueClock
from quotewright.venues.binance_due import Due
from quotewright.venues.binance_errors import meaning
from quotewright.venues.binance_line import Line
from quotewright.venues.binance_orders import Commands
from quotewright.venues.binance_reports import Reports
from quotewright.venues.binance_requests import Requests, bare_call
from quotewright.venues.binance_rules import limit_of
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.binance_wire import UNREADABLE, ApiMessage, EventKind
from quotewright.venues.wire import Wire

_SILENT = frozenset(("balanceUpdate", "externalLockUpdate", "listStatus"))  # their effects come as other events too
_MOST_NOTED = 100
_MOST_TOLD = 10_000


class SessionOwner(Protocol):
    """Who is told what concerns more than the stream."""

    def not_understood(self, what: str, error: Exception, text: bytes, now: int) -> None:
        """A message could not be read."""
        ...

    def refused_key(self, text: str, now: int) -> None:
        """The venue does not accept the key."""
        ...


class ApiSession:
    """Owner of the order line: what is said on it at its beginning, and what it tells."""

    def __init__(
        self,
        wire: Wire,
        requests: Requests,
        reports: Reports,
        commands: Commands,
        clock: VenueClock,
        settings: BinanceSettings,
        due: Due,
        sink: Callable[[Fact, int], None],
        owner: SessionOwner,
    ) -> None:
        self.line: Line | None = None
        self.up = False
        self._wire = wire
        self._requests = requests
        self._reports = reports
        self._commands = commands
        self._clock = clock
        self._patience = settings.stream_patience
        self._due = due
        self._sink = sink
        self._owner = owner
        self._opening: dict[int, tuple[str, bool]] = {}  # number of a message: connection; whether it subscribes
        self._foreign: set[str] = set()
        self._told: dict[int, bool] = {}  # venue's number of an order: whether the stream has told its end
        self._untold: dict[int, tuple[bool, int]] = {}  # likewise, what answers have told and the stream not; by when
        self._decode = msgspec.json.Decoder(ApiMessage).decode
        self._kind = msgspec.json.Decoder(EventKind).decode

    def line_open(self, name: str, now: int) -> None:
        """Log on where the key can, else subscribe with a signature."""
        key = self._requests.key
        if key is not None and key.sessions:
            self._begin(name, "session.logon", False, now)
        else:
            self._begin(name, "userDataStream.subscribe.signature", True, now)

    def line_served(self, name: str, now: int) -> None:
        """Commands go over it from now on."""
        self._commands.via = name
        if not self.up:
            self.up = True
            self._sink(StreamUp(), now)

    def line_closed(self, name: str, why: str, served: bool, now: int) -> None:
        """What was under way on it is in doubt."""
        self._opening = {number: opening for number, opening in self._opening.items() if opening[0] != name}
        if served:
            self._down(why, now)
        self._commands.lost(name, why, now)

    def line_retired(self, name: str, now: int) -> None:
        """Its last answers have not come: they are in doubt."""
        self._commands.lost(name, "the connection was replaced", now)

    def line_probe(self, name: str, now: int) -> None:
        """Any answer will do."""
        self._wire.send(name, bare_call(self._commands.next_number(), "ping"))

    def on_text(self, name: str, text: bytes, now: int) -> None:
        """Take a message of the line."""
        try:
            message = self._decode(text)
            if message.event:
                self._event(name, message.event, text, now)
            elif message.e:
                self._event(name, text, text, now)
            elif message.status and message.id is not None:
                self._answer(name, message, text, now)
            else:
                raise ParseError("message", "", "is neither an answer nor an event")
        except (*UNREADABLE, ParseError) as error:
            self._unseen("message of the order connection", error, name, text, now)

    def answer_told(self, order: OrderReport, now: int) -> None:
        """An answer to a command says so; the stream has to say it too, or it is not what it should be."""
        ended = order.status is not OrderStatus.OPEN
        told = self._told.get(order.venue_id)
        if self.up and (told is None or (ended and not told)):
            self._untold[order.venue_id] = (ended, now + self._patience)
            self._due.by(now + self._patience)

    def on_time(self, now: int) -> None:
        """Give up a stream that keeps silent about what happens."""
        for order, (_, by) in self._untold.items():
            if now >= by and self.line is not None and self.line.serving:
                text = f"the user stream has not told of order {order}, which the venue has answered"
                self._sink(Alarm("silent-stream", text, "note"), now)
                self._untold.clear()
                self.line.drop(self.line.serving, "the user stream does not tell what happens", now)
                return
            self._due.by(by)

    def _stream_told(self, order: OrderReport) -> None:
        ended = order.status is not OrderStatus.OPEN
        if len(self._told) >= _MOST_TOLD and order.venue_id not in self._told:
            del self._told[next(iter(self._told))]
        self._told[order.venue_id] = ended or self._told.get(order.venue_id, False)
        untold = self._untold.get(order.venue_id)
        if untold is not None and (ended or not untold[0]):
            del self._untold[order.venue_id]

    def _begin(self, name: str, method: str, subscribes: bool, now: int, *, signed: bool = True) -> None:
        number = self._commands.next_number()
        self._opening[number] = (name, subscribes)
        if signed:
            text = self._requests.call(number, method, (), self._clock.timestamp(now), each=True)
        else:
            text = bare_call(number, method)
        self._wire.send(name, text)

    def _answer(self, name: str, message: ApiMessage, text: bytes, now: int) -> None:
        for limit in message.rate_limits:
            counted = limit_of(limit)
            if counted is not None and limit.count >= 0:
                used = Used(counted[0], counted[1], limit.count)
                self._commands.weigh(used, now)
                self._sink(used, now)
        if self._commands.answered(message, text, now):
            return
        opening = self._opening.pop(message.id, None) if isinstance(message.id, int) else None
        if opening is None or self.line is None:
            return  # a sign of life, or an answer to what was given up
        connection, subscribes = opening
        if message.status == 200:
            if subscribes:
                self.line.serve(connection, now)
            else:
                self._begin(connection, "userDataStream.subscribe", True, now, signed=False)
            return
        code, words = (message.error.code, message.error.msg) if message.error else (message.status, "")
        failure = meaning(message.status, code, words)
        if failure.kind is FailureKind.CLOCK:
            self._clock.measure(now)
        if failure.key_refused:
            self._owner.refused_key(words, now)
        self.line.drop(connection, f"the venue refused the log-on: {words} ({code})", now)

    def _event(self, name: str, event: msgspec.Raw | bytes, text: bytes, now: int) -> None:
        kind = self._kind(event).e
        if kind == "executionReport":
            found = self._reports.execution(event)
            if isinstance(found, str):
                self._note_foreign(found, now)
                return
            order, trade = found
            self._stream_told(order)
            self._sink(order, now)
            if trade is not None:
                self._sink(trade, now)
        elif kind == "outboundAccountPosition":
            self._sink(self._reports.position(event), now)
        elif kind in ("eventStreamTerminated", "serverShutdown"):
            self._ending(name, kind, now)
        elif kind in _SILENT:
            self._sink(Alarm(kind, bytes(event)[:300].decode("utf-8", "replace"), "note"), now)
        else:
            raise ParseError("kind of event", kind[:40], "is not known")

    def _ending(self, name: str, kind: str, now: int) -> None:
        """The venue says that this stream ends: a new connection at once, whatever this one still brings."""
        if self.line is None:
            return
        if kind == "serverShutdown":
            self._sink(Alarm("server-shutdown", "the venue is about to close the order connection", "note"), now)
            if name == self.line.serving:
                self._down("the venue announced its shutdown", now)
                self.line.renew(now)
        elif self.line.owns(name):
            self.line.drop(name, "the venue ended the user stream", now)

    def _down(self, why: str, now: int) -> None:
        self._commands.via = ""
        self._untold.clear()
        if self.up:
            self.up = False
            self._sink(StreamDown(why), now)

    def _unseen(self, what: str, error: Exception, name: str, text: bytes, now: int) -> None:
        self._owner.not_understood(what, error, text, now)
        if self.line is not None and name == self.line.serving:
            self.line.drop(name, "a message could not be read", now)

    def _note_foreign(self, symbol: str, now: int) -> None:
        if symbol not in self._foreign and len(self._foreign) < _MOST_NOTED:
            self._foreign.add(symbol)
            self._sink(Alarm("other-symbol", f"the account trades {symbol[:40]}, which is not ours", "note"), now)
