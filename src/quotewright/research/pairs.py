"""Pairs that hold together: cointegration tests, the speed at which a spread closes, and a signal judged after fees.

R. F. Engle & C. W. J. Granger (1987), "Co-integration and error correction", Econometrica 55(2); S. Johansen (1991),
Econometrica 59(6); critical values of the residual test: J. G. MacKinnon (2010), Queen's Economics working paper 1227.
The tests are statsmodels' (extra `research`); the regression, the half-life and the signal are ours.
"""

from __future__ import annotations

import importlib
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError, MissingExtraError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FEWEST = 50  # observations


class PairModel(NamedTuple):
    """y = intercept + slope·x + spread; the spread's standard deviation and half-life (in observations; inf: none)."""

    intercept: float
    slope: float
    deviation: float
    half_life: float

    def score(self, y: Floats, x: Floats) -> Floats:
        """The spread in standard deviations of the training stretch."""
        return (y - self.intercept - self.slope * x) / self.deviation


class EngleGranger(NamedTuple):
    """The pair's model, and the test of no cointegration: a small p says that the spread closes."""

    model: PairModel
    statistic: float
    p_value: float


class Johansen(NamedTuple):
    """Rank: how many cointegrating relations the trace test accepts at 5 %; vectors in columns, strongest first."""

    rank: int
    trace: Floats
    critical: Floats  # 5 %
    vectors: Floats


class PairTrades(NamedTuple):
    """Profit of holding the spread, in the unit of y (log prices: fractions): gross and net of `cost`, a change."""

    positions: Integers  # −1, 0, 1: held over the following observation
    gross: float
    net: float
    changes: int


def fit_pair(y: Floats, x: Floats) -> PairModel:
    """Least squares of y on x, and the half-life ln ½ / ln φ of the first-order autoregression of the residual."""
    _check(y, x)
    away = x - x.mean()
    slope = float(away @ (y - y.mean()) / (away @ away))
    intercept = float(y.mean() - slope * x.mean())
    spread = y - intercept - slope * x
    if spread.std() <= 1e-12 * y.std():
        raise InputError("y", "spread", "has no variance: one series is a multiple of the other")
    return PairModel(intercept, slope, float(spread.std(ddof=2)), half_life(spread))


def half_life(spread: Floats) -> float:
    """Observations in which half of a deviation has closed; infinite where it does not close.

    φ is estimated by least squares without intercept on the demeaned spread, and biased towards 0 by about 4/n
    (M. G. Kendall, 1954, Biometrika 41): half-lives beyond a tenth of the stretch mean little.
    """
    centred = spread - spread.mean()
    phi = float(centred[1:] @ centred[:-1] / (centred[:-1] @ centred[:-1]))
    if phi >= 1:
        return math.inf
    return math.log(0.5) / math.log(phi) if phi > 0 else 0.0


def engle_granger(y: Floats, x: Floats, *, trend: str = "c") -> EngleGranger:
    """Fit the pair and test its residual for a unit root, lags by AIC. Raises MissingExtraError without statsmodels."""
    model = fit_pair(y, x)
    statistic, p_value, _ = _statsmodels("tsa.stattools").coint(y, x, trend=trend, autolag="aic")
    return EngleGranger(model, float(statistic), float(p_value))


def johansen(series: Floats, *, lags: int = 1) -> Johansen:
    """The trace test on observations × series with a constant and `lags` lagged differences.

    Raises InputError for fewer than two series or too few observations, MissingExtraError without statsmodels.
    """
    if series.ndim != 2 or series.shape[1] < 2:
        raise InputError("series", series.shape, "must be observations × at least two series")
    _check(series[:, 0], series[:, 1])
    found = _statsmodels("tsa.vector_ar.vecm").coint_johansen(series, 0, lags)
    trace, critical = np.asarray(found.lr1, np.float64), np.asarray(found.cvt, np.float64)[:, 1]
    below = np.flatnonzero(trace < critical)
    return Johansen(int(below[0]) if len(below) else len(trace), trace, critical, np.asarray(found.evec, np.float64))


def pair_positions(score: Floats, *, enter: float = 2.0, leave: float = 0.5, stop: float = 4.0) -> Integers:
    """The position in the spread after each observation: against it beyond `enter`, flat again within `leave`.

    Beyond `stop` the pair has come apart: flat until it is back within `leave`. Each position uses the scores up to its
    own and none after. Raises InputError unless 0 ≤ leave < enter < stop.
    """
    if not 0 <= leave < enter < stop:
        raise InputError("enter", (leave, enter, stop), "must lie between leave and stop")
    positions = np.zeros(len(score), np.int64)
    held, stopped = 0, False
    for i, s in enumerate(score.tolist()):
        if abs(s) <= leave:
            held, stopped = 0, False
        elif abs(s) >= stop:
            held, stopped = 0, True
        elif held * s > 0:  # it has crossed over without a stop at the middle
            held = 0
        if held == 0 and not stopped and enter <= abs(s) < stop:
            held = -1 if s > 0 else 1
        positions[i] = held
    return positions


def trade_pair(model: PairModel, y: Floats, x: Floats, *, cost: float, **rules: float) -> PairTrades:
    """Hold the spread as `pair_positions` says; every change of one unit costs `cost` (all legs, unit of y).

    `model` must come from a stretch before this one. What is held at the end is closed and paid for.
    """
    positions = pair_positions(model.score(y, x), **rules)
    spread = y - model.slope * x
    gross = float((positions[:-1] * np.diff(spread)).sum())
    changes = int(np.abs(np.diff(np.concatenate([[0], positions[:-1], [0]]))).sum())
    return PairTrades(positions, gross, gross - changes * cost, changes)


def _statsmodels(module: str) -> Any:
    try:
        return importlib.import_module(f"statsmodels.{module}")
    except ImportError:
        raise MissingExtraError("tests of cointegration need: pip install 'quotewright[research]'") from None


def _check(y: Floats, x: Floats) -> None:
    if len(y) != len(x) or len(y) < FEWEST:
        raise InputError("y", (len(y), len(x)), f"and x must be of one length, at least {FEWEST} observations")
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise InputError("y", "values", "and x must be finite")
    if x.std() == 0:
        raise InputError("x", float(x[0]), "must vary")
