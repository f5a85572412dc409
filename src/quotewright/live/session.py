"""A running session: feeds, step, gateways, operator and stops, tied together without I/O or a clock of its own.

Whoever drives it (sockets, or a virtual clock) hands in rows, facts and the time, and calls `on_time` no later than
`next_due`. Agents whose world is a venue account trade there through its gateway; all others meet the simulated venue
inside the step, on the same feed. Nothing else tells paper, shadow and live apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from quotewright.domain.errors import HaltError
from quotewright.domain.events import EventArray
from quotewright.domain.journal import Hold, Record
from quotewright.gateway.gateway import Gateway
from quotewright.gateway.messages import Command, Note
from quotewright.gateway.port import Alarm, Cleared, Fact
from quotewright.live.answers import Translator
from quotewright.live.carry import LegCarry
from quotewright.live.cross_venue import CrossVenue
from quotewright.live.latency import LatencyBook, LatencyBudget, Stage
from quotewright.live.step import Departure, Response, Step
from quotewright.live.stops import Stop
from quotewright.storage.session_log import NOTE

NEVER = 2**63 - 1
MARKET_ALARMS = ("stale-market", "diverging-market")
_MOST_ROUNDS = 1000  # of commands and immediate answers within one input; each is a message, so it cannot go on


@dataclass
class Link:
    """One venue of a session: the adapter's instruments are the session's from `first` on."""

    name: str
    first: int
    count: int
    gateway: Gateway | None = None  # none: market data only
    holds: set[str] = field(default_factory=set[str])  # of the gateway, as last acted upon
    must_look: bool = False  # a person must, before it is quoted there again
    alarms: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])  # name, instrument of the session


class Session:
    """See the module. `leg_instruments` and `elsewhere` say, by leg, what it trades and at which link, if at any."""

    def __init__(
        self,
        step: Step,
        links: Sequence[Link],
        leg_instruments: Sequence[int],
        elsewhere: Sequence[int],
        translator: Translator,
        *,
        noted: Callable[[Note], None],
        early: Sequence[Response] = (),
        latency: LatencyBudget | None = None,
        latencies: LatencyBook | None = None,
        read_clock: Callable[[], int] | None = None,
        cross: CrossVenue | None = None,
        number: int = 0,
        carried: Sequence[LegCarry] = (),
    ) -> None:
        self.number = number
        self.carried = list(carried)  # what each leg began with
        self.step = step
        self.links = list(links)
        self.leg_instruments = list(leg_instruments)
        self.elsewhere = list(elsewhere)  # by leg: index of the link, -1: simulated
        self.translator = translator
        self.noted = noted
        self.latency = latency
        self.latencies = latencies
        self.read_clock = read_clock  # to measure by; what is measured decides nothing but the latency budget
        self.cross = cross if cross is not None and cross.watches else None
        self.now = 0
        self.stop: Stop | None = None
        self._early: list[Response] = list(early)  # what must wait for the first market update
        self._held = [0] * len(self.leg_instruments)
        self._slow = False
        self._handing_over = False
        self._later: list[tuple[int, Fact]] = []  # of the market, told while orders were handed over
        self._read_at = (0, 0, 0)  # link, when its message was read, when it was decoded; 0: not to be measured
        step.send = self._hand_over

    # What comes in

    def on_rows(self, link: int, events: EventArray, now: int) -> None:
        """Whole market updates of a link, with its own instrument numbers."""
        self.now = now
        first = self.links[link].first
        if first:
            events["instrument"] += first
        began = self.step.started
        if self.read_clock is None:
            self.step.rows(events, now)
        else:
            self._take_timed(link, events, now, self.read_clock)
        if self.cross is not None:
            self._compare(int(events["instrument"][0]), now)
        if not began and self.step.started:
            waiting, self._early = self._early, []
            self._take(waiting, now)
        self._settle(now)

    def on_fact(self, link: int, fact: Fact, now: int) -> None:
        """What a venue's adapter reports. While it is being given orders, their own input is finished first."""
        venue = self.links[link]
        if self._handing_over:
            if venue.gateway is not None and not _is_of_market(fact):
                venue.gateway.on_fact(fact, now)
            else:
                self._later.append((link, fact))
            return
        self.now = now
        self._take_fact(venue, fact, now)
        self._settle(now)

    def on_time(self, now: int) -> None:
        """Do what is due."""
        self.now = now
        self.step.time(now)
        for link in self.links:
            if link.gateway is not None and link.gateway.next_due() <= now:
                link.gateway.on_time(now)
        self._settle(now)

    def next_due(self) -> int:
        """When `on_time` has something to do, ns."""
        due = self.now if self._later else self.step.next_due()
        for link in self.links:
            if link.gateway is not None:
                due = min(due, link.gateway.next_due())
        if self.stop is not None and not self.stop.done:
            due = min(due, self.stop.next_due())
        return due if self.latency is None else min(due, self.latency.next_due())

    def answer(self, given: Sequence[Response], now: int) -> None:
        """Hand answers or an operator's words to the step, and what gateways answer to what follows."""
        if not given:
            return
        if not self.step.started:
            self._early += given
            return
        self.now = now
        self._take(given, now)
        self._answer(now)

    def hold(self, legs: Sequence[int], who: Hold, now: int) -> None:
        """Pause legs on behalf of someone: their quotes are pulled now."""
        self._switch(legs, who, Record.PAUSED, now)

    def release(self, legs: Sequence[int], who: Hold, now: int) -> None:
        """Take a pause back; legs that someone else holds stay paused."""
        self._switch(legs, who, Record.RESUMED, now)

    def is_held(self, leg: int) -> int:
        """Bits of Hold: who pauses the leg."""
        return self._held[leg]

    def remember_hold(self, leg: int, who: int) -> None:
        """A leg that began the session held."""
        self._held[leg] |= who

    def add_leg(self, instrument: int, elsewhere: int) -> int:
        """Count a leg that was settled in; returns its number."""
        self.leg_instruments.append(instrument)
        self.elsewhere.append(elsewhere)
        self._held.append(0)
        return len(self.leg_instruments) - 1

    def judge_leg(self, leg: int, now: int) -> None:
        """Hold a leg that has just begun for every reason that holds its neighbours."""
        which = self.leg_instruments[leg]
        for number, link in enumerate(self.links):
            if not link.first <= which < link.first + link.count:
                continue
            if self.elsewhere[leg] == number and link.gateway is not None and link.gateway.held(which - link.first):
                self.hold([leg], Hold.VENUE, now)
            if any(where in (-1, which) for _, where in link.alarms):
                self.hold([leg], Hold.MARKET, now)
        if self._slow:
            self.hold([leg], Hold.LATENCY, now)

    @property
    def nothing_rests(self) -> bool:
        """Whether a stop has ended, and every order of ours with it."""
        return self.stop is not None and self.stop.done and self.stop.kind != "pause"

    @property
    def legs(self) -> range:
        """Every leg that has an agent."""
        return range(len(self.leg_instruments))

    def begin_stop(self, stop: Stop, now: int) -> None:
        """Begin one of the stops; a graver one takes the place of one under way. It is in the log before it begins."""
        if self.stop is not None and not self.stop.done and self.stop.gravity >= stop.gravity:
            return
        self.now = now
        self.stop = stop
        self.note_stop(done=False)
        self.step.log.flush()
        stop.begin(self, now)
        self._settle(now)

    def end_pause(self) -> None:
        """Quoting is resumed: a pause is no longer for the next session to take up."""
        if self.stop is not None and self.stop.kind == "pause":
            self.note_stop(done=True)
            self.step.log.flush()
            self.stop = None

    def note_stop(self, *, done: bool) -> None:
        """Put the stop into the log: what was not done the next session takes up, whatever ends this one."""
        assert self.stop is not None
        self.step.log.append(NOTE, msgspec.json.encode({"kind": "stop", "stop": self.stop.kind, "done": done}))

    # Inside

    def _take_timed(self, link: int, events: EventArray, now: int, read_clock: Callable[[], int]) -> None:
        """As without a clock, and note how long each part took; `now` is when the message was read."""
        decoded = read_clock()
        self._read_at = (link, now, decoded)
        try:
            self.step.rows(events, now)
            if self._read_at[2] and self.latencies is not None:  # it led to no order
                self.latencies.record(link, Stage.STEP, read_clock() - decoded)
        finally:
            self._read_at = (0, 0, 0)
        if self.latencies is not None:
            self.latencies.record(link, Stage.DECODE, decoded - now)

    def _hand_over(self, departures: Sequence[Departure]) -> None:
        """Hand commands to their gateways; what these answer at once is for `_answer`."""
        link, read, decoded = self._read_at
        stepped = self.read_clock() if decoded and self.read_clock is not None else 0
        self._handing_over = True
        try:
            self._command(departures)
        finally:
            self._handing_over = False
        if stepped and self.read_clock is not None:
            self._read_at = (0, 0, 0)
            self._measure(link, read, decoded, stepped, self.read_clock())

    def _command(self, departures: Sequence[Departure]) -> None:
        for sent in departures:
            venue = self.links[self.elsewhere[sent.leg]]
            gateway = venue.gateway
            assert gateway is not None  # a leg goes elsewhere only where there is one
            instrument = self.leg_instruments[sent.leg] - venue.first
            gateway.command(
                Command(sent.kind, sent.order, sent.leg, instrument, sent.side, sent.price, sent.qty, sent.flags),
                self.now,
            )

    def _measure(self, link: int, read: int, decoded: int, stepped: int, left: int) -> None:
        """Note the times of the first orders that a message led to."""
        if self.latency is not None:
            self.latency.record(left - read, read)
        if self.latencies is not None:
            self.latencies.record(link, Stage.STEP, stepped - decoded)
            self.latencies.record(link, Stage.SEND, left - stepped)
            self.latencies.record(link, Stage.RESPOND, left - read)

    def _compare(self, instrument: int, now: int) -> None:
        """Hold quotes where this venue's price is not that of the others."""
        cross = self.cross
        assert cross is not None
        touch = self.step.wired.state.touches[instrument]
        mid2 = int(touch["bid"]) + int(touch["ask"]) if touch["valid"] and 0 < touch["bid"] < touch["ask"] else 0
        if not cross.take(instrument, mid2, now):
            return
        for number, link in enumerate(self.links):
            for local in range(link.count):
                name = "other-venues"
                fact = (
                    Alarm(name, "the price is far from that at the other venues", "pause", local)
                    if link.first + local in cross.suspects
                    else Cleared(name, local)
                )
                if isinstance(fact, Alarm) == ((name, link.first + local) not in link.alarms):
                    self._alarm(self.links[number], fact, now)

    def _switch(self, legs: Sequence[int], who: Hold, kind: Record, now: int) -> None:
        paused = kind == Record.PAUSED
        change = [leg for leg in legs if bool(self._held[leg] & who) != paused]
        for leg in change:
            self._held[leg] ^= int(who)
        self.answer([Response(0, 0, 0, 0, 0, leg, int(kind), 0, reason=int(who)) for leg in change], now)

    def _take_fact(self, venue: Link, fact: Fact, now: int) -> None:
        if isinstance(fact, Alarm | Cleared) and (venue.gateway is None or _is_of_market(fact)):
            self._alarm(venue, fact, now)
        elif venue.gateway is not None:
            venue.gateway.on_fact(fact, now)

    def _alarm(self, link: Link, fact: Alarm | Cleared, now: int) -> None:
        instrument = -1 if fact.instrument < 0 else link.first + fact.instrument
        if isinstance(fact, Alarm):
            self.noted(Note(now, fact.name, fact.severity, fact.text, "", instrument))
            if fact.severity == "note":
                return
            link.alarms.add((fact.name, instrument))
        else:
            link.alarms.discard((fact.name, instrument))
        everywhere = any(where < 0 for _, where in link.alarms)
        for which in range(link.first, link.first + link.count):
            legs = [leg for leg in self.legs if self.leg_instruments[leg] == which]
            if everywhere or any(where == which for _, where in link.alarms):
                self.hold(legs, Hold.MARKET, now)
            else:
                self.release(legs, Hold.MARKET, now)

    def _judge(self, number: int, link: Link, gateway: Gateway, now: int) -> None:
        """Pull the quotes that a gateway's holds forbid, let the others be."""
        for leg in self.legs:
            if self.elsewhere[leg] != number:
                continue
            forbidden = gateway.held(self.leg_instruments[leg] - link.first)
            (self.hold if forbidden else self.release)([leg], Hold.VENUE, now)

    def _answer(self, now: int) -> None:
        """Hand what the gateways have answered to the step, until nothing is left."""
        for _ in range(_MOST_ROUNDS):
            answers = self._gathered()
            if not answers:
                return
            if not self.step.started:
                self._early += answers
                return
            self._take(answers, now)
        raise HaltError("commands and refusals follow each other without end: the strategies or limits make no sense")

    def _take(self, answers: Sequence[Response], now: int) -> None:
        """Hand answers to the step; with fills, what the account must now hold goes into the same write of the log."""
        if any(answer.kind == Record.FILL for answer in answers):
            self.note_balances()
        self.step.answers(answers, now)

    def note_balances(self) -> None:
        """Put what the accounts must hold into the log, for the next session to go by."""
        for link in self.links:
            if link.gateway is not None and (expected := link.gateway.expected_balances()):
                note = {"kind": "balances", "venue": link.name, "expected": expected}
                self.step.log.append(NOTE, msgspec.json.encode(note))

    def _gathered(self) -> list[Response]:
        found: list[Response] = []
        for link in self.links:
            gateway = link.gateway
            if gateway is None:
                continue
            if gateway.answers:
                found += [self.translator.response(link.first, answer) for answer in gateway.answers]
                gateway.answers.clear()
            if gateway.notes:
                for note in gateway.notes:
                    self.noted(note)
                    link.must_look = link.must_look or note.severity == "halt"
                gateway.notes.clear()
        return found

    def _settle(self, now: int) -> None:
        """What follows from every input: answers of gateways, holds, the latency budget, a stop under way."""
        while self._later:
            which, fact = self._later.pop(0)
            self._take_fact(self.links[which], fact, now)
        self._answer(now)
        for number, link in enumerate(self.links):
            if link.gateway is None:
                continue
            if link.must_look:  # what should not happen has happened: no quotes until a person resumes
                link.must_look = False
                self.hold([leg for leg in self.legs if self.elsewhere[leg] == number], Hold.OPERATOR, now)
            if link.gateway.holds != link.holds:
                link.holds = set(link.gateway.holds)
                self._judge(number, link, link.gateway, now)
        if self.latency is not None and self.latency.broken:
            self.latency.on_time(now)
        if self.latency is not None and self.latency.broken != self._slow:
            self._slow = self.latency.broken
            switch = self.hold if self._slow else self.release
            switch(self.legs, Hold.LATENCY, now)
        if self.stop is not None and not self.stop.done:
            self.stop.advance(self, now)


def _is_of_market(fact: Fact) -> bool:
    return isinstance(fact, Alarm | Cleared) and fact.name in MARKET_ALARMS
