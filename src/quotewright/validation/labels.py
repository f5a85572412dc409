"""Labels from prices: what came after each decision, and when that was known.

A label is decided at its start and known at its end; between the two it looks into what the decision could not see, so
that splits purge by both (`validation.splits`). A label that the data do not reach is NaN and never known.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]
Side = Literal["long", "short", "better"]

NEVER = int(np.iinfo(np.int64).max)


class Labels(NamedTuple):
    """One label a row: its value (NaN: not known), when it is decided and when it is known (ns; NEVER: not known)."""

    values: Floats
    starts: Integers
    ends: Integers

    @property
    def known(self) -> Booleans:
        """Rows whose label the data reach."""
        return self.ends != NEVER

    def rows(self, chosen: Booleans | Integers) -> Labels:
        """The labels of some rows, as a mask or as indices."""
        return Labels(self.values[chosen], self.starts[chosen], self.ends[chosen])


def forward_returns(times: Integers, prices: Floats, bars: int, *, cost: float = 0.0, side: Side = "better") -> Labels:
    """Simple returns over the next `bars` rows, net of a round trip's `cost` (a fraction).

    r = prices[i + bars] / prices[i] − 1. `long` keeps r − cost, `short` −r − cost; `better` is what the better of the
    two sides earns, with the sign of r, and 0 where neither pays its costs: sign(r)·max(|r| − cost, 0). `times` (ns,
    ascending) are when each price was known; the label is known with the later price. A missing price (NaN) makes the
    labels at both its ends unknown. Raises InputError for other input.
    """
    checked_prices(times, prices)
    if bars < 1:
        raise InputError("bars", bars, "give at least 1")
    later = np.full(len(prices), np.nan)
    ends = np.full(len(prices), NEVER)
    if bars < len(prices):
        later[:-bars], ends[:-bars] = prices[bars:], times[bars:]
    return _returns(times, prices, later, ends, cost, side)


def returns_after(times: Integers, prices: Floats, horizon: int, *, cost: float = 0.0, side: Side = "better") -> Labels:
    """The same over `horizon` ns for rows at any times: the later price is the last one known by then.

    Known at start + horizon; unknown where the rows end before that.
    """
    checked_prices(times, prices)
    if horizon < 1:
        raise InputError("horizon", horizon, "give at least 1 ns")
    due = times + horizon
    reached = due <= times[-1]
    later = np.where(reached, prices[np.searchsorted(times, due, side="right") - 1], np.nan)
    return _returns(times, prices, later, np.where(reached, due, NEVER), cost, side)


def directions(labels: Labels, band: float | Floats) -> Labels:
    """−1, 0 or 1: the sign of each value, 0 within the dead band, |value| ≤ band.

    `band` is one figure or one a row (a multiple of the volatility known at the start, say). Where the band is NaN the
    direction is unknown. Raises InputError for a negative band or one of another length.
    """
    bands = np.broadcast_to(np.asarray(band, np.float64), np.shape(band) or labels.values.shape)
    if bands.shape != labels.values.shape:
        raise InputError("band", bands.shape, f"give one figure, or one for each of {len(labels.values)} rows")
    if (bands < 0).any():
        raise InputError("band", float(np.nanmin(bands)), "must be 0 or more")
    signs = np.where(np.abs(labels.values) <= bands, 0.0, np.sign(labels.values))
    lost = np.isnan(bands) | np.isnan(labels.values)
    return Labels(np.where(lost, np.nan, signs), labels.starts, np.where(lost, NEVER, labels.ends))


def checked_prices(times: Integers, prices: Floats) -> None:
    """Raise InputError unless there is one price above 0 (or NaN) a row, and times ascend."""
    checked_times("times", times)
    if prices.shape != times.shape or prices.dtype.kind not in "fi":
        raise InputError("prices", (prices.dtype, prices.shape), f"give one number for each of {len(times)} times")
    if (prices <= 0).any() or np.isinf(prices).any():
        raise InputError("prices", float(np.nanmin(prices)), "must be above 0 and finite, or NaN where missing")


def checked_times(field: str, times: Integers) -> None:
    """Raise InputError unless these are one or more int64 times (ns) in order."""
    if times.ndim != 1 or times.dtype != np.int64 or len(times) == 0:
        raise InputError(field, (times.dtype, times.shape), "give an array of int64 ns, at least one")
    back = np.flatnonzero(np.diff(times) < 0)
    if len(back):
        raise InputError(field, int(times[back[0] + 1]), f"row {back[0] + 1} is before the one above: sort by time")


def _returns(times: Integers, prices: Floats, later: Floats, ends: Integers, cost: float, side: Side) -> Labels:
    if not cost >= 0:
        raise InputError("cost", cost, "must be 0 or more, as a fraction of the price")
    moves = later / prices - 1
    if side == "better":
        net = np.sign(moves) * np.maximum(np.abs(moves) - cost, 0.0)
    elif side in ("long", "short"):
        net = (moves if side == "long" else -moves) - cost
    else:
        raise InputError("side", side, "choose long, short or better")
    return Labels(net, times, np.where(np.isnan(net), NEVER, ends))
