"""Rows to draw for a stationary bootstrap: blocks of random length, so that what follows stays with what it followed.

D. N. Politis & J. P. Romano (1994), "The stationary bootstrap", J. Amer. Statist. Assoc. 89.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.validation.labels import Integers

AT_ONCE = 4_000_000  # indices in memory


def usual_block(rows: int) -> int:
    """n^(1/3) rows, the order of the best mean length (section 4.1 of the paper); at least 1."""
    return max(1, round(rows ** (1 / 3)))


def stationary_rows(rows: int, draws: int, *, seed: int, block: float | None = None) -> Integers:
    """[draws, rows] indices: blocks of geometric length with mean `block` from any row on, round the end.

    Raises InputError for no rows or draws, or a block shorter than one row.
    """
    return np.concatenate(list(stationary_parts(rows, draws, seed=seed, block=block)))


def stationary_parts(rows: int, draws: int, *, seed: int, block: float | None = None) -> Iterator[Integers]:
    """The same draws, as many at once as fit in a little memory: years of minutes are too long for all together."""
    if rows < 1 or draws < 1:
        raise InputError("rows, draws", (rows, draws), "give at least 1")
    mean = usual_block(rows) if block is None else block
    if not 1 <= mean <= rows:
        raise InputError("block", mean, f"give 1 to {rows} rows")
    rng = np.random.default_rng(seed)
    most = max(1, AT_ONCE // rows)
    for done in range(0, draws, most):
        yield _drawn(rng, rows, min(most, draws - done), mean)


def _drawn(rng: np.random.Generator, rows: int, draws: int, mean: float) -> Integers:
    fresh = rng.random((draws, rows)) < 1 / mean
    fresh[:, 0] = True
    place = np.arange(rows)
    since = np.maximum.accumulate(np.where(fresh, place, 0), axis=1)
    begins = np.take_along_axis(rng.integers(0, rows, (draws, rows)), since, axis=1)
    return (begins + place - since) % rows
