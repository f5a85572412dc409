"""The thin boundary to scipy, and the checks every fit of returns begins with."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError, MissingExtraError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FEWEST = 50  # returns
QUARTILES_OF_NORMAL = 1.3489795003921634  # distance between them, in standard deviations


def scipy(module: str) -> Any:
    """`scipy.<module>`; raises MissingExtraError where scipy is not installed."""
    try:
        return importlib.import_module(f"scipy.{module}")
    except ImportError:
        raise MissingExtraError("Monte Carlo needs: pip install 'quotewright[research]'") from None


def checked_returns(returns: npt.ArrayLike, fewest: int = FEWEST) -> Floats:
    """Log returns as one float64 row; raises InputError for too few, one that is not finite, or constants."""
    found = np.ascontiguousarray(returns, np.float64)
    if found.ndim != 1:
        raise InputError("returns", found.shape, "must be one row of log returns")
    if len(found) < fewest:
        raise InputError("returns", len(found), f"are too few: give at least {fewest}")
    if not np.isfinite(found).all():
        at = int(np.flatnonzero(~np.isfinite(found))[0])
        raise InputError("returns", float(found[at]), f"at {at} is not finite: drop or fill the bars around it")
    if found.min() == found.max():
        raise InputError("returns", float(found[0]), "never change: nothing can be fitted")
    return found


def spread_of(values: Floats) -> float:
    """The scale of the middle half of the values in a normal law's σ; their standard deviation if it is a point."""
    low, high = np.quantile(values, (0.25, 0.75))
    return float(high - low) / QUARTILES_OF_NORMAL if high > low else float(values.std())
