"""Sets that merge: union by size with path halving. R. E. Tarjan & J. van Leeuwen (1984), J. ACM 31(2)."""

# pyright: basic
# The kernels take arrays of whatever numba makes of them.

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel, subkernel

Integers = npt.NDArray[np.int64]


def singletons(count: int) -> tuple[Integers, Integers]:
    """(parents, sizes) of `count` sets of one."""
    return np.arange(count, dtype=np.int64), np.ones(count, np.int64)


@subkernel
def root_of(parents: Any, i: int) -> int:
    """The representative of the set that holds `i`."""
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i


@kernel
def _merge(parents: Any, sizes: Any, a: Any, b: Any) -> None:
    for k in range(len(a)):
        x, y = root_of(parents, a[k]), root_of(parents, b[k])
        if x == y:
            continue
        if sizes[x] < sizes[y]:
            x, y = y, x
        parents[y] = x
        sizes[x] += sizes[y]


@kernel
def _roots(parents: Any, out: Any) -> None:
    for i in range(len(parents)):
        out[i] = root_of(parents, i)


def merge(parents: Integers, sizes: Integers, a: Integers, b: Integers) -> None:
    """Merge the sets of a[k] and b[k], for every k, in place. Raises InputError for members that there are not."""
    if len(a) != len(b):
        raise InputError("a, b", (len(a), len(b)), "must be of one length")
    both = np.concatenate([a, b])
    if len(both) and (both.min() < 0 or both.max() >= len(parents)):
        raise InputError("a, b", (int(both.min()), int(both.max())), f"must be members, 0 to {len(parents) - 1}")
    _merge(parents, sizes, np.ascontiguousarray(a, np.int64), np.ascontiguousarray(b, np.int64))


def roots(parents: Integers) -> Integers:
    """The representative of every member's set: equal for members of one set."""
    found = np.empty(len(parents), np.int64)
    _roots(parents, found)
    return found
