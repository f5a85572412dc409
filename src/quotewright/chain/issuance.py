"""New coins: the subsidy by height, how many there are by then, and when it halved.

S. Nakamoto (2008), section 6; the schedule is Bitcoin Core's GetBlockSubsidy: 50 bitcoins, halved every 210,000 blocks
by a shift, so that fractions of a satoshi are lost.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Integers = npt.NDArray[np.int64]

FIRST_SUBSIDY = 5_000_000_000  # satoshi
HALVING = 210_000  # blocks
BLOCKS_A_DAY = 144

# Header times of the blocks 210,000, 420,000, 630,000 and 840,000, UTC: dates of the chain itself.
HALVING_TIMES = (
    np.array(
        ["2012-11-28T15:24:38", "2016-07-09T16:46:13", "2020-05-11T19:23:43", "2024-04-20T00:09:27"], "datetime64[ns]"
    )
    .astype(np.int64)
)  # fmt: skip


def subsidy(height: int) -> int:
    """Satoshi that the block at a height may make. Raises InputError below 0."""
    if height < 0:
        raise InputError("height", height, "must not be negative")
    halvings = height // HALVING
    return FIRST_SUBSIDY >> halvings if halvings < 64 else 0


def issued(height: int) -> int:
    """Satoshi made by the blocks 0 to `height` together, had each made all that it might."""
    whole, rest = divmod(height + 1, HALVING)
    full = sum(FIRST_SUBSIDY >> k for k in range(min(whole, 64)))
    return full * HALVING + rest * subsidy(height) if height >= 0 else 0


def subsidy_at(time: Integers) -> npt.NDArray[np.float64]:
    """Bitcoins a block at times (ns): by the recorded times of the halvings so far, the last of them in April 2024.

    Raises InputError for times from 2028 on: the fifth halving, expected in the spring of that year, is not recorded.
    """
    times = np.asarray(time, np.int64)
    limit = np.datetime64("2028-01-01", "ns").astype(np.int64)
    if len(times) and times.max() >= limit:
        raise InputError("time", int(times.max()), "is past 2027: add the time of the fifth halving")
    return np.ldexp(50.0, -np.searchsorted(HALVING_TIMES, times, side="right"))
