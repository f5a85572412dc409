"""What mining hardware needs: joules a terahash of the machines on sale, and of the fleet that runs.

The fleet follows the idea of the Cambridge Bitcoin Electricity Consumption Index (Cambridge Centre for Alternative
Finance, "Methodology"): a basket of the models that earn more than their electricity, here equally weighted and at most
five years old. The models are ours, fewer than theirs: a leading machine of each generation, its rated efficiency as
its maker states it (power by hash rate), dated by the month it first shipped. Give your own table where it matters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

YEAR = 31_557_600_000_000_000  # ns
LONGEST_LIFE = 5 * YEAR


class Machine(NamedTuple):
    """A model, the month it first shipped, and its rated efficiency in joules a terahash."""

    name: str
    shipped: str
    joules_per_terahash: float


MACHINES = (
    Machine("Avalon 1", "2013-01", 9400.0),  # 66 GH/s at 620 W
    Machine("Antminer S1", "2013-11", 2000.0),  # 180 GH/s at 360 W
    Machine("Antminer S2", "2014-04", 1100.0),  # 1 TH/s at 1,100 W
    Machine("Antminer S3", "2014-07", 770.0),  # 441 GH/s at 340 W
    Machine("Antminer S5", "2014-12", 511.0),  # 1.155 TH/s at 590 W
    Machine("Antminer S7", "2015-09", 273.0),  # 4.73 TH/s at 1,293 W
    Machine("Antminer S9", "2016-06", 98.0),  # 13.5 TH/s at 1,323 W
    Machine("Antminer S15", "2018-11", 57.0),  # 28 TH/s at 1,596 W
    Machine("Antminer S17 Pro", "2019-04", 39.5),  # 53 TH/s at 2,094 W
    Machine("Antminer S19 Pro", "2020-05", 29.5),  # 110 TH/s at 3,250 W
    Machine("Antminer S19 XP", "2022-07", 21.5),  # 140 TH/s at 3,010 W
    Machine("Antminer S21", "2024-01", 17.5),  # 200 TH/s at 3,500 W
)


def fleet_efficiency(
    time: Integers,
    breakeven: Floats,
    *,
    machines: tuple[Machine, ...] = MACHINES,
    longest_life_ns: int = LONGEST_LIFE,
) -> Floats:
    """Joules a terahash of the fleet at each time (ns): the mean over machines on sale that need less than `breakeven`.

    `breakeven` (J/TH, by time) is `production.breakeven_efficiency`; where no machine is below it, or it is NaN, the
    best on sale stands for the fleet. NaN before the first machine and once the last is older than its life. Raises
    InputError for an empty table, or efficiencies that are not positive.
    """
    if not machines or min(each.joules_per_terahash for each in machines) <= 0:
        raise InputError("machines", machines, "give at least one, with a positive efficiency")
    shipped = np.array([each.shipped for each in machines], "datetime64[ns]").astype(np.int64)
    needs = np.array([each.joules_per_terahash for each in machines])
    age = np.asarray(time, np.int64)[:, None] - shipped
    sold = (age >= 0) & (age <= longest_life_ns)
    earning = sold & (needs < np.asarray(breakeven, np.float64)[:, None])
    count = earning.sum(axis=1)
    mean = (earning * needs).sum(axis=1) / np.maximum(count, 1)
    best = np.where(sold, needs, np.inf).min(axis=1)
    return np.where(count > 0, mean, np.where(np.isfinite(best), best, np.nan))
