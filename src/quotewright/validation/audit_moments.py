"""At which moments to cut the past off for an audit: some drawn, and those where a leak would show most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.validation.labels import Integers

WARM = 0.25  # of the rows, from which on a function has what it needs
ADVERSARIAL = 16


def moments_to_try(
    tables: Sequence[Integers],
    columns: Sequence[tuple[npt.NDArray[Any], Integers, Integers]],
    number: int,
    seed: int,
) -> Integers:
    """Moments (ns) in order: drawn from all times at which something was known, and those that look for leaks.

    `tables` are the times at which their rows became known, `columns` (values, times, known) of what is made. A leak
    from an extreme shows on the row before it, one by an early join just before a row became known, one that fills a
    warm-up only within it (after 2, 4, 8 … rows), one from the next row anywhere.
    """
    made = np.concatenate([known for _, _, known in columns] or [np.zeros(0, np.int64)])
    given = np.concatenate(tables)
    last = int(given.max())
    made = made[made <= last]
    first = int(np.quantile(made, WARM, method="lower")) if len(made) else int(given.min())
    pool = np.unique(np.concatenate([given, made]))
    pool = pool[(pool >= first) & (pool < last)]
    if len(pool) == 0:
        return np.array([last], np.int64)
    rng = np.random.default_rng(seed)
    drawn = rng.choice(pool, min(number, len(pool)), replace=False)
    early = [rng.choice(known, min(2, len(known)), replace=False) - 1 for known in tables]
    telling = np.concatenate([pool[-1:], *early, *(_telling(values, known) for values, _, known in columns)])
    telling = np.unique(telling[(telling >= first) & (telling < last)])
    if len(telling) > ADVERSARIAL:
        telling = rng.choice(telling, ADVERSARIAL, replace=False)
    begun = np.unique(np.concatenate([given, made]))
    doubling = begun[2 ** np.arange(1, int(np.log2(len(begun))))]
    return np.unique(np.concatenate([doubling[doubling < first], drawn, telling]))


def _telling(values: npt.NDArray[Any], known: Integers) -> Integers:
    """When a column's extremes and largest change were known, and when the rows before them were."""
    if values.dtype.kind not in "fiu" or len(values) < 2:
        return np.zeros(0, np.int64)
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    rows = np.array([numbers.argmax(), numbers.argmin(), np.abs(np.diff(numbers)).argmax() + 1])
    return known[np.concatenate([rows, np.maximum(rows - 1, 0)])]
