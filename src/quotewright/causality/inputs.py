"""What every tool here takes: finite float64 arrays of one length, and libraries that may not be installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError, MissingExtraError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Predict = Callable[[Floats], Floats]
"""float64 [n, f] → float64 [n]: a forecast, a probability or a score."""

NORMAL_975 = 1.959963984540054


def library(module: str) -> Any:
    """An optional module. Raises MissingExtraError where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        need = f"tests of causes and effects need {module.split('.')[0]}: pip install 'quotewright[research]'"
        raise MissingExtraError(need) from None


def column(field: str, values: npt.ArrayLike, *, length: int | None = None, fewest: int = 1) -> Floats:
    """`values` as float64 [n]. Raises InputError unless finite, of that length, and at least `fewest`."""
    array = np.asarray(values, np.float64)
    if array.ndim != 1:
        raise InputError(field, array.shape, "must be one-dimensional")
    return _checked(field, array, length, fewest)


def table(
    field: str, values: npt.ArrayLike, *, length: int | None = None, width: int | None = None, fewest: int = 1
) -> Floats:
    """`values` as float64 [n, f]; a vector is one column. Raises InputError unless finite and of that form."""
    array = np.asarray(values, np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or (width is not None and array.shape[1] != width):
        raise InputError(field, array.shape, f"must be rows × {'columns' if width is None else width}")
    return _checked(field, array, length, fewest)


def labels(names: Sequence[str], width: int) -> tuple[str, ...]:
    """Names of the columns. Raises InputError unless there is one for each, all different."""
    if len(names) != width or len(set(names)) != width:
        raise InputError("names", tuple(names), f"give {width} different names, one for each column")
    return tuple(names)


def predicted(predict: Predict, x: Floats) -> Floats:
    """The predictions. Raises InputError where `predict` returns anything but a finite value for each row."""
    found = np.asarray(predict(x), np.float64)
    if found.shape != (len(x),) or not np.isfinite(found).all():
        raise InputError("predict", found.shape, f"must return a finite value for each of {len(x)} rows")
    return found


def _checked(field: str, array: Floats, length: int | None, fewest: int) -> Floats:
    if length is not None and len(array) != length:
        raise InputError(field, len(array), f"must have {length} rows, as the others")
    if len(array) < fewest:
        raise InputError(field, len(array), f"must have at least {fewest} rows")
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        where = tuple(wrong[0].tolist())
        raise InputError(field, float(array[where]), f"must be finite; the first that is not is at {where}")
    return array
