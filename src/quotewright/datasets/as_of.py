"""As-of joins: at each decision the last value published by then, and nothing that was published later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Series:
    """Values with the time that each is about (the end of its period) and the time at which it was known, ns.

    Rows may stand in any order, and a time may occur again with a later `known`: a revision. Raises InputError where a
    value would be known before its time, is not finite, or is given twice for one time and one moment of knowing.
    """

    name: str
    time: Integers
    known: Integers
    value: Floats

    def __post_init__(self) -> None:
        if not len(self.time) == len(self.known) == len(self.value):
            raise InputError(self.name, (len(self.time), len(self.known), len(self.value)), "give arrays of one length")
        for field in ("time", "known"):
            if getattr(self, field).dtype != np.int64:
                raise InputError(f"{self.name} {field}", str(getattr(self, field).dtype), "must be int64 ns")
        if not np.isfinite(self.value).all():
            raise InputError(self.name, "values", "must be finite; leave out rows without a value")
        early = np.flatnonzero(self.known < self.time)
        if len(early):
            lead = int((self.time - self.known)[early].max())
            raise InputError(
                f"{self.name} known",
                lead,
                f"{len(early):,} of {len(self.time):,} values are known up to so many ns before what they are about; "
                "stamp rows with the end of their period, and correct the recorder's clock",
            )
        order = np.lexsort((self.known, self.time))
        same = (np.diff(self.time[order]) == 0) & (np.diff(self.known[order]) == 0)
        if same.any():
            at = int(self.time[order][:-1][same][0])
            raise InputError(self.name, at, f"{int(same.sum()):,} values are given twice; remove duplicates first")


def as_of(decisions: Integers, series: Series, *, max_age: int | None = None) -> Floats:
    """The newest value known at each decision time: known ≤ decision; NaN where there is none.

    Newest is by the time that it is about, and of one time the last revision known by then. `max_age` (ns) makes a
    value NaN once decision − time is above it. Decisions (int64 ns) may stand in any order. Raises InputError for
    other times than int64, or a negative age.
    """
    rows = rows_as_of(decisions, series)
    found = rows >= 0
    values = np.full(len(decisions), np.nan)
    values[found] = series.value[rows[found]]
    if max_age is not None:
        if max_age < 0:
            raise InputError("max_age", max_age, "must be 0 or more ns")
        old = found.copy()
        old[found] = decisions[found] - series.time[rows[found]] > max_age
        values[old] = np.nan
    return values


def rows_as_of(decisions: Integers, series: Series) -> Integers:
    """The row of the series that `as_of` takes at each decision; −1 where nothing was known."""
    if np.asarray(decisions).dtype != np.int64 or np.ndim(decisions) != 1:
        raise InputError("decisions", str(np.asarray(decisions).dtype), "must be one dimension of int64 ns")
    if not len(series.time):
        return np.full(len(decisions), -1, np.int64)
    newness = np.lexsort((series.known, series.time))  # rows from oldest to newest
    rank = np.empty_like(newness)
    rank[newness] = np.arange(len(newness))
    arrival = np.lexsort((rank, series.known))
    newest = np.maximum.accumulate(rank[arrival])
    arrived = np.searchsorted(series.known[arrival], decisions, side="right") - 1
    return np.where(arrived >= 0, newness[newest[np.maximum(arrived, 0)]], -1).astype(np.int64)


def as_of_matrix(decisions: Integers, series: Sequence[Series], *, max_age: int | None = None) -> Floats:
    """`as_of` for several series: decisions × series, float64."""
    if not series:
        return np.empty((len(decisions), 0))
    return np.column_stack([as_of(decisions, one, max_age=max_age) for one in series])
