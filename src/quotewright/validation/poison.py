"""Another future: the rows of a table after some row shuffled and scaled, with its times left where they are."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Array = npt.NDArray[Any]


def poisoned(rows: Any, known: int, *, seed: int) -> Any:
    """The table with its first `known` rows as they are, and all later values another's.

    Later rows are shuffled whole and their floats scaled by one factor a row, ½ to 2, so that a bar still has its high
    above its low. Left in place are dates, times and integers that never fall, which are times too. Takes a polars
    frame, or an array: plain [rows, …] or structured.
    """
    n = len(rows)
    rng = np.random.default_rng(seed)
    order = np.concatenate([np.arange(known), known + rng.permutation(n - known)])
    factors = np.ones(n)
    factors[known:] = np.exp2(rng.uniform(0.1, 1.0, n - known) * rng.choice([-1, 1], n - known))
    if isinstance(rows, np.ndarray):
        return _array(cast(Array, rows), order, factors)
    if hasattr(rows, "get_columns"):
        return rows.with_columns([_series(column, order, factors) for column in rows.get_columns()])
    raise InputError("rows", type(rows).__name__, "give a polars frame or an array")


def _array(rows: Array, order: npt.NDArray[np.int64], factors: npt.NDArray[np.float64]) -> Array:
    if rows.dtype.names:
        other = rows.copy()
        for name in rows.dtype.names:
            other[name] = _array(rows[name], order, factors)
        return other
    if rows.dtype.kind == "f":
        return (rows[order].T * factors.astype(rows.dtype)).T
    if rows.dtype.kind in "mM" or (rows.dtype.kind in "iu" and rows.ndim == 1 and bool((np.diff(rows) >= 0).all())):
        return rows.copy()
    return rows[order]


def _series(column: Any, order: npt.NDArray[np.int64], factors: npt.NDArray[np.float64]) -> Any:
    if column.dtype.is_temporal() or (column.dtype.is_integer() and column.is_sorted()):
        return column
    other = column.gather(order)
    return (other * factors).cast(column.dtype) if column.dtype.is_float() else other
