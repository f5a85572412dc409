"""A session on real sockets: one event loop, one thread; every callback runs to its end before the next."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from quotewright.domain.errors import HaltError, InputError, PauseError
from quotewright.domain.events import EventArray
from quotewright.gateway.messages import Note
from quotewright.gateway.port import Fact
from quotewright.gateway.settings import GatewaySettings, check_needs
from quotewright.live.assemble import Place, assemble, worlds_of
from quotewright.live.carry import read_carry
from quotewright.live.checks import check_key
from quotewright.live.control_folder import ControlFolder
from quotewright.live.guarded import Guarded
from quotewright.live.latency import LatencyBook, LatencyBudget, Stage
from quotewright.live.opening import binance_settings, learn_binance, read_key
from quotewright.live.operator import Operator
from quotewright.live.session import Session
from quotewright.live.settings import Mode, SessionSettings, VenueSettings
from quotewright.live.stops import Stop
from quotewright.live.structured_log import Redactor, StructuredLog
from quotewright.live.warming import warm_feed
from quotewright.live.watchdog import Watchdog
from quotewright.sessions.wiring import Market
from quotewright.storage.session_log import NOTE, SessionLog
from quotewright.venues.binance import BinanceSpot
from quotewright.venues.sockets import SocketWire, SteadyClock

LOG_FOLDER = "log"
NEEDS = ("post_only", "query_by_client_id", "user_stream")
_LOOK_AROUND = 0.1  # s between looks at the control folder and the watchdog
_READY_PATIENCE = 60.0
_LAST_PATIENCE = 5.0  # s for the venues to confirm that all is cancelled, after an error of ours


@dataclass
class Outcome:
    """How a session ended."""

    mode: str
    session: int
    seconds: float
    events: int
    stop: str
    confirmed: bool
    left: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    @property
    def exit_code(self) -> int:
        """0 if what the stop asked for is confirmed, else 5."""
        return 0 if self.confirmed else PauseError.exit_code


class Runner:
    """Opens the venues, runs the session until it is stopped, and closes the books.

    `told` hears what is being compiled, `said` what else takes time; `seconds` ends the session by itself; 0: never.
    """

    def __init__(
        self,
        settings: SessionSettings,
        mode: Mode,
        out: Path,
        *,
        seconds: float = 0.0,
        told: Callable[[str], None] = lambda _: None,
        said: Callable[[str], None] = lambda _: None,
        began: Callable[[Runner], None] = lambda _: None,
    ) -> None:
        self.settings = settings
        self.mode: Mode = mode
        self.out = out
        self.latencies = LatencyBook([venue.name for venue in settings.venues])
        self.notes: list[Note] = []  # the latest
        self.markets: list[Market] = []
        self.session: Session | None = None
        self.operator: Operator | None = None
        self._seconds = seconds
        self._told = told
        self._said = said
        self._began = began
        self._clock = SteadyClock()
        self._redactor = Redactor()
        self._diary = StructuredLog(out / "session.jsonl", redactor=self._redactor, clock=self._clock)
        self._adapters: list[Any] = []
        self._wires: list[SocketWire] = []
        self._handle: asyncio.TimerHandle | None = None
        self._armed = 0
        self._ended = asyncio.Event()
        self._failure: BaseException | None = None
        self._gateways_started = False
        self._started_at = 0

    @property
    def now(self) -> int:
        """Local time, ns since the epoch."""
        return self._clock()

    async def run(self) -> Outcome:
        """The whole session. Raises InputError, PauseError, HaltError; the log is closed in any case."""
        self.out.mkdir(parents=True, exist_ok=True)
        with SessionLog(self.out / LOG_FOLDER) as log, contextlib.closing(self._diary):
            carry = read_carry(self.out / LOG_FOLDER)
            places = [await self._open(number, venue) for number, venue in enumerate(self.settings.venues)]
            self.markets = [market for place in places for market in place.markets]
            limit = self.settings.latency_budget
            budget = LatencyBudget(limit, samples=3) if limit else None
            session = assemble(
                self.settings,
                self.mode,
                places,
                log,
                carry,
                self.now,
                told=self._told,
                noted=partial(self._noted, log),
                latency=budget,
                latencies=self.latencies,
                read_clock=self._clock,
            )
            self.session = session
            self._told("the engine")
            session.step.warm()
            if self._wires:
                warm_feed(self.markets[0].instrument)
            agents = worlds_of(self.settings, self.mode)
            legs = [(leg.agent, leg.instrument) for leg in session.carried]
            self.operator = Operator(session, self.settings, self.mode, agents, self.markets, legs)
            try:
                await self._until_ended(session, carry.stop)
            except Exception as error:
                self._failure = self._failure or error
            finally:
                await self._shut(session)
            if self._failure is not None:
                raise self._failure
            return self._outcome(session)

    async def _open(self, number: int, venue: VenueSettings) -> Place:
        needs_key = self.mode == "live"
        if needs_key and not venue.keys:
            raise InputError(f"venue {venue.name}: keys", "", "is missing: orders need the account's key file")
        key = read_key(Path(venue.keys)) if venue.keys and self.mode != "paper" else None
        if key is not None:
            self._redactor.hide(key.name)
        if venue.adapter != "binance":
            from quotewright.live.opening_ccxt import open_ccxt

            adapter, markets = await open_ccxt(
                venue, needs_key, partial(self._fact, number), partial(self._rows, number), self._clock
            )
        else:
            self._said(f"{venue.name}: instruments and prices from {venue.url}")
            markets = await learn_binance(venue, key, self._said)
            if needs_key:
                await check_key(venue, key)
            wire = SocketWire(self._clock, ca_file=Path(venue.ca_file) if venue.ca_file else None)
            adapter = BinanceSpot(
                wire,
                [market.instrument for market in markets],
                partial(self._fact, number),
                partial(self._rows, number),
                binance_settings(venue),
                key if needs_key else None,
                Random(self.settings.seed + number),
                timing=partial(self._timed, number),
                read_clock=self._clock,
            )
            wire.listener = Guarded(adapter, self._failed, self._arm)
            self._wires.append(wire)
        self._adapters.append(adapter)
        if not needs_key:
            return Place(venue, markets)
        policy = GatewaySettings(foreign=venue.foreign)  # pyright: ignore[reportArgumentType]
        return Place(venue, markets, adapter, policy)

    async def _until_ended(self, session: Session, unfinished: str) -> None:
        loop = asyncio.get_running_loop()
        folder = ControlFolder(self.out)
        watchdog = Watchdog()
        self._started_at = self.now
        for adapter in self._adapters:
            adapter.start(self._started_at)
        await self._ready()
        for link in session.links:
            if link.gateway is not None:
                link.gateway.start(self.now)
        self._gateways_started = True
        self._arm()
        if unfinished:
            self.ask_stop(unfinished)  # a stop outlives whatever ended the process that was told to
        for kind in folder.stops():  # and one may have come while there was none
            self.ask_stop(kind)
        self._on_signals(loop)
        watchdog.ready(f"{self.mode} session {session.number}")
        self._began(self)
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _LOOK_AROUND)
            now = self.now
            watchdog.alive()
            for command in folder.waiting():
                command.answer(self._carry_out(command.word, now))
            for kind in folder.stops():
                self.ask_stop(kind)
            over = self._seconds and now - self._started_at >= self._seconds * 1e9
            if over and (session.stop is None or session.stop.kind == "pause"):
                self.ask_stop(self.settings.stop)
            self._guard(session.on_time, now)
            self._look(session)
        watchdog.stopping()

    async def _ready(self) -> None:
        """Wait for what the venues can do; refuse to begin without what orders need."""
        if self.mode != "live":
            return
        deadline = asyncio.get_running_loop().time() + _READY_PATIENCE
        while not all(adapter.ready for adapter in self._adapters):
            if self._failure is not None:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise PauseError(f"a venue has not told its time and rules within {_READY_PATIENCE:g} s; try again")
            await asyncio.sleep(0.02)
            self._tick()
        for venue, adapter in zip(self.settings.venues, self._adapters, strict=True):
            needs = (*NEEDS, "dead_man_switch") if venue.dead_man else NEEDS  # where the file asks for it by name
            if reasons := check_needs(adapter.capabilities, needs):
                raise InputError("venue", venue.name, "; ".join(reasons))

    def ask_stop(self, kind: str) -> None:
        """Begin a stop; cancel and flatten end the session when they are confirmed."""
        assert self.session is not None
        self._guard(self.session.begin_stop, Stop(kind, patience=self.settings.stop_patience), self.now)

    def leave(self) -> None:
        """End now, whatever is confirmed."""
        self._ended.set()

    def _look(self, session: Session) -> None:
        """Whether a stop is over, one way or the other."""
        stop = session.stop
        if stop is None or stop.kind == "pause" or not (stop.done or stop.late):
            return
        if stop.done and not stop.short:  # otherwise the next session goes on with it
            session.note_stop(done=True)
        self._ended.set()

    def _on_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        asked = 0

        def end() -> None:
            nonlocal asked
            asked += 1
            if asked > 1:
                self.leave()
            else:
                self.ask_stop(self.settings.stop)  # a graver stop that is under way goes on

        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread
            loop.add_signal_handler(signal.SIGINT, end)
            loop.add_signal_handler(signal.SIGTERM, end)
            loop.add_signal_handler(signal.SIGUSR1, self.ask_stop, "pause")
            loop.add_signal_handler(signal.SIGUSR2, self.ask_stop, "flatten")

    def _carry_out(self, word: dict[str, Any], now: int) -> dict[str, Any]:
        assert self.operator is not None
        try:
            return {"ok": True, **self.operator.carry_out(word, now)}
        except InputError as error:
            return {"ok": False, "error": str(error)}
        finally:
            self._arm()

    # What comes in

    def _fact(self, number: int, fact: Fact, now: int) -> None:
        if self.session is None:
            return
        if self._failure is None:
            self._guard(self.session.on_fact, number, fact, now)
        elif (gateway := self.session.links[number].gateway) is not None:
            self._guard(gateway.on_fact, fact, now)  # only what is still to be cancelled matters

    def _rows(self, number: int, events: EventArray, now: int) -> None:
        if self.session is None or self._failure is not None:
            return
        try:
            self.session.on_rows(number, events, now)
        except Exception as error:
            self._failed(error)

    def _guard(self, call: Callable[..., None], *given: Any) -> None:
        """An error in the session ends it: what cannot be journaled or understood must not go on trading."""
        try:
            call(*given)
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        if self._failure is None:
            self._failure = error if isinstance(error, HaltError) else HaltError(f"{type(error).__name__}: {error}")
            self._failure.__cause__ = error
        self._ended.set()

    def _noted(self, log: SessionLog, note: Note) -> None:
        log.append(NOTE, msgspec.json.encode({"kind": "note", **msgspec.to_builtins(note)}))
        self._diary.write(note.severity, note.name, note.text, engine_time=note.time, client_id=note.client_id)
        self.notes = [*self.notes[-49:], note]

    def _timed(self, number: int, kind: str, ns: int) -> None:
        if kind == "acknowledged":
            self.latencies.record(number, Stage.ACKNOWLEDGE, ns)

    # Time

    def _tick(self) -> None:
        self._armed = 0
        now = self.now
        for adapter in self._adapters:
            if adapter.next_due() <= now:
                self._guard(adapter.on_time, now)
        if self.session is not None and self._failure is None and self.session.next_due() <= now:
            self._guard(self.session.on_time, now)
        self._arm()

    def _arm(self) -> None:
        if self.session is None or self._ended.is_set():
            return
        due = min(self.session.next_due(), *(adapter.next_due() for adapter in self._adapters))
        if due == self._armed:
            return
        if self._handle is not None:
            self._handle.cancel()
        self._armed = due
        wait = max(0.0, (due - self.now) / 1e9)
        self._handle = asyncio.get_running_loop().call_later(min(wait, 60.0), self._tick)

    # The end

    async def _shut(self, session: Session) -> None:
        if self._handle is not None:
            self._handle.cancel()
        if self._failure is None:  # otherwise fills may have come that are in nobody's books yet
            self._guard(session.note_balances)
        elif self._gateways_started:
            await self._cancel_after_failure(session)
        self._guard(session.step.end, self.now)
        for adapter in self._adapters:
            adapter.stop(self.now)
            if hasattr(adapter, "close"):
                await adapter.close(nothing_rests=session.nothing_rests)
        for wire in self._wires:
            await wire.shut()

    async def _cancel_after_failure(self, session: Session) -> None:
        """Whatever went wrong here, the venue is still told to cancel everything, and has a moment to confirm it."""
        gateways = [link.gateway for link in session.links if link.gateway is not None]
        for gateway in gateways:
            self._guard(gateway.cancel_everything, self.now)
        deadline = asyncio.get_running_loop().time() + _LAST_PATIENCE
        while not all(gateway.everything_cancelled for gateway in gateways):
            if asyncio.get_running_loop().time() > deadline:
                return
            await asyncio.sleep(0.02)
            for each in (*self._adapters, *gateways):
                if each.next_due() <= self.now:
                    self._guard(each.on_time, self.now)

    def _outcome(self, session: Session) -> Outcome:
        stop = session.stop
        left = [
            {
                "agent": self.operator.legs[leg][0] if self.operator else "",
                "instrument": self.markets[session.leg_instruments[leg]].name,
                "position": self.markets[session.leg_instruments[leg]].instrument.position(atoms),
            }
            for leg, atoms in (stop.left if stop is not None else [])
        ]
        return Outcome(
            self.mode,
            session.number,
            (self.now - self._started_at) / 1e9,
            int(session.step.wired.state.engine[0]["events"]),
            stop.kind if stop is not None else "",
            stop is not None and stop.done and not stop.short,
            left,
        )
