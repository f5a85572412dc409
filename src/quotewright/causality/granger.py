"""Whether the past of one series helps to predict another beyond that other's own past, in both directions.

C. W. J. Granger (1969), "Investigating causal relations by econometric models and cross-spectral methods",
Econometrica 37(3). Precedence, not cause: a common factor that reaches one series first looks the same, unless it is
among the series controlled for (`given`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.causality.inputs import Floats, column, library, table
from quotewright.causality.lags import lagged
from quotewright.domain.errors import InputError


class Precedence(NamedTuple):
    """One direction: an F statistic of `lags` and `freedom` degrees, and the share of residual variance that goes."""

    lags: int
    statistic: float
    freedom: int
    p_value: float
    gain: float


class GrangerTests(NamedTuple):
    """x before y, and y before x."""

    forward: Precedence
    backward: Precedence


def granger(
    x: npt.ArrayLike, y: npt.ArrayLike, *, given: npt.ArrayLike | None = None, most: int = 10, robust: bool = True
) -> GrangerTests:
    """Both directions between x [n] and y [n], with the past of `given` [n, k] in both equations.

    Lags 1 … `most` are judged by BIC of the whole equation on the same rows, for each direction (G. Schwarz, 1978). The
    test is Wald's with H. White's (1980) covariance and the factor n / (n − k), referred to F, since returns have
    changing variances; `robust` False is the classical F test. Series should be stationary: returns, not prices.
    Raises InputError for too few rows, a constant series, or one that is a sum of others.
    """
    a = column("x", x)
    b = column("y", y, length=len(a))
    z = np.empty((len(a), 0)) if given is None else table("given", given, length=len(a))
    if most < 1 or len(a) < 3 * most * (2 + z.shape[1]) + 20:
        raise InputError("most", most, f"give 1 or more; {len(a)} rows allow {(len(a) - 20) // (3 * (2 + z.shape[1]))}")
    for name, values in (("x", a), ("y", b)):
        if values.std() <= 1e-12 * np.abs(values).max():
            raise InputError(name, float(values[0]), "must vary")
    return GrangerTests(_direction(a, b, z, most, robust), _direction(b, a, z, most, robust))


def _direction(cause: Floats, effect: Floats, given: Floats, most: int, robust: bool) -> Precedence:
    everything = np.column_stack([cause, effect, given])
    target = effect[most:]

    def design(lags: int) -> Floats:
        # Column by column: the intercept, then the cause's lags, then the rest.
        past = lagged(everything, range(1, lags + 1), longest=most)
        series = everything.shape[1]
        by_series = [past[:, k::series] for k in range(series)]
        return np.column_stack([np.ones(len(target)), *by_series])

    def bic(lags: int) -> float:
        regressors = design(lags)
        left = target - regressors @ np.linalg.lstsq(regressors, target, rcond=None)[0]
        n = len(target)
        return n * math.log(float(left @ left) / n) + regressors.shape[1] * math.log(n)

    lags = min(range(1, most + 1), key=bic)
    return _wald(design(lags), target, lags, robust)


def _wald(design: Floats, target: Floats, lags: int, robust: bool) -> Precedence:
    n, k = design.shape
    if np.linalg.matrix_rank(design) < k:
        raise InputError("given", f"rank below {k}", "one series is a multiple or a sum of others: leave it out")
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ (design.T @ target)
    left = target - design @ coefficients
    freedom = n - k
    variance = float(left @ left) / freedom
    bread = design * left[:, None]
    covariance = inverse @ (bread.T @ bread) @ inverse * n / freedom if robust else variance * inverse
    tested = slice(1, lags + 1)
    statistic = float(coefficients[tested] @ np.linalg.solve(covariance[tested, tested], coefficients[tested])) / lags
    without = np.delete(design, np.arange(1, lags + 1), axis=1)
    left_without = target - without @ np.linalg.lstsq(without, target, rcond=None)[0]
    gain = 1 - float(left @ left) / float(left_without @ left_without)
    return Precedence(lags, statistic, freedom, float(library("scipy.stats").f.sf(statistic, lags, freedom)), gain)
