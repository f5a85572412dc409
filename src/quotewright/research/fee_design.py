"""Fees as a market design: what spread, volume and revenue do when a venue splits its fee between makers and takers.

Measured on the synthetic exchange, with behaviour that is assumed and stated, not found:

- competing makers pass their fee on: each quotes further out by what it pays, or closer by its rebate;
- nobody else quotes inside them: public orders neither improve nor join the touch, and no maker penny-jumps;
- uninformed takers come at a rate that falls as e^{−cost / reserve} with what trading costs them in all, half the
  spread plus their fee; informed takers stay away within their fee of the value; trend followers do not come.

Then only the sum of the two fees matters to takers and volume until the spread is one tick, where a higher rebate can
no longer narrow it: J.-E. Colliard & T. Foucault (2012), "Trading fees and efficiency in limit order markets", Rev.
Financ. Stud. 25(11); T. Foucault, O. Kadan & E. Kandel (2013), "Liquidity cycles and make/take fees in electronic
markets", J. Finance 68(1). The venue's revenue has a maximum in the sum: with the exponential alone, at sum = reserve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.events import ASK, BID
from quotewright.simulation.presets import MarketParams, Preset
from quotewright.simulation.synthetic import SECOND, SyntheticMarket

SAMPLE = SECOND // 5
ROUNDS = 3  # of demand answering to cost and cost to demand
FEWEST_SEEDS = 2


class FeePoint(NamedTuple):
    """One fee schedule, in ticks of the price; means over seeds with their standard errors (`…_error`).

    `cost` is what taking costs in all (half the spread + taker fee, ticks), `volume` lots a second, `revenue`
    (maker + taker fee) × volume in ticks × lots a second.
    """

    maker: float
    taker: float
    spread: float
    spread_error: float
    cost: float
    volume: float
    volume_error: float
    revenue: float
    revenue_error: float


def fee_market(preset: Preset, maker: float, taker: float, demand: float) -> Preset:
    """The preset under fees of `maker` and `taker` ticks, with uninformed takers at `demand` times their rate.

    Raises InputError for a demand that is not positive, or a fee that is not finite.
    """
    if not (math.isfinite(maker) and math.isfinite(taker)):
        raise InputError("maker", (maker, taker), "and taker must be finite, in ticks")
    if not 0 < demand < math.inf:
        raise InputError("demand", demand, "must be positive")
    old = preset.params
    changed: dict[str, Any] = {
        "maker_half_spread": max(0.0, old.maker_half_spread + maker),
        "limit_improve": 0.0,
        "limit_join": 0.0,
        "jumpers": 0,
        "trend_rate": 0.0,
        "taker_rate": max(0.01, old.taker_rate * demand),
    }
    params = MarketParams(**{**old.model_dump(), **changed})
    instrument = replace(
        preset.instrument,
        maker_rate=f"{maker / preset.start_price:.8f}",
        taker_rate=f"{taker / preset.start_price:.8f}",
    )
    return preset.model_copy(update={"params": params, "instrument": instrument})


def fee_point(
    preset: Preset, maker: float, taker: float, *, reserve: float, seeds: Sequence[int], seconds: int = 60
) -> FeePoint:
    """Measure one schedule over `seeds`; cost and demand answer to each other for three rounds.

    `reserve` (ticks) is the cost that e-folds the uninformed flow. Raises InputError for fewer than two seeds, a
    reserve that is not positive, or a sum of fees below zero: a venue does not pay for trades.
    """
    if len(seeds) < FEWEST_SEEDS:
        raise InputError("seeds", list(seeds), "must be at least two, for an error")
    if not 0 < reserve < math.inf or seconds < 1:
        raise InputError("reserve", reserve, "must be positive, and the seconds at least one")
    if maker + taker < 0:
        raise InputError("taker", taker, "and maker must not sum to less than zero")
    runs: list[tuple[float, float]] = []
    for seed in seeds:
        spread, volume = 2 * max(0.5, preset.params.maker_half_spread + maker), 0.0
        for _ in range(ROUNDS):
            demand = math.exp(-(spread / 2 + taker) / reserve)
            spread, volume = _measure(fee_market(preset, maker, taker, demand), seed, seconds)
        runs.append((spread, volume))
    (spread, volume), (spread_error, volume_error) = (
        f.tolist() for f in (np.mean(runs, axis=0), np.std(runs, axis=0, ddof=1) / math.sqrt(len(runs)))
    )
    total = maker + taker
    return FeePoint(
        maker,
        taker,
        spread,
        spread_error,
        spread / 2 + taker,
        volume,
        volume_error,
        total * volume,
        total * volume_error,
    )


def best_sum(points: Sequence[FeePoint]) -> tuple[float, float]:
    """The sum of fees with the largest revenue and that revenue, from a parabola through the top and its neighbours."""
    if not points:
        raise InputError("points", points, "must be at least one")
    ordered = sorted(points, key=lambda p: p.maker + p.taker)
    x = np.array([p.maker + p.taker for p in ordered])
    y = np.array([p.revenue for p in ordered])
    top = int(np.argmax(y))
    if not 0 < top < len(x) - 1:
        return float(x[top]), float(y[top])
    a, b, c = np.polyfit(x[top - 1 : top + 2], y[top - 1 : top + 2], 2).tolist()
    return -b / (2 * a), c - b * b / (4 * a)


def _measure(preset: Preset, seed: int, seconds: int) -> tuple[float, float]:
    """Time average of the spread (ticks), and lots traded a second."""
    market = SyntheticMarket(preset, seed)
    start, lots = market.now, 0
    spreads: list[int] = []
    for step in range(seconds * SECOND // SAMPLE):
        while not market.run_until(start + (step + 1) * SAMPLE):
            market.take_events()
        market.take_events()
        lots += int(market.take_executions()["qty"].sum())
        bid, ask = market.engine.best(BID)[0], market.engine.best(ASK)[0]
        if bid and ask:
            spreads.append(ask - bid)
    return float(np.mean(spreads)) if spreads else math.nan, lots / seconds
