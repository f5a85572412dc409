"""State of the synthetic market, and its random numbers.

Randomness comes from uniform draws on [0, 1) of numpy's PCG64, one stream for each purpose, handed to the
kernels as the rows of `draws`; `used` counts what each stream has consumed. So one seed gives the same
market compiled or interpreted,
in chunks of any size, and an added participant leaves the latent value's path as it was.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quotewright.domain.events import LAST
from quotewright.domain.kernel import kernel, subkernel
from quotewright.simulation.presets import MOST_LAYERS

VALUE_STREAM = 0
FLOW_STREAM = 1
MAKER_STREAM = 2
STREAMS = 3
MOST_DRAWS = 16  # more than one action takes from any stream

# Owners of orders; makers are FIRST_MAKER + their number, participants from outside start at PARTICIPANT.
NOISE = 0
FIRST_MAKER = 1
INFORMED = 100
TREND = 101
PARTICIPANT = 1000

VALUE_STEP = 10_000_000  # ns between steps of the latent value
HISTORY = 256  # steps remembered, more than the longest delay

MARKET = np.dtype(
    [
        ("now", "i8"),
        ("next_value", "i8"),
        ("next_flow", "i8"),
        ("steps", "i8"),  # of the latent value so far
        ("pool", "i8"),  # ids in the pool of uninformed orders, some of them gone
        ("seen", "i8"),  # executions absorbed
        ("last_taker", "i8"),
        ("value", "f8"),  # latent value, ticks
        ("log_volatility", "f8"),  # deviation from its mean
        ("sigma", "f8"),  # volatility of the value now, ticks/√s
        ("bound", "f8"),  # upper bound of the total rate until next_flow, 1/s
        ("excited_at", "i8"),  # when the excitations were brought up to date
        ("excited_buys", "f8"),  # 1/s
        ("excited_sells", "f8"),
        ("signed_volume", "f8"),  # decaying sum, lots
        ("mid", "f8"),  # ticks; the last one known while a side is empty
        ("fast", "f8"),  # averages of the mid
        ("slow", "f8"),
    ],
    align=True,
)
MAKER = np.dtype(
    [
        ("owner", "i8"),
        ("wake", "i8"),
        ("inventory", "i8"),  # lots
        ("delay_steps", "i8"),
        ("jumper", "i8"),
        ("half_spread", "f8"),
        ("error", "f8"),
        ("bid_ids", "i8", (MOST_LAYERS,)),
        ("ask_ids", "i8", (MOST_LAYERS,)),
    ],
    align=True,
)


@subkernel
def uniform(used: Any, draws: Any, stream: int) -> float:
    """The stream's next draw on [0, 1)."""
    value = draws[stream, used[stream]]
    used[stream] += 1
    return value


@kernel
def exponential(used: Any, draws: Any, stream: int) -> float:
    """A draw from Exp(1), by inversion."""
    return -math.log(1.0 - uniform(used, draws, stream))


@kernel
def normal(used: Any, draws: Any, stream: int) -> float:
    """A standard normal draw from two uniforms (Box & Muller 1958)."""
    radius = math.sqrt(2.0 * exponential(used, draws, stream))
    return radius * math.cos(2.0 * math.pi * uniform(used, draws, stream))


@kernel
def lognormal_qty(used: Any, draws: Any, stream: int, median: float, spread: float) -> int:
    """A quantity of at least one lot, lognormal, at most a thousand medians."""
    size = median * math.exp(spread * normal(used, draws, stream))
    return max(1, round(min(size, 1000.0 * median)))


@kernel
def stamp_local(events: Any, count: int, before: int, delay: float, spread: float, used: Any, draws: Any) -> int:
    """Receive times of `count` rows: one lognormal delay (median `delay` ns) an update, never overtaking.

    Takes two draws an update from row 0 of `draws`. Returns the last receive time,
    to be given as `before` for the rows that follow.
    """
    fresh = True
    arrival = before
    for i in range(count):
        row = events[i]
        if fresh:
            late = delay * math.exp(spread * normal(used, draws, 0))
            arrival = max(arrival, row.exch_ts + int(late))
        row.local_ts = arrival
        fresh = row["flags"] & LAST == LAST  # on a recarray's item, `.flags` is numpy's own attribute
    return arrival
