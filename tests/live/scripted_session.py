"""Sessions without sockets: a made-up market, a made-up venue that answers by chance, an operator who meddles.

Everything follows from one seed. `drive` writes the same log that a session on real sockets would.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np

from quotewright.domain.events import ASK, BID, CLEAR, EVENT, LAST, LEVEL, STATUS, TRADE, Status
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import (
    FEE_ELSEWHERE,
    FEE_IN_BASE,
    FEE_TOLD,
    FILL_TAKER,
    IOC,
    LATE,
    POST_ONLY,
    Hold,
    Record,
    Refusal,
    Reject,
)
from quotewright.domain.messages import PLACE
from quotewright.live.assemble import adoption, worlds_of
from quotewright.live.carry import Carry, LegCarry, OrderCarry, StartFrame
from quotewright.live.operator import decision_place, settle_agent
from quotewright.live.settings import Mode, SessionSettings, VenueSettings
from quotewright.live.step import Departure, Response, Step
from quotewright.risk.profile import RiskProfile
from quotewright.sessions.agents import AgentSpec
from quotewright.sessions.venue_options import VenueOptions
from quotewright.sessions.wiring import LegStart, Market, wire
from quotewright.storage.session_log import META, NOTE, SessionLog

START = 1_700_000_000 * 10**9
MS = 1_000_000
MID = 100_000  # ticks
SPARE = 2
OPTIONS = VenueOptions(entry_latency_ns=3 * MS, response_latency_ns=2 * MS)

SPOT = Instrument("scripted", "AAAUSD", "spot", "AAA", "USD", "0.01", "0.001", min_qty="0.001", min_notional="1",
                  maker_rate="0.0001", taker_rate="0.0004", fee_asset="received")  # fmt: skip
OTHER = Instrument("scripted", "BBBUSD", "spot", "BBB", "USD", "0.01", "0.01", min_qty="0.01",
                   maker_rate="-0.0001", taker_rate="0.0005")  # fmt: skip
MARKETS = [Market(SPOT.name, SPOT, False, 2 * MID), Market(OTHER.name, OTHER, False, 2 * MID)]
LIMITS = RiskProfile(max_position=20_000.0, max_loss=500.0, messages_per_second=500.0)
AGENTS = (
    AgentSpec("even", "symmetric", {"half_spread": 0.2}, LIMITS, interval_ms=50.0),
    AgentSpec(
        "steps", "ladder", {"half_spread": 0.15, "step": 0.2}, LIMITS, instruments=(SPOT.name,), interval_ms=70.0
    ),
)
LATE_COMER = AgentSpec("late", "symmetric", {"half_spread": 0.3}, LIMITS, instruments=(OTHER.name,), interval_ms=30.0)


def settings_of(
    agents: tuple[AgentSpec, ...] = AGENTS, shadow: tuple[str, ...] = (), options: VenueOptions = OPTIONS
) -> SessionSettings:
    """A session on one venue with both instruments."""
    venue = VenueSettings("scripted", "http://venue.invalid", ("AAAUSD", "BBBUSD"))

    return SessionSettings((venue,), agents, seed=5, shadow=shadow, simulated=options, mark_interval=200 * MS)


class ScriptedMarket:
    """Books of five levels a side around a mid that wanders, with prints, and gaps now and then."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._mid = [MID, MID]
        self._seq = 0

    def update(self, which: int, now: int) -> Any:
        """One whole update of an instrument."""
        random, mid = self._random, self._mid[which]
        chance = random.random()
        if self._seq < 2 or chance < 0.004:
            return self._rows(which, now, self._snapshot(mid))
        if chance < 0.006:
            return self._rows(which, now, [(STATUS, 0, Status.BOOK_GAP, 0)])
        if chance < 0.25:
            side = random.choice((BID, ASK))
            return self._rows(which, now, [(TRADE, side, mid + side, random.randrange(1, 400))])
        if chance < 0.40:
            move = random.choice((1, -1))
            self._mid[which] = mid + move
            if move > 0:
                rows = [
                    (LEVEL, ASK, mid + 1, 0),
                    (LEVEL, BID, mid - 5, 0),
                    (LEVEL, BID, mid, 900),
                    (LEVEL, ASK, mid + 6, 900),
                ]
            else:
                rows = [
                    (LEVEL, BID, mid - 1, 0),
                    (LEVEL, ASK, mid + 5, 0),
                    (LEVEL, ASK, mid, 900),
                    (LEVEL, BID, mid - 6, 900),
                ]
            return self._rows(which, now, rows)
        side, depth = random.choice((BID, ASK)), random.randrange(1, 6)
        return self._rows(which, now, [(LEVEL, side, mid - side * depth, random.randrange(100, 2_000))])

    def _snapshot(self, mid: int) -> list[tuple[int, int, int, int]]:
        levels = [(LEVEL, side, mid - side * depth, 1_000) for side in (BID, ASK) for depth in range(1, 6)]
        return [(CLEAR, 0, 0, 0), *levels]

    def _rows(self, which: int, now: int, rows: list[tuple[int, int, int, int]]) -> Any:
        self._seq += 1
        events = np.zeros(len(rows), EVENT)
        for row, (kind, side, price, qty) in zip(events, rows, strict=True):
            row["kind"], row["side"], row["price"], row["qty"] = kind, side, price, qty
        events["seq"], events["instrument"] = self._seq, which
        events["exch_ts"] = now - self._random.randrange(1, 3) * MS
        events["flags"][-1] = LAST
        return events


@dataclass
class _Order:
    leg: int
    side: int
    price: int
    qty: int
    filled: int = 0
    ends_at: int = 0  # filled in all when it was cancelled; 0: it goes on


class ScriptedVenue:
    """Answers by chance, never against the life cycle; keeps in plain Python what each leg should have."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.orders: dict[int, _Order] = {}
        self.waiting: list[tuple[int, Response]] = []  # (due, answer)
        self._trade = 0

    def take(self, sent: list[Departure], now: int) -> None:
        """Messages that left."""
        for message in sent:
            if message.kind == PLACE:
                self._place(message, now)
            else:
                self._cancel(message, now)

    def due(self, now: int) -> list[Response]:
        """Answers that have come home by now."""
        found = [answer for at, answer in self.waiting if at <= now]
        self.waiting = [each for each in self.waiting if each[0] > now]
        return found

    def _after(self, now: int, answer: Response) -> int:
        at = now + self._random.randrange(1, 12) * MS
        if self.waiting:
            at = max(at, self.waiting[-1][0])  # an answer never overtakes another
        self.waiting.append((at, answer))
        return at

    def adopted(self, order: OrderCarry, now: int) -> None:
        """An order of an earlier session that rests still."""
        self.orders[order.number] = _Order(order.leg, order.side, order.price, order.qty, order.filled)
        self._say(order.number, Record.ACCEPTED, now)

    def _say(self, number: int, kind: Record, now: int, **more: int) -> None:
        order = self.orders[number]
        given = {"price": order.price, "qty": order.qty, "leaves": order.qty - order.filled, **more}
        answer = Response(
            now - MS, number, leg=order.leg, kind=int(kind), side=order.side, venue_id=number % 10**6, **given
        )
        self._after(now, answer)

    def _place(self, message: Departure, now: int) -> None:
        chance = self._random.random()
        self.orders[message.order] = _Order(message.leg, message.side, message.price, message.qty)
        if chance < 0.05:
            self._say(message.order, Record.DENIED, now, reason=int(Refusal.MESSAGE_RATE))
        elif chance < 0.12:
            self._say(message.order, Record.REJECTED, now, reason=int(Reject.POST_ONLY))
        else:
            if chance < 0.22:
                self._say(message.order, Record.UNKNOWN, now)
            if chance < 0.15:
                self._say(message.order, Record.DENIED, now, reason=int(Refusal.MESSAGE_RATE))
                del self.orders[message.order]
                return
            self._say(message.order, Record.ACCEPTED, now)
            if message.flags & IOC:
                self.fill(message.order, now)
                self._end(message.order, now, Reject.IOC)
            return
        del self.orders[message.order]

    def fill(self, number: int, now: int, qty: int = 0) -> None:
        """Fill some of an order, with one of the kinds of fee; an order filled whole is gone."""
        order = self.orders[number]
        qty = qty or self._random.randrange(1, order.qty - order.filled + 1)
        order.filled += qty
        self._trade += 1
        flags, fee = self._random.choice(
            ((0, 0), (FEE_TOLD, 7), (FEE_TOLD, -3), (FEE_TOLD | FEE_IN_BASE, 5), (FEE_TOLD | FEE_ELSEWHERE, 12_345))
        )
        flags |= self._random.choice((0, FILL_TAKER, LATE))
        self._say(number, Record.FILL, now, qty=qty, flags=flags, fee=fee, trade=self._trade)
        if order.filled == order.qty:
            del self.orders[number]

    def _cancel(self, message: Departure, now: int) -> None:
        order = self.orders.get(message.order)
        if order is None:
            answer = Response(now, message.order, 0, 0, 0, message.leg, int(Record.CANCEL_REJECTED), message.side,
                              reason=int(Reject.UNKNOWN_ORDER))  # fmt: skip
            self._after(now, answer)
            return
        chance = self._random.random()
        if chance < 0.1:
            self._say(message.order, Record.UNKNOWN, now)
        if chance > 0.9:
            self.fill(message.order, now)
            if message.order not in self.orders:
                return
        self._end(message.order, now, 0)

    def _end(self, number: int, now: int, reason: int) -> None:
        order = self.orders.get(number)
        if order is None:
            return
        left = order.qty - order.filled
        early = self._random.randrange(1, left + 1) if self._random.random() < 0.3 else 0
        self._say(number, Record.CANCELED, now, qty=order.filled + early, leaves=left - early, reason=int(reason))
        if early:  # the venue told of the end before the last fill
            self.fill(number, now, early)
        self.orders.pop(number, None)


@dataclass
class Driven:
    """What a session came to."""

    log: Path
    sent: list[Departure] = field(default_factory=list[Departure])
    answered: list[Response] = field(default_factory=list[Response])


def drive(
    folder: Path,
    seed: int,
    *,
    mode: Mode = "live",
    shadow: tuple[str, ...] = (),
    updates: int = 1_500,
    agents: tuple[AgentSpec, ...] = AGENTS,
    words: bool = True,
    kill: bool = False,
    left: bool = False,
    number: int = 8,
    options: VenueOptions = OPTIONS,
    said: VenueOptions = OPTIONS,
) -> Driven:
    """Run a whole session into a log. `words`: the operator meddles; `left`: an earlier session left things behind.

    The venue is simulated with `options`, and the log says that it was with `said`.
    """
    random = Random(seed)
    settings = settings_of(agents, shadow, said)
    names = [market.name for market in MARKETS]
    named = worlds_of(settings, mode)
    pairs = [(n, i) for n, a in enumerate(named) for i in range(2) if not a.instruments or names[i] in a.instruments]
    legs = [LegCarry(named[n].name, names[i]) for n, i in pairs]
    orders: list[OrderCarry] = []
    if left:
        legs[0] = LegCarry(legs[0].agent, legs[0].instrument, -3_000_000, 250, 0, int(Hold.OPERATOR), 0)
        orders = [
            OrderCarry(7, (1 << 32) + 1, 0, BID, MID - 3, 90, 20, POST_ONLY),
            OrderCarry(7, (1 << 32) + 2, 0, ASK, MID + 4, 50, 0, 0),
        ]
    starts = {
        p: LegStart(leg.cash, leg.position, leg.orders_sent, held=leg.held) for p, leg in zip(pairs, legs, strict=True)
    }
    wired = wire(
        MARKETS, named, options, seed=settings.seed, mark_interval_ns=settings.mark_interval,
        elsewhere=["scripted"] if mode == "live" else (), starts=starts, spare_legs=SPARE, in_flight=4096,
    )  # fmt: skip
    carry = Carry(7, [msgspec.structs.replace(leg) for leg in legs], list(orders)) if left else Carry()
    markets: list[dict[str, Any]] = [
        {"name": m.name, "instrument": m.instrument.to_dict(), "reference2": m.reference2} for m in MARKETS
    ]
    frame = StartFrame(number, mode, START, settings.to_dict(), markets, legs, orders, carry, SPARE)
    driven = Driven(folder)
    log = SessionLog(folder, sync_every_ns=0, rotate_bytes=1 << 18)
    log.append(META, msgspec.json.encode(frame))
    waiting: list[Departure] = []
    step, market, venue = Step(wired, log, waiting.extend), ScriptedMarket(random), ScriptedVenue(random)
    operator = _Operator(random, step, log, mode, len(pairs), names)
    now = START
    for count in range(updates):
        now += random.randrange(1, 9) * MS + random.randrange(MS)
        events = market.update(count % 2 if count < 2 else random.randrange(2), now)
        if random.random() < 0.1:
            events = np.concatenate([events, market.update(random.randrange(2), now)])
        step.rows(events, now)
        if count == 0 and orders:
            step.answers([adoption(order) for order in orders], now)
            for order in orders:
                venue.adopted(order, now)
        for _ in range(4):  # answers bring orders, orders answers
            driven.sent += waiting
            venue.take(waiting, now)
            waiting.clear()
            resting = [n for n in venue.orders if random.random() < 0.02]
            for order in resting:
                venue.fill(order, now)
            answers = venue.due(now)
            driven.answered += answers
            if answers:
                step.answers(answers, now)
        if words and random.random() < 0.03:
            operator.meddle(now)
        if random.random() < 0.2:
            step.time(now + random.randrange(2 * MS))
        driven.sent += waiting
        venue.take(waiting, now)
        waiting.clear()
    if not kill:
        step.end(now + 5 * MS)
    log.flush()
    log.close()
    return driven


class _Operator:
    def __init__(self, random: Random, step: Step, log: SessionLog, mode: Mode, legs: int, names: list[str]) -> None:
        self._random, self._step, self._log, self._mode, self._legs, self._names = random, step, log, mode, legs, names
        self._began = False

    def meddle(self, now: int) -> None:
        """One word, by chance."""
        random = self._random
        leg = random.randrange(self._legs)
        who = random.choice((Hold.OPERATOR, Hold.VENUE))
        self._log.append(NOTE, msgspec.json.encode({"kind": "operator", "time": now}))
        side = random.choice((BID, ASK))
        words = [
            Response(0, 0, 0, 0, 0, leg, int(Record.PAUSED), 0, reason=int(who)),
            Response(0, 0, 0, 0, 0, leg, int(Record.RESUMED), 0, reason=int(Hold.OPERATOR)),
            Response(0, 0, 0, 0, 0, leg, int(Record.RESUMED), 0, reason=int(Hold.VENUE)),
            Response(0, 0, random.randrange(1, 2**53), 0, random.randrange(-54, -45), leg, int(Record.PARAM), 0),
            Response(0, 0, random.choice((0, 0, 20)), 0, 0, leg, int(Record.FLATTEN), 0),
            Response(
                0, 0, MID - side * 4, 30, 0, leg, int(Record.MANUAL), side, flags=random.choice((0, POST_ONLY, IOC))
            ),
            Response(0, 0, MID, side * 40, 0, leg, int(Record.ADJUSTED), side, fee=-side * 1_234_567),
            Response(0, 0, 0, 11, 0, leg, int(Record.ADJUSTED), 0, fee=99),
        ]
        if not self._began and random.random() < 0.3:
            self._activate(now)
            return
        self._step.answers([random.choice(words)], now)

    def _activate(self, now: int) -> None:
        self._began = True
        live = self._mode == "live"
        leg, number, wired = self._legs, len(AGENTS), self._step.wired
        agent = LATE_COMER
        settle_agent(wired, leg, agent, MARKETS[1], 1, elsewhere=live)
        meta = {"kind": "agent", "agent": agent.name, "instrument": self._names[1], "leg": leg, "number": number,
                "index": 1, "live": live, "settings": agent.to_dict()}  # fmt: skip
        self._log.append(META, msgspec.json.encode(meta))
        self._legs += 1
        place = decision_place(wired, agent)
        self._step.answers([Response(0, number, 0, place, 0, leg, int(Record.ACTIVATED), 0)], now)
