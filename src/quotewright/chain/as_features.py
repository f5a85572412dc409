"""Flows and miners as named series for as-of joins: each value with the end of its day and when it was known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quotewright.chain.flows import Known
from quotewright.chain.series import DAY
from quotewright.chain.supply import Miners
from quotewright.chain.transactions import SATOSHI
from quotewright.datasets.as_of import Series

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MINER_NAMES = ("cost", "ratio", "sales", "ribbon", "puell")


def flow_series(found: Known, name: str) -> tuple[Series, ...]:
    """`name`_inflow, `name`_outflow and `name`_netflow in bitcoin a day, from `flows.publish`."""
    flows = found.flows
    columns = {"inflow": flows.inflow, "outflow": flows.outflow, "netflow": flows.netflow}
    return tuple(_daily(f"{name}_{key}", found.time, found.known, value / SATOSHI) for key, value in columns.items())


def miner_series(found: Miners) -> tuple[Series, ...]:
    """`miner_` and each of `MINER_NAMES`, in the units of `supply.Miners`; days without a value are left out."""
    return tuple(_daily(f"miner_{key}", found.time, found.known, getattr(found, key)) for key in MINER_NAMES)


def _daily(name: str, day: Integers, known: Integers, value: Floats) -> Series:
    told = np.isfinite(value)
    return Series(name, (day + DAY)[told], known[told], value[told])
