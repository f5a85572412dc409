"""The synthetic exchange with every order's owner, and who jumped whom by the owners: the truth that detectors lack."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from quotewright.domain.events import ADD, BEST, BID, CHANGE, CLEAR, DELETE, EVENT, LAST, LEVEL, EventArray
from quotewright.simulation.matching import SLOT_MASK
from quotewright.simulation.presets import MarketParams, Preset, load_preset
from quotewright.simulation.synthetic import SECOND, SyntheticMarket
from quotewright.simulation.synthetic_state import FIRST_MAKER, INFORMED


def changed(name: str, **values: float) -> Preset:
    preset = load_preset(name)
    params = MarketParams(**(preset.params.model_dump() | values))
    return preset.model_copy(update={"params": params})


def duel(**values: float) -> Preset:
    """Two makers who both penny-jump, with little else near the touch."""
    quiet = {"limit_improve": 0.0, "limit_join": 0.0, "limit_scale": 100.0, "limit_rate": 8.0}
    makers = {"makers": 2, "jumpers": 2, "maker_layers": 1, "maker_half_spread": 0.5, "maker_delay_spread": 0.0}
    return changed("calm", **(quiet | makers | values))


def labelled(preset: Preset, seed: int, seconds: int) -> tuple[EventArray, dict[int, int]]:
    """Events and the owner of each order; taken action by action, so that no order is gone before it is asked for."""
    market = SyntheticMarket(preset, seed)
    market.snapshot()
    owners: dict[int, int] = {}
    parts: list[EventArray] = []
    end, finished = market.now + seconds * SECOND, False
    while True:
        rows = market.take_events()
        market.take_executions()
        parts.append(rows)
        for order in rows["order_id"][rows["kind"] == ADD].tolist():
            place: Any = market.engine.orders[order & SLOT_MASK]
            if place["id"] == order:
                owners[order] = int(place["owner"])
        if finished:
            return np.concatenate(parts), owners
        finished = market.run_until(end, most_rows=1)


class Book:
    """Orders by id and price, in plain dictionaries."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[int, dict[int, int]]] = {1: {}, -1: {}}
        self.place: dict[int, tuple[int, int]] = {}

    def apply(self, row: Any) -> tuple[int, int] | None:
        """Returns the (side, price) that changed."""
        kind, order = int(row["kind"]), int(row["order_id"])
        if kind == CLEAR:
            self.__init__()
        if kind == ADD:
            self.place[order] = int(row["side"]), int(row["price"])
        if kind not in (ADD, CHANGE, DELETE) or order not in self.place:
            return None
        side, price = self.place[order]
        if kind == DELETE:
            del self.place[order], self.sides[side][price][order]
            if not self.sides[side][price]:
                del self.sides[side][price]
        else:
            self.sides[side].setdefault(price, {})[order] = int(row["qty"])
        return side, price

    def best(self, side: int) -> int:
        return max((p * side for p in self.sides[side]), default=0) * side

    def lots(self, side: int, price: int) -> int:
        return sum(self.sides[side].get(price, {}).values())


class Last(NamedTuple):
    time: int
    price: int
    mover: int
    over: set[int]


def true_jumps(rows: EventArray, owners: dict[int, int], reaction: int) -> dict[tuple[int, int, int], bool]:
    """(time, side, price) of each one-tick jump over a best price that stands: whether a jumped maker returned."""
    book, last, best = Book(), dict[int, Last | None]({1: None, -1: None}), {1: 0, -1: 0}
    found: dict[tuple[int, int, int], bool] = {}
    added: list[tuple[int, int, int]] = []
    for row in rows:
        where = book.apply(row)
        if where and row["kind"] == ADD:
            added.append((*where, int(row["order_id"])))
        if not row["flags"] & LAST:
            continue
        time = int(row["exch_ts"])
        for side in (1, -1):
            now, before = book.best(side), last[side]
            if before and (time - before.time > reaction or now == 0 or (before.price - now) * side > 0):
                before = last[side] = None
            movers = [o for s, p, o in added if (s, p) == (side, now) and o in book.sides[side][now]]
            better = (now - best[side]) * side if now and best[side] else 0
            if better == 1 and best[side] in book.sides[side] and movers:
                mover = owners[movers[-1]]
                maker = FIRST_MAKER <= mover < INFORMED
                found[time, side, now] = bool(before and maker and mover in before.over and mover != before.mover)
                last[side] = Last(time, now, mover, {owners[o] for o in book.sides[side][best[side]]})
            elif better > 0:
                last[side] = None
            best[side] = now
        added = []
    return found


def as_levels(rows: EventArray) -> EventArray:
    """The same as depth updates: a LEVEL row for each price that an update changed."""
    book, made, touched = Book(), list[tuple[int, ...]](), dict[tuple[int, int], None]()
    for row in rows:
        time = int(row["exch_ts"])
        if row["kind"] == CLEAR:
            made.append((time, time, 0, 0, 0, 0, CLEAR, 0, 0, 0))
        if where := book.apply(row):
            touched[where] = None
        if row["flags"] & LAST and touched:
            for i, (side, price) in enumerate(touched, start=1):
                last = LAST if i == len(touched) else 0
                made.append((time, time, 0, 0, price, book.lots(side, price), LEVEL, side, last, 0))
            touched = {}
    return np.array(made, dtype=EVENT)


def as_touch(rows: EventArray) -> EventArray:
    """The same as best prices: a BEST pair whenever the best of a side, or its lots, changed."""
    book, made, shown = Book(), list[tuple[int, ...]](), ()
    for row in rows:
        book.apply(row)
        if not row["flags"] & LAST:
            continue
        time = int(row["exch_ts"])
        touch = tuple((book.best(s), book.lots(s, book.best(s)), s) for s in (1, -1))
        if touch != shown:
            shown = touch
            if not made:
                made.append((time, time, 0, 0, 0, 0, CLEAR, 0, LAST, 0))
            for price, lots, side in touch:
                made.append((time, time, 0, 0, price, lots, BEST, side, 0 if side == BID else LAST, 0))
    return np.array(made, dtype=EVENT)
