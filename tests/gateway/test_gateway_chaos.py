"""Everything goes wrong at once, by seed: nothing is lost, doubled, guessed or sent twice."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.events import ASK, BID
from quotewright.domain.journal import Record
from quotewright.gateway.gateway import Gateway
from quotewright.gateway.ids import ClientIds
from quotewright.gateway.lifecycle import ENDED, Order, State
from quotewright.gateway.messages import KnownOrder
from quotewright.gateway.port import NewOrder, TradeReport
from quotewright.gateway.settings import GatewaySettings

from .engine_side import EngineOrder, EngineSide, make_pair
from .fake_venue import MS, SECOND, START, FakeVenue, Faults, make_instruments

INSTRUMENTS = 2


class Drill:
    """One run: a random engine, a random market, random faults, and what must hold at every event."""

    def __init__(self, seed: int, faults: Faults, make: type[Gateway] = Gateway, **knobs: Any) -> None:
        self.rng = random.Random(seed)
        self.weight = self.rng.choice((600, 900, 6000))
        self.venue = FakeVenue(make_instruments(INSTRUMENTS), random.Random(seed + 1))
        self.faults = faults
        self.shared = "foreign" in knobs
        self.make = make
        self.settings = GatewaySettings(**knobs)
        self.session = 0
        self.booked_before = [0] * INSTRUMENTS
        self.side: EngineSide
        self.begin()
        self.side.step(5 * SECOND)
        assert not self.gateway.holds

    @property
    def gateway(self) -> Gateway:
        return self.side.gateway

    def begin(self) -> None:
        """A new process takes over from the journal, which holds commands and answers."""
        venue = self.venue
        self.session += 1
        gateway = self.make(venue, self.settings, ClientIds("desk", self.session), lambda client_id: 0)
        side = make_pair(venue, gateway)
        if self.session > 1:
            old = self.side
            side.orders, side.fills, side.names, side.number = old.orders, old.fills, old.names, old.number
            seen: dict[int, list[int]] = {}
            for (instrument, trade_id), lots in old.fills.items():
                seen.setdefault(instrument, []).append(trade_id)
                self.booked_before[instrument] += lots
            known = [_known(old, number) for number in sorted(old.orders)]
            gateway.restore(known, seen, None, START, venue.now)
        self.side = side
        venue.watch = self.watch_reserve
        venue.life += 1
        venue.state_limits(self.weight, 50)
        gateway.start(venue.now)
        venue.connect()

    def kill(self) -> None:
        """What the process had not yet taken in is lost; perhaps it died between journal and socket."""
        self.venue.stream = False
        if self.rng.random() < 0.5:
            side = self.side
            side.number += 1
            side.names[side.number] = self.gateway.ids.make(side.number)
            side.orders[side.number] = EngineOrder(5, 5, BID, 0)
        self.booked_before = [0] * INSTRUMENTS
        self.begin()

    def watch_reserve(self, command: str) -> None:
        """No limit is passed; after anything but a cancel, all open orders can still be cancelled."""
        free = self.gateway.budget.free(self.venue.now)
        assert free >= 0, "a limit was passed"
        if command == "cancel":
            return
        live = [order for order in self.gateway.live_orders() if order.state not in ENDED]
        assert free >= len(live), f"{command} broke the reserve"

    def check(self) -> None:
        if self.shared:  # an order placed by hand counts only once it is heard of
            return
        for i in range(INSTRUMENTS):
            least, most = (lots + self.booked_before[i] for lots in self.gateway.worst_position(i))
            position = self.venue.position(i)
            bids = sum(o.qty - o.filled for o in self.venue.open(i) if o.side == BID)
            asks = sum(o.qty - o.filled for o in self.venue.open(i) if o.side == ASK)
            assert least <= position - asks, "more can be sold than is counted"
            assert most >= position + bids, "more can be bought than is counted"

    def trouble(self, ticks: int, kills: float = 0.0, foreign: float = 0.0) -> None:
        rng, venue = self.rng, self.venue
        venue.faults = self.faults
        down_until = 0
        for _ in range(ticks):
            if rng.random() < kills:
                self.kill()
            elif venue.stream and rng.random() < self.faults.stream_down:
                venue.disconnect()
                down_until = venue.now + rng.randrange(4 * SECOND)
            elif not venue.stream and venue.now > down_until:
                venue.connect()
            self.side.take()
            if rng.random() < foreign:
                side = rng.choice((BID, ASK))
                venue.accept(NewOrder(f"hand-{venue.number}", rng.randrange(INSTRUMENTS), side, 1000, 5, 0))
            self.act(rng.random())
            self.side.step(rng.randrange(1, 120 * MS), self.check)
        venue.faults = Faults()
        if not venue.stream:
            venue.connect()

    def act(self, choice: float) -> None:
        rng, venue, side = self.rng, self.venue, self.side
        if choice < 0.45:
            price, lots = rng.randint(900, 1100), rng.randint(1, 9)
            side.place(rng.randrange(INSTRUMENTS), rng.choice((BID, ASK)), price, lots)
        elif choice < 0.7 and side.orders:
            side.cancel(rng.choice(sorted(side.orders)))
        elif venue.open():
            order = rng.choice(venue.open())
            if choice < 0.95:
                venue.fill(order, rng.randint(1, order.qty - order.filled))
            else:
                venue.take_off(order)

    def settle(self) -> None:
        """Without faults, everything comes to agree."""
        side, venue, gateway = self.side, self.venue, self.gateway
        side.step(150 * SECOND, self.check)
        assert not gateway.holds, gateway.holds
        assert not [o for o in gateway.live_orders() if o.state is State.UNKNOWN]
        ours = set(venue.ids_sent)
        truth = {(t.instrument, t.trade_id): t.side * t.qty for t in venue.trades_done if t.client_id in ours}
        assert side.fills == truth
        resting = {o.client_id: (o.qty - o.filled, True) for o in venue.open() if o.client_id in ours}
        assert resting == {side.names[n]: (o.leaves, o.accepted) for n, o in side.orders.items()}
        positions = [a + b for a, b in zip(gateway.positions(), self.booked_before, strict=True)]
        assert positions == [venue.position(i) for i in range(INSTRUMENTS)]
        assert {name: sum(amounts) for name, amounts in gateway.balances().items()} == venue.totals

    def stop(self) -> None:
        self.gateway.cancel_everything(self.venue.now)
        self.side.step(10 * SECOND, self.check)
        assert self.gateway.everything_cancelled
        assert not self.venue.open()
        assert not self.side.orders


def _known(side: EngineSide, number: int) -> KnownOrder:
    o = side.orders[number]
    price = flags = venue_id = 0
    return KnownOrder(
        side.names[number],
        number,
        0,
        o.instrument,
        o.side,
        price,
        o.qty,
        o.filled,
        flags,
        venue_id,
        o.canceling,
        o.total,
    )


def draw_faults(rng: random.Random) -> Faults:
    """Each misfortune absent, rare or common, in every mixture."""
    chance = lambda: rng.choice((0.0, 0.0, 0.02, 0.1, 0.3))  # noqa: E731
    return Faults(
        request_lost=chance(),
        answer_lost=chance(),
        refused=rng.choice((0.0, 0.05)),
        slow=rng.choice((0.0, 0.0, 0.05)),
        unsent=chance(),
        limited=rng.choice((0.0, 0.0, 0.01)),
        banned=rng.choice((0.0, 0.0, 0.005)),
        clock=rng.choice((0.0, 0.02)),
        frame_lost=chance(),
        frame_twice=chance(),
        delay=rng.choice((5 * MS, 100 * MS, 1500 * MS)),
        rest_lag=rng.choice((0, 900 * MS)),
        stream_down=rng.choice((0.0, 0.02)),
    )


seeds = st.integers(0, 2**32)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_whatever_goes_wrong_ends_in_agreement(seed: int) -> None:
    drill = Drill(seed, draw_faults(random.Random(seed)))
    drill.trouble(120)
    drill.settle()
    drill.stop()


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_killed_again_and_again_nothing_is_lost(seed: int) -> None:
    drill = Drill(seed, draw_faults(random.Random(seed)))
    drill.trouble(120, kills=0.04)
    drill.settle()
    drill.stop()


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_another_hand_on_the_account_confuses_nothing(seed: int) -> None:
    drill = Drill(seed, draw_faults(random.Random(seed)), foreign="adopt", orphans="adopt")
    drill.trouble(100, foreign=0.1)
    drill.settle()
    drill.stop()


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_many_seeds(part: int) -> None:
    for seed in range(part * 500, part * 500 + 500):
        rng = random.Random(seed)
        drill = Drill(seed, draw_faults(rng))
        drill.trouble(150, kills=rng.choice((0.0, 0.03)))
        drill.settle()
        drill.stop()


def test_the_drills_are_hard_enough() -> None:
    counts: dict[str, int] = {}
    kinds: dict[str, int] = {}
    for seed in range(40):
        drill = Drill(seed, draw_faults(random.Random(seed)))
        drill.trouble(100)
        for name, count in drill.venue.counts.items():
            counts[name] = counts.get(name, 0) + count
        for answer in drill.side.heard:
            kinds[Record(answer.kind).name] = kinds.get(Record(answer.kind).name, 0) + 1
    assert min(counts[name] for name in ("request_lost", "answer_lost", "frame_lost", "unsent", "clock")) >= 3
    assert min(kinds[name] for name in ("ACCEPTED", "FILL", "CANCELED", "REJECTED", "UNKNOWN", "DENIED")) >= 10


class NoDedupe(Gateway):
    """A dropped dedupe."""

    def _is_duplicate(self, trade: TradeReport) -> bool:
        return False


class Guesses(Gateway):
    """A guessed state: "no such order" taken at its word."""

    def _resolve_not_found(self, order: Order, asked_at: int) -> bool:
        return True


class Forgets(Gateway):
    """A forgotten order: out of sight once in doubt."""

    def _is_over(self, order: Order) -> bool:
        return order.state is State.UNKNOWN or super()._is_over(order)


class Spends(Gateway):
    """An unreserved cancel."""

    def _reserve(self, more: int) -> tuple[int, int]:
        return 0, 0


@pytest.mark.parametrize("bug", [NoDedupe, Guesses, Forgets, Spends])
def test_planted_bugs_are_caught(bug: type[Gateway]) -> None:
    for seed in range(200):
        try:
            drill = Drill(seed, draw_faults(random.Random(seed)), bug)
            drill.trouble(150)
            drill.settle()
        except AssertionError:
            return
    pytest.fail("not caught")
