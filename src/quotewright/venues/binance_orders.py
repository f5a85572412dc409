"""Commands to Binance Spot and their answers: over the WebSocket API; where that is down, all but orders over REST.

Nothing is ever sent again. A command without an answer in time, or whose connection is lost, is in doubt; an answer
that comes later still is told, as a fact that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from quotewright.domain.errors import ParseError
from quotewright.gateway.port import (
    CancelAllDone,
    Fact,
    Failure,
    FailureKind,
    NewOrder,
    OpenOrders,
    OrderReport,
    Source,
    TradeList,
    Used,
)
from quotewright.venues.binance_clock import VenueClock
from quotewright.venues.binance_due import Due
from quotewright.venues.binance_errors import TOO_MANY_REQUESTS, Meaning, meaning
from quotewright.venues.binance_reports import Reports
from quotewright.venues.binance_requests import Parameters, Requests
from quotewright.venues.binance_rest import Answer, RestCalls
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.binance_wire import UNREADABLE, ApiMessage
from quotewright.venues.wire import Wire

_MS = 1_000_000
_MOST_LATE = 1000
_MOST_TRADES = 1000  # in one answer
_OF_ONE_ORDER = frozenset(("place", "cancel", "query_order"))
_FORMS: Mapping[str, tuple[str, str, str]] = {  # method of the WebSocket API; method and path of REST
    "cancel": ("order.cancel", "DELETE", "/api/v3/order"),
    "cancel_all": ("openOrders.cancelAll", "DELETE", "/api/v3/openOrders"),
    "query_order": ("order.status", "GET", "/api/v3/order"),
    "open_orders": ("openOrders.status", "GET", "/api/v3/openOrders"),
    "trades": ("myTrades", "GET", "/api/v3/myTrades"),
    "balances": ("account.status", "GET", "/api/v3/account"),
}


class Pending(msgspec.Struct, gc=False):
    """A command under way."""

    ref: int
    command: str
    instrument: int
    via: str  # the connection; "" for REST
    sent: int


class CommandOwner(Protocol):
    """Who is told what concerns more than one command."""

    def not_understood(self, what: str, error: Exception, text: bytes, now: int) -> None:
        """An answer could not be read."""
        ...

    def refused_key(self, text: str, now: int) -> None:
        """The venue does not accept the key."""
        ...

    def answer_told(self, order: OrderReport, now: int) -> None:
        """An order has changed, as the answer to a place or cancel says."""
        ...


class Commands:
    """Sends commands and turns their answers into facts."""

    def __init__(
        self,
        wire: Wire,
        requests: Requests,
        reports: Reports,
        rest: RestCalls,
        clock: VenueClock,
        settings: BinanceSettings,
        due: Due,
        sink: Callable[[Fact, int], None],
        owner: CommandOwner,
        timing: Callable[[str, int], None] | None,
        read_clock: Callable[[], int] | None,
    ) -> None:
        self.via = ""  # the connection that takes commands; "": none
        self._wire = wire
        self._requests = requests
        self._reports = reports
        self._rest = rest
        self._clock = clock
        self._settings = settings
        self._due = due
        self._sink = sink
        self._owner = owner
        self._timing = timing
        self._read_clock = read_clock
        self._number = 0
        self._pending: dict[int, Pending] = {}  # in the order of sending, so of their time-outs
        self._late: dict[int, Pending] = {}

    def next_number(self) -> int:
        """A number for a message that no command is behind."""
        self._number += 1
        return self._number

    def place(self, ref: int, order: NewOrder, now: int) -> None:
        """Send an order, on the connection only."""
        if not self.via:
            self._fail(ref, FailureKind.UNSENT, "the order connection is down", now)
            return
        self._number = number = self._number + 1
        text = self._requests.place(number, order, self._clock.timestamp(now))
        if text is None:
            self._fail(ref, FailureKind.REFUSED, "the venue has no such kind of order", now)
            return
        self._send(number, ref, "place", order.instrument, text, now)

    def cancel(self, ref: int, instrument: int, client_id: str, now: int) -> None:
        """Send a cancel."""
        if not self.via:
            parameters = (("symbol", self._requests.symbols[instrument]), ("origClientOrderId", client_id))
            self._over_rest(Pending(ref, "cancel", instrument, "", now), parameters, now)
            return
        self._number = number = self._number + 1
        text = self._requests.cancel(number, instrument, client_id, self._clock.timestamp(now))
        self._send(number, ref, "cancel", instrument, text, now)

    def ask(self, ref: int, command: str, instrument: int, parameters: Parameters, now: int) -> None:
        """Send any other command."""
        if not self.via:
            self._over_rest(Pending(ref, command, instrument, "", now), parameters, now)
            return
        self._number = number = self._number + 1
        text = self._requests.call(number, _FORMS[command][0], parameters, self._clock.timestamp(now))
        self._send(number, ref, command, instrument, text, now)

    def weigh(self, used: Used, now: int) -> None:
        """An answer told what is used of a limit."""
        self._rest.weigh(used, now)

    def answered(self, message: ApiMessage, text: bytes, now: int) -> bool:
        """Take an answer of the WebSocket API; False if it is not to a command."""
        number = message.id
        if not isinstance(number, int):
            return False
        pending = self._pending.pop(number, None)
        if pending is None:
            late = self._late.pop(number, None)
            if late is not None and message.status == 200 and late.command in _OF_ONE_ORDER:
                late.ref = 0
                self._result(late, message.result, text, now)
            return late is not None
        if self._timing is not None:
            self._timing("acknowledged", now - pending.sent)
        if message.status == 200:
            self._result(pending, message.result, text, now)
            return True
        code, words, wait = 0, "", 0
        if message.error is not None:
            code, words = message.error.code, message.error.msg
            if message.error.data is not None and message.error.data.retry_after:
                wait = max(message.error.data.retry_after * _MS - self._clock.offset - now, 0)
        failure = meaning(message.status, code, words)
        if wait and (failure.kind is FailureKind.BANNED or code == TOO_MANY_REQUESTS):
            self._rest.stay_away(now + wait)
        self._refused(pending, failure, code or message.status, words, wait, now)
        return True

    def lost(self, name: str, why: str, now: int) -> None:
        """A connection is gone, and with it every answer that was to come over it."""
        for number in [number for number, pending in self._pending.items() if pending.via == name]:
            self._fail(self._pending.pop(number).ref, FailureKind.DOUBT, why, now)

    def on_time(self, now: int) -> None:
        """Give up what is unanswered for too long."""
        while self._pending:
            number, pending = next(iter(self._pending.items()))
            by = pending.sent + self._settings.answer_timeout
            if now < by:
                self._due.by(by)
                return
            del self._pending[number]
            if len(self._late) >= _MOST_LATE:
                del self._late[next(iter(self._late))]
            self._late[number] = pending
            self._fail(pending.ref, FailureKind.DOUBT, "no answer in time", now)

    def _send(self, number: int, ref: int, command: str, instrument: int, text: bytes, now: int) -> None:
        if not self._wire.send(self.via, text):
            self._fail(ref, FailureKind.UNSENT, "the order connection is down", now)
            return
        self._pending[number] = Pending(ref, command, instrument, self.via, now)
        self._due.by(now + self._settings.answer_timeout)
        if self._timing is not None and self._read_clock is not None:
            self._timing("sent", self._read_clock() - now)

    def _over_rest(self, pending: Pending, parameters: Parameters, now: int) -> None:
        key = self._requests.key
        if key is None:
            self._fail(pending.ref, FailureKind.UNSENT, "there is no key: this connection is for market data only", now)
            return
        _, method, path = _FORMS[pending.command]
        query = self._requests.query(parameters, self._clock.timestamp(now))

        def answered(answer: Answer, at: int) -> None:
            if answer.meaning is None:
                self._result(pending, answer.body, answer.body, at)
            else:
                self._refused(pending, answer.meaning, answer.code, answer.text, answer.retry_after, at)

        self._rest.ask(method, f"{path}?{query}", {"X-MBX-APIKEY": key.name}, answered, now)

    def _result(self, pending: Pending, result: msgspec.Raw | bytes, text: bytes, now: int) -> None:
        try:
            facts = self._facts(pending, result, now)
        except (*UNREADABLE, ParseError) as error:
            if pending.ref:
                self._fail(pending.ref, FailureKind.DOUBT, f"the answer cannot be read: {error}", now)
            self._owner.not_understood(f"answer to {pending.command}", error, text, now)
            return
        for fact in facts:
            self._sink(fact, now)

    def _facts(self, pending: Pending, result: msgspec.Raw | bytes, now: int) -> list[Fact]:
        command, ref, instrument = pending.command, pending.ref, pending.instrument
        if command in _OF_ONE_ORDER:
            source = Source.QUERY if command == "query_order" else Source.ANSWER
            report, trades = self._reports.order(result, instrument, source, ref)
            if source is Source.ANSWER:
                self._owner.answer_told(report, now)
            return [report, *trades]
        if command == "cancel_all":
            return [CancelAllDone(ref, instrument, self._reports.cancelled(result, instrument))]
        if command == "open_orders":
            return [OpenOrders(ref, instrument, self._reports.orders(result, instrument), pending.sent, now)]
        if command == "trades":
            found = self._reports.trades(result, instrument)
            return [TradeList(ref, instrument, found, len(found) < _MOST_TRADES, pending.sent, now)]
        return [self._reports.account(result, ref)]

    def _refused(self, pending: Pending, failure: Meaning, code: int, text: str, wait: int, now: int) -> None:
        if failure.kind is FailureKind.UNKNOWN_ORDER and pending.command == "cancel_all":
            self._sink(CancelAllDone(pending.ref, pending.instrument, []), now)  # its words for: there was none
            return
        if failure.kind is FailureKind.CLOCK:
            self._clock.measure(now)
        self._fail(pending.ref, failure.kind, text, now, code=code, wait=wait, reason=failure.reason)
        if failure.key_refused:
            self._owner.refused_key(text, now)

    def _fail(
        self, ref: int, kind: FailureKind, text: str, now: int, *, code: int = 0, wait: int = 0, reason: int = 0
    ) -> None:
        self._sink(Failure(ref, kind, code, text, wait, reason), now)


def trades_parameters(symbol: str, from_id: int, venue_id: int) -> Parameters:
    """Of a question for our trades: of one order, or from an id on."""
    which = ("orderId", venue_id) if venue_id else ("fromId", from_id)
    return (("symbol", symbol), which, ("limit", _MOST_TRADES))
