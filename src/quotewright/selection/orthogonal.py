"""Features without what named factors already say, and features without each other: fitted on training rows only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.selection.inputs import Floats, matrix, named, training_rows, varying

SMALLEST = 1e-10  # share of the largest eigenvalue or singular value; what is below is rounding


class FactorResiduals(NamedTuple):
    """X less its least-squares fit on factors: `intercepts` [f] and `slopes` [factors, f] of the training rows."""

    intercepts: Floats
    slopes: Floats

    def apply(self, X: npt.ArrayLike, factors: npt.ArrayLike) -> Floats:
        """Residuals [n, f] of any rows. Raises InputError for another number of columns."""
        x = matrix("X", X)
        by = matrix("factors", factors, length=len(x))
        if x.shape[1] != self.slopes.shape[1] or by.shape[1] != len(self.slopes):
            raise InputError("X, factors", (x.shape, by.shape), f"were fitted as {self.slopes.shape[::-1]} columns")
        return x - self.intercepts - by @ self.slopes


def fit_residuals(X: npt.ArrayLike, factors: npt.ArrayLike, train: npt.ArrayLike) -> FactorResiduals:
    """Least squares with a constant of each column of X [n, f] on factors [n, k], by the rows of `train` alone.

    R. Frisch & F. V. Waugh (1933), Econometrica 1(4): on those rows the residuals are uncorrelated with each factor.
    Factors that are combinations of others are taken at their least norm, so that duplicates do no harm. Raises
    InputError for values that are not finite, or no more training rows than factors.
    """
    x = matrix("X", X)
    by = matrix("factors", factors, length=len(x))
    rows = training_rows(train, len(x), fewest=by.shape[1] + 2)
    middle, level = by[rows].mean(axis=0), x[rows].mean(axis=0)
    away = by[rows] - middle
    scale = away.std(axis=0)
    scale[scale == 0] = 1.0
    linear: Any = np.linalg
    inverse: Floats = linear.pinv(away / scale, rcond=SMALLEST)
    slopes = inverse @ (x[rows] - level) / scale[:, None]
    return FactorResiduals(level - middle @ slopes, slopes)


def orthogonalised(
    X: npt.ArrayLike, names: Sequence[str], factors: Sequence[str], train: npt.ArrayLike
) -> tuple[Floats, tuple[str, ...]]:
    """Columns of X [n, f] that are not `factors`, less what those say, and their names.

    Raises InputError for factors that are not among `names`, or all of them.
    """
    x = matrix("X", X)
    known = named(names, x.shape[1])
    unknown = [name for name in factors if name not in known]
    rest = tuple(name for name in known if name not in factors)
    if unknown or not factors or not rest:
        raise InputError("factors", unknown or tuple(factors), f"give some, not all, of {', '.join(known)}")
    by = x[:, [known.index(name) for name in factors]]
    left = x[:, [known.index(name) for name in rest]]
    return fit_residuals(left, by, train).apply(left, by), rest


class Whitening(NamedTuple):
    """(X − means) @ weights: uncorrelated columns of unit variance over the training rows.

    `shares` [k] is the share of the standardised variance that each kept component holds, largest first.
    """

    means: Floats
    weights: Floats
    shares: Floats

    def apply(self, X: npt.ArrayLike) -> Floats:
        """Whitened rows. Raises InputError for another number of columns."""
        x = matrix("X", X)
        if x.shape[1] != len(self.means):
            raise InputError("X", x.shape, f"was fitted on {len(self.means)} columns")
        return (x - self.means) @ self.weights


def fit_whitening(X: npt.ArrayLike, train: npt.ArrayLike, *, keep: float = 1.0, named_axes: bool = False) -> Whitening:
    """Whiten by the correlations of the training rows of X [n, f].

    By default the principal components (H. Hotelling 1933), largest first, as many as hold `keep` of the variance
    (0 to 1], each signed so that its largest loading is positive. With `named_axes` they are turned back, so that
    column k is the one nearest to feature k (ZCA-cor: A. Kessy, A. Lewin & K. Strimmer 2018, The American Statistician
    72(4), sec. 3), and whole only where no column is a combination of others. Raises InputError for a column that does
    not vary over the training rows.
    """
    x = matrix("X", X)
    rows = x[training_rows(train, len(x), fewest=3)]
    if not 0 < keep <= 1:
        raise InputError("keep", keep, "give a share of the variance above 0, at most 1")
    for k in range(x.shape[1]):
        varying(f"X[:, {k}]", rows[:, k])
    means, scales = rows.mean(axis=0), rows.std(axis=0, ddof=1)
    z = (rows - means) / scales
    values, vectors = np.linalg.eigh(z.T @ z / (len(rows) - 1))
    values, vectors = values[::-1], vectors[:, ::-1]
    count = int((values > SMALLEST * values[0]).sum())
    shares = values / values.sum()
    count = min(count, int(np.searchsorted(np.cumsum(shares), keep - 1e-12)) + 1)
    vectors = vectors[:, :count]
    largest = np.argmax(np.abs(vectors), axis=0)
    vectors = vectors * np.sign(vectors[largest, np.arange(count)])
    turned = vectors / np.sqrt(values[:count])
    weights = turned @ vectors.T if named_axes else turned
    return Whitening(means, weights / scales[:, None], shares[:count])
