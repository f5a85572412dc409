"""VPIN: how one-sided volume is, bucket by bucket. Easley, López de Prado & O'Hara (2012), Rev. Financ. Stud. 25."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import inlined, kernel, subkernel
from quotewright.signals.state import fresh

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOST_BUCKETS = 500

VPIN = np.dtype(
    [
        ("filled", "i8"),  # lots in the bucket being filled
        ("bought", "i8"),  # of them, by takers who bought
        ("complete", "i8"),  # buckets so far
        ("apart", "i8"),  # Σ|V_buy − V_sell| over the window, lots
        ("gaps", "i8", (MOST_BUCKETS,)),  # |V_buy − V_sell| of the last buckets, in a ring
    ],
    align=True,
)


def vpin_state() -> Any:
    """The state of `vpin` before the first trade."""
    return fresh(VPIN)


@subkernel
def add_volume(s: Any, bought: int, sold: int, bucket: int, window: int) -> None:
    """Take in a trade's lots; a trade larger than what a bucket lacks goes on in the next, buys before sells.

    Whole buckets of one side that leave the window again at once are only counted: time is bounded by the window.
    """
    bought -= _pass_over(s, bought, bucket, window)
    sold -= _pass_over(s, sold, bucket, window)
    while bought + sold > 0:
        room = bucket - s.filled
        buys = min(bought, room)
        sells = min(sold, room - buys)
        bought -= buys
        sold -= sells
        s.filled += buys + sells
        s.bought += buys
        if s.filled == bucket:
            place = s.complete % window
            gap = abs(2 * s.bought - bucket)
            s.apart += gap - s.gaps[place]
            s.gaps[place] = gap
            s.complete += 1
            s.filled = 0
            s.bought = 0


@inlined
def _pass_over(s: Any, lots: int, bucket: int, window: int) -> int:
    """Count the buckets of one side's lots that more than a window of like ones follow; the lots in them."""
    passed = max(lots // bucket - window - 1, 0)
    s.complete += passed
    return passed * bucket


@subkernel
def vpin_of(s: Any, bucket: int, window: int) -> float:
    """The VPIN of the last `window` buckets, in [0, 1]; NaN until there are so many."""
    return s.apart / (window * bucket) if s.complete >= window else math.nan


@kernel
def _fold(state: Any, bought: Any, sold: Any, bucket: int, window: int, values: Any) -> None:
    s = state[0]
    for i in range(len(bought)):
        add_volume(s, bought[i], sold[i], bucket, window)
        values[i] = vpin_of(s, bucket, window)


def vpin(state: Any, bought: Integers, sold: Integers, bucket: int, window: int = 50) -> Floats:
    """VPIN after each trade: Σ|V_buy − V_sell| / (window·bucket) over the last full buckets (section 1).

    `bought` and `sold` are lots by takers of each side; with the tape's own sides one of them is 0. The state belongs
    to one bucket size (lots) and window (2 to 500 buckets), and is carried on.
    """
    if bucket < 1 or not 2 <= window <= MOST_BUCKETS:
        raise InputError("bucket, window", (bucket, window), f"give a bucket of lots and 2 to {MOST_BUCKETS} of them")
    buys, sells = np.ascontiguousarray(bought, np.int64), np.ascontiguousarray(sold, np.int64)
    if len(buys) != len(sells) or (buys < 0).any() or (sells < 0).any():
        raise InputError("bought, sold", (len(buys), len(sells)), "give lots of 0 or more, as many buys as sells")
    values = np.empty(len(buys))
    _fold(state, buys, sells, bucket, window, values)
    return values


def bulk_split(volumes: Integers, price_changes: Floats, sigma: float) -> tuple[Integers, Integers]:
    """(bought, sold) lots of bars without taker sides: the share Φ(ΔP/σ) is called bought, rounded to whole lots.

    Bulk volume classification (section 1); `sigma` is the standard deviation of `price_changes` between bars.
    """
    if not sigma > 0:
        raise InputError("sigma", sigma, "give a positive standard deviation")
    share = np.array([0.5 * math.erfc(-float(change) / sigma / math.sqrt(2)) for change in price_changes])
    bought = np.rint(share * volumes).astype(np.int64)
    return bought, volumes - bought
