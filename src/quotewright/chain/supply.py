"""Miners as sellers: margin over cost, coins that must be sold for electricity, and signs of capitulation, as known.

Sales that electricity forces follow from A. S. Hayes (2017), Telematics and Informatics 34(7); the ribbon of two means
of the hash rate is C. Edwards' (2019, "Hash ribbons and bitcoin bottoms"); earnings against their year, D. Puell's
(2019, the Puell multiple). None of them is a proven forecast: they are candidates for a model to judge.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.chain.hardware import MACHINES, Machine, fleet_efficiency
from quotewright.chain.issuance import BLOCKS_A_DAY, subsidy_at
from quotewright.chain.production import USD_PER_KWH, breakeven_efficiency, hash_rate, production_cost
from quotewright.chain.series import DAY, Series, as_of, trailing_mean
from quotewright.domain.errors import InputError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


class Miners(NamedTuple):
    """The figures of each day, which begins at `time`, usable from `known` on (both ns); NaN: not known.

    `cost` is US dollars of electricity a bitcoin for the average fleet, `efficiency` that fleet's J/TH, `breakeven` the
    J/TH that earns just its electricity. `ratio` is price by cost. `sales` is bitcoins a day that must be sold to
    pay for electricity, at most all that are made, and `issued` those made (subsidy and fees at 144 blocks). `ribbon`
    is the 30-day by the 60-day mean of the hash rate, less 1 (below 0: miners leave), `puell` the day's new coins in
    US dollars by their mean over a year.
    """

    time: Integers
    known: Integers
    cost: Floats
    efficiency: Floats
    breakeven: Floats
    ratio: Floats
    sales: Floats
    issued: Floats
    ribbon: Floats
    puell: Floats

    @property
    def capitulation(self) -> Booleans:
        """Whether the short mean of the hash rate is below the long one."""
        return self.ribbon < 0

    @property
    def recovery(self) -> Booleans:
        """The rows on which a capitulation has just ended."""
        ended = self.capitulation[:-1] & (self.ribbon[1:] >= 0)
        return np.concatenate([[False], ended]) if len(self.ribbon) else self.capitulation


def miners(
    difficulty: Series,
    price: Series,
    *,
    fees: Series | None = None,
    rate: Series | None = None,
    usd_per_kwh: Series | float = USD_PER_KWH,
    machines: tuple[Machine, ...] = MACHINES,
    delay_ns: int = DAY,
    oldest_ns: int = 3 * DAY,
) -> Miners:
    """The miners' side of every day that `difficulty` has, from daily series of figures that begin on their day.

    `price` is US dollars; `fees` bitcoins a block (none: subsidy alone, so the cost is a little too high); both are
    taken as of the day, at most `oldest_ns` old. `rate` (TH/s, its own days) is smoothed for the ribbon; without it the
    difficulty stands in, which moves every two weeks only. `usd_per_kwh` is one price of electricity, or a series of
    them, each good for 366 days at most. A day's figures are known when it is over and the provider's `delay_ns` has
    passed. Raises InputError for no days, times that do not rise, or a negative delay.
    """
    time = difficulty.time
    if not len(time) or (np.diff(time) <= 0).any() or delay_ns < 0:
        raise InputError("difficulty, delay_ns", (len(time), delay_ns), "give rising days and a delay of 0 or more")
    paid = as_of(time, price, oldest_ns=oldest_ns)
    reward = subsidy_at(time) + (0.0 if fees is None else as_of(time, fees, oldest_ns=oldest_ns))
    paid[paid <= 0] = np.nan  # before there was a market
    energy = as_of(time, usd_per_kwh, oldest_ns=366 * DAY) if isinstance(usd_per_kwh, Series) else usd_per_kwh
    breakeven = breakeven_efficiency(paid, difficulty.value, reward, usd_per_kwh=energy)
    efficiency = fleet_efficiency(time, breakeven, machines=machines)
    cost = production_cost(difficulty.value, reward, efficiency, usd_per_kwh=energy)
    issued = BLOCKS_A_DAY * reward
    hashed = Series(time, hash_rate(difficulty.value)) if rate is None else rate
    new_usd = Series(time, BLOCKS_A_DAY * subsidy_at(time) * paid)
    return Miners(
        time,
        time + DAY + delay_ns,
        cost,
        efficiency,
        breakeven,
        paid / cost,
        issued * np.minimum(1.0, cost / paid),
        issued,
        as_of(time, Series(hashed.time, _ribbon(hashed)), oldest_ns=oldest_ns),
        new_usd.value / trailing_mean(new_usd, 365 * DAY),
    )


def _ribbon(rate: Series) -> Floats:
    return trailing_mean(rate, 30 * DAY) / trailing_mean(rate, 60 * DAY) - 1.0
