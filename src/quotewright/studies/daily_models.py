"""One model at one seed on a daily table: fitted on the training days, judged on the days after, fees on and off."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.models.catalogue import model_named
from quotewright.models.fitting import Fitted, Spans, fit
from quotewright.models.model import CLASSIFIER
from quotewright.studies.daily_table import DailyTable
from quotewright.validation.predictions import classification_figures, regression_figures
from quotewright.validation.trading import Performance, Trades, performance, trade

Floats = npt.NDArray[np.float64]

DAYS_A_YEAR = 365.0
PHASES = ("backtest", "forward")


class Costs(NamedTuple):
    """Of a change of position, in basis points of it: a taker's fee and the slippage of a market order."""

    fee_bp: float
    slippage_bp: float


FEES_ON = Costs(10.0, 2.0)
FEES_OFF = Costs(0.0, 0.0)


def fit_daily(table: DailyTable, model: str, seed: int, params: dict[str, Any] | None = None) -> Fitted:
    """The model fitted on the training days: a regressor to log returns, a classifier to whether they are above 0."""
    rows = table.train
    y = table.returns[rows]
    if model_named(model).kind == CLASSIFIER:
        y = (y > 0).astype(np.float64)
    spans = Spans(table.times[rows], table.ends[rows])
    return fit(model, table.X[rows], y, seed, params=params, features=table.features, spans=spans)


def positions_of(fitted: Fitted, score: Floats) -> Floats:
    """Long (1) where a rise is foretold, short (−1) where a fall is, nothing where neither."""
    return np.sign(score - 0.5) if fitted.kind == CLASSIFIER else np.sign(score)


def judge_daily(table: DailyTable, fitted: Fitted) -> dict[str, Any]:
    """Figures of each phase with fees, `without_fees` the same without, and the net returns by day.

    `mae` and `rmse` are of the log return for a regressor, of P(rise) against 0 or 1 for a classifier.
    """
    found: dict[str, Any] = {"without_fees": {}, "returns": {}}
    for phase in PHASES:
        rows = getattr(table, phase)
        score, returns = fitted.score(table.X[rows]), table.returns[rows]
        positions, moves = positions_of(fitted, score), np.expm1(returns)
        told = _predictive(fitted.kind, score, returns)
        for costs, into in ((FEES_ON, found), (FEES_OFF, found["without_fees"])):
            trades = trade(positions, moves, fee_bp=costs.fee_bp, slippage_bp=costs.slippage_bp)
            into[phase] = {**told, **_traded(trades)}
            if costs is FEES_ON:
                found["returns"][phase] = trades.net.tolist()
    return found


def buy_and_hold(table: DailyTable) -> dict[str, Any]:
    """The figures of being long throughout, the baseline of every model."""
    found: dict[str, Any] = {"without_fees": {}}
    for phase in PHASES:
        moves = np.expm1(table.returns[getattr(table, phase)])
        for costs, into in ((FEES_ON, found), (FEES_OFF, found["without_fees"])):
            into[phase] = _traded(trade(np.ones(len(moves)), moves, fee_bp=costs.fee_bp, slippage_bp=costs.slippage_bp))
    return found


def _predictive(kind: str, score: Floats, returns: Floats) -> dict[str, float | None]:
    rose = (returns > 0).astype(np.int64)
    if kind == CLASSIFIER:
        misses = score - rose
        told = classification_figures(rose, (score > 0.5).astype(np.int64), np.clip(score, 0.0, 1.0))
        return {
            "mae": float(np.abs(misses).mean()),
            "rmse": float(np.sqrt((misses**2).mean())),
            "accuracy": told.accuracy,
            "log_loss": told.log_loss,
            "calibration_error": told.ece,
        }
    told = regression_figures(returns, score)
    return {"mae": told.mae, "rmse": told.rmse, "accuracy": told.hit_rate, "log_loss": None, "calibration_error": None}


def _traded(trades: Trades) -> dict[str, float | None]:
    found: Performance = performance(trades, periods_per_year=DAYS_A_YEAR)
    return {
        "pnl_pct": found.pnl_pct,
        "sharpe": found.sharpe.value,
        "sharpe_low": found.sharpe_bootstrap.low,
        "sharpe_high": found.sharpe_bootstrap.high,
        "sharpe_period": found.sharpe_period,
        "sharpe_stderr": found.sharpe_stderr,
        "max_drawdown": found.max_drawdown,
        "var_95": found.var_95,
        "es_95": found.es_95,
        "turnover": found.turnover,
        "hit_rate": found.hit_rate,
    }
