"""Laddering, event by event: several orders at equal distances, of equal or geometric sizes, that move together.

What is posted and what leaves a side within a short time is a *batch*. A *ladder* is the longest set of posts at
equally spaced prices whose sizes keep one ratio; it *moved* if lots of the same sizes left at prices shifted by one
distance. One LADDERS record a side. A ladder that is shifted by its own spacing, replacing only its ends, is not seen.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quotewright.domain.kernel import subkernel

MOST = 32  # posts, and removals, of a batch; later ones are left out
SIZES = 64  # classes that sizes are counted in
LEAST_TOLERANCE = 1e-6

LADDERS = np.dtype(
    [
        ("side", "i8"),
        ("began", "i8"),  # ns, of the batch
        ("posts", "i8"),
        ("post_price", "i8", (MOST,)),
        ("post_qty", "i8", (MOST,)),
        ("post_left", "i8", (MOST,)),  # 1: lots of its size left in the same batch
        ("removals", "i8"),
        ("gone_price", "i8", (MOST,)),
        ("gone_qty", "i8", (MOST,)),
        ("seen", "i8"),  # posts so far
        ("sizes", "i8", (SIZES,)),  # of them, by class
    ],
    align=True,
)

MOVE = np.dtype(
    [
        ("time", "i8"),  # ns, of the batch's first event
        ("side", "i8"),
        ("levels", "i8"),
        ("price", "i8"),  # ticks, of the level nearest to the market
        ("spacing", "i8"),  # ticks
        ("qty", "i8"),  # lots of that level
        ("shift", "i8"),  # ticks towards the market; below 0 away from it
        ("ratio", "f8"),  # of each level's lots to the one before
        ("surprise", "f8"),  # −ln of how many such moves chance would have made in the batch, nats
    ],
    align=True,
)


@subkernel
def _size_class(qty: int, tolerance: float) -> int:
    step = math.floor(math.log(qty) / max(tolerance, LEAST_TOLERANCE))
    return ((step & 0x3FFFFFFF) * 0x9E3779B1 >> 11) & (SIZES - 1)


@subkernel
def _at(prices: Any, qtys: Any, count: int, price: int, qty: float, tolerance: float) -> int:
    """Index of lots of about `qty` at `price`, or -1."""
    for i in range(count):
        if prices[i] == price and abs(qtys[i] - qty) <= max(tolerance * qty, 0.5):
            return i
    return -1


@subkernel
def _levels(s: Any, first: int, spacing: int, ratio: float, tolerance: float) -> int:
    """How many levels the ladder has that begins with a post and goes away from the market."""
    levels = 1
    price = s.post_price[first]
    qty = float(s.post_qty[first])
    while levels < MOST:
        price -= s.side * spacing
        qty *= ratio
        if _at(s.post_price, s.post_qty, s.posts, price, qty, tolerance) < 0:
            return levels
        levels += 1
    return levels


@subkernel
def _came_from(s: Any, move: Any, shift: int, tolerance: float) -> bool:
    """Whether every level left from where it would have been before a shift."""
    price = move.price - s.side * shift
    qty = float(move.qty)
    for _ in range(move.levels):
        if _at(s.gone_price, s.gone_qty, s.removals, price, qty, tolerance) < 0:
            return False
        price -= s.side * move.spacing
        qty *= move.ratio
    return True


@subkernel
def _chance(s: Any, move: Any, tolerance: float) -> float:
    """Expected number of such moves among the batch's posts and removals, at independent uniform prices.

    Two posts set spacing and ratio, one removal the shift; each other level has to be met by price and size. Sizes come
    as often as they did so far, prices anywhere in the range of the batch.
    """
    low = s.post_price[0]
    high = low
    for i in range(s.posts):
        low = min(low, s.post_price[i])
        high = max(high, s.post_price[i])
    for i in range(s.removals):
        low = min(low, s.gone_price[i])
        high = max(high, s.gone_price[i])
    spread = high - low + 1
    share = (s.sizes[_size_class(move.qty, tolerance)] + 1) / (s.seen + 1)
    post = min(s.posts * share / spread, 1.0)
    removal = min(s.removals * share / spread, 1.0)
    pairs = 0.5 * s.posts * (s.posts - 1)
    return pairs * post ** (move.levels - 2) * s.removals * removal ** (move.levels - 1)


@subkernel
def _sizes_that_left(s: Any, tolerance: float) -> int:
    """How many posts are of a size that left too: only these can be levels of a ladder that moved."""
    count = 0
    for i in range(s.posts):
        s.post_left[i] = 0
        for k in range(s.removals):
            if abs(s.gone_qty[k] - s.post_qty[i]) <= max(tolerance * s.post_qty[i], 0.5):
                s.post_left[i] = 1
        count += s.post_left[i]
    return count


@subkernel
def end_batch(s: Any, least: int, tolerance: float, move: Any) -> int:
    """End the batch: 1 if `move` was filled in with the longest ladder of at least `least` levels that moved."""
    move.levels = 0
    possible = min(s.posts, s.removals) >= least and _sizes_that_left(s, tolerance) >= least
    for i in range(s.posts if possible else 0):
        for j in range(s.posts):
            spacing = (s.post_price[i] - s.post_price[j]) * s.side
            if spacing <= 0 or s.post_left[i] == 0 or s.post_left[j] == 0:
                continue
            ratio = s.post_qty[j] / s.post_qty[i]
            if abs(ratio - 1.0) <= tolerance:
                ratio = 1.0
            levels = _levels(s, i, spacing, ratio, tolerance)
            if levels < least or levels <= move.levels:
                continue
            kept_levels = move.levels
            kept_price = move.price
            kept_spacing = move.spacing
            kept_qty = move.qty
            kept_ratio = move.ratio
            move.levels = levels
            move.price = s.post_price[i]
            move.spacing = spacing
            move.qty = s.post_qty[i]
            move.ratio = ratio
            moved = 0
            for k in range(s.removals):
                shift = (move.price - s.gone_price[k]) * s.side
                if moved == 0 and shift != 0 and _came_from(s, move, shift, tolerance):
                    moved = shift
            if moved != 0:
                move.shift = moved
            else:
                move.levels = kept_levels
                move.price = kept_price
                move.spacing = kept_spacing
                move.qty = kept_qty
                move.ratio = kept_ratio
    found = 0
    if move.levels > 0:
        found = 1
        move.time = s.began
        move.side = s.side
        move.surprise = -math.log(max(_chance(s, move, tolerance), 1e-300))
    s.posts = 0
    s.removals = 0
    return found


@subkernel
def add_change(
    s: Any, time: int, price: int, change: int, together: int, least: int, tolerance: float, move: Any
) -> int:
    """Take in lots posted (above 0) or gone (below 0, not traded); 1 if the batch before it, now over, had a move."""
    found = 0
    if s.posts + s.removals > 0 and time - s.began > together:
        found = end_batch(s, least, tolerance, move)
    if s.posts + s.removals == 0:
        s.began = time
    if change > 0:
        s.seen += 1
        s.sizes[_size_class(change, tolerance)] += 1
        if s.posts < MOST:
            s.post_price[s.posts] = price
            s.post_qty[s.posts] = change
            s.posts += 1
    elif change < 0 and s.removals < MOST:
        s.gone_price[s.removals] = price
        s.gone_qty[s.removals] = -change
        s.removals += 1
    return found
