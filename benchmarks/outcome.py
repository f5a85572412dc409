"""Where a pass ended, in ticks and lots, so that the sides can be held against each other."""

from __future__ import annotations

from typing import NamedTuple


class Outcome(NamedTuple):
    """Last best prices known locally, and what the maker did."""

    bid: int
    ask: int
    fills: int = 0
    position: int = 0  # lots
    orders: int = 0  # sent
