"""How likely an order is filled within a horizon: Kaplan–Meier curves, and a proportional hazards model.

An order that was cancelled, or not yet filled when the recording ended, is censored: it says that the fill came later.
That is only true where cancelling had nothing to do with the chance of a fill; orders followed by `fates` are such.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.signals.newton import Evaluation, covariance_of, maximise

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

Z95 = 1.959963984540054


class Curve(NamedTuple):
    """The probability of not being filled yet, as it steps down at the times of fills."""

    seconds: Floats
    survival: Floats  # after each time
    error: Floats  # Greenwood's
    low: Floats  # 95 %
    high: Floats
    at_risk: npt.NDArray[np.int64]  # orders that were still there just before
    followed: float  # the longest time any order was followed

    def filled_by(self, horizon: float) -> tuple[float, float, float]:
        """Probability of a fill within `horizon` seconds, its 95 % interval; NaN if nobody was followed so long."""
        if horizon > self.followed:
            return math.nan, math.nan, math.nan
        at = int(np.searchsorted(self.seconds, horizon, "right")) - 1
        if at < 0:
            return 0.0, 0.0, 0.0
        return 1 - float(self.survival[at]), 1 - float(self.high[at]), 1 - float(self.low[at])


class Hazard(NamedTuple):
    """Fills come at the rate h_k·e^{θ·x}, h_k constant between cuts."""

    cuts: Floats  # s, the first 0; the last piece goes on
    log_baseline: Floats  # ln h_k, 1/s
    theta: Floats
    errors: Floats  # of θ
    covariance: Floats  # of ln h_k, θ
    log_likelihood: float
    converged: bool

    def filled_by(self, horizon: float, x: Floats) -> tuple[float, float]:
        """Probability of a fill within `horizon` seconds at covariates x, and its standard error (delta method)."""
        lengths = np.clip(horizon - self.cuts, 0.0, np.append(np.diff(self.cuts), math.inf))
        parts = np.exp(self.log_baseline + float(self.theta @ x)) * lengths
        total = float(parts.sum())
        slope = math.exp(-total) * np.concatenate([parts, total * np.asarray(x, np.float64)])
        return -math.expm1(-total), math.sqrt(float(slope @ self.covariance @ slope))


def kaplan_meier(seconds: Floats, filled: Booleans) -> Curve:
    """The product-limit estimate from times to fill or censoring.

    Kaplan & Meier (1958), section 2; Greenwood's (1926) variance S²Σd/n(n−d); intervals on the scale ln(−ln S), which
    keeps them in [0, 1] (Kalbfleisch & Prentice 2002, section 1.4). Orders censored at a time are at risk then.
    """
    times, events = np.asarray(seconds, np.float64), np.asarray(filled, np.bool_)
    if not len(times) or len(times) != len(events) or not (times >= 0).all():
        raise InputError("seconds", len(times), "give a time of 0 or more for each order, at least one")
    at, place = np.unique(times[events], return_inverse=True)
    fills = np.bincount(place, minlength=len(at)).astype(np.float64)
    at_risk = len(times) - np.searchsorted(np.sort(times), at, "left")
    survival = np.cumprod(1 - fills / at_risk, dtype=np.float64)
    rest = at_risk - fills
    terms = np.divide(fills, at_risk * rest, out=np.full(len(at), math.nan), where=rest > 0)
    variance = np.cumsum(terms)
    error = np.where(survival > 0, survival * np.sqrt(variance), 0.0)
    inside = (survival > 0) & (survival < 1)
    log_survival = np.log(survival, out=np.full(len(at), -1.0), where=inside)
    spread = np.exp(Z95 * np.sqrt(np.where(inside, variance, 0.0)) / np.abs(log_survival))
    low = np.where(inside, np.exp(log_survival * spread), survival)
    high = np.where(inside, np.exp(log_survival / spread), survival)
    return Curve(at, survival, error, low, high, at_risk.astype(np.int64), float(times.max()))


def fit_hazard(seconds: Floats, filled: Booleans, x: Floats, cuts: Floats, clusters: Any = None) -> Hazard:
    """Maximum likelihood of ln h_k and θ; standard errors from the observed information.

    `x` is orders × covariates (lots ahead, distance, imbalance, best in units near one), `cuts` ascending from 0 in
    seconds, with fills in every piece. Piecewise exponential proportional hazards (Friedman 1982, section 2): with
    exposures t_ik the likelihood is that of Poisson counts, Σ d_i(ln h_k(i) + θ·x_i) − Σ t_ik h_k e^{θ·x_i}.
    Where orders overlap in time, `clusters` numbers those that share their luck (blocks of time): errors are then
    from the sandwich of their scores (Lin & Wei 1989).
    """
    times, events = np.asarray(seconds, np.float64), np.asarray(filled, np.bool_)
    given = np.asarray(x, np.float64).reshape(len(times), -1)
    starts = np.asarray(cuts, np.float64)
    if len(starts) == 0 or starts[0] != 0 or (np.diff(starts) <= 0).any():
        raise InputError("cuts", starts.tolist(), "give ascending seconds, the first 0")
    pieces, width = len(starts), given.shape[1]
    lengths = np.append(np.diff(starts), math.inf)
    exposure = np.clip(times[:, None] - starts, 0.0, lengths)
    piece = np.maximum(np.searchsorted(starts, times, "left") - 1, 0)
    fills = np.bincount(piece[events], minlength=pieces).astype(np.float64)
    if (fills < 1).any():
        raise InputError("cuts", fills.tolist(), "choose pieces that each see fills")
    sums = given[events].sum(axis=0)

    def evaluate(at: Floats) -> Evaluation:
        base, theta = at[:pieces], at[pieces:]
        expected = exposure * np.exp(base + (given @ theta)[:, None])
        by_piece, by_order = expected.sum(axis=0), expected.sum(axis=1)
        value = float(fills @ base + sums @ theta - by_order.sum())
        hessian = np.zeros((pieces + width, pieces + width))
        hessian[:pieces, :pieces] = -np.diag(by_piece)
        hessian[:pieces, pieces:] = -expected.T @ given
        hessian[pieces:, :pieces] = hessian[:pieces, pieces:].T
        hessian[pieces:, pieces:] = -(given * by_order[:, None]).T @ given
        return value, np.concatenate([fills - by_piece, sums - by_order @ given]), hessian

    start = np.concatenate([np.log(fills / exposure.sum(axis=0)), np.zeros(width)])
    top = maximise(evaluate, start)
    covariance = covariance_of(-top.hessian)
    if clusters is not None:
        scores = -exposure * np.exp(top.point[:pieces] + (given @ top.point[pieces:])[:, None])
        scores[events, piece[events]] += 1
        luck = np.column_stack([scores, given * scores.sum(axis=1)[:, None]])
        _, member = np.unique(np.asarray(clusters, np.int64), return_inverse=True)
        together = np.zeros((int(member.max()) + 1, pieces + width))
        np.add.at(together, member, luck)
        covariance = covariance @ (together.T @ together) @ covariance
    return Hazard(
        starts,
        top.point[:pieces],
        top.point[pieces:],
        np.sqrt(np.diag(covariance))[pieces:],
        covariance,
        top.value,
        top.converged,
    )


def fill_table(
    seconds: Floats, filled: Booleans, groups: Any, horizons: tuple[float, ...]
) -> dict[int, list[tuple[float, float, float]]]:
    """Kaplan–Meier probabilities of a fill by group (of queue position, distance or imbalance) and horizon."""
    members = np.asarray(groups, np.int64)
    curves = {int(g): kaplan_meier(seconds[members == g], filled[members == g]) for g in np.unique(members)}
    return {g: [curve.filled_by(h) for h in horizons] for g, curve in curves.items()}
