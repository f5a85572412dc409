"""From scores to probabilities, fitted on rows that the model has not seen; and how far probabilities are off.

Sigmoid: J. Platt (1999), "Probabilistic outputs for support vector machines", with his smoothed targets, solved by
Newton's method as in H.-T. Lin, C.-J. Lin & R. C. Weng (2007), Machine Learning 68. Isotonic: B. Zadrozny & C. Elkan
(2002), KDD. More than two labels: one against the rest, then each row scaled to 1 (the same, section 5).
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError, MissingExtraError

Floats = npt.NDArray[np.float64]

FEWEST = 10  # held-out rows
_STEPS = 100


class Sigmoid(NamedTuple):
    """1/(1 + e^(slope·score + shift)): the slope is negative where larger scores are likelier."""

    slope: float
    shift: float

    def __call__(self, scores: Floats) -> Floats:
        """Probabilities of scores."""
        return _logistic(-(self.slope * scores + self.shift))


class Isotonic(NamedTuple):
    """The line through (places, heights), flat beyond its ends."""

    places: Floats
    heights: Floats

    def __call__(self, scores: Floats) -> Floats:
        """Probabilities of scores."""
        return np.interp(scores, self.places, self.heights)


class Calibrator(NamedTuple):
    """One curve for two labels (of the larger), else one a label."""

    curves: tuple[Sigmoid | Isotonic, ...]

    def probabilities(self, scores: Floats) -> Floats:
        """Rows × labels from rows × scores, each row summing to 1."""
        if len(self.curves) == 1:
            larger = self.curves[0](scores[:, 0])
            return np.stack([1 - larger, larger], axis=1)
        found = np.stack([curve(scores[:, k]) for k, curve in enumerate(self.curves)], axis=1)
        total = found.sum(axis=1, keepdims=True)
        return np.where(total > 0, found / np.where(total > 0, total, 1), 1 / len(self.curves))


def fit_calibrator(
    scores: Floats, labels: Floats, method: str, number: int, weights: Floats | None = None
) -> Calibrator:
    """Curves for rows × scores (one column for two labels) and labels 0 … number − 1, on held-out rows in time order.

    Raises InputError for too few rows, or a label that none of them has.
    """
    if len(labels) < FEWEST or len(np.unique(labels)) < number:
        raise InputError("y", len(labels), f"the held-out rows must be at least {FEWEST} and have every label")
    given = np.ones(len(labels)) if weights is None else weights
    wanted = [1] if number == 2 else range(number)
    fit = {"sigmoid": fit_sigmoid, "isotonic": fit_isotonic}[method]
    return Calibrator(tuple(fit(scores[:, k], labels == label, given) for k, label in enumerate(wanted)))


def fit_sigmoid(scores: Floats, positive: npt.NDArray[np.bool_], weights: Floats) -> Sigmoid:
    """Platt's sigmoid by Newton's method with halved steps: the log likelihood is concave in slope and shift."""
    many, few = float(weights[positive].sum()), float(weights[~positive].sum())
    targets = np.where(positive, (many + 1) / (many + 2), 1 / (few + 2))
    spread = float(scores.std()) or 1.0
    z = np.stack([(scores - scores.mean()) / spread, np.ones(len(scores))], axis=1)
    at = np.array([0.0, np.log((many + 1) / (few + 1))])
    loss = _loss(z @ at, targets, weights)
    for _ in range(_STEPS):
        p = _logistic(z @ at)
        slope = z.T @ (weights * (p - targets))
        curve = (z * (weights * p * (1 - p))[:, None]).T @ z + 1e-12 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        if np.abs(step).max() < 1e-10:
            break
        size = 1.0
        while (new := _loss(z @ (at - size * step), targets, weights)) > loss and size > 1e-8:
            size /= 2
        at, loss = at - size * step, new
    return Sigmoid(float(-at[0] / spread), float(at[0] * scores.mean() / spread - at[1]))


def fit_isotonic(scores: Floats, positive: npt.NDArray[np.bool_], weights: Floats) -> Isotonic:
    """Isotonic regression of being positive on the score."""
    try:
        isotonic: Any = importlib.import_module("sklearn.isotonic")
    except ImportError:
        raise MissingExtraError("calibration needs: pip install 'quotewright[research]'") from None
    found = isotonic.IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    found.fit(scores, positive.astype(np.float64), sample_weight=weights)
    return Isotonic(np.asarray(found.X_thresholds_, np.float64), np.asarray(found.y_thresholds_, np.float64))


def brier(probabilities: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """Mean squared distance of probability and outcome, 0 (best) to 1. G. W. Brier (1950), Mon. Weather Rev. 78."""
    _check(probabilities, positive)
    return float(np.mean((probabilities - positive) ** 2))


def calibration_error(probabilities: Floats, positive: npt.NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error: Σ share · |mean outcome − mean probability| over equal bins of [0, 1].

    M. P. Naeini, G. F. Cooper & M. Hauskrecht (2015), AAAI, section "Calibration measures". Biased upwards with few
    rows a bin.
    """
    _check(probabilities, positive)
    if bins < 1:
        raise InputError("bins", bins, "give at least 1")
    place = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    apart = np.bincount(place, positive - probabilities, minlength=bins)
    return float(np.abs(apart).sum() / len(probabilities))


def _check(probabilities: Floats, positive: npt.NDArray[np.bool_]) -> None:
    if len(probabilities) != len(positive) or len(positive) == 0:
        raise InputError("probabilities", len(probabilities), f"give one for each of {len(positive)} outcomes")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise InputError("probabilities", "values", "must lie in 0 to 1")


def _logistic(raw: Floats) -> Floats:
    grown = np.exp(-np.abs(raw))
    return np.where(raw >= 0, 1.0, grown) / (1.0 + grown)


def _loss(raw: Floats, targets: Floats, weights: Floats) -> float:
    return float(weights @ (np.logaddexp(0, raw) - targets * raw))
