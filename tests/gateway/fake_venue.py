"""A venue under a virtual clock that loses, delays, doubles and reorders what it is told and what it tells."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import Reject
from quotewright.gateway.port import (
    Balances,
    CancelAllDone,
    Capabilities,
    Cost,
    Fact,
    Failure,
    FailureKind,
    NewOrder,
    OpenOrders,
    OrderReport,
    OrderStatus,
    Rule,
    Source,
    StreamDown,
    StreamUp,
    TradeList,
    TradeReport,
)

MS = 1_000_000
SECOND = 1_000 * MS
WINDOW = 5 * SECOND
START = 1_000_000 * SECOND

CAPABILITIES = Capabilities(
    post_only=True,
    cancel_all=True,
    amend=False,
    reduce_only=False,
    dead_man_switch=False,
    query_by_client_id=True,
    user_stream=True,
)
COSTS = {
    "place": Cost(1, 1),
    "cancel": Cost(1),
    "cancel_all": Cost(1),
    "query_order": Cost(4),
    "open_orders": Cost(6),
    "trades": Cost(20),
    "balances": Cost(20),
}


def make_instruments(count: int) -> list[Instrument]:
    """Spot pairs against one quote asset."""
    names = ["AAA", "BBB", "CCC"][:count]
    return [Instrument("fake", f"{n}USD", "spot", n, "USD", tick="0.01", lot="0.001") for n in names]


@dataclass
class Faults:
    """Chances of each misfortune."""

    request_lost: float = 0.0
    answer_lost: float = 0.0
    refused: float = 0.0
    slow: float = 0.0  # the connection breaks, and the request arrives long after
    unsent: float = 0.0
    limited: float = 0.0
    banned: float = 0.0
    clock: float = 0.0
    frame_lost: float = 0.0
    frame_twice: float = 0.0
    delay: int = 20 * MS  # most, of anything
    rest_lag: int = 0
    stream_down: float = 0.0  # per tick


@dataclass
class Resting:
    """An order at the venue."""

    client_id: str
    venue_id: int
    instrument: int
    side: int
    price: int
    qty: int
    filled: int = 0
    status: OrderStatus = OrderStatus.OPEN
    time: int = 0


@dataclass
class Seen:
    """What lists show: the state at some moment."""

    time: int
    orders: list[Resting]
    trades: list[TradeReport]
    balances: dict[str, tuple[int, int]]


@dataclass
class FakeVenue:
    """Implements the port; `advance` moves its clock and delivers."""

    instruments: list[Instrument]
    rng: random.Random
    faults: Faults = field(default_factory=Faults)
    now: int = START
    capabilities: Capabilities = CAPABILITIES
    request_window: int = WINDOW
    sink: Callable[[Fact, int], None] = lambda fact, now: None
    watch: Callable[[str], None] = lambda command: None

    def __post_init__(self) -> None:
        self.queue: list[tuple[int, int, Callable[[], None]]] = []
        self.number = 0
        self.orders: dict[int, Resting] = {}
        self.trades_done: list[TradeReport] = []
        self.totals = {name: 10**15 for i in self.instruments for name in (i.base, i.quote)}
        self.history: list[Seen] = []
        self.ids_sent: list[str] = []
        self.calls: list[str] = []
        self.stream = False
        self.life = 0  # of the process on the other side: what was under way to one that died reaches nobody
        self.banned_until = 0
        self.counts: dict[str, int] = {}
        self.remember()

    # the clock

    def later(self, delay: int, action: Callable[[], None]) -> None:
        self.number += 1
        heapq.heappush(self.queue, (self.now + delay, self.number, action))

    def tell_later(self, delay: int, fact: Fact, life: int, *, by_stream: bool = False) -> None:
        def arrive() -> None:
            if self.life == life and (self.stream or not by_stream):
                self.tell(fact)

        self.later(delay, arrive)

    def lag(self) -> int:
        return self.rng.randrange(self.faults.delay) + 1

    def next_due(self) -> int:
        return self.queue[0][0] if self.queue else 2**63 - 1

    def on_time(self, now: int) -> None:
        pass

    def advance(self, now: int) -> None:
        while self.queue and self.queue[0][0] <= now:
            self.now, _, action = heapq.heappop(self.queue)
            action()
        self.now = max(self.now, now)

    def tell(self, fact: Fact) -> None:
        self.sink(fact, self.now)

    # the stream

    def connect(self) -> None:
        self.stream = True
        self.tell(StreamUp())

    def disconnect(self) -> None:
        self.stream = False
        self.tell(StreamDown("test"))

    def frame(self, fact: Fact) -> None:
        faults = self.faults
        for copy in range(1 + (self.rng.random() < faults.frame_twice)):
            if not copy and self.hit("frame_lost", faults.frame_lost):
                return
            self.tell_later(self.lag(), fact, self.life, by_stream=True)

    def hit(self, name: str, chance: float) -> bool:
        if self.rng.random() >= chance:
            return False
        self.counts[name] = self.counts.get(name, 0) + 1
        return True

    # the market

    def report(self, order: Resting, source: Source, ref: int = 0, **more: Any) -> OrderReport:
        return OrderReport(
            client_id=order.client_id,
            venue_id=order.venue_id,
            instrument=order.instrument,
            side=order.side,
            price=order.price,
            qty=order.qty,
            filled=order.filled,
            status=order.status,
            time=order.time,
            source=source,
            ref=ref,
            **more,
        )

    def open(self, instrument: int = -1) -> list[Resting]:
        orders = [order for order in self.orders.values() if order.status is OrderStatus.OPEN]
        return [order for order in orders if instrument in (-1, order.instrument)]

    def accept(self, new: NewOrder) -> Resting:
        self.number += 1
        order = Resting(new.client_id, self.number, new.instrument, new.side, new.price, new.qty, time=self.now)
        self.orders[order.venue_id] = order
        self.frame(self.report(order, Source.STREAM))
        self.remember()
        return order

    def fill(self, order: Resting, qty: int) -> TradeReport:
        order.filled += qty
        order.time = self.now
        if order.filled == order.qty:
            order.status = OrderStatus.FILLED
        self.number += 1
        instrument = self.instruments[order.instrument]
        fee_asset = instrument.base if order.side > 0 else instrument.quote
        trade = TradeReport(
            client_id=order.client_id,
            venue_id=order.venue_id,
            trade_id=self.number,
            instrument=order.instrument,
            side=order.side,
            price=order.price,
            qty=qty,
            maker=self.rng.random() < 0.8,
            fee=qty * 7,
            fee_asset=fee_asset,
            time=self.now,
            source=Source.STREAM,
        )
        self.trades_done.append(trade)
        self.totals[instrument.base] += order.side * qty * 100_000  # a lot is 1e-3
        self.totals[instrument.quote] -= order.side * qty * order.price * 1_000  # a tick of a lot is 1e-5
        self.totals[fee_asset] -= trade.fee
        self.frame(self.report(order, Source.STREAM))
        self.frame(trade)
        self.remember()
        return trade

    def take_off(self, order: Resting) -> None:
        order.status = OrderStatus.CANCELED
        order.time = self.now
        self.frame(self.report(order, Source.STREAM))
        self.remember()

    def position(self, instrument: int) -> int:
        return sum(trade.side * trade.qty for trade in self.trades_done if trade.instrument == instrument)

    def remember(self) -> None:
        totals = {name: (total, 0) for name, total in self.totals.items()}
        orders = [replace(order) for order in self.orders.values() if order.status is OrderStatus.OPEN]
        self.history.append(Seen(self.now, orders, list(self.trades_done), totals))
        if len(self.history) > 400:
            del self.history[:200]

    def seen(self) -> Seen:
        """What a list shows now: not the newest, with a lag."""
        latest = self.now - (self.rng.randrange(self.faults.rest_lag) if self.faults.rest_lag else 0)
        for seen in reversed(self.history):
            if seen.time <= latest:
                return seen
        return self.history[0]

    # requests

    def request(self, ref: int, command: str, sent: int, carry_out: Callable[[], Fact]) -> None:
        faults, life = self.faults, self.life
        self.watch(command)
        self.calls.append(command)
        if self.hit("unsent", faults.unsent):
            self.tell(Failure(ref, FailureKind.UNSENT, 0, "not connected"))
            return
        if self.hit("request_lost", faults.request_lost):
            self.tell_later(2 * SECOND, Failure(ref, FailureKind.DOUBT, 0, "time-out"), life)
            return

        slow = self.hit("slow", faults.slow)
        if slow:
            self.tell_later(self.lag(), Failure(ref, FailureKind.DOUBT, 0, "connection lost"), life)

        def arrive() -> None:
            answer: Fact
            if self.now < self.banned_until or self.hit("banned", faults.banned):
                self.banned_until = max(self.banned_until, self.now + 3 * SECOND)
                wait = self.banned_until - self.now
                answer = Failure(ref, FailureKind.BANNED, 418, "banned", retry_after=wait)
            elif self.hit("limited", faults.limited):
                answer = Failure(ref, FailureKind.LIMITED, 429, "slow down", retry_after=SECOND)
            elif self.hit("clock", faults.clock) or self.now - sent > WINDOW:
                answer = Failure(ref, FailureKind.CLOCK, -1021, "timestamp")
            else:
                answer = carry_out()
            if slow:
                return
            if self.hit("answer_lost", faults.answer_lost):
                self.tell_later(2 * SECOND, Failure(ref, FailureKind.DOUBT, 0, "time-out"), life)
            else:
                self.tell_later(self.lag(), answer, life)

        self.later(self.rng.randrange(WINDOW + SECOND) if slow else self.lag(), arrive)

    def cost(self, command: str) -> Cost:
        return COSTS[command]

    def place(self, ref: int, order: NewOrder, now: int) -> None:
        def carry_out() -> Fact:
            if self.hit("refused", self.faults.refused):
                return Failure(ref, FailureKind.REFUSED, -2010, "no", reason=Reject.POST_ONLY)
            return self.report(self.accept(order), Source.ANSWER, ref)

        assert order.client_id not in self.ids_sent, "a client id was sent twice"
        self.ids_sent.append(order.client_id)
        self.request(ref, "place", now, carry_out)

    def cancel(self, ref: int, instrument: int, client_id: str, now: int) -> None:
        def carry_out() -> Fact:
            for order in self.open(instrument):
                if order.client_id == client_id:
                    self.take_off(order)
                    return self.report(order, Source.ANSWER, ref)
            return Failure(ref, FailureKind.UNKNOWN_ORDER, -2011, "unknown order")

        self.request(ref, "cancel", now, carry_out)

    def cancel_all(self, ref: int, instrument: int, now: int) -> None:
        def carry_out() -> Fact:
            orders = self.open(instrument)
            for order in orders:
                self.take_off(order)
            return CancelAllDone(ref, instrument, [self.report(order, Source.ANSWER) for order in orders])

        self.request(ref, "cancel_all", now, carry_out)

    def query_order(self, ref: int, instrument: int, client_id: str, now: int, *, venue_id: int = 0) -> None:
        def carry_out() -> Fact:
            for order in self.orders.values():
                if order.client_id == client_id or order.venue_id == venue_id:
                    return self.report(order, Source.QUERY, ref)
            return Failure(ref, FailureKind.UNKNOWN_ORDER, -2013, "no such order")

        self.request(ref, "query_order", now, carry_out)

    def open_orders(self, ref: int, instrument: int, now: int) -> None:
        def carry_out() -> Fact:
            orders = [o for o in self.seen().orders if o.instrument == instrument]
            reports = [self.report(order, Source.SNAPSHOT) for order in orders]
            return OpenOrders(ref, instrument, reports, sent=now, time=self.now)

        self.request(ref, "open_orders", now, carry_out)

    def trades(self, ref: int, instrument: int, now: int, *, from_id: int = 0, venue_id: int = 0) -> None:
        def carry_out() -> Fact:
            mine = [t for t in self.seen().trades if t.instrument == instrument and t.trade_id >= from_id]
            if venue_id:
                mine = [t for t in mine if t.venue_id == venue_id]
            page = [_listed(trade) for trade in mine[:5]]  # short pages, so that several are needed
            return TradeList(ref, instrument, page, complete=len(page) == len(mine), sent=now, time=self.now)

        self.request(ref, "trades", now, carry_out)

    def balances(self, ref: int, now: int) -> None:
        def carry_out() -> Fact:
            seen = self.seen()
            return Balances(ref, seen.balances, seen.time, whole=True)

        self.request(ref, "balances", now, carry_out)

    def state_limits(self, weight: int, orders: int) -> None:
        self.tell(Rule("weight", 60 * SECOND, weight))
        self.tell(Rule("orders", 10 * SECOND, orders))


def _listed(trade: TradeReport) -> TradeReport:
    """Lists of trades name no client ids."""
    names = {name: getattr(trade, name) for name in trade.__struct_fields__}
    return TradeReport(**{**names, "client_id": "", "source": Source.SNAPSHOT})
