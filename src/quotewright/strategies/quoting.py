"""Writing quotes into a target: whole ticks, whole lots, never through the other side's touch."""

from __future__ import annotations

import math
from typing import Any

from quotewright.domain.kernel import subkernel
from quotewright.domain.quotes import MOST_QUOTES


@subkernel
def lots_of(view: Any, notional: float) -> int:
    """A notional in the quote currency as whole lots at the mid, at least 1."""
    return max(1, math.floor(notional / view.lot_value + 0.5))


@subkernel
def bid_at(view: Any, target: Any, price: float, lots: int) -> None:
    """Want `lots` resting at or below `price` (quote currency), and below the best ask."""
    ticks = min(math.floor(price / view.tick + 1e-9), view.ask - 1)
    if ticks < 1 or lots < 1 or target.bids >= MOST_QUOTES:
        return
    target.bid_price[target.bids] = ticks
    target.bid_qty[target.bids] = lots
    target.bids += 1


@subkernel
def ask_at(view: Any, target: Any, price: float, lots: int) -> None:
    """Want `lots` resting at or above `price` (quote currency), and above the best bid."""
    ticks = max(math.ceil(price / view.tick - 1e-9), view.bid + 1)
    if lots < 1 or target.asks >= MOST_QUOTES:
        return
    target.ask_price[target.asks] = ticks
    target.ask_qty[target.asks] = lots
    target.asks += 1


@subkernel
def room_to_buy(view: Any, lots: int, most: float) -> int:
    """How many of `lots` may be bought before the inventory (lots) would pass `most`."""
    return max(0, min(lots, math.floor(most - view.inventory)))


@subkernel
def room_to_sell(view: Any, lots: int, most: float) -> int:
    """How many of `lots` may be sold before the inventory (lots) would pass −`most`."""
    return max(0, min(lots, math.floor(most + view.inventory)))
