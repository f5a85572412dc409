"""Triple-barrier labels: which of a profit, a loss and a deadline comes first.

M. López de Prado, "Advances in Financial Machine Learning" (Wiley, 2018), sections 3.4 to 3.6.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel
from quotewright.validation.labels import NEVER, Floats, Integers, Labels, checked_prices

TAKE, VERTICAL, STOP = 1, 0, -1
UNKNOWN = -2


class Barriers(NamedTuple):
    """One row an entry: what was touched, when, and what it paid.

    `touched` is 1 (profit), −1 (stop), 0 (deadline) or −2 (not known); `returns` are simple returns of the side held,
    net of costs (NaN: not known); `ends` the bar of the touch (ns).
    """

    touched: Integers
    returns: Floats
    starts: Integers
    ends: Integers

    def labels(self, *, deadline: Literal["zero", "sign"] = "zero") -> Labels:
        """1 for the profit, −1 for the stop, and for the deadline 0 or the sign of its net return (section 3.4)."""
        if deadline not in ("zero", "sign"):
            raise InputError("deadline", deadline, "choose zero or sign")
        met = self.touched.astype(np.float64)
        if deadline == "sign":
            met = np.where(self.touched == VERTICAL, np.sign(self.returns), met)
        return Labels(np.where(self.touched == UNKNOWN, np.nan, met), self.starts, self.ends)

    def meta_labels(self) -> Labels:
        """1 where holding the side paid after costs, 0 where not: what a second model learns (section 3.6)."""
        paid = (self.returns > 0).astype(np.float64)
        return Labels(np.where(self.touched == UNKNOWN, np.nan, paid), self.starts, self.ends)


def triple_barrier(
    times: Integers,
    closes: Floats,
    *,
    take: float,
    stop: float,
    bars: int,
    highs: Floats | None = None,
    lows: Floats | None = None,
    opens: Floats | None = None,
    widths: Floats | None = None,
    sides: Integers | None = None,
    cost: float = 0.0,
) -> Barriers:
    """Enter at each close and hold until a barrier is touched, at most `bars` bars.

    The barriers of a long entry at close P are P(1 + take·w) and P(1 − stop·w), those of a short one mirrored;
    `widths` w is the volatility known at the entry (1 if not given: then take and stop are fractions; 0 for either is
    no such barrier). With `highs` and `lows` a bar touches by its extremes, else, or where they are NaN, by its close.
    A bar that touches both is the stop: which came first is not known. A profit is paid at the barrier; a stop at the
    barrier too, or worse at the bar's open if `opens` has it beyond; by closes, both at the close. The first bar looked
    at is the one after the entry, and an exit is known at the time of its bar.

    `sides` are 1 (long, the default), −1 (short) or 0 (no entry: unknown). `cost` is a round trip's, a fraction.
    Unknown are entries whose deadline the data do not reach untouched, those without a close or width, and those that
    meet a missing close on their way. Raises InputError for other input.
    """
    checked_prices(times, closes)
    n = len(closes)
    if bars < 1 or not take >= 0 or not stop >= 0 or not cost >= 0:
        raise InputError("take, stop, bars, cost", (take, stop, bars, cost), "give 0 or more, and at least 1 bar")
    if (highs is None) != (lows is None) or (opens is not None and highs is None):
        raise InputError("highs, lows", "one alone", "give both or neither, and opens only with them")
    given = {"highs": highs, "lows": lows, "opens": opens, "widths": widths, "sides": sides}
    for name, each in given.items():
        if each is not None and (each.shape != (n,) or each.dtype.kind not in "fi"):
            raise InputError(name, (each.dtype, each.shape), f"give one number for each of {n} closes")
    if highs is not None and lows is not None and (highs < lows).any():
        raise InputError("highs", float(highs[highs < lows][0]), "is below the low of its bar")
    if sides is not None and not np.isin(sides, (-1, 0, 1)).all():
        raise InputError("sides", sides.tolist()[:5], "give −1, 0 or 1")
    if widths is not None and (widths < 0).any():
        raise InputError("widths", float(np.nanmin(widths)), "must be 0 or more, or NaN")
    missing = np.full(n, np.nan)
    touched, returns, ends = np.empty(n, np.int64), np.empty(n), np.empty(n, np.int64)
    _touch(
        times,
        _row(closes, closes),
        _row(highs, missing),
        _row(lows, missing),
        _row(opens, missing),
        _row(widths, np.ones(n)),
        np.ones(n, np.int64) if sides is None else np.ascontiguousarray(sides, np.int64),
        float(take),
        float(stop),
        bars,
        float(cost),
        touched,
        returns,
        ends,
    )
    return Barriers(touched, returns, times, ends)


def _row(given: Floats | None, instead: Floats) -> Floats:
    return np.ascontiguousarray(instead if given is None else given, np.float64)


@kernel
def _touch(
    times: Any,
    closes: Any,
    highs: Any,
    lows: Any,
    opens: Any,
    widths: Any,
    sides: Any,
    take: float,
    stop: float,
    bars: int,
    cost: float,
    touched: Any,
    returns: Any,
    ends: Any,
) -> None:
    for i in range(len(closes)):
        touched[i], returns[i], ends[i] = UNKNOWN, np.nan, NEVER
        side, entry, width = sides[i], closes[i], widths[i]
        if side == 0 or np.isnan(entry) or np.isnan(width):
            continue
        profit = entry * (1 + side * take * width) if take > 0 else side * np.inf
        loss = entry * (1 - side * stop * width) if stop > 0 else -side * np.inf
        for j in range(i + 1, min(i + bars, len(closes) - 1) + 1):
            if np.isnan(closes[j]):
                break
            by_close = np.isnan(highs[j]) or np.isnan(lows[j])
            high = closes[j] if by_close else highs[j]
            low = closes[j] if by_close else lows[j]
            best, worst = (high, low) if side > 0 else (low, high)
            exit_price = np.nan
            if side * worst <= side * loss:
                touched[i] = STOP
                exit_price = loss
                if not np.isnan(opens[j]) and side * opens[j] < side * loss:
                    exit_price = opens[j]
                if by_close:
                    exit_price = closes[j]
            elif side * best >= side * profit:
                touched[i] = TAKE
                exit_price = closes[j] if by_close else profit
            elif j == i + bars:
                touched[i] = VERTICAL
                exit_price = closes[j]
            else:
                continue
            returns[i] = side * (exit_price / entry - 1) - cost
            ends[i] = times[j]
            break
