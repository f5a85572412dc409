"""How often market orders reach a depth: λ(δ) = A·e^{−kδ}, from prints and the mid.

What is counted is what a quote would meet that is put at depth δ from the mid, rests for `hold` seconds, and is then
moved to where the mid is by then: per stretch of `hold` and side, how far prints went from the mid at its beginning.
With a hold of 0 the quote follows the mid at once, as in the models, and each market order counts by itself: all prints
of one side with one venue time, measured from the last mid known strictly before it.

Only what goes beyond the touch is fitted: orders that stop at it say who was first in the queue there, not how deep
flow reaches, and they are too many to be on one exponential with the rest.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MOST_BINS = 20
TAIL_SHARE = 0.05  # of the orders beyond the touch: those that reach the deepest edge
FEWEST_IN_TAIL = 10
FEWEST_EXPECTED = 5.0  # orders a bin, for a χ² that means something


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


class Edges(NamedTuple):
    """Edges of equal bins of depth, bp; the last bin is open."""

    first: float
    width: float
    bins: int

    @property
    def values(self) -> Floats:
        """The lower edges of all bins, the open one included: bins + 1 of them."""
        return self.first + self.width * np.arange(self.bins + 1, dtype=np.float64)


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


def orders_behind(reaching: npt.NDArray[Any], stretches: npt.NDArray[Any]) -> Floats:
    """Orders that must have come for `reaching` of `stretches` to have seen one: a second in one stretch is hidden.

    Arrivals being Poisson, a share p of stretches with any means −ln(1 − p) a stretch. A share of 1 says no more
    than that half a stretch was missed.
    """
    n: Floats = np.asarray(np.maximum(stretches, 1), np.float64)
    seen: Floats = np.asarray(reaching, np.float64)
    share = np.minimum(seen / n, 1 - 0.5 / n)
    return -n * np.log1p(-share)


def choose_edges(depth: Floats, half_spread: float, tick: float) -> Edges | None:
    """Bins from one tick beyond the touch to the depth that 5 % of the orders beyond it (and at least 10) reach.

    The rest, the rare sweeps, count in the open bin, but how far they went has no weight: a few of them would decide
    k otherwise. All in bp. The width is a whole number of ticks, for at most 20 bins. None if no bin but the open one
    has room.
    """
    first = half_spread + tick
    beyond = np.sort(depth[depth >= first - tick / 4])
    needed = max(FEWEST_IN_TAIL, round(TAIL_SHARE * len(beyond)))
    if len(beyond) <= needed:
        return None
    room = float(beyond[-needed]) - first + tick / 4
    width = tick * max(1, math.ceil(room / tick / MOST_BINS))
    bins = math.floor(room / width)
    return Edges(first, width, bins) if bins >= 1 else None


def bin_of(depth: Floats, edges: Edges, tick: float) -> Integers:
    """The bin of each depth, 0…bins; −1 for those that stop at the touch.

    Prices are ticks, so a quarter of one keeps an order that just reaches an edge on its right side.
    """
    place = np.floor((depth - edges.first + tick / 4) / edges.width)
    return np.clip(place, -1, edges.bins).astype(np.int64)


def fit_exponential(counts: npt.NDArray[Any], seconds: npt.NDArray[Any], edges: Edges) -> tuple[Floats, Floats]:
    """k (1/bp) and A (1/s, one side) of maximum Poisson likelihood; `counts` of both sides by bin on the last axis.

    Counts in disjoint bins of a marked Poisson stream are independent, with means 2·seconds·(λ(e_j) − λ(e_{j+1})).
    With equal bins and an open last one the maximum has a closed form: the bin number is geometric, cut at the last,
    so p̂ = Σj·c_j / (Σj·c_j + Σ_{j<bins} c_j), k̂ = −ln p̂ / width, Â = (Σc_j / 2·seconds)·e^{k̂·first}.
    """
    c = np.asarray(counts, np.float64)
    passed = c @ np.arange(edges.bins + 1, dtype=np.float64)
    stopped = c[..., :-1].sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        k = -np.log(passed / (passed + stopped)) / edges.width
        A = c.sum(axis=-1) / (2 * np.asarray(seconds, np.float64)) * np.exp(k * edges.first)
    return k, A


def chi_squared(counts: npt.NDArray[Any], k: float, edges: Edges) -> tuple[float, int]:
    """Pearson's χ² of the counts by bin against the fit, and its degrees of freedom; thin bins are joined."""
    p = math.exp(-k * edges.width)
    shares = np.append((1 - p) * p ** np.arange(edges.bins), p**edges.bins)
    expected = shares * float(counts.sum())
    total, cells, seen, due = 0.0, 0, 0.0, 0.0
    for j in range(edges.bins + 1):
        seen += float(counts[j])
        due += float(expected[j])
        left = float(expected[j + 1 :].sum())
        if (due >= FEWEST_EXPECTED and left >= FEWEST_EXPECTED) or j == edges.bins:
            total += (seen - due) ** 2 / due
            cells += 1
            seen, due = 0.0, 0.0
    return total, max(0, cells - 2)


def log_r_squared(rates: Floats, k: float, A: float, depths: Floats) -> float:
    """Share of the variance of ln rate over the depths that ln A − kδ explains; negative when a constant is better."""
    seen = rates > 0
    y = np.log(rates[seen])
    rest = float(((y - (math.log(A) - k * depths[seen])) ** 2).sum())
    spread = float(((y - y.mean()) ** 2).sum())
    return 1 - rest / spread if spread > 0 else math.nan
