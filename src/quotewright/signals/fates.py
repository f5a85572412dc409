"""What would have become of an order: when its queue was traded through, by the tape.

A quote that joins behind `ahead` lots is filled once takers have traded more than that at its price, or at a worse one
for them. Cancels ahead are not counted, so the fill comes late rather than early: the pessimistic queue model.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel
from quotewright.signals.imbalance import queue_imbalance

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SECOND = 1e9


class Fates(NamedTuple):
    """One an order."""

    seconds: Floats  # from joining to the fill, or to when it was last looked at
    filled: npt.NDArray[np.bool_]  # False: censored


class Probes(NamedTuple):
    """Orders that might have been: at every probing time one a side, where the book has the level."""

    joined_ns: Integers
    side: Integers  # 1 bids, −1 offers
    price: Integers  # ticks
    ahead: Integers  # lots at the price then: the order would have joined behind them
    distance: Integers  # ticks behind the touch
    imbalance: Floats  # of the touch, in [−1, 1]: above 0 where the order's own side is the heavier


@kernel
def _follow(
    joined: Any,
    side: Any,
    price: Any,
    ahead: Any,
    until: Any,
    trade_ns: Any,
    trade_price: Any,
    trade_side: Any,
    trade_qty: Any,
    ended: Any,
    filled: Any,
) -> None:
    first = 0
    for i in range(len(joined)):
        while first < len(trade_ns) and trade_ns[first] <= joined[i]:
            first += 1
        left = ahead[i]
        filled[i] = False
        ended[i] = until[i]
        for t in range(first, len(trade_ns)):
            if trade_ns[t] > until[i]:
                break
            if trade_side[t] != -side[i]:
                continue
            beyond = side[i] * (price[i] - trade_price[t])
            if beyond < 0:
                continue
            left = -1 if beyond > 0 else left - trade_qty[t]
            if left < 0:
                filled[i] = True
                ended[i] = trade_ns[t]
                break


def probes(
    times_ns: Integers,
    bids: Integers,
    bid_qtys: Integers,
    asks: Integers,
    ask_qtys: Integers,
    every_ns: int,
    level: int = 0,
) -> Probes:
    """Orders at `level` of the book (0: the touch) every `every_ns`, to be followed by `fates`.

    Books are events × levels arrays of ticks and lots, best first, 0 where there is none; a book holds from its
    time to the next. One-sided, locked and crossed books are left out.
    Orders followed for longer than `every_ns` share prints: errors that take them for independent are too small.
    """
    if every_ns <= 0 or not 0 <= level < bids.shape[1]:
        raise InputError("every_ns, level", (every_ns, level), f"give a time above 0 and a level below {bids.shape[1]}")
    at = np.arange(int(times_ns[0]), int(times_ns[-1]) + 1, every_ns, dtype=np.int64)
    row = np.searchsorted(times_ns, at, "right") - 1
    proper = (bids[row, 0] > 0) & (asks[row, 0] > bids[row, 0])
    at, row = at[proper], row[proper]
    lean = queue_imbalance(bid_qtys[row, 0], ask_qtys[row, 0])
    parts: list[tuple[Any, ...]] = []
    for side, prices, qtys in ((1, bids, bid_qtys), (-1, asks, ask_qtys)):
        there = prices[row, level] > 0
        price, best = prices[row, level][there], prices[row, 0][there]
        parts.append(
            (
                at[there],
                np.full(len(price), side),
                price,
                qtys[row, level][there],
                side * (best - price),
                side * lean[there],
            )
        )
    both = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(both[0], kind="stable")
    return Probes(*(column[order] for column in both))


def fates(
    joined_ns: Integers,
    side: Integers,
    price: Integers,
    ahead: Integers,
    until_ns: Integers,
    trade_ns: Integers,
    trade_price: Integers,
    trade_side: Integers,
    trade_qty: Integers,
) -> Fates:
    """Follow orders (side 1 bids, −1 offers) from joining until `until_ns`, when they are censored.

    Ticks, lots and ns; orders in order of joining, prints in order of time with the takers' sides. Only prints
    after the joining count; a print beyond the price fills whatever is ahead. Each fate goes with
    the covariates of its order: lots ahead, distance from the touch, imbalance.
    """
    columns = [np.ascontiguousarray(c, np.int64) for c in (joined_ns, side, price, ahead, until_ns)]
    prints = [np.ascontiguousarray(c, np.int64) for c in (trade_ns, trade_price, trade_side, trade_qty)]
    for name, times in (("joined_ns", columns[0]), ("trade_ns", prints[0])):
        if (np.diff(times) < 0).any():
            raise InputError(name, int(np.diff(times).min()), "goes back: sort by time first")
    if (columns[4] < columns[0]).any() or (columns[3] < 0).any():
        raise InputError("until_ns, ahead", len(ahead), "give an end after each joining, and 0 lots or more")
    ended, filled = np.empty(len(columns[0]), np.int64), np.empty(len(columns[0]), np.bool_)
    _follow(
        columns[0],
        columns[1],
        columns[2],
        columns[3],
        columns[4],
        prints[0],
        prints[1],
        prints[2],
        prints[3],
        ended,
        filled,
    )
    return Fates((ended - columns[0]) / SECOND, filled)
