"""How good predictions are, before anything is traded on them.

Calibration: C. Guo, G. Pleiss, Y. Sun & K. Q. Weinberger (2017), "On calibration of modern neural networks", ICML, eq.
5; Brier score: G. W. Brier (1950), Monthly Weather Review 78.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.validation.labels import Floats, Integers

CLIP = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class RegressionFigures:
    """Of n predictions in the unit of the target.

    `skill` is 1 − MSE/MSE of always saying 0 (no move); None if nothing moves. `hit_rate` is the share of right signs
    where both target and prediction are not 0; None where there are none.
    """

    n: int
    mae: float
    rmse: float
    skill: float | None
    correlation: float | None
    hit_rate: float | None


class Bin(NamedTuple):
    """Predictions of [low, high): how many, what they said on average, and how often it came true."""

    low: float
    high: float
    n: int
    said: float
    came: float


@dataclass(frozen=True)
class ClassificationFigures:
    """Of n predicted classes, and of their probabilities where there are any (else None).

    `balanced_accuracy` is the mean recall of the classes that occur; `log_loss` in nats, probabilities clipped at 2⁻⁵²;
    `brier` sums squares over classes, 0 to 2, or is (p − y)² of the second of two, 0 to 1. `ece`, the expected
    calibration error, is the mean |said − came true| over the bins of `reliability`: of the second class's probability
    for two classes, of the chosen class's for more.
    """

    n: int
    accuracy: float
    balanced_accuracy: float
    log_loss: float | None
    brier: float | None
    ece: float | None
    reliability: tuple[Bin, ...]


def regression_figures(target: Floats, predicted: Floats) -> RegressionFigures:
    """Figures of predicted numbers. Raises InputError for none, different lengths or values that are not finite."""
    _check_pair(target, predicted)
    misses = predicted - target
    mse, still = float(np.mean(misses**2)), float(np.mean(target**2))
    both = (target != 0) & (predicted != 0)
    varied = np.ptp(target) > 0 and np.ptp(predicted) > 0
    return RegressionFigures(
        n=len(target),
        mae=float(np.abs(misses).mean()),
        rmse=mse**0.5,
        skill=1 - mse / still if still > 0 else None,
        correlation=float(np.corrcoef(target, predicted)[0, 1]) if varied else None,
        hit_rate=float((np.sign(target[both]) == np.sign(predicted[both])).mean()) if both.any() else None,
    )


def classification_figures(
    target: Integers, predicted: Integers, probabilities: Floats | None = None, *, bins: int = 10
) -> ClassificationFigures:
    """Figures of predicted classes 0 to k − 1, and of their `probabilities`.

    These are [n, k] with rows that sum to 1, or [n] of class 1 of two. Raises InputError for no rows, different
    lengths, classes outside, or probabilities that are none.
    """
    _check_pair(target.astype(np.float64), predicted.astype(np.float64))
    if target.dtype.kind not in "iub" or min(int(target.min()), int(predicted.min())) < 0:
        raise InputError("target", target.dtype, "give classes as integers from 0")
    right = target == predicted
    recalls = [float(right[target == k].mean()) for k in np.unique(target)]
    if probabilities is None:
        return ClassificationFigures(len(target), float(right.mean()), float(np.mean(recalls)), None, None, None, ())
    table = _checked_probabilities(probabilities, int(max(target.max(), predicted.max())), len(target))
    given = np.clip(table, CLIP, 1 - CLIP)
    true = np.eye(table.shape[1])[target.astype(np.int64)]
    squares = (table - true) ** 2
    two, top = table.shape[1] == 2, table.argmax(axis=1)
    said, came = (table[:, 1], true[:, 1]) if two else (table.max(axis=1), true[np.arange(len(table)), top])
    reliability = reliability_table(said, came, bins=bins)
    return ClassificationFigures(
        n=len(target),
        accuracy=float(right.mean()),
        balanced_accuracy=float(np.mean(recalls)),
        log_loss=-float(np.log((given * true).sum(axis=1) / given.sum(axis=1)).mean()),
        brier=float((squares[:, 1] if two else squares.sum(axis=1)).mean()),
        ece=sum(each.n * abs(each.said - each.came) for each in reliability) / len(target),
        reliability=reliability,
    )


def reliability_table(said: Floats, came: Floats, *, bins: int = 10) -> tuple[Bin, ...]:
    """Bins of equal width that hold any probability; `came` is 1 where what was said came true, else 0."""
    _check_pair(came, said)
    if bins < 1 or (said < 0).any() or (said > 1).any():
        raise InputError("said", (float(said.min()), float(said.max())), "must be probabilities, in at least 1 bin")
    place = np.minimum((said * bins).astype(np.int64), bins - 1)
    return tuple(
        Bin(k / bins, (k + 1) / bins, int(inside.sum()), float(said[inside].mean()), float(came[inside].mean()))
        for k in range(bins)
        if (inside := place == k).any()
    )


def _checked_probabilities(probabilities: Floats, largest: int, n: int) -> Floats:
    table = np.column_stack([1 - probabilities, probabilities]) if probabilities.ndim == 1 else probabilities
    if table.ndim != 2 or len(table) != n or table.shape[1] <= max(largest, 1):
        raise InputError("probabilities", probabilities.shape, f"give {n} rows, and columns to class {largest}")
    sums = table.sum(axis=1)
    if not ((table >= 0).all() and (table <= 1).all() and (np.abs(sums - 1) < 1e-6).all()):
        raise InputError("probabilities", "rows", "must be 0 to 1 and sum to 1")
    return table


def _check_pair(target: Floats, predicted: Floats) -> None:
    if target.ndim != 1 or target.shape != predicted.shape or len(target) == 0:
        raise InputError("predicted", (target.shape, predicted.shape), "give as many as targets, at least one")
    if not (np.isfinite(target).all() and np.isfinite(predicted).all()):
        raise InputError("predicted", "values", "and targets must be finite: leave out what is not known")
