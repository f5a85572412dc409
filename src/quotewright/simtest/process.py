"""One life of a session's process: made as `live.runner` makes it, driven by virtual time, killed or ended in order."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from quotewright.domain.errors import InputError
from quotewright.domain.events import EventArray
from quotewright.gateway.gateway import Gateway
from quotewright.gateway.messages import Note
from quotewright.gateway.port import Fact
from quotewright.gateway.settings import GatewaySettings
from quotewright.live.assemble import GatewayMaker, Place, assemble, worlds_of
from quotewright.live.carry import read_carry
from quotewright.live.operator import Operator
from quotewright.live.session import Session
from quotewright.live.settings import SessionSettings, VenueSettings
from quotewright.live.stops import Stop
from quotewright.sessions.wiring import Market
from quotewright.simtest.mortality import Killed, Mortality, MortalLog
from quotewright.simtest.network import Network, SimWire
from quotewright.simtest.observer import DESK, Observer, Violations
from quotewright.simtest.plan import MS, SECOND, VENUE, Plan
from quotewright.storage.session_log import NOTE
from quotewright.venues.binance import BinanceSpot
from quotewright.venues.binance_settings import BinanceSettings
from quotewright.venues.signing import HmacKey

NEVER = 2**63 - 1
STOP_PATIENCE = 150 * SECOND  # longer than what cannot be read ever keeps orders away: 64 times `doubt_hold`


def session_settings(plan: Plan) -> SessionSettings:
    """The session's configuration."""
    venue = VenueSettings(
        VENUE, "http://sim", tuple(instrument.symbol for instrument in plan.instruments), desk=DESK, foreign="refuse"
    )
    return SessionSettings((venue,), plan.agents, stop=plan.stop, seed=plan.seed, stop_patience=STOP_PATIENCE)


def session_markets(plan: Plan) -> list[Market]:
    """Its markets; limits are sized by the price at the start of the run, whenever the session begins."""
    return [
        Market(instrument.name, instrument, False, 2 * mid)
        for instrument, mid in zip(plan.instruments, plan.mids, strict=True)
    ]


def adapter_settings(plan: Plan) -> BinanceSettings:
    """Patience short enough for a run of seconds."""
    return BinanceSettings(
        rest_url="http://sim",
        stream_url="ws://sim",
        api_url="ws://sim/ws-api/v3",
        recv_window=plan.recv_window,
        answer_timeout=2 * SECOND,
        rest_timeout=3 * SECOND,
        connect_timeout=3 * SECOND,
        backoff=100 * MS,
        most_backoff=2 * SECOND,
        settled=5 * SECOND,
        attempts=240,
        probe_after=2 * SECOND,
        silence=4 * SECOND,
        snapshot_levels=100,
        snapshot_retry=300 * MS,
        clock_interval=10 * SECOND,
        rules_interval=60 * SECOND,
        doubt_hold=2 * SECOND,
    )


def gateway_settings() -> GatewaySettings:
    """Patience short enough for a run of seconds."""
    return GatewaySettings(
        answer_timeout=4 * SECOND,
        not_found_margin=6 * SECOND,  # more than queries ever lag
        rest_lag=5 * SECOND,
        retry_most=2 * SECOND,
        reconcile_every=25 * SECOND,
        conflict_patience=3 * SECOND,
        unknown_patience=4 * SECOND,
        limited_wait=2 * SECOND,
        banned_wait=5 * SECOND,
    )


class Process:
    """See the module. `ended` is "" while it lives, then "killed", "stopped" or "failed"."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        network: Network,
        observer: Observer,
        violations: Violations,
        secret: str,
        rng: Random,
        make_gateway: GatewayMaker = Gateway,
    ) -> None:
        self.ended = ""
        self.mortality = Mortality()
        self.session: Session | None = None
        self.gateway: Gateway | None = None
        self.wire = SimWire(network, self.mortality, "10.0.0.1", 5 * SECOND)
        self.wire.guard = self._guard
        self._plan = plan
        self._folder = folder
        self._network = network
        self._observer = observer
        self._violations = violations
        self._key = HmacKey("sim-key", secret)
        self._rng = rng
        self._make_gateway = make_gateway
        self._log: MortalLog | None = None
        self._adapter: BinanceSpot | None = None
        self._operator: Operator | None = None
        self._gateway_started = False
        self._unfinished = ""

    def start(self, now: int) -> None:
        """Begin the session from its log."""
        self.wire.now = now
        self._guard(now, self._start, now)

    def _start(self, now: int) -> None:
        plan = self._plan
        settings = session_settings(plan)
        self._log = log = MortalLog(self._folder, self.mortality, self._rng)
        carry = read_carry(self._folder)
        self._adapter = adapter = BinanceSpot(
            self.wire, plan.instruments, self._fact, self._rows, adapter_settings(plan), self._key, self._rng
        )
        self.wire.listener = adapter
        markets = session_markets(plan)
        place = Place(settings.venues[0], markets, adapter, gateway_settings())
        session = assemble(
            settings, "live", [place], log, carry, now, noted=self._noted, make_gateway=self._make_gateway,
            spare_legs=0, in_flight=512,
        )  # fmt: skip
        self.session = session
        self.gateway = session.links[0].gateway
        legs = [(leg.agent, leg.instrument) for leg in session.carried]
        self._observer.legs[session.number] = legs
        self._operator = Operator(session, settings, "live", worlds_of(settings, "live"), markets, legs)
        self._unfinished = carry.stop
        self._say(now, f"session {session.number} begins, taking over {len(carry.orders)} orders")
        adapter.start(now)

    def next_due(self) -> int:
        """When `on_time` has something to do."""
        if self.session is None or self._adapter is None or self.ended:
            return NEVER
        return min(self.session.next_due(), self._adapter.next_due())

    def on_time(self, now: int) -> None:
        """Do what is due."""
        self.wire.now = now
        self._guard(now, self._on_time, now)

    def _on_time(self, now: int) -> None:
        assert self.session is not None
        assert self._adapter is not None
        if self._adapter.next_due() <= now:
            self._adapter.on_time(now)
        if self.session.next_due() <= now:
            self.session.on_time(now)

    def carry_out(self, word: Mapping[str, Any], now: int) -> None:
        """An operator's word, or "restart": a stop as configured, after which the process ends."""
        self.wire.now = now
        if word["do"] == "restart":
            self.ask_stop(self._plan.stop, now)
        elif self._operator is not None:
            self._say(now, f"operator: {dict(word)}")
            self._guard(now, self._obey, word, now)

    def _obey(self, word: Mapping[str, Any], now: int) -> None:
        assert self._operator is not None
        try:
            self._operator.carry_out(word, now)
        except InputError as error:
            self._say(now, f"refused: {error}")

    def ask_stop(self, kind: str, now: int) -> None:
        """Begin a stop; the process ends when it is confirmed."""
        self.wire.now = now
        self._guard(now, self._stop, kind, now)

    def _stop(self, kind: str, now: int) -> None:
        if self.session is None or self._log is None:
            return
        self._say(now, f"stop: {kind}")
        self.session.begin_stop(Stop(kind, patience=STOP_PATIENCE), now)

    @property
    def stopping(self) -> bool:
        """Whether the session is being stopped for good."""
        return self.session is not None and self.session.stop is not None and self.session.stop.kind != "pause"

    def settled(self) -> str:
        """Why quoting is held or something is in doubt; "" if all is well."""
        session, gateway = self.session, self.gateway
        if session is None or gateway is None:
            return "no session"
        if not session.step.started:
            return "no market"
        holds = sorted(gateway.holds)
        if holds:
            return f"held: {', '.join(holds)}"
        alarms = sorted(session.links[0].alarms)
        if alarms:
            return f"alarms: {alarms}"
        doubtful = [order.client_id for order in gateway.live_orders() if order.state.name == "UNKNOWN"]
        return f"in doubt: {', '.join(doubtful)}" if doubtful else ""

    def known_ids(self) -> set[str]:
        """Client ids of the orders that the gateway takes for live."""
        return {order.client_id for order in self.gateway.live_orders()} if self.gateway is not None else set()

    def kill(self, now: int, noticed: bool) -> None:
        """Drop everything that is not in the log's files."""
        self._say(now, "killed")
        self.ended = "killed"
        self._network.kill(self.wire, now, 0 if noticed else 5 * SECOND)
        self.wire.listener = None
        if self._log is not None:
            self._log.abandon()

    def look(self, now: int) -> None:
        """Whether a stop is over, and what else only waits for readiness."""
        if self.ended or self.session is None:
            return
        self.wire.now = now
        self._guard(now, self._look, now)

    def _look(self, now: int) -> None:
        assert self.session is not None
        assert self._adapter is not None
        assert self._log is not None
        if not self._gateway_started and self._adapter.ready and self.gateway is not None:
            self._gateway_started = True
            self.gateway.start(now)
            if self._unfinished:
                self._stop(self._unfinished, now)
        stop = self.session.stop
        if stop is None or stop.kind == "pause" or not (stop.done or stop.late):
            return
        if stop.late or stop.short:
            self._violations.add("stop is confirmed", f"{stop.kind} has not ended: {self.settled()}", now)
        else:
            self.session.note_stop(done=True)
        self.session.step.end(now)
        self._adapter.stop(now)
        self._log.close()
        self.wire.listener = None
        self.ended = "stopped"
        self._say(now, "ended")

    # inside

    def _fact(self, fact: Fact, now: int) -> None:
        self.mortality.before()
        if self.session is not None:
            if self._network.trace:
                self._network.trace(now, f"  fact {fact}")
            self.session.on_fact(0, fact, now)
        self.mortality.after()

    def _rows(self, events: EventArray, now: int) -> None:
        self.mortality.before()
        if self.session is not None:
            self.session.on_rows(0, events, now)
        self.mortality.after()

    def _noted(self, note: Note) -> None:
        self._say(note.time, f"  note {note.severity} {note.name}: {note.text} {note.client_id}")
        if note.name == "budget":
            self._violations.add("cancel reserve", f"{note.text}: {note.client_id}", note.time, once="wait")
        if self._log is not None:
            self._log.append(NOTE, msgspec.json.encode({"kind": "note", **msgspec.to_builtins(note)}))

    def _guard(self, now: int, call: Callable[..., None], *given: Any) -> None:
        """Run a call into the process; what it raises ends it, and an error is a violation."""
        if self.ended:
            return
        try:
            call(*given)
        except Killed:
            self.ended = "killed"
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            self._violations.add("no error", f"{type(error).__name__}: {error} ({where})", now)
            self._say(now, "".join(traceback.format_exception(error)))
            self.ended = "failed"

    def _say(self, now: int, text: str) -> None:
        if self._network.trace:
            self._network.trace(now, text)
