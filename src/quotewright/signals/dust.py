"""What counts as dust at the touch: the size below which an improvement of the best price does not last.

A better bid (or ask) than before is an improvement; its size is what stands there first, its life how long the best
price stays at least as good. The sizes of those that die soon and of those that last are two samples. Where their
distributions are furthest apart, small ones dying, is the threshold (W. J. Youden (1950), "Index for rating
diagnostic tests", Cancer 3(1)), if the Kolmogorov–Smirnov test finds them apart at all.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel
from quotewright.signals.goodness import kolmogorov_tail

Integers = npt.NDArray[np.int64]

SIGNIFICANT = 0.01
WITHIN = 1.36  # Kolmogorov's 95 % point
NEVER = 1 << 62


class Dust(NamedTuple):
    """The least size that is not dust, in lots, and how sure that is."""

    threshold: int  # 0: size says nothing about lasting
    low: int  # sizes whose separation is not told apart from the best one's
    high: int
    separation: float  # share of the short-lived below it, less share of the lasting
    p_value: float
    short_lived: int
    lasting: int


@kernel
def _lives(times: Any, bests: Any, stack: Any, lives: Any) -> None:
    """ns each improvement of `bests` (higher is better, 0: none) lasts; −1: no improvement, NEVER: to the end."""
    depth = 0
    for i in range(len(bests)):
        while depth > 0 and bests[stack[depth - 1]] > bests[i]:
            depth -= 1
            begun = stack[depth]
            lives[begun] = times[i] - times[begun]
        lives[i] = -1
        if i > 0 and bests[i - 1] != 0 and bests[i] > bests[i - 1]:
            lives[i] = NEVER
            stack[depth] = i
            depth += 1


def lives_of_improvements(times_ns: Integers, bests: Integers) -> Integers:
    """How long (ns) each improvement of a best price lasts; −1 where there is none, 2⁶² if it outlives the data.

    `bests` are bids in ticks, or asks with a minus sign; 0 is no book, which ends every life.
    """
    times, given = np.ascontiguousarray(times_ns, np.int64), np.ascontiguousarray(bests, np.int64)
    if len(times) != len(given):
        raise InputError("bests", len(given), f"give one for each of {len(times)} times")
    lives = np.empty(len(times), np.int64)
    # no book counts as the worst price of all, whatever the sign of the side
    ranked = np.where(given == 0, -NEVER, given)
    _lives(times, ranked, np.empty(len(times), np.int64), lives)
    lives[1:][given[:-1] == 0] = -1  # the first book is no improvement
    return lives


def fit_dust(
    times_ns: Integers, bids: Integers, bid_qtys: Integers, asks: Integers, ask_qtys: Integers, short_ns: int
) -> Dust:
    """Learn the threshold from successive touches (ticks, lots; 0 for none); dying within `short_ns` is soon.

    It is at most the median size of the touch: dust is less than what usually rests there. Raises InputError for
    columns of different lengths or a `short_ns` that is not positive.
    """
    if short_ns <= 0:
        raise InputError("short_ns", short_ns, "give a positive number")
    columns = [np.ascontiguousarray(c, np.int64) for c in (times_ns, bids, bid_qtys, asks, ask_qtys)]
    if len({len(c) for c in columns}) != 1:
        raise InputError("touch", tuple(len(c) for c in columns), "give as many times, prices and quantities")
    times, bid, bid_lots, ask, ask_lots = columns
    sizes: list[Integers] = []
    lives: list[Integers] = []
    for best, lots in ((bid, bid_lots), (-ask, ask_lots)):
        life = lives_of_improvements(times, best)
        told = (life >= 0) & (times <= times[-1] - short_ns) if len(times) else life >= 0
        sizes.append(lots[told])
        lives.append(life[told])
    size, soon = np.concatenate(sizes), np.concatenate(lives) < short_ns
    usual = np.concatenate([bid_lots[bid_lots > 0], ask_lots[ask_lots > 0]])
    return separate(size[soon], size[~soon], int(np.median(usual)) if len(usual) else 0)


def separate(short_lived: Integers, lasting: Integers, most: int) -> Dust:
    """The threshold, at most `most`, below which short-lived sizes are the most overrepresented."""
    m, n = len(short_lived), len(lasting)
    if m == 0 or n == 0:
        return Dust(0, 0, 0, 0.0, 1.0, m, n)
    sizes = np.unique(np.concatenate([short_lived, lasting]))
    sizes = sizes[sizes < max(most, 1)]
    if len(sizes) == 0:
        return Dust(0, 0, 0, 0.0, 1.0, m, n)
    apart = np.searchsorted(np.sort(short_lived), sizes, "right") / m
    apart = apart - np.searchsorted(np.sort(lasting), sizes, "right") / n
    best = int(np.argmax(apart))
    separation = float(apart[best])
    pairs = m * n / (m + n)
    p_value = kolmogorov_tail(max(separation, 0.0), max(1, round(pairs)))
    if p_value > SIGNIFICANT:
        return Dust(0, 0, 0, separation, p_value, m, n)
    near = np.flatnonzero(apart >= separation - WITHIN / np.sqrt(pairs))
    return Dust(int(sizes[best]) + 1, int(sizes[near[0]]) + 1, int(sizes[near[-1]]) + 1, separation, p_value, m, n)
