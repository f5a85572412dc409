"""Binance Spot behind `gateway.port`: orders, user stream and market data over a `Wire`, without I/O of its own.

Start: the venue's clock, its rules and our fees, then the order connection; market data from the beginning. Without a
key there is market data only.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from quotewright.domain.events import EventArray
from quotewright.domain.instrument import Instrument
from quotewright.gateway.port import Alarm, Capabilities, Cleared, Cost, Fact, NewOrder, OrderReport
from quotewright.venues.binance_clock import VenueClock
from quotewright.venues.binance_due import NEVER, Due
from quotewright.venues.binance_line import Attempts, Line
from quotewright.venues.binance_orders import Commands, trades_parameters
from quotewright.venues.binance_reports import Reports
from quotewright.venues.binance_requests import Requests
from quotewright.venues.binance_rest import RestCalls
from quotewright.venues.binance_rules import InstrumentRules
from quotewright.venues.binance_session import ApiSession
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.market_feed import MarketFeed, Tap
from quotewright.venues.signing import Key
from quotewright.venues.wire import Wire

_MS = 1_000_000
_MOST_UNREADABLE = 100  # messages kept for a person to look at
_MOST_DOUBLINGS = 6
_COSTS = {
    "place": Cost(1, 1),
    "cancel": Cost(1),
    "cancel_all": Cost(1),
    "query_order": Cost(4),
    "open_orders": Cost(6),
    "trades": Cost(20),
    "balances": Cost(20),
}


class BinanceSpot:
    """A `VenuePort`, and the `Listener` of the wire it is given; see `binance_settings` for addresses and patience.

    Facts go to `sink` and event rows, whole updates only, to `rows`, each with the local time. `rng` spreads
    reconnections. `tap` gets raw market messages ("market") and snapshots ("snapshot/SYMBOL"). `timing` gets ns under
    "decoded" and "sent" (from the wire's stamp and the command, by `read_clock`) and "acknowledged" (sent to answered).
    """

    def __init__(
        self,
        wire: Wire,
        instruments: Sequence[Instrument],
        sink: Callable[[Fact, int], None],
        rows: Callable[[EventArray, int], None],
        settings: BinanceSettings,
        key: Key | None,
        rng: random.Random,
        *,
        tap: Tap | None = None,
        timing: Callable[[str, int], None] | None = None,
        read_clock: Callable[[], int] | None = None,
    ) -> None:
        self.ready = False  # the clock and the rules are known
        self.unreadable: deque[tuple[int, str, bytes]] = deque(maxlen=_MOST_UNREADABLE)  # local time, what, text
        self._settings = settings
        self._sink = sink
        self._timing = timing
        self._read_clock = read_clock
        self._due = due = Due()
        self._requests = Requests(instruments, key, settings.recv_window // _MS)
        attempts = Attempts(settings)
        self._rest = rest = RestCalls(wire, settings, attempts, due, sink)
        self.clock = VenueClock(rest, settings, due, sink, self._clock_known, self.not_understood)
        self._rules = InstrumentRules(
            instruments,
            self._requests,
            rest,
            self.clock,
            settings,
            due,
            sink,
            self._rules_known,
            self.not_understood,
        )
        reports = Reports(instruments)
        self._commands = Commands(
            wire, self._requests, reports, rest, self.clock, settings, due, sink, self, timing, read_clock
        )
        self._session = ApiSession(wire, self._requests, reports, self._commands, self.clock, settings, due, sink, self)
        self._api = Line("api", settings.api_url, wire, settings, attempts, rng, due, self._session)
        self._session.line = self._api
        headers = {"X-MBX-APIKEY": key.name} if key is not None else {}
        self.feed = MarketFeed(wire, instruments, rest, settings, due, sink, rows, self, headers, tap)
        self._market = Line("market", f"{settings.stream_url}/stream", wire, settings, attempts, rng, due, self.feed)
        self.feed.line = self._market
        self._stopped = False
        self._not_understood = 0
        self._last_told = 0
        self._clear_at = 0

    @property
    def capabilities(self) -> Capabilities:
        """See `VenuePort`."""
        return self._rules.capabilities

    @property
    def instruments(self) -> list[Instrument]:
        """See `VenuePort`; what the venue does not state is as given."""
        return self._rules.instruments

    @property
    def request_window(self) -> int:
        """The receive window, and by how much the clocks may be apart unnoticed."""
        return self._settings.recv_window + self._settings.clock_bound

    @property
    def stream_up(self) -> bool:
        """Whether the user stream tells every change."""
        return self._session.up

    def cost(self, command: str) -> Cost:
        """See `VenuePort`."""
        return _COSTS[command]

    def start(self, now: int) -> None:
        """Begin; the adapter is of use once it is `ready`, and StreamUp has come."""
        self.clock.measure(now)
        self._market.begin(now)

    def stop(self, now: int) -> None:
        """Close the connections; what is under way is in doubt."""
        self._stopped = True
        self._session.line_closed(self._api.serving, "stopped", True, now)
        self._api.end()
        self._market.end()

    def place(self, ref: int, order: NewOrder, now: int) -> None:
        """See `VenuePort`."""
        self._commands.place(ref, order, now)

    def cancel(self, ref: int, instrument: int, client_id: str, now: int) -> None:
        """See `VenuePort`."""
        self._commands.cancel(ref, instrument, client_id, now)

    def cancel_all(self, ref: int, instrument: int, now: int) -> None:
        """See `VenuePort`."""
        self._commands.ask(ref, "cancel_all", instrument, (("symbol", self._requests.symbols[instrument]),), now)

    def query_order(self, ref: int, instrument: int, client_id: str, now: int, *, venue_id: int = 0) -> None:
        """See `VenuePort`."""
        which = ("origClientOrderId", client_id) if client_id else ("orderId", venue_id)
        parameters = (("symbol", self._requests.symbols[instrument]), which)
        self._commands.ask(ref, "query_order", instrument, parameters, now)

    def open_orders(self, ref: int, instrument: int, now: int) -> None:
        """See `VenuePort`."""
        self._commands.ask(ref, "open_orders", instrument, (("symbol", self._requests.symbols[instrument]),), now)

    def trades(self, ref: int, instrument: int, now: int, *, from_id: int = 0, venue_id: int = 0) -> None:
        """See `VenuePort`."""
        parameters = trades_parameters(self._requests.symbols[instrument], from_id, venue_id)
        self._commands.ask(ref, "trades", instrument, parameters, now)

    def balances(self, ref: int, now: int) -> None:
        """See `VenuePort`; assets of which there is nothing are left out."""
        self._commands.ask(ref, "balances", 0, (("omitZeroBalances", True),), now)

    def next_due(self) -> int:
        """See `VenuePort`."""
        return self._due.at

    def on_time(self, now: int) -> None:
        """See `VenuePort`."""
        if now < self._due.at:
            return
        self._due.at = NEVER
        self._commands.on_time(now)
        self._rest.on_time(now)
        if self._stopped:
            return
        self._session.on_time(now)
        self._api.on_time(now)
        self._market.on_time(now)
        self.clock.on_time(now)
        self._rules.on_time(now)
        self.feed.on_time(now)
        if self._clear_at:
            if now >= self._clear_at:
                self._clear_at = 0
                self._sink(Cleared("api-change"), now)
            else:
                self._due.by(self._clear_at)

    def on_open(self, name: str, now: int) -> None:
        """The wire's word."""
        line = self._line(name)
        if line is not None:
            line.opened(name, now)

    def on_text(self, name: str, text: bytes, now: int) -> None:
        """The wire's word; what comes on a connection that was given up is not looked at."""
        if self._market.owns(name):
            self.feed.on_text(name, text, now)
            if self._timing is not None and self._read_clock is not None:
                self._timing("decoded", self._read_clock() - now)
        elif self._api.owns(name):
            if name == self._api.serving:
                self._api.heard = now
            self._session.on_text(name, text, now)

    def on_close(self, name: str, why: str, now: int) -> None:
        """The wire's word."""
        line = self._line(name)
        if line is not None:
            line.closed(name, why, now)

    def on_reply(self, ref: int, status: int, headers: Mapping[str, str], body: bytes, now: int) -> None:
        """The wire's word."""
        self._rest.on_reply(ref, status, headers, body, now)

    def on_failure(self, ref: int, left: bool, why: str, now: int) -> None:
        """The wire's word."""
        self._rest.on_failure(ref, left, why, now)

    def not_understood(self, what: str, error: Exception, text: bytes, now: int) -> None:
        """A message could not be read: kept, told, and quotes are kept away for a while, longer each time."""
        self.unreadable.append((now, what, text))
        if self._clear_at and now - self._last_told < self._settings.doubt_hold // 10:
            return
        doublings = min(self._not_understood, _MOST_DOUBLINGS) if self._clear_at or self._not_understood else 0
        self._not_understood += 1
        self._last_told = now
        self._clear_at = now + (self._settings.doubt_hold << doublings)
        self._due.by(self._clear_at)
        shown = text[:500].decode("utf-8", "replace")
        self._sink(Alarm("api-change", f"{what}: {error}: {shown}", "pause"), now)

    def refused_key(self, text: str, now: int) -> None:
        """The venue does not accept the key: a person must look."""
        self._sink(Alarm("key-refused", f"the venue does not accept the key: {text}", "halt"), now)

    def answer_told(self, order: OrderReport, now: int) -> None:
        """An answer says what the user stream has to say too."""
        self._session.answer_told(order, now)

    def _clock_known(self, now: int) -> None:
        self._rules.read(now)

    def _rules_known(self, now: int) -> None:
        self.ready = True
        if self._requests.key is not None:
            self._api.begin(now)

    def _line(self, name: str) -> Line | None:
        if self._market.owns(name):
            return self._market
        return self._api if self._api.owns(name) else None
