"""The engine's side of a gateway: applies answers as `engine.responses` does, and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from quotewright.domain.journal import LATE, Record
from quotewright.domain.messages import CANCEL, PLACE
from quotewright.gateway.gateway import Gateway
from quotewright.gateway.messages import Answer, Command, Note

from .fake_venue import FakeVenue


@dataclass
class EngineOrder:
    """An order as the engine counts it."""

    qty: int
    leaves: int
    side: int
    instrument: int
    filled: int = 0
    accepted: bool = False
    canceling: bool = False
    total: int = -1  # filled in all, once its end was told


@dataclass
class EngineSide:
    """Sends commands and books answers."""

    gateway: Gateway
    venue: FakeVenue
    orders: dict[int, EngineOrder] = field(default_factory=dict[int, EngineOrder])
    fills: dict[tuple[int, int], int] = field(default_factory=dict[tuple[int, int], int])
    late: list[Answer] = field(default_factory=list[Answer])
    heard: list[Answer] = field(default_factory=list[Answer])
    notes: list[Note] = field(default_factory=list[Note])
    names: dict[int, str] = field(default_factory=dict[int, str])
    number: int = 0

    def place(self, instrument: int, side: int, price: int, qty: int, flags: int = 0) -> int:
        self.number += 1
        self.orders[self.number] = EngineOrder(qty, qty, side, instrument)
        self.names[self.number] = self.gateway.ids.make(self.number)
        command = Command(PLACE, self.number, 0, instrument, side, price, qty, flags)
        self.gateway.command(command, self.venue.now)
        self.take()
        return self.number

    def cancel(self, number: int) -> None:
        order = self.orders.get(number)
        if order is None or order.canceling:
            return
        order.canceling = True
        self.gateway.command(Command(CANCEL, number, 0, order.instrument, order.side, 0, 0), self.venue.now)
        self.take()

    def take(self) -> None:
        answers, self.gateway.answers = self.gateway.answers, []
        self.notes += self.gateway.notes
        self.gateway.notes = []
        for answer in answers:
            self.heard.append(answer)
            self.apply(answer)

    def apply(self, answer: Answer) -> None:
        if answer.kind == Record.FILL:
            key = (answer.instrument, answer.trade)
            assert key not in self.fills, "a trade was booked twice"
            self.fills[key] = answer.side * answer.qty
            if answer.flags & LATE:
                self.late.append(answer)
        order = self.orders.get(answer.order)
        if order is None:
            assert answer.kind in (Record.FILL, Record.CANCEL_REJECTED), f"{answer} for an order that is gone"
            assert answer.kind != Record.FILL or answer.flags & LATE, "a fill of an order that is gone is late"
            return
        if answer.kind == Record.ACCEPTED:
            order.accepted = True
        elif answer.kind == Record.FILL:
            order.filled += answer.qty
            order.leaves -= answer.qty
            assert answer.leaves == order.leaves
            assert order.filled <= order.qty
        elif answer.kind in (Record.REJECTED, Record.DENIED):
            assert order.filled == 0
            order.leaves = 0
        elif answer.kind == Record.CANCELED:
            assert answer.qty + answer.leaves == order.qty
            order.leaves = answer.qty - order.filled
            order.total = answer.qty
            assert order.leaves >= 0
            order.canceling = True
        elif answer.kind == Record.CANCEL_REJECTED:
            order.canceling = False
        if order.leaves <= 0:
            del self.orders[answer.order]

    def run(self, until: int, check: Callable[[], Any] = lambda: None) -> None:
        """Let time pass, event by event."""
        venue, gateway = self.venue, self.gateway
        while True:
            due = max(min(venue.next_due(), gateway.next_due()), venue.now)
            if due > until:
                break
            if venue.next_due() <= due:
                venue.advance(due)
            else:
                venue.now = due
                gateway.on_time(due)
            self.take()
            check()
        venue.advance(until)

    def step(self, span: int, check: Callable[[], Any] = lambda: None) -> None:
        self.run(self.venue.now + span, check)


def make_pair(venue: FakeVenue, gateway: Gateway) -> EngineSide:
    """Wire a venue, its gateway and an engine together, connected and started."""
    side = EngineSide(gateway, venue)
    venue.sink = gateway.on_fact
    return side
