"""Queue block: join the best price, improve it by a tick, stay where we are, or stand behind.

The value of a place is that of `signals.queue_value` with trades of one size, solved once a session into memory: after
Moallemi & Yuan (2017). How much is ahead of our order is estimated: all that stood at the touch when we came, and never
more than stands there now.
"""

from __future__ import annotations

import math
from typing import Any

from quotewright.domain.kernel import subkernel
from quotewright.signals.queue_value import IMPROVE, OUT, best_place

PLACES = 56  # lots ahead, in typical trades, for which a value is kept; beyond them the last one stands

PRICE, AHEAD = range(2)
"""Cells of a side's memory: price last quoted (ticks; 0: none) and lots ahead (−1: not known)."""


@subkernel
def solve_places(
    fill: Any, adverse: Any, trades: float, cancels: float, jumps: float, jump: float, impact: float
) -> None:
    """α and β of `signals.queue_value.queue_value` for trades of one unit, from the front backwards."""
    for q in range(PLACES):
        total = trades + cancels * q + jumps
        if q == 0:
            a = trades + jumps / 2
            b = trades * impact + jumps * jump / 2
        else:
            a = (trades + cancels * q) * fill[q - 1] + jumps / 2
            b = trades * (adverse[q - 1] + impact * fill[q - 1]) + cancels * q * adverse[q - 1] + jumps * jump / 2
        fill[q] = a / total
        adverse[q] = (b - trades * impact * fill[q]) / total


@subkernel
def place(
    fill: Any,
    adverse: Any,
    mine: Any,
    side: int,
    wish: float,
    centre: float,
    touch: float,
    touch_lots: float,
    wide: float,
    unit: float,
) -> float:
    """The price (ticks) to quote for a `wish` (ticks) around `centre`; `wide` is the spread in ticks.

    A wish behind the touch stands. Any other is spent as its value says: a tick better than the touch, at the touch, or
    one behind it; never better than wished.
    """
    if side * (wish - touch) < 0.0:
        return wish
    held = -1
    if mine[PRICE] == touch and mine[AHEAD] >= 0.0:
        held = int(min(mine[AHEAD] / unit, 1e9))
    ahead = int(min(math.ceil(touch_lots / unit), 1e9))
    edge = side * (centre - touch)
    chosen = best_place(fill, adverse, held, ahead, edge, 1.0, int(min(wide, 1e9)))
    if chosen == OUT:
        return touch - side
    if chosen == IMPROVE and side * (wish - touch) >= 1.0:
        return touch + side
    return touch


@subkernel
def stay(mine: Any, side: int, price: float, keep: float) -> float:
    """Where we are if that is within `keep` ticks of the price now wanted, and not beyond the other touch; else it."""
    if mine[PRICE] > 0.0 and abs(mine[PRICE] - price) <= keep:
        return mine[PRICE]
    return price


@subkernel
def note_place(mine: Any, price: float, touch: float, touch_lots: float) -> None:
    """Remember what is quoted (0: nothing), and estimate what is ahead of it."""
    if price != mine[PRICE]:
        mine[PRICE] = price
        mine[AHEAD] = touch_lots if price == touch and price > 0.0 else -1.0
    elif price == touch and mine[AHEAD] >= 0.0:
        mine[AHEAD] = min(mine[AHEAD], touch_lots)
