"""A small market in plain Python: a random walk with a ladder around it, and takers that meet whoever is best.

It is cheap and wholly determined by its seed: for tests, and for simulation under a virtual clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument
from quotewright.domain.journal import IOC
from quotewright.exchange.markets import HOUSE, Change, Print
from quotewright.exchange.price_time import PriceTimeBook

MILLISECOND = 1_000_000


@dataclass(frozen=True)
class QuietSettings:
    """Times in ns, prices in ticks, quantities in lots; chances are for each step of the market."""

    instrument: Instrument
    seed: int = 0
    price: int = 100_000  # at the start
    step: int = 100 * MILLISECOND  # mean time between steps
    half_spread: int = 2
    levels: int = 5  # a side
    qty: int = 50  # mean lots of a level
    move: float = 0.3  # chance that the middle moves by a tick or two
    take: float = 0.3  # chance of a taker
    take_qty: int = 30  # mean lots of a taker

    def open(self, now: int) -> QuietMarket:
        """The market, standing at `now`."""
        return QuietMarket(self, now)

    def describe(self) -> dict[str, Any]:
        """For people: what this market is."""
        return {"symbol": self.instrument.symbol, "kind": "quiet", "seed": self.seed}


class QuietMarket:
    """See `markets.Market`."""

    def __init__(self, settings: QuietSettings, now: int) -> None:
        self._settings = settings
        self._random = Random(f"{settings.seed}/{settings.instrument.symbol}")
        self._book = PriceTimeBook()
        self._mid = settings.price
        self._due = now
        self._requote(now)
        self._schedule()

    def advance(self, now: int) -> None:
        """Run every step due at or before `now`."""
        while self._due <= now:
            self._step(self._due)
            self._schedule()

    def next_due(self) -> int:
        """The next step."""
        return self._due

    def place(self, order: int, owner: int, side: int, price: int, qty: int, flags: int, now: int) -> int:
        """See `markets.Market`."""
        return self._book.place(order, owner, side, price, qty, flags, now)

    def cancel(self, order: int, now: int) -> None:
        """See `markets.Market`."""
        self._book.cancel(order, now)

    def own_met(self, owner: int, side: int, price: int, qty: int) -> list[int]:
        """See `markets.Market`."""
        return self._book.own_met(owner, side, price, qty)

    def reach(self, owner: int, side: int, price: int, qty: int) -> tuple[int, int]:
        """See `markets.Market`."""
        return self._book.reach(owner, side, price, qty)

    def take_prints(self) -> list[Print]:
        """See `markets.Market`."""
        prints, self._book.prints = self._book.prints, []
        return prints

    def take_changes(self) -> list[Change]:
        """See `markets.Market`."""
        changes, self._book.changes = self._book.changes, []
        return changes

    def _schedule(self) -> None:
        self._due += int(self._settings.step * self._random.uniform(0.5, 1.5))

    def _step(self, now: int) -> None:
        draw, settings = self._random.random, self._settings
        if draw() < settings.move:
            self._mid += self._random.choice((-2, -1, 1, 2))
            self._mid = max(self._mid, settings.half_spread + settings.levels + 1)
            self._requote(now)
        else:
            self._refill(BID if draw() < 0.5 else ASK, int(draw() * settings.levels), now)
        if draw() < settings.take:
            side = BID if draw() < 0.5 else ASK
            best = self._book.best(-side)
            if best:  # a taker goes a few ticks beyond the best, never through the whole book
                self._book.place(0, HOUSE, side, max(best + 3 * side, 1), self._some(settings.take_qty), IOC, now)

    def _some(self, mean: int) -> int:
        return max(1, int(self._random.uniform(0.2, 1.8) * mean))

    def _wanted(self, side: int) -> range:
        first = self._mid - side * self._settings.half_spread
        return range(first, first - side * self._settings.levels, -side)

    def _requote(self, now: int) -> None:
        """Move the ladder with the middle: withdraw what is off it, fill its gaps; that may take accounts' orders."""
        for side in (BID, ASK):
            wanted = self._wanted(side)
            for price in self._book.prices(side):
                if price not in wanted:
                    gone = self._book.house(side, price)
                    if gone:
                        self._book.withdraw(side, price, gone, now)
        for side in (BID, ASK):
            for price in self._wanted(side):
                if not self._book.house(side, price):
                    self._book.place(0, HOUSE, side, price, self._some(self._settings.qty), 0, now)

    def _refill(self, side: int, rank: int, now: int) -> None:
        """Change the lots at one level of the ladder."""
        price = self._wanted(side)[rank]
        have, want = self._book.house(side, price), self._some(self._settings.qty)
        if want > have:
            self._book.place(0, HOUSE, side, price, want - have, 0, now)
        else:
            self._book.withdraw(side, price, have - want, now)
