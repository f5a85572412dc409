"""Series of daily figures: reading the recorded ones, joining them as they were known, and means over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import DataError, InputError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

DAY = 86_400_000_000_000  # ns


class Series(NamedTuple):
    """Values by time (ns, rising; for a daily figure the start of its day)."""

    time: Integers
    value: Floats


def read_series(path: Path, metrics: Sequence[str]) -> dict[str, Series]:
    """Metrics of a long table (columns date, metric, value), each under its name, its samplings joined.

    Raises DataError for a table without these columns or one of the metrics, for values that are missing or not finite,
    and where two samplings give one date different values.
    """
    import polars as pl

    wanted = {"date": pl.String, "metric": pl.String, "value": pl.Float64}
    try:
        table = pl.read_csv(path, columns=list(wanted), schema_overrides=wanted)
        table = table.with_columns(pl.col("date").str.to_date("%Y-%m-%d").cast(pl.Datetime("ns")).cast(pl.Int64))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path.name}: {error}") from None
    found: dict[str, Series] = {}
    for metric in metrics:
        rows = table.filter(pl.col("metric") == metric).sort("date")
        if not len(rows) or rows.null_count().sum_horizontal().item() or not rows["value"].is_finite().all():
            raise DataError(f"{path.name}: {metric} has no values, or one that is missing or not finite")
        found[metric] = _joined(path.name, metric, rows["date"].to_numpy(), rows["value"].to_numpy())
    return found


def as_of(time: Integers, series: Series, *, oldest_ns: int) -> Floats:
    """The series' latest value at or before each time; NaN where there is none or it is more than `oldest_ns` old."""
    place = np.searchsorted(series.time, time, side="right") - 1
    if not len(series.time):
        return np.full(len(time), np.nan)
    fresh = (place >= 0) & (time - series.time[place] <= oldest_ns)
    return np.where(fresh, series.value[place], np.nan)


def trailing_mean(series: Series, window_ns: int, *, longest_gap_ns: int = 4 * DAY) -> Floats:
    """At each time, the mean of the values in (time − window, time].

    NaN until the window is filled, counted from the last gap longer than `longest_gap_ns`, and while it holds a NaN.
    Raises InputError for a window that is not longer than the gap allowed, or times that do not rise.
    """
    time, value = series
    if window_ns <= longest_gap_ns or longest_gap_ns <= 0:
        raise InputError("window_ns", window_ns, f"must be longer than the longest gap, {longest_gap_ns}")
    gaps = np.diff(time)
    if (gaps <= 0).any():
        raise InputError("time", "times", "must rise")
    if not len(time):
        return np.zeros(0)
    whole = np.nan_to_num(value)
    total = np.concatenate([[0.0], np.cumsum(whole)])
    absent = np.concatenate([[0], np.cumsum(np.isnan(value))])
    first = np.searchsorted(time, time - window_ns, side="right")
    last = np.arange(1, len(time) + 1)
    began = np.maximum.accumulate(np.where(np.concatenate([[True], gaps > longest_gap_ns]), time, time[0]))
    step = np.concatenate([[0], np.where(gaps > longest_gap_ns, 0, gaps)])
    filled = (time - began >= window_ns - step) & (absent[last] == absent[first])
    return np.where(filled, (total[last] - total[first]) / (last - first), np.nan)


def _joined(name: str, metric: str, time: Integers, value: Floats) -> Series:
    same = np.diff(time) == 0
    apart = np.abs(np.diff(value)[same]) > 1e-9 * np.abs(value[1:][same])
    if apart.any():
        raise DataError(f"{name}: {metric} has two values on one date, {value[1:][same][apart][0]} and another")
    keep = np.concatenate([[True], ~same])
    return Series(time[keep].astype(np.int64), value[keep].astype(np.float64))
