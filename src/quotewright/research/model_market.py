"""The market of Avellaneda & Stoikov's section 3.3, to try quotes in the world they were derived for.

Not a model of a real market: the mid ignores the orders, and the orders ignore the mid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Quoting = Callable[[float, Integers], tuple[Floats, Floats]]  # (T − t, q of each path) -> depths of bid and ask


@dataclass(frozen=True, slots=True)
class ModelMarket:
    """Mid and order arrivals; the defaults are the paper's own."""

    mid: float = 100.0
    sigma: float = 2.0
    A: float = 140.0
    k: float = 1.5
    horizon: float = 1.0
    step: float = 0.005


class Outcome(NamedTuple):
    """Of every path: profit X + qS, and the inventory at the end."""

    profit: Floats
    inventory: Integers


def simulate_quotes(quoting: Quoting, paths: int, seed: int, market: ModelMarket | None = None) -> Outcome:
    """Quote on `paths` independent paths and mark the end at the mid.

    As in the paper, in each step a quote at depth δ is filled with probability A·e^{−kδ}·dt (taken literally, at
    most 1), then the mid moves up or down by σ√dt.
    """
    market = market or ModelMarket()
    random = np.random.default_rng(seed)
    mid = np.full(paths, market.mid)
    cash = np.zeros(paths)
    q = np.zeros(paths, dtype=np.int64)
    steps = round(market.horizon / market.step)
    jump = market.sigma * math.sqrt(market.step)
    for i in range(steps):
        bid_depth, ask_depth = quoting(market.horizon - i * market.step, q)
        bought = random.random(paths) < market.A * np.exp(-market.k * bid_depth) * market.step
        sold = random.random(paths) < market.A * np.exp(-market.k * ask_depth) * market.step
        cash += np.where(sold, mid + ask_depth, 0.0) - np.where(bought, mid - bid_depth, 0.0)
        q += bought.astype(np.int64) - sold.astype(np.int64)
        mid += np.where(random.random(paths) < 0.5, jump, -jump)
    return Outcome(cash + q * mid, q)
