"""What every tool here takes: finite float64 arrays, names, training rows, libraries that may be missing."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError, MissingExtraError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

LARGEST = 1e100
NORMAL_975 = 1.959963984540054


def library(module: str) -> Any:
    """An optional module. Raises MissingExtraError where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        need = f"diagnostics of features need {module.split('.')[0]}: pip install 'quotewright[research]'"
        raise MissingExtraError(need) from None


def known_values(values: Floats) -> Booleans:
    """Where values are numbers to reckon with: finite, and with squares that are."""
    return np.abs(values) <= LARGEST


def vector(field: str, values: npt.ArrayLike, *, length: int | None = None, fewest: int = 1) -> Floats:
    """`values` as float64 [n]. Raises InputError unless finite, of that length, and at least `fewest`."""
    array = np.asarray(values, np.float64)
    if array.ndim != 1:
        raise InputError(field, array.shape, "must be one-dimensional")
    return _checked(field, array, length, fewest)


def matrix(field: str, values: npt.ArrayLike, *, length: int | None = None, fewest: int = 1) -> Floats:
    """`values` as float64 [n, f], f ≥ 1; a vector is one column. Raises InputError as `vector` does."""
    array = np.asarray(values, np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] == 0:
        raise InputError(field, array.shape, "must be rows × at least one column")
    return _checked(field, array, length, fewest)


def named(names: Sequence[str], width: int) -> tuple[str, ...]:
    """Names of the columns. Raises InputError unless there is one for each, all different."""
    if len(names) != width or len(set(names)) != width:
        raise InputError("names", tuple(names), f"give {width} different names, one for each column")
    return tuple(names)


def training_rows(train: npt.ArrayLike, n: int, *, fewest: int = 2) -> Booleans:
    """A mask of the rows to fit on. Raises InputError unless bool [n] with at least `fewest` rows."""
    mask = np.asarray(train)
    if mask.dtype != np.bool_ or mask.shape != (n,):
        raise InputError("train", (mask.dtype.name, mask.shape), f"give a bool for each of {n} rows")
    if mask.sum() < fewest:
        raise InputError("train", int(mask.sum()), f"must have at least {fewest} rows")
    return mask


def ascending(field: str, times: npt.ArrayLike, n: int) -> Integers:
    """int64 ns [n], never falling. Raises InputError otherwise."""
    array = np.asarray(times)
    if array.dtype != np.int64 or array.shape != (n,):
        raise InputError(field, (array.dtype.name, array.shape), f"give int64 ns, one for each of {n} rows")
    falls = np.flatnonzero(np.diff(array) < 0)
    if len(falls):
        raise InputError(field, int(array[falls[0] + 1]), f"sort by time: row {int(falls[0]) + 1} is before its last")
    return array


def spells(starts: npt.ArrayLike, ends: npt.ArrayLike, n: int) -> tuple[Integers, Integers]:
    """When rows are decided on and when their labels are known, int64 ns [n]. Raises InputError if any ends early."""
    begun = ascending("times", starts, n)
    known = np.asarray(ends)
    if known.dtype != np.int64 or known.shape != (n,):
        raise InputError("ends", (known.dtype.name, known.shape), f"give int64 ns, one for each of {n} rows")
    early = np.flatnonzero(known < begun)
    if len(early):
        raise InputError("ends", int(known[early[0]]), f"row {int(early[0])}'s label is known before its time")
    return begun, known


def varying(field: str, values: Floats) -> Floats:
    """`values` [n], given back. Raises InputError where they do not vary, or too little for their squares."""
    if len(values) == 0 or values.min() == values.max() or values.std() == 0:
        raise InputError(field, float(values[0]) if len(values) else (), "must vary")
    return values


def ranks(values: Floats) -> Floats:
    """Ranks 1 … n of each column [n] or [n, f], ties sharing their mean."""
    return np.asarray(library("scipy.stats").rankdata(values, axis=0), np.float64)


def rank_correlations(x: Floats, names: Sequence[str]) -> Floats:
    """Spearman's ρ of all columns of x [n, f]: symmetric [f, f], ones on the diagonal.

    C. Spearman (1904), American Journal of Psychology 15(1). Raises InputError for a column that does not vary.
    """
    for name, values in zip(names, x.T, strict=True):
        varying(name, values)
    r = ranks(x)
    z = r - r.mean(axis=0)
    z /= np.sqrt((z**2).sum(axis=0))
    rho = np.clip(z.T @ z, -1.0, 1.0)
    np.fill_diagonal(rho, 1.0)
    return rho


def _checked(field: str, array: Floats, length: int | None, fewest: int) -> Floats:
    if length is not None and len(array) != length:
        raise InputError(field, len(array), f"must have {length} rows, as the others")
    if len(array) < fewest:
        raise InputError(field, len(array), f"must have at least {fewest} rows")
    wrong = np.argwhere(~known_values(array))
    if len(wrong):
        where = tuple(wrong[0].tolist())
        raise InputError(
            field, float(array[where]), f"must be finite, within ±1e100; the first that is not is at {where}"
        )
    return array
