"""Bars of prints, sampled by time, trades, volume, notional or imbalance.

M. López de Prado (2018), Advances in Financial Machine Learning, sections 2.3.1 (standard bars), 2.3.2 (imbalance).
Every print is in exactly one bar, whole: the last bar is what was left over and is marked incomplete.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.datasets.prints import Floats, Integers, Prints, tick_rule
from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel

Mask = npt.NDArray[np.bool_]
Measure = Literal["ticks", "volume", "notional"]


@dataclass(frozen=True)
class Bars:
    """Bars in order; prices in ticks, volumes in lots, notional in ticks·lots, times in ns.

    `first` and `end` are the prints of a bar, half open, and `trades` how many. `time` is when the bar was complete and
    so could be known: the end of its interval for time bars, else its last print. `bought` are the lots of takers who
    bought, sides not told left to the tick rule. `complete` is False for a last bar that had not reached its size.
    """

    first: Integers
    end: Integers
    start: Integers
    time: Integers
    open: Integers
    high: Integers
    low: Integers
    close: Integers
    volume: Integers
    bought: Integers
    notional: Integers
    trades: Integers
    complete: Mask

    def __len__(self) -> int:
        return len(self.first)


class ImbalanceRule(NamedTuple):
    """How imbalance bars expect their next threshold (section 2.3.2.1).

    A bar closes when |θ| = |Σ b·v| ≥ E[T]·|E[b·v]|: T is the prints of a bar, v 1, lots or notional, b the side. Both
    expectations are exponentially weighted means, over `span_bars` bars and `span_prints` prints (weight 2/(span+1)),
    taken when the bar before closed. The first `initial` prints only form them and belong to the first bar; E[T] begins
    at `initial` and is held between `fewest` and `most`, without which the rule is known to run away to bars of one
    print or to a single endless one.
    """

    initial: int
    fewest: int
    most: int
    span_bars: int = 10
    span_prints: int = 1_000


def time_bars(prints: Prints, interval: int) -> Bars:
    """Bars of the prints in [k·interval, (k+1)·interval), ns since 1970 (so: UTC). No bar where there are no prints.

    The last bar counts as incomplete: whether its interval was recorded to the end is not known.
    """
    _positive("interval", interval)
    places = prints.time // interval
    ends = np.append(np.flatnonzero(np.diff(places)) + 1, len(prints)) if len(prints) else np.empty(0, np.int64)
    bars = _bars(prints, ends.astype(np.int64), complete_last=False)
    starts = places[bars.first] * interval
    return replace(bars, start=starts, time=starts + interval)


def tick_bars(prints: Prints, count: int) -> Bars:
    """Bars of `count` prints."""
    return _sized(prints, np.ones(len(prints), np.int64), count, "count")


def volume_bars(prints: Prints, lots: int) -> Bars:
    """Bars that close with the print by which at least `lots` have traded; prints are not divided."""
    return _sized(prints, prints.size, lots, "lots")


def dollar_bars(prints: Prints, notional: int) -> Bars:
    """Bars that close with the print by which at least `notional` (ticks·lots) has traded; prints are not divided."""
    return _sized(prints, prints.price * prints.size, notional, "notional")


def imbalance_bars(prints: Prints, measure: Measure, rule: ImbalanceRule) -> Bars:
    """Bars that close when the signed `measure` is as one-sided as expected of a whole bar; see `ImbalanceRule`."""
    if not 1 <= rule.fewest <= rule.initial <= rule.most:
        raise InputError("rule", tuple(rule), "needs 1 ≤ fewest ≤ initial ≤ most")
    if rule.span_bars < 1 or rule.span_prints < 1:
        raise InputError("rule", tuple(rule), "spans must be 1 or more")
    signed = tick_rule(prints.price, prints.side).astype(np.float64) * _measured(prints, measure)
    ends = np.empty(len(prints), np.int64)
    alphas = 2 / (rule.span_bars + 1), 2 / (rule.span_prints + 1)
    count = _imbalanced(signed, rule.initial, rule.fewest, rule.most, *alphas, ends)
    return _closed(prints, ends[:count])


def _measured(prints: Prints, measure: Measure) -> Floats:
    if measure == "ticks":
        return np.ones(len(prints))
    if measure == "volume":
        return prints.size.astype(np.float64)
    if measure == "notional":
        return (prints.price * prints.size).astype(np.float64)
    raise InputError("measure", measure, "must be ticks, volume or notional")


def _sized(prints: Prints, amounts: Integers, size: int, field: str) -> Bars:
    _positive(field, size)
    ends = np.empty(len(prints), np.int64)
    return _closed(prints, ends[: _filled(amounts, size, ends)])


def _positive(field: str, value: int) -> None:
    if value < 1:
        raise InputError(field, value, "must be 1 or more")


def _closed(prints: Prints, ends: Integers) -> Bars:
    """Bars that end at these prints, and one more for what is left."""
    left = len(prints) > (int(ends[-1]) if len(ends) else 0)
    return _bars(prints, np.append(ends, len(prints)) if left else ends, complete_last=not left)


def _bars(prints: Prints, ends: Integers, *, complete_last: bool) -> Bars:
    if not len(ends):
        return Bars(*(np.empty(0, np.int64) for _ in range(12)), np.empty(0, bool))  # pyright: ignore[reportCallIssue]
    firsts = np.concatenate([[0], ends[:-1]])
    complete = np.ones(len(ends), bool)
    complete[-1] = complete_last
    bought = np.where(tick_rule(prints.price, prints.side) > 0, prints.size, 0)
    return Bars(
        first=firsts,
        end=ends,
        start=prints.time[firsts],
        time=prints.time[ends - 1],
        open=prints.price[firsts],
        high=np.maximum.reduceat(prints.price, firsts),
        low=np.minimum.reduceat(prints.price, firsts),
        close=prints.price[ends - 1],
        volume=np.add.reduceat(prints.size, firsts),
        bought=np.add.reduceat(bought, firsts),
        notional=np.add.reduceat(prints.price * prints.size, firsts),
        trades=ends - firsts,
        complete=complete,
    )


@kernel
def _filled(amounts: Any, size: int, ends: Any) -> int:
    """Write where each bar ends, and return how many there are."""
    count = 0
    held = 0
    for i in range(len(amounts)):
        held += amounts[i]
        if held >= size:
            ends[count] = i + 1
            count += 1
            held = 0
    return count


@kernel
def _imbalanced(
    signed: Any, initial: int, fewest: int, most: int, bar_weight: float, print_weight: float, ends: Any
) -> int:
    """Write where each bar ends, and return how many there are."""
    count = 0
    start = 0
    theta = 0.0
    prints_expected = float(initial)
    running = 0.0  # Σ weight·value, and Σ weight, of the mean over prints
    weights = 0.0
    threshold = 0.0
    for i in range(len(signed)):
        theta += signed[i]
        running = (1 - print_weight) * running + signed[i]
        weights = (1 - print_weight) * weights + 1
        if i + 1 < initial:
            continue
        if i + 1 == initial:
            threshold = prints_expected * abs(running / weights)
        length = i + 1 - start
        if (abs(theta) >= threshold and length >= fewest) or length >= most:
            ends[count] = i + 1
            count += 1
            start = i + 1
            theta = 0.0
            prints_expected += bar_weight * (length - prints_expected)
            prints_expected = min(max(prints_expected, float(fewest)), float(most))
            threshold = prints_expected * abs(running / weights)
    return count
