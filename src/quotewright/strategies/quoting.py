"""Writing quotes into a target: whole ticks, whole lots, never through the other side's touch.

Every number is brought into range before it becomes an integer: a float that does not fit 64 bits turns into garbage
in compiled code, and no parameter may make that happen.
"""

from __future__ import annotations

import math
from typing import Any

from quotewright.domain.kernel import subkernel
from quotewright.domain.quotes import MOST_QUOTES

MOST_LOTS = 10**15
MOST_TICKS = 2**53
ROUNDING = 1e-9  # ticks: a price this close to a whole tick is that tick


@subkernel
def lots_of(view: Any, notional: float) -> int:
    """A notional in the quote currency as whole lots at the mid, at least 1."""
    return max(1, math.floor(min(notional / view.lot_value + 0.5, MOST_LOTS)))


@subkernel
def bid_at(view: Any, target: Any, price: float, lots: int) -> None:
    """Want `lots` resting at or below `price` (quote currency), and below the best ask.

    A price below one tick or not a number, or no lots, adds nothing; the price of the bid before adds to that bid.
    """
    steps = price / view.tick + ROUNDING
    if not steps >= 1 or lots < 1:
        return
    ticks = math.floor(min(steps, view.ask - 1))
    last = target.bids - 1
    if last >= 0 and target.bid_price[last] == ticks:
        target.bid_qty[last] += lots
    elif ticks >= 1 and target.bids < MOST_QUOTES:
        target.bid_price[target.bids] = ticks
        target.bid_qty[target.bids] = lots
        target.bids += 1


@subkernel
def ask_at(view: Any, target: Any, price: float, lots: int) -> None:
    """Want `lots` resting at or above `price` (quote currency), and above the best bid.

    A price out of all bounds or not a number, or no lots, adds nothing; the price of the ask before adds to that ask.
    """
    steps = price / view.tick - ROUNDING
    if not steps <= MOST_TICKS or lots < 1:
        return
    ticks = math.ceil(max(steps, view.bid + 1))
    last = target.asks - 1
    if last >= 0 and target.ask_price[last] == ticks:
        target.ask_qty[last] += lots
    elif target.asks < MOST_QUOTES:
        target.ask_price[target.asks] = ticks
        target.ask_qty[target.asks] = lots
        target.asks += 1


@subkernel
def room_to_buy(view: Any, lots: int, most: float) -> int:
    """How many of `lots` may be bought before the inventory (lots) would pass `most`."""
    return math.floor(max(0.0, min(lots, most - view.inventory)))


@subkernel
def room_to_sell(view: Any, lots: int, most: float) -> int:
    """How many of `lots` may be sold before the inventory (lots) would pass −`most`."""
    return math.floor(max(0.0, min(lots, most + view.inventory)))
