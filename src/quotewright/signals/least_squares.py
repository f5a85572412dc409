"""Linear regression with standard errors that stand heteroscedasticity and autocorrelation."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError

Floats = npt.NDArray[np.float64]

CONSTANT = 1e-12  # deviation over mean of a regressor that varies by rounding alone


class Regression(NamedTuple):
    """y = coefficients[0] + coefficients[1:]·x + noise."""

    coefficients: Floats
    errors: Floats
    covariance: Floats
    r_squared: float  # NaN if y does not vary
    number: int  # of observations


def regress(y: Floats, x: Floats, lags: int = 0) -> Regression:
    """Ordinary least squares of y (n) on a constant and the columns of x (n or n × p).

    Standard errors: White (1980) with the factor n/(n − p − 1) for `lags` 0; Newey & West (1987) with Bartlett
    weights 1 − l/(lags + 1) otherwise.
    """
    n = len(y)
    given = np.asarray(x, np.float64).reshape(n, -1)
    size = given.shape[1] + 1
    if n <= size:
        raise InputError("observations", n, f"give more than {size}")
    centre, scale = given.mean(axis=0), given.std(axis=0)
    design = np.column_stack(
        [np.ones(n), (given - centre) / np.where(scale > CONSTANT * np.abs(centre), scale, math.inf)]
    )
    gram = design.T @ design
    if np.linalg.matrix_rank(gram) < size:
        raise InputError("x", size - 1, "give regressors that vary and are not multiples of each other")
    inverse = np.asarray(np.linalg.inv(gram), np.float64)
    coefficients = inverse @ (design.T @ y)
    rest = y - design @ coefficients
    scores = design * rest[:, None]
    middle = scores.T @ scores
    for lag in range(1, lags + 1):
        weight = 1 - lag / (lags + 1)
        shifted = scores[lag:].T @ scores[:-lag]
        middle = middle + weight * (shifted + shifted.T)
    covariance = inverse @ middle @ inverse * (n / (n - size))
    back = np.diag(np.concatenate([[1.0], 1 / scale]))  # from standardised x, which lots of any unit need
    back[0, 1:] = -centre / scale
    coefficients, covariance = back @ coefficients, back @ covariance @ back.T
    spread = float(((y - y.mean()) ** 2).sum())
    r_squared = 1 - float(rest @ rest) / spread if spread > 0 else math.nan
    return Regression(coefficients, np.sqrt(np.diag(covariance)), covariance, r_squared, n)
