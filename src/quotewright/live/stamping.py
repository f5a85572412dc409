"""Giving rows of a feed the times at which they were taken in."""

# pyright: basic
# numba has no type stubs, and records have fields that no type checker sees.

from __future__ import annotations

from typing import Any

from quotewright.domain.events import LAST
from quotewright.domain.kernel import kernel


@kernel
def stamp_rows(rows: Any, home: Any, venue: Any, first: int) -> int:
    """Copy rows to `home` and `venue`, each update with a local time of its own, `first` and up; returns the latest.

    In `venue` the venue's time is the local one too.
    """
    now = first
    for i in range(len(rows)):
        home[i] = rows[i]
        home[i]["local_ts"] = now
        venue[i] = home[i]
        venue[i]["exch_ts"] = now
        if rows[i]["flags"] & LAST and i + 1 < len(rows):
            now += 1
    return now
