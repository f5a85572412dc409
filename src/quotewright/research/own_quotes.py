"""Quotes of our own in the synthetic exchange, live: they stand in everyone's queues, and everyone reacts to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BID
from quotewright.domain.journal import POST_ONLY
from quotewright.domain.kernel import as_records
from quotewright.domain.quotes import TARGET, VIEW
from quotewright.domain.strategy import MEMORY_BYTES, Strategy
from quotewright.engine.functions import compile_decision
from quotewright.simulation.matching import SLOT_MASK
from quotewright.simulation.synthetic import SyntheticMarket
from quotewright.simulation.synthetic_state import PARTICIPANT

Quote = tuple[int, int, int]  # side, ticks, lots


class Look(NamedTuple):
    """What we see: best prices (ticks; 0: none) and lots of the whole book, and the others' best prices."""

    time: int  # ns
    bid: int
    bid_qty: int
    ask: int
    ask_qty: int
    other_bid: int
    other_ask: int
    inventory: int  # lots


Quoting = Callable[[Look], list[Quote]]


def resting(ticks: int, lots: int, sides: tuple[int, ...] = (BID, ASK)) -> Quoting:
    """Quotes `ticks` better than the others' best (0 joins it, below 0 stands behind), as far as there is room.

    Raises InputError for lots below 1 or no side.
    """
    if lots < 1 or not sides or not set(sides) <= {BID, ASK}:
        raise InputError("lots, sides", (lots, sides), "give a lot or more, and BID, ASK or both")

    def quoting(look: Look) -> list[Quote]:
        if not 0 < look.other_bid < look.other_ask:
            return []
        ahead = min(ticks, (look.other_ask - look.other_bid - 1) // len(set(sides)))
        at = {BID: look.other_bid + ahead, ASK: look.other_ask - ahead}
        return [(side, at[side], lots) for side in sides if at[side] > 0]

    return quoting


def by_strategy(strategy: Strategy, given: Mapping[str, float], market: SyntheticMarket) -> Quoting:
    """The quotes of a strategy, with a memory of its own; takes are left out. InputError as `Strategy.bind`."""
    params = strategy.bind(given)
    decide = compile_decision(strategy)
    instrument = market.preset.instrument
    tick, lot = float(instrument.tick), float(instrument.lot)
    memory = np.zeros(MEMORY_BYTES // 8)
    views: Any = np.zeros(1, VIEW)
    targets: Any = np.zeros(1, TARGET)
    start = market.now

    def quoting(look: Look) -> list[Quote]:
        if not 0 < look.bid < look.ask:
            return []
        mid = 0.5 * (look.bid + look.ask) * tick
        for name in ("time", "bid", "bid_qty", "ask", "ask_qty", "inventory"):
            views[0][name] = getattr(look, name)
        views[0]["start"], views[0]["mid"] = start, mid
        views[0]["tick"], views[0]["lot"], views[0]["lot_value"] = tick, lot, lot * mid
        targets[0]["bids"] = targets[0]["asks"] = 0
        decide(as_records(views)[0], params, memory, as_records(targets)[0])
        target = targets[0]
        bids = [(BID, int(target["bid_price"][i]), int(target["bid_qty"][i])) for i in range(target["bids"])]
        return bids + [(ASK, int(target["ask_price"][i]), int(target["ask_qty"][i])) for i in range(target["asks"])]

    return quoting


class Participant:
    """Our orders in a market: at most one a price and side, changed to what is wanted, all of them post-only."""

    def __init__(self, market: SyntheticMarket, owner: int = PARTICIPANT) -> None:
        self.market = market
        self.owner = owner
        self.inventory = 0
        self.cash = 0  # ticks × lots
        self.lots = 0  # filled
        self._orders: dict[tuple[int, int], int] = {}

    def open(self) -> dict[tuple[int, int], int]:
        """Our lots by side and price."""
        engine = self.market.engine
        self._orders = {at: order for at, order in self._orders.items() if engine.is_open(order)}
        return {at: int(engine.orders[order & SLOT_MASK]["qty"]) for at, order in self._orders.items()}

    def look(self) -> Look:
        """The book as it is now."""
        (bid, bid_qty), (ask, ask_qty) = self.market.engine.best(BID), self.market.engine.best(ASK)
        own = self.open()
        other_bid, other_ask = self._others_best(BID, own), self._others_best(ASK, own)
        return Look(self.market.now, bid, bid_qty, ask, ask_qty, other_bid, other_ask, self.inventory)

    def want(self, quotes: list[Quote]) -> None:
        """Cancel what is not wanted, or holds less than half of what is; post what is missing."""
        own, wanted = self.open(), {(side, price): lots for side, price, lots in quotes}
        for at, held in own.items():
            if 2 * held < wanted.get(at, 3 * held):
                self.market.cancel(self._orders.pop(at))
        for (side, price), lots in wanted.items():
            if (side, price) not in self._orders:
                answer = self.market.submit(side, price, lots, owner=self.owner, flags=POST_ONLY)
                if answer.accepted:
                    self._orders[side, price] = answer.order_id

    def hear(self, executions: Any) -> None:
        """Take in our fills among everyone's executions."""
        for fill in executions[executions["maker_owner"] == self.owner]:
            signed = -int(fill["side"]) * int(fill["qty"])
            self.inventory += signed
            self.cash -= signed * int(fill["price"])
            self.lots += abs(signed)

    def _others_best(self, side: int, own: dict[tuple[int, int], int]) -> int:
        engine = self.market.engine
        row, count = (0, "bids") if side == BID else (1, "asks")
        for at in range(int(engine.head[0][count]) - 1, -1, -1):
            level = engine.levels[row, at]
            price = int(level["price"])
            if int(level["qty"]) > own.get((side, price), 0):
                return price
        return 0
