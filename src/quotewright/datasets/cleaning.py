"""Repairs as steps: each returns a new dataset whose manifest says what was done, how, and to how many rows.

A step that finds nothing to do is recorded too: that it was looked for is part of what the data are.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import polars as pl

from quotewright.datasets.checks_prices import swapped_rows
from quotewright.datasets.dataset import TIMES, Dataset
from quotewright.datasets.manifest import Column
from quotewright.datasets.outliers import THRESHOLD, WINDOW, price_outliers
from quotewright.datasets.views import BAR, Floats, views
from quotewright.domain.errors import DataError, InputError


def in_order(dataset: Dataset) -> Dataset:
    """Rows sorted by time, those of one time as they stood."""
    moved = int((np.diff(dataset.frame["time"].to_numpy()) < 0).sum())
    return dataset.stepped(dataset.frame.sort("time", maintain_order=True), "in_order", moved)


def without_duplicates(dataset: Dataset, *, contradicting: Literal["refuse", "first", "last"] = "refuse") -> Dataset:
    """One row of each time and series; DataError for rows that contradict each other, unless told which to keep.

    Raises InputError for prints: two of one time, price and size are two trades.
    """
    if dataset.manifest.kind == "prints":
        raise InputError("kind", "prints", "may be alike and yet be two trades; take repeats out by their id")
    keys = [*dataset.manifest.keys, "time"]
    distinct = dataset.frame.unique(maintain_order=True)
    twice = distinct.filter(pl.struct(keys).is_duplicated())
    if contradicting == "refuse" and twice.height:
        raise DataError(f"{twice.height:,} rows contradict others of their time; say which to keep: first or last")
    frame = distinct
    if contradicting != "refuse":
        frame = distinct.unique(keys, keep=contradicting, maintain_order=True)
    removed = dataset.frame.height - frame.height
    return dataset.stepped(frame, "without_duplicates", removed, {"contradicting": contradicting})


def without_flagged(dataset: Dataset, flag: str) -> Dataset:
    """Without the rows that this flag marks: interpolated ones, say, or outliers once looked at."""
    _need(dataset, flag, "flag")
    frame = dataset.frame.filter(~pl.col(flag).fill_null(False))
    return dataset.stepped(frame, "without_flagged", dataset.frame.height - frame.height, {"flag": flag})


def without_columns(dataset: Dataset, *names: str) -> Dataset:
    """Without these columns."""
    for name in names:
        _need(dataset, name)
    left = [column for column in dataset.manifest.columns if column.name not in names]
    settings: dict[str, str | int | float | list[str]] = {"columns": list(names)}
    return dataset.stepped(dataset.frame.drop(names), "without_columns", len(names), settings, left)


def without_impossible_bars(dataset: Dataset) -> Dataset:
    """Without bars whose high and low do not enclose their other prices, or that have a price of 0 or less."""
    prices = [bar[place] for bar in views(dataset)[0].bars() for place in BAR if place in bar]
    good = pl.lit(True)
    for bar in views(dataset)[0].bars():
        inside = [pl.col(bar[place]) for place in BAR if place in bar]
        good &= (pl.col(bar["high"]) >= pl.max_horizontal(inside)).fill_null(True)
        good &= (pl.col(bar["low"]) <= pl.min_horizontal(inside)).fill_null(True)
    for name in prices:
        good &= (pl.col(name) > 0).fill_null(True)
    frame = dataset.frame.filter(good)
    return dataset.stepped(frame, "without_impossible_bars", dataset.frame.height - frame.height)


def with_outliers_flagged(dataset: Dataset, *, window: int = WINDOW, threshold: float = THRESHOLD) -> Dataset:
    """A flag `is_outlier` by the Hampel rule on close, high and low, from earlier rows alone; nothing is removed.

    Raises DataError where rows go back in time: rows before would not be earlier ones.
    """
    _need(dataset, "close", "float")
    _need_order(dataset)
    marks = np.zeros(dataset.frame.height, bool)
    numbered = dataset.frame.with_row_index("row")
    for view in views(Dataset(dataset.manifest, numbered)):
        others = [view.floats(name) for name in ("high", "low") if name in view.names("float")]
        marks[view.frame["row"].to_numpy()] = price_outliers(
            view.floats("close"), *others, window=window, threshold=threshold
        )
    frame = dataset.frame.with_columns(pl.Series("is_outlier", marks))
    column = Column("is_outlier", "flag", f"beyond {threshold:g} scales of the {window} rows before")
    settings: dict[str, str | int | float | list[str]] = {"window": window, "threshold": threshold}
    return dataset.stepped(
        frame, "with_outliers_flagged", int(marks.sum()), settings, [*dataset.manifest.columns, column]
    )


def with_volumes_put_right(dataset: Dataset, *, base: str, quote: str) -> Dataset:
    """Volumes exchanged back in the rows where only that makes their quotient a price of the bar."""
    for name in (base, quote, "low", "high"):
        _need(dataset, name, "float")
    values: dict[str, Floats] = {
        name: dataset.frame[name].fill_null(np.nan).to_numpy() for name in (base, quote, "low", "high")
    }
    swapped = pl.Series(swapped_rows(values[base], values[quote], values["low"], values["high"]))
    frame = dataset.frame.with_columns(
        pl.when(swapped).then(pl.col(quote)).otherwise(pl.col(base)).alias(base),
        pl.when(swapped).then(pl.col(base)).otherwise(pl.col(quote)).alias(quote),
    )
    return dataset.stepped(frame, "with_volumes_put_right", int(swapped.sum()), {"base": base, "quote": quote})


def with_zeros_empty(dataset: Dataset, column: str) -> Dataset:
    """Empty cells instead of zeros, where 0 stands for "unknown": in bars that moved, if the dataset has bars."""
    _need(dataset, column, "float")
    zero = pl.col(column) == 0
    if {"high", "low"} <= set(dataset.frame.columns):
        zero &= pl.col("high") > pl.col("low")
    frame = dataset.frame.with_columns(pl.when(zero).then(None).otherwise(pl.col(column)).alias(column))
    changed = frame[column].null_count() - dataset.frame[column].null_count()
    return dataset.stepped(frame, "with_zeros_empty", changed, {"column": column})


def carried_forward(dataset: Dataset, *columns: str, most_rows: int | None = None) -> Dataset:
    """Empty cells filled with the last value before them in their series, at most `most_rows` on.

    Raises DataError where rows go back in time: the last value before would be a later one.
    """
    for name in columns:
        _need(dataset, name)
    _need_order(dataset)
    filled = [pl.col(name).forward_fill(most_rows) for name in columns]
    keys = dataset.manifest.keys
    frame = dataset.frame.with_columns([one.over(keys) for one in filled] if keys else filled)
    changed = sum(dataset.frame[name].null_count() - frame[name].null_count() for name in columns)
    settings: dict[str, str | int | float | list[str]] = {"columns": list(columns), "most_rows": most_rows or 0}
    return dataset.stepped(frame, "carried_forward", changed, settings)


def rescaled(dataset: Dataset, column: str, factor: float, unit: str) -> Dataset:
    """A column times a factor, in its new unit: 0.01 makes a fraction of a percentage. Bounds move with it."""
    old = _need(dataset, column, "float")
    if not (np.isfinite(factor) and factor > 0):
        raise InputError("factor", factor, "must be above 0")
    bounds = None if old.bounds is None else (old.bounds[0] * factor, old.bounds[1] * factor)
    new = msgspec.structs.replace(old, unit=unit, bounds=bounds)
    frame = dataset.frame.with_columns(pl.col(column) * factor)
    changed = frame.height - frame[column].null_count()
    settings: dict[str, str | int | float | list[str]] = {"column": column, "factor": factor, "unit": unit}
    columns = [new if one.name == column else one for one in dataset.manifest.columns]
    return dataset.stepped(frame, "rescaled", changed, settings, columns)


def with_clock_moved(dataset: Dataset, offset: int) -> Dataset:
    """The recorder's times later by `offset` ns: positive for a clock that was behind."""
    if "known" not in dataset.frame.columns:
        raise InputError("dataset", dataset.manifest.name, "has no recorder's times")
    frame = dataset.frame.with_columns(pl.col("known") + offset)
    return dataset.stepped(frame, "with_clock_moved", frame.height, {"offset_ns": offset})


def only(dataset: Dataset, **keys: str) -> Dataset:
    """The rows of one series of a panel, as a dataset of its own that has no keys; `keys` must name every key."""
    frame = dataset.rows(**keys).drop(dataset.manifest.keys)
    plain = msgspec.structs.replace(dataset.manifest, keys=())
    left = [column for column in dataset.manifest.columns if column.name not in dataset.manifest.keys]
    removed = dataset.frame.height - frame.height
    chosen = Dataset(plain, dataset.frame).stepped(frame, "only", removed, dict(keys), left)
    return Dataset(msgspec.structs.replace(chosen.manifest, parent=dataset.manifest.hash), frame)


def between(dataset: Dataset, start: int, end: int) -> Dataset:
    """The rows whose time is in [start, end), ns."""
    frame = dataset.frame.filter((pl.col("time") >= start) & (pl.col("time") < end))
    if not frame.height:
        raise InputError("start, end", (start, end), f"have no row; {dataset.manifest.name} has {_span(dataset)}")
    return dataset.stepped(frame, "between", dataset.frame.height - frame.height, {"start_ns": start, "end_ns": end})


def _span(dataset: Dataset) -> str:
    return f"times from {dataset.manifest.first} to {dataset.manifest.last} ns"


def _need_order(dataset: Dataset) -> None:
    for view in views(dataset):
        back = np.diff(view.time) < 0
        if back.any():
            where = " ".join((dataset.manifest.name, view.label)).strip()
            raise DataError(f"{where}: row {int(back.argmax()) + 2:,} is before the row above it; take in_order first")


def _need(dataset: Dataset, name: str, kind: str = "") -> Column:
    column = dataset.manifest.column(name)
    if column is None or (kind and column.type != kind) or name in TIMES:
        of_type = [one.name for one in dataset.manifest.columns if not kind or one.type == kind]
        raise InputError("column", name, f"must be one of {', '.join(of_type) or 'none'}")
    return column
