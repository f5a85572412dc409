"""A recording behind the venue: its flow goes on as recorded, and the accounts' orders wait and take within it.

A resting order waits behind the lots that were at its price when it came; only trades use them up, and a level that
shrinks below them (as if everyone behind had left first: the cautious assumption). It is filled by what prints at its
price after that, by what prints beyond its price, and by a recorded book that crosses it. What accounts take from the
recorded book stays taken until the recording next reports that price. Nobody in the recording reacts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import merge
from pathlib import Path
from typing import Any

import msgspec

from quotewright.domain.errors import InputError
from quotewright.domain.events import ADD, ASK, BID, CHANGE, CLEAR, DELETE, LAST, LEVEL, TRADE
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import FOK, IOC, POST_ONLY, Reject
from quotewright.exchange.markets import NOBODY, Change, Print
from quotewright.exchange.recorded_book import RecordedBook
from quotewright.storage.store import Dataset, Store

NEVER = 2**63 - 1
_SLICE = 4096  # rows turned into Python objects at a time
_PAUSE = 1_000_000_000  # ns between the end of a recording and its next beginning


@dataclass(frozen=True)
class ReplaySettings:
    """The recording of VENUE:SYMBOL in a store; `loop` begins it again at its end."""

    store: Path
    name: str
    loop: bool = True

    @property
    def dataset(self) -> Dataset:
        """The recording."""
        return Store(self.store).dataset(self.name)

    @property
    def instrument(self) -> Instrument:
        """The recorded instrument as a spot pair; raises InputError for an inverse contract, which none can be."""
        known = self.dataset.instrument
        if known.kind == "inverse":
            raise InputError("replay", self.name, "is an inverse contract; the venue trades spot pairs")
        symbol = known.symbol.upper() if known.symbol.isalnum() else f"{known.base}{known.quote}"
        return replace(known, kind="spot", symbol=symbol, contract_size="1", fee_asset="received", post_only="reject")

    def open(self, now: int) -> ReplayVenueMarket:
        """The market with its first whole book, standing at `now`."""
        return ReplayVenueMarket(self.dataset, now, loop=self.loop)

    def describe(self) -> dict[str, Any]:
        """For people: what this market is."""
        return {"symbol": self.instrument.symbol, "kind": "replay", "dataset": self.name, "loop": self.loop}


class Waiting(msgspec.Struct, gc=False, eq=False):
    """An account's resting order; `ahead` recorded lots are before it in its queue."""

    number: int
    owner: int
    side: int
    price: int
    qty: int
    ahead: int


class ReplayVenueMarket:
    """See `markets.Market`."""

    def __init__(self, dataset: Dataset, now: int, *, loop: bool) -> None:
        self._dataset = dataset
        self._loop = loop
        self._book = RecordedBook()
        self._orders: dict[int, Waiting] = {}  # in the order in which they came
        self._queues: dict[tuple[int, int], list[Waiting]] = {}  # by side and price
        self._prints: list[Print] = []
        self._changes: list[Change] = []
        self._offset = 0  # from the recording's local time to the venue's
        self._whole = True  # whether the last row ended its update
        self._rows = self._read()
        self._row: tuple[int, ...] | None = next(self._rows, None)
        if self._row is None:
            raise InputError("replay", dataset.name, "has no events")
        self._skip_to_a_book(now)

    def _skip_to_a_book(self, now: int) -> None:
        """Take rows in until both sides have something; that moment is `now`."""
        while (row := self._row) is not None and not (self._whole and self._book.best(BID) and self._book.best(ASK)):
            self._offset = now - row[1]
            self._take(row, now)
        self._prints.clear()

    def _read(self) -> Iterator[tuple[int, ...]]:
        for chunk in self._dataset.chunks():
            for at in range(0, len(chunk), _SLICE):
                yield from chunk[at : at + _SLICE].tolist()

    def advance(self, now: int) -> None:
        """Take in everything recorded up to `now`."""
        while (row := self._row) is not None and row[1] + self._offset <= now:
            self._take(row, row[1] + self._offset)

    def next_due(self) -> int:
        """When the next row was recorded."""
        return NEVER if self._row is None else self._row[1] + self._offset

    def _take(self, row: tuple[int, ...], time: int) -> None:
        """Take in one row, and find the next."""
        _, _, _, order_id, price, qty, kind, side, flags, _ = row
        if kind == TRADE:
            self._trade(time, side, price, qty)
        elif kind == CLEAR:
            for gone_side, gone_price in self._book.clear():
                self._touch(gone_side, gone_price, time)
        elif kind == LEVEL:
            self._book.set_level(side, price, qty)
            self._touch(side, price, time)
        elif kind in (ADD, CHANGE, DELETE):
            self._book.set_order(order_id, side, price, 0 if kind == DELETE else qty)
            self._touch(side, price, time)
        self._whole = bool(flags & LAST)
        if self._whole and self._orders:
            self._uncross(time)
        self._row = next(self._rows, None)
        if self._row is None and self._loop:
            self._rows = self._read()
            self._row = next(self._rows, None)
            if self._row is not None:
                self._offset = time + _PAUSE - self._row[1]

    def place(self, order: int, owner: int, side: int, price: int, qty: int, flags: int, now: int) -> int:
        """See `markets.Market`."""
        if flags & (POST_ONLY | FOK):
            reached = self.reach(NOBODY, side, price, qty)[0]
            if flags & POST_ONLY and reached:
                return int(Reject.POST_ONLY)
            if flags & FOK and reached < qty:
                return int(Reject.FOK)
        while qty and (at := self._best(-side)) and (price - at) * side >= 0:
            here = min(qty, self._shown(-side, at))
            fills, recorded = self._sweep(-side, at, here)
            qty -= here
            self._book.take(-side, at, recorded)
            self._prints += [Print(now, at, lots, side, waiting.number, order) for waiting, lots in fills]
            if recorded:
                self._prints.append(Print(now, at, recorded, side, 0, order))
            self._touch(-side, at, now)
        if qty and not flags & (IOC | FOK):
            waiting = Waiting(order, owner, side, price, qty, self._book.lots(side, price))
            self._orders[order] = waiting
            self._queues.setdefault((side, price), []).append(waiting)
            self._touch(side, price, now)
        return 0

    def cancel(self, order: int, now: int) -> None:
        """See `markets.Market`."""
        gone = self._orders[order]
        self._leave(gone)
        self._touch(gone.side, gone.price, now)

    def own_met(self, owner: int, side: int, price: int, qty: int) -> list[int]:
        """See `markets.Market`."""
        met: list[int] = []
        for at in self._facing(side, price):
            others = 0
            for waiting in self._queue(-side, at):
                if qty <= others + waiting.ahead:
                    continue
                if waiting.owner == owner:
                    met.append(waiting.number)
                else:
                    others += waiting.qty
            qty -= self._book.lots(-side, at) + others
            if qty <= 0:
                break
        return met

    def reach(self, owner: int, side: int, price: int, qty: int) -> tuple[int, int]:
        """See `markets.Market`."""
        reached = value = 0
        for at in self._facing(side, price):
            own = sum(waiting.qty for waiting in self._queue(-side, at) if waiting.owner == owner)
            taken = min(self._shown(-side, at) - own, qty - reached)
            reached += taken
            value += taken * at
            if reached == qty:
                break
        return reached, value

    def take_prints(self) -> list[Print]:
        """See `markets.Market`."""
        prints, self._prints = self._prints, []
        return prints

    def take_changes(self) -> list[Change]:
        """See `markets.Market`."""
        changes, self._changes = self._changes, []
        return changes

    def _leave(self, gone: Waiting) -> None:
        """Take an account's order out of its queue."""
        del self._orders[gone.number]
        queue = self._queues[gone.side, gone.price]
        queue.remove(gone)
        if not queue:
            del self._queues[gone.side, gone.price]

    def _queue(self, side: int, price: int) -> list[Waiting]:
        return list(self._queues.get((side, price), ()))

    def _shown(self, side: int, price: int) -> int:
        """Lots at a price, recorded and accounts'."""
        return self._book.lots(side, price) + sum(waiting.qty for waiting in self._queues.get((side, price), ()))

    def _own_prices(self, side: int) -> list[int]:
        """Prices at which accounts' orders rest, best first."""
        return sorted((price for found, price in self._queues if found == side), reverse=side == BID)

    def _best(self, side: int) -> int:
        """Best price of a side, recorded or an account's; 0 if there is none."""
        found = [price for price in (self._book.best(side), *self._own_prices(side)[:1]) if price]
        return max(found, key=lambda price: price * side, default=0)

    def _facing(self, side: int, price: int) -> Iterator[int]:
        """Prices at which an order of `side` up to `price` (0: any) would meet something, best first."""
        last = 0
        for at in merge(self._book.prices(-side), self._own_prices(-side), key=lambda at: at * side):
            if price and (price - at) * side < 0:
                return
            if at != last:
                yield at
            last = at

    def _touch(self, side: int, price: int, time: int) -> None:
        """A level has changed: tell it, and let nobody wait behind more than there is."""
        recorded = self._book.lots(side, price)
        shown = recorded
        for waiting in self._queue(side, price):
            waiting.ahead = min(waiting.ahead, recorded)
            shown += waiting.qty
        self._changes.append(Change(time, side, price, shown))

    def _sweep(self, side: int, price: int, qty: int) -> tuple[list[tuple[Waiting, int]], int]:
        """Let lots trade with a level's queue: accounts' orders filled with their lots, and lots of the recording."""
        fills: list[tuple[Waiting, int]] = []
        recorded = 0
        queue = self._queue(side, price)
        for waiting in queue:
            before = min(qty, max(waiting.ahead - recorded, 0))
            recorded += before
            qty -= before
            qty -= self._fill(waiting, qty, fills)
        recorded += qty
        for waiting in queue:
            waiting.ahead = max(waiting.ahead - recorded, 0)
        return fills, recorded

    def _trade(self, time: int, side: int, price: int, qty: int) -> None:
        """A recorded trade: accounts' orders at better prices are met first, then the queue at its price."""
        if side not in (BID, ASK):
            side = BID if price >= self._book.best(ASK) else ASK
        for at in self._own_prices(-side):
            if (price - at) * side <= 0:
                break
            fills, qty = self._sweep_accounts(-side, at, qty)
            self._tell(fills, at, side, time)
        if qty:
            fills, recorded = self._sweep(-side, price, qty)
            self._tell(fills, price, side, time)
            if recorded:
                self._prints.append(Print(time, price, recorded, side, 0, 0))

    def _sweep_accounts(self, side: int, price: int, qty: int) -> tuple[list[tuple[Waiting, int]], int]:
        """Let lots trade with accounts' orders alone: their fills, and the lots left."""
        fills: list[tuple[Waiting, int]] = []
        for waiting in self._queue(side, price):
            qty -= self._fill(waiting, qty, fills)
        return fills, qty

    def _fill(self, waiting: Waiting, qty: int, fills: list[tuple[Waiting, int]]) -> int:
        """Fill as much of an order as there is; returns how many lots."""
        filled = min(qty, waiting.qty)
        if filled:
            fills.append((waiting, filled))
            waiting.qty -= filled
            if not waiting.qty:
                self._leave(waiting)
        return filled

    def _tell(self, fills: list[tuple[Waiting, int]], price: int, side: int, time: int) -> None:
        """Print what a recorded taker of `side` took from accounts."""
        self._prints += [Print(time, price, lots, side, waiting.number, 0) for waiting, lots in fills]
        if fills:
            self._touch(-side, price, time)

    def _uncross(self, time: int) -> None:
        """A recorded order that crosses an account's would have met it."""
        for waiting in list(self._orders.values()):
            side = -waiting.side  # of those who would have come
            while waiting.qty and (best := self._book.best(side)) and (waiting.price - best) * waiting.side >= 0:
                lots = min(self._book.lots(side, best), waiting.qty)
                self._book.take(side, best, lots)
                self._touch(side, best, time)
                waiting.qty -= lots
                if not waiting.qty:
                    self._leave(waiting)
                self._tell([(waiting, lots)], waiting.price, side, time)
