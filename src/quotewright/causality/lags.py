"""Columns as they were some rows earlier."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from quotewright.causality.inputs import Floats, labels, table
from quotewright.domain.errors import InputError

_LAGGED = re.compile(r"(.+)\[-(\d+)\]")


def lagged(values: npt.ArrayLike, lags: Sequence[int], *, longest: int | None = None) -> Floats:
    """Columns of `values` [n, f] `lags` rows earlier: [n − longest, f × lags], lag by lag, column by column.

    Row i stands for row i + longest of `values`; `longest` is the largest lag unless a larger one is given, so that
    tables of other lags line up. Raises InputError for negative or no lags, or fewer rows than the longest.
    """
    x = table("values", values)
    most = max(lags, default=-1) if longest is None else longest
    if not lags or min(lags) < 0 or most < max(lags) or most >= len(x):
        raise InputError("lags", tuple(lags), f"give lags from 0 to {min(most, len(x) - 1)}")
    return np.column_stack([x[most - lag : len(x) - lag] for lag in lags])


def columns_of(values: npt.ArrayLike, names: Sequence[str], wanted: Sequence[str]) -> dict[str, Floats]:
    """The columns `wanted` by name, all of one length; `name[-k]` is `name` k rows earlier.

    Raises InputError for names that are not there.
    """
    x = table("values", values)
    place = {name: k for k, name in enumerate(labels(names, x.shape[1]))}
    found: dict[str, tuple[int, int]] = {}
    for name in wanted:
        past = _LAGGED.fullmatch(name)
        plain, lag = (name, 0) if name in place or past is None else (past[1], int(past[2]))
        if plain not in place:
            raise InputError("graph", name, f"is not in the data ({', '.join(names)}): rename it, or declare it hidden")
        found[name] = (place[plain], lag)
    longest = max((lag for _, lag in found.values()), default=0)
    return {name: lagged(x[:, k], [lag], longest=longest)[:, 0] for name, (k, lag) in found.items()}
