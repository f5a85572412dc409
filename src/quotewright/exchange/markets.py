"""What stands behind a symbol: a market that moves by itself and takes the orders of the venue's accounts.

Prices are ticks, quantities lots, times ns of the venue's clock; `side` is BID or ASK of domain.events. An order is
known by the number that the venue gave it and an owner, the account's number.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from quotewright.domain.events import ASK, BID
from quotewright.domain.instrument import Instrument

__all__ = ["ASK", "BID", "HOUSE", "NOBODY", "Change", "Market", "MarketSettings", "Print"]

HOUSE = -1  # owner of what is the market's own
NOBODY = -2  # an owner without orders


class Print(NamedTuple):
    """A trade between any two parties; `maker` and `taker` are the venue's order numbers, 0 for the market's own."""

    time: int
    price: int
    qty: int
    side: int  # the taker's
    maker: int
    taker: int


class Change(NamedTuple):
    """A price level that now has `qty` lots (0: gone)."""

    time: int
    side: int
    price: int
    qty: int


class Market(Protocol):
    """A market of one symbol. What happens is told once, in order, by `take_prints` and `take_changes`."""

    def advance(self, now: int) -> None:
        """Run everything due at or before `now`."""
        ...

    def next_due(self) -> int:
        """When the market does something next by itself."""
        ...

    def place(self, order: int, owner: int, side: int, price: int, qty: int, flags: int, now: int) -> int:
        """A limit order with `flags` of domain.journal (POST_ONLY, IOC, FOK): 0, or Reject.POST_ONLY or Reject.FOK,
        which leave no trace. Fills come as prints; what is neither filled nor IOC rests.
        """
        ...

    def cancel(self, order: int, now: int) -> None:
        """Take a resting order off the book."""
        ...

    def own_met(self, owner: int, side: int, price: int, qty: int) -> list[int]:
        """The owner's resting orders that such an order would meet, in the order of meeting, were they not filled."""
        ...

    def reach(self, owner: int, side: int, price: int, qty: int) -> tuple[int, int]:
        """(lots, ticks × lots) that such an order would take from others than the owner (NOBODY: all); price 0: any."""
        ...

    def take_prints(self) -> list[Print]:
        """Trades since the last call."""
        ...

    def take_changes(self) -> list[Change]:
        """Levels changed since the last call; at first, the whole book."""
        ...


class MarketSettings(Protocol):
    """How a market is made; the same settings and time always give the same market."""

    @property
    def instrument(self) -> Instrument:
        """A spot instrument; what it says of steps, bounds and fees is what the venue says."""
        ...

    def open(self, now: int) -> Market:
        """The market, standing at `now`."""
        ...

    def describe(self) -> dict[str, Any]:
        """For people: what this market is."""
        ...
