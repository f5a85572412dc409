"""Market orders from prints, and how deep they reached: from the mid, and from either touch.

Prints of one side with one venue time are one market order; a book that carries several times between two prints is
taken as it was last known strictly before them.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class MarketOrders(NamedTuple):
    """Merged prints, in order of time."""

    time_ns: Integers
    side: Integers  # the taker's: 1 buys, −1 sells
    depth: Floats  # furthest price from the mid before, bp
    half_spread: float  # median distance of the first price from the mid before, bp
    inside: int  # orders that would have traded inside the touch: the mid in hand was no longer true


class Reaches(NamedTuple):
    """How far flow came: once a stretch and side, or once a market order."""

    time_ns: Integers
    side: Integers  # the taker's: 1 buys, −1 sells
    depth: Floats  # from the mid, bp; below the half spread where even the touch's price was not reached


class Sweeps(NamedTuple):
    """Market orders by how far their furthest print was, in order of time."""

    time_ns: Integers
    side: Integers  # the taker's: 1 buys, −1 sells
    from_mid: Integers  # half ticks
    from_met: Integers  # ticks behind the touch that the order met: 0 if it stopped there, negative inside it
    from_own: Integers  # ticks from the touch on the taker's own side: what a quote there at a distance would see
    lots: Integers  # of all its prints


def market_orders(
    times_ns: Integers, mid2: Integers, trade_ns: Integers, trade_price: Integers, trade_side: Integers
) -> MarketOrders:
    """Merge prints into market orders and measure their depth; prints before the first known mid are left out.

    `mid2` and twice `trade_price` are in one unit (half ticks). Where the last mid says that an order traded inside
    the touch, the mid is younger than the order: its depth is then the typical half spread plus the distance
    between its nearest and furthest price, since every market order reaches the touch.
    """
    index = np.searchsorted(times_ns, trade_ns, "left") - 1
    before = np.where(index >= 0, mid2[np.maximum(index, 0)], 0)
    usable = (before > 0) & (trade_side != 0)
    order = np.lexsort((trade_side[usable], trade_ns[usable]))
    time, side = trade_ns[usable][order], trade_side[usable][order].astype(np.int64)
    mid = before[usable][order].astype(np.float64)
    if not len(time):
        return MarketOrders(time, side, np.empty(0), math.nan, 0)
    away = side * (2 * trade_price[usable][order] - mid) / mid * 1e4
    starts = np.flatnonzero(np.concatenate([[True], (np.diff(time) != 0) | (np.diff(side) != 0)]))
    far, near = np.maximum.reduceat(away, starts), np.minimum.reduceat(away, starts)
    inside = near <= 0
    half_spread = float(np.median(near[~inside])) if not inside.all() else math.nan
    depth = np.where(inside, half_spread + far - near, far)
    return MarketOrders(time[starts], side[starts], depth, half_spread, int(inside.sum()))


def reaches(
    times_ns: Integers, mid2: Integers, trade_ns: Integers, trade_price: Integers, trade_side: Integers, hold_ns: int
) -> Reaches:
    """The furthest print of each side in each stretch of `hold_ns`, from the mid at the stretch's beginning.

    Stretches follow each other from the first mid; those that begin without a known mid are left out.
    """
    first = int(times_ns[0])
    stretch: Integers = (trade_ns - first) // hold_ns
    begin: Integers = first + stretch * hold_ns
    index: Integers = np.searchsorted(times_ns, begin, "right") - 1
    mid2_then = mid2[np.maximum(index, 0)]
    usable = (stretch >= 0) & (mid2_then > 0) & (trade_side != 0)
    order = np.lexsort((trade_side[usable], stretch[usable]))
    time, side = begin[usable][order], trade_side[usable][order].astype(np.int64)
    mid = mid2_then[usable][order].astype(np.float64)
    if not len(time):
        return Reaches(time, side, np.empty(0))
    away = side * (2 * trade_price[usable][order] - mid) / mid * 1e4
    starts = np.flatnonzero(np.concatenate([[True], (np.diff(time) != 0) | (np.diff(side) != 0)]))
    return Reaches(time[starts], side[starts], np.maximum.reduceat(away, starts))


def volume_clock(lots: Integers) -> Floats:
    """Lots traded before each market order: its time, for `hawkes` and the like, by a clock that volume drives.

    The observation ends when all lots are traded. Clark (1973); Ané & Geman (2000).
    """
    return (np.cumsum(lots) - lots).astype(np.float64)


def orders_behind(reaching: npt.NDArray[Any], stretches: npt.NDArray[Any]) -> Floats:
    """Orders that must have come for `reaching` of `stretches` to have seen one: a second in one stretch is hidden.

    Arrivals being Poisson, a share p of stretches with any means −ln(1 − p) a stretch. A share of 1 says no more
    than that half a stretch was missed.
    """
    n: Floats = np.asarray(np.maximum(stretches, 1), np.float64)
    seen: Floats = np.asarray(reaching, np.float64)
    share = np.minimum(seen / n, 1 - 0.5 / n)
    return -n * np.log1p(-share)


def sweeps(
    times_ns: Integers,
    bids: Integers,
    asks: Integers,
    trade_ns: Integers,
    trade_price: Integers,
    trade_side: Integers,
    trade_qty: Integers,
) -> Sweeps:
    """Merge prints into market orders and measure how far each went, exactly, in ticks.

    `bids` and `asks` (0: none) hold from their time to the next. Orders with either side unknown, and prints
    without a side, are left out.
    """
    index = np.searchsorted(times_ns, trade_ns, "left") - 1
    bid, ask = (np.where(index >= 0, touch[np.maximum(index, 0)], 0) for touch in (bids, asks))
    usable = (bid > 0) & (ask > 0) & (trade_side != 0)
    order = np.lexsort((trade_side[usable], trade_ns[usable]))
    time, side = trade_ns[usable][order], trade_side[usable][order].astype(np.int64)
    if not len(time):
        return Sweeps(time, side, side, side, side, side)
    starts = np.flatnonzero(np.concatenate([[True], (np.diff(time) != 0) | (np.diff(side) != 0)]))
    furthest = np.maximum.reduceat(side * trade_price[usable][order], starts)
    lots = np.add.reduceat(trade_qty[usable][order], starts)
    side, bid, ask = side[starts], bid[usable][order][starts], ask[usable][order][starts]
    met, left = np.where(side > 0, ask, bid), np.where(side > 0, bid, ask)
    from_mid = 2 * furthest - side * (bid + ask)
    return Sweeps(time[starts], side, from_mid, furthest - side * met, furthest - side * left, lots)
