"""What positions would have earned after fees and slippage, and the figures by which they are judged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.validation.labels import Floats
from quotewright.validation.sharpe import (
    NO_INTERVAL,
    Interval,
    annual_factor,
    checked_returns,
    sharpe,
    sharpe_bootstrap,
)


class Trades(NamedTuple):
    """One row a period: returns before and after costs, costs and turnover, all as fractions of equity."""

    net: Floats
    gross: Floats
    costs: Floats
    turnover: Floats
    positions: Floats


def trade(
    positions: Floats,
    returns: Floats,
    *,
    fee_bp: float,
    slippage_bp: float,
    initial: float = 0.0,
    close: bool = True,
) -> Trades:
    """Hold `positions[i]` (fractions of equity, short below 0) over the period whose simple return is `returns[i]`.

    A position must have been decided before its period begins: with returns from row i to i + 1, from what row i knew.
    Every change costs |change|·(fee + slippage), in basis points, in the period that it opens, from the position
    `initial`; with `close` the last one is sold and paid for in its own period. Positions are held at their fraction
    without counting the trades that this takes while prices move. Raises InputError for arrays of different lengths, or
    values that are not finite.
    """
    checked_returns(returns)
    checked_returns(positions, "positions")
    if len(positions) != len(returns):
        raise InputError("positions", len(positions), f"give one for each of {len(returns)} returns")
    if not math.isfinite(initial):
        raise InputError("initial", initial, "must be finite")
    if not math.isfinite(fee_bp + slippage_bp) or slippage_bp < 0:  # a maker's rebate is a fee below 0
        raise InputError("fee_bp, slippage_bp", (fee_bp, slippage_bp), "give basis points; slippage 0 or more")
    turnover = np.abs(np.diff(positions, prepend=initial))
    if close and len(turnover):
        turnover[-1] += abs(positions[-1])
    gross = positions * returns
    costs = turnover * (fee_bp + slippage_bp) / 1e4
    return Trades(gross - costs, gross, costs, turnover, positions)


@dataclass(frozen=True)
class Performance:
    """Figures of net returns; None where there is too little to say.

    `sharpe` is annualised, with its interval for independent returns of any shape (Mertens 2002); `sharpe_bootstrap` is
    the same with bounds that allow for serial dependence; `sharpe_period` and `sharpe_stderr` are per period, as
    `deflated_sharpe` wants them. Drawdown, VaR and ES are losses as positive fractions of equity.
    """

    periods: int
    pnl_pct: float  # compounded
    sharpe: Interval
    sharpe_bootstrap: Interval
    sharpe_period: float | None
    sharpe_stderr: float | None
    skewness: float | None
    kurtosis: float | None
    max_drawdown: float
    var_95: float | None
    es_95: float | None
    var_99: float | None
    es_99: float | None
    turnover: float | None  # fractions of equity a year
    hit_rate: float | None  # share of periods in the market that ended above 0
    costs_pct: float | None  # summed, of equity


def performance(trades: Trades, *, periods_per_year: float, seed: int = 1, draws: int = 1_000) -> Performance:
    """The figures of `trade`'s result; `periods_per_year` is 365 for daily bars of a market that never closes."""
    net = trades.net
    checked_returns(net, "net")
    if not 0 < periods_per_year < math.inf:
        raise InputError("periods_per_year", periods_per_year, "must be above 0")
    found = sharpe(net)
    factor = annual_factor(net, periods_per_year) or 1.0
    var_95, es_95 = tail_loss(net, 0.95)
    var_99, es_99 = tail_loss(net, 0.99)
    path = equity(net)
    return Performance(
        periods=len(net),
        pnl_pct=float(path[-1] - 1) * 100,
        sharpe=found.interval().times(factor) if found else NO_INTERVAL,
        sharpe_bootstrap=sharpe_bootstrap(net, seed=seed, draws=draws).times(factor),
        sharpe_period=found.value if found else None,
        sharpe_stderr=found.stderr if found else None,
        skewness=found.skewness if found else None,
        kurtosis=found.kurtosis if found else None,
        max_drawdown=max_drawdown(path),
        var_95=var_95,
        es_95=es_95,
        var_99=var_99,
        es_99=es_99,
        turnover=float(trades.turnover.mean()) * periods_per_year if len(net) else None,
        hit_rate=_hit_rate(trades),
        costs_pct=float(trades.costs.sum()) * 100 if len(net) else None,
    )


def equity(net: Floats) -> Floats:
    """[n + 1] compounded equity from 1; once it is gone (a return of −1 or less) it stays at 0."""
    growth = np.maximum(1 + net, 0.0)
    return np.concatenate([[1.0], np.cumprod(growth)])


def max_drawdown(path: Floats) -> float:
    """Largest fall from a peak, as a fraction of the peak, 0 to 1; `path` is equity above 0 at its start."""
    if len(path) == 0 or not path[0] > 0:
        raise InputError("path", path[:1].tolist(), "must begin above 0")
    return float((1 - path / np.maximum.accumulate(path)).max())


def tail_loss(returns: Floats, level: float) -> tuple[float | None, float | None]:
    """(VaR, expected shortfall) of one period at `level`, historical, as positive losses (negative: a gain).

    VaR is the loss at the lower (1 − level)-quantile; the shortfall averages the worst share 1 − level, the observation
    on the edge weighed by its part in it (C. Acerbi & D. Tasche 2002, J. Banking & Finance 26, definition 2.6). None
    for both if the share holds less than one observation.
    """
    checked_returns(returns)
    if not 0 < level < 1:
        raise InputError("level", level, "must be between 0 and 1")
    share = len(returns) * (1 - level)
    if share < 1 - 1e-9:
        return None, None
    worst = np.sort(returns)
    whole = math.floor(share + 1e-9)
    part = max(share - whole, 0.0)
    edge = worst[min(whole, len(worst) - 1)]
    value_at_risk = -float(worst[math.ceil(share - 1e-9) - 1])
    return value_at_risk, -float((worst[:whole].sum() + part * edge) / share)


def _hit_rate(trades: Trades) -> float | None:
    held = trades.positions != 0
    return float((trades.net[held] > 0).mean()) if held.any() else None
