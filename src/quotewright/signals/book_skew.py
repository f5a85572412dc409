"""Skew of the book: how much more rests on the bid side than on the ask side, nearer levels counting more.

    skew = (Σ w(d)·qᵇ − Σ w(d)·qᵃ) / (Σ w(d)·qᵇ + Σ w(d)·qᵃ),   w(d) = 2^(−d / half distance)

with d the distance of a level from the mid, over the best N levels of each side. With one level a side it is the queue
imbalance of the touch (Cartea, Jaimungal & Penalva 2015, section 12.1), with a far half distance the depth imbalance of
Cao, Hansch & Wang (2009), Journal of Futures Markets 29(1). One state and one step for arrays and single books.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import inlined, kernel, subkernel
from quotewright.signals.fading import fade
from quotewright.signals.state import fresh

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LN2 = math.log(2.0)
NEAR = 512  # half ticks from the mid whose weights stand in a table

BOOK_SKEW = np.dtype(
    [
        ("time", "i8"),  # ns, of the last book
        ("known", "i8"),  # 1 while the last book had both sides
        ("skew", "f8"),  # of the last book, in [−1, 1]
        ("average", "f8"),  # Σ of skew × time, older time at half its weight every half-life
        ("weight", "f8"),  # the sum of those weights
    ],
    align=True,
)


def book_skew_state() -> Any:
    """The state of `book_skew` before the first book."""
    return fresh(BOOK_SKEW)


def skew_weights(half_distance: float) -> Floats:
    """w(d) for d = 0 to NEAR half ticks from the mid, and the half distance (ticks) behind them."""
    return np.append(np.exp2(-0.5 * np.arange(NEAR) / half_distance), half_distance)


@inlined
def _depth(prices: Any, qtys: Any, mid2: int, weights: Any) -> float:
    """Lots of a side, each level's halved with every half distance from the mid."""
    depth = 0.0
    for m in range(len(prices)):
        if prices[m] > 0:
            away = abs(2 * prices[m] - mid2)
            weight = weights[away] if away < NEAR else math.exp(-LN2 * 0.5 * away / weights[NEAR])
            depth += qtys[m] * weight
    return depth


@subkernel
def add_skew(
    s: Any,
    time: int,
    bids: Any,
    bid_qtys: Any,
    asks: Any,
    ask_qtys: Any,
    weights: Any,
    half_life: int,
) -> None:
    """Take in a book (four arrays of its levels, best first); leaves its skew and the average up to it in the state.

    A skew holds from its book to the next, and is averaged over that time. A one-sided book has none, and
    while it lasts nothing is added to the average.
    """
    if s.known == 1 and time > s.time:
        kept = fade(time - s.time, half_life)
        s.average = kept * s.average + (1.0 - kept) * s.skew
        s.weight = kept * s.weight + (1.0 - kept)
    s.time = time
    s.known = 1 if bids[0] > 0 and asks[0] > 0 else 0
    s.skew = 0.0
    if s.known == 1:
        mid2 = bids[0] + asks[0]
        below = _depth(bids, bid_qtys, mid2, weights)
        above = _depth(asks, ask_qtys, mid2, weights)
        if below + above > 0.0:
            s.skew = (below - above) / (below + above)


@subkernel
def average_skew(s: Any) -> float:
    """The average over the time before the last book; its skew if there was none."""
    return s.average / s.weight if s.weight > 0.0 else s.skew


@kernel
def _fold(
    state: Any,
    times: Any,
    bids: Any,
    bid_qtys: Any,
    asks: Any,
    ask_qtys: Any,
    weights: Any,
    half_life: int,
    out: Any,
) -> None:
    s = state[0]
    for i in range(len(times)):
        add_skew(s, times[i], bids[i], bid_qtys[i], asks[i], ask_qtys[i], weights, half_life)
        out[i, 0] = s.skew
        out[i, 1] = average_skew(s)


def book_skew(
    state: Any,
    times_ns: Integers,
    bids: Integers,
    bid_qtys: Integers,
    asks: Integers,
    ask_qtys: Integers,
    half_distance: float,
    half_life_ns: int,
) -> Floats:
    """Books × (skew, average before it), in [−1, 1]: above 0 where more rests on the bid side.

    Ticks and lots, books × levels, best first, 0 where there is none; `half_distance` in ticks, inf for equal weights.
    The state is carried on, so that books may come all at once, in parts, or one by one. Raises InputError for arrays
    of other shapes, times that go back, or parameters that are not positive.
    """
    books = [np.ascontiguousarray(a, np.int64) for a in (bids, bid_qtys, asks, ask_qtys)]
    times = np.ascontiguousarray(times_ns, np.int64)
    if books[0].ndim != 2 or any(a.shape != books[0].shape for a in books) or len(times) != len(books[0]):
        raise InputError("books", [a.shape for a in books], "give four arrays of books × levels, and a time for each")
    if (np.diff(times) < 0).any():
        raise InputError("times_ns", int(np.diff(times).min()), "goes back: sort by time first")
    if not half_distance > 0 or half_life_ns <= 0:
        raise InputError("half_distance, half_life_ns", (half_distance, half_life_ns), "give positive numbers")
    out = np.empty((len(times), 2))
    weights = skew_weights(float(half_distance))
    _fold(state, times, books[0], books[1], books[2], books[3], weights, half_life_ns, out)
    return out
