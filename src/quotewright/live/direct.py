"""Calling a kernel without looking at the types of its arguments anew each time: they are always the same here.

Finding the types of tables costs several times what the work itself does.
"""

# pyright: basic
# numba has no type stubs.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quotewright.domain.kernel import INTERPRETED, kernel, numba


def entry_of(function: Callable[..., Any], *examples: Any) -> Callable[..., Any]:
    """The compiled form of a kernel for arguments of the examples' types, and of no others: nothing checks them."""
    if INTERPRETED:
        return function
    return function.compile(tuple(numba.typeof(example) for example in examples))


@kernel
def stamp(rows: Any, copies: Any, first: int, last_mark: int) -> int:
    """Give each update of `rows` (seven words each) a local time of its own, `first` and up; returns the latest.

    `copies` becomes the same with the venue's time set to the local one. `last_mark` is the flag LAST in a row's word.
    """
    now = first
    for i in range(len(rows)):
        rows[i, 1] = now
        for word in range(7):
            copies[i, word] = rows[i, word]
        copies[i, 0] = now
        if rows[i, 6] & last_mark and i + 1 < len(rows):
            now += 1
    return now
