"""The parameter sets of a sweep, and the moments at which staggered makers decide."""

from __future__ import annotations

from fixed_maker import INTERVAL
from ours import Maker

SPREADS = 8  # distances from the mid: 1 to 8 ticks


def parameter_sets(count: int) -> list[Maker]:
    """`count` makers: half spreads of 1 to 8 ticks × as many inventory bounds, in steps of 5 lots, as are needed."""
    return [
        {"lots": 1, "most_lots": 5 * (1 + number // SPREADS), "half_spread": 1 + number % SPREADS}
        for number in range(count)
    ]


def evenly(count: int) -> list[int]:
    """Delays of `count` timers that spread them over one interval, ns."""
    return [number * INTERVAL // count for number in range(count)]


def chosen(count: int) -> list[int]:
    """Eight of `count` sets: one from each eighth of them, and one of each half spread."""
    return [part * (count // SPREADS) + part for part in range(SPREADS)]
