"""How a prediction follows one feature: partial dependence, individual curves, accumulated local effects.

For any `predict`: float64 [n, f] → float64 [n]. Partial dependence and individual curves move one feature and hold the
others, so with correlated features they visit rows that never occur; accumulated local effects do not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.causality.inputs import Floats, Predict, predicted, table
from quotewright.domain.errors import InputError


class Dependence(NamedTuple):
    """`average` [points] is the partial dependence, `curves` [rows, points] what it averages, over `grid` [points]."""

    feature: int
    grid: Floats
    average: Floats
    curves: Floats

    @property
    def centred(self) -> Floats:
        """Each curve from 0 at the first point: where they fan out, the feature interacts with others."""
        return self.curves - self.curves[:, :1]


class LocalEffects(NamedTuple):
    """Accumulated local effects at the `edges` [k + 1] of bins of about equal counts; average over the rows is 0.

    `counts` [k] are the rows in each bin, `stderr` [k] the standard error of its mean step over rows as if independent.
    """

    feature: int
    edges: Floats
    effect: Floats
    counts: npt.NDArray[np.int64]
    stderr: Floats

    @property
    def range(self) -> float:
        """Highest less lowest effect: a plain measure of how much the feature matters, in units of the prediction."""
        return float(self.effect.max() - self.effect.min())


def partial_dependence(
    predict: Predict, x: npt.ArrayLike, feature: int, *, points: int = 30, rows: int = 500, seed: int = 1
) -> Dependence:
    """The prediction of up to `rows` drawn rows, with `feature` set to quantiles 1 % … 99 % (fewer where they tie).

    J. H. Friedman (2001), "Greedy function approximation", Annals of Statistics 29(5), sec. 8.2; individual curves:
    A. Goldstein, A. Kapelner, J. Bleich & E. Pitkin (2015), Journal of Computational and Graphical Statistics 24(1).
    Raises InputError for a feature that is not there or does not vary.
    """
    every = _checked(x, feature)
    if points < 2 or rows < 1:
        raise InputError("points", (points, rows), "give at least 2 points and 1 row")
    grid = np.unique(np.quantile(every[:, feature], np.linspace(0.01, 0.99, points))).astype(np.float64)
    if len(grid) == 1:  # a rare event: its two extremes
        grid = np.array([every[:, feature].min(), every[:, feature].max()])
    chosen = np.sort(np.random.default_rng(seed).choice(len(every), min(rows, len(every)), replace=False))
    stretched = np.repeat(every[chosen], len(grid), axis=0)
    stretched[:, feature] = np.tile(grid, len(chosen))
    curves = predicted(predict, stretched).reshape(len(chosen), len(grid))
    return Dependence(feature, grid, curves.mean(axis=0), curves)


def local_effects(predict: Predict, x: npt.ArrayLike, feature: int, *, bins: int = 20) -> LocalEffects:
    """First-order accumulated local effects: mean steps of the prediction within bins, summed, and centred.

    D. W. Apley & J. Zhu (2020), "Visualizing the effects of predictor variables in black box supervised learning
    models", Journal of the Royal Statistical Society B 82(4), eq. 15 and 16; the average that is taken off weighs each
    bin's two edges alike, as their R package ALEPlot does. Bins end at quantiles (fewer where they tie). Raises
    InputError for a feature that is not there or does not vary.
    """
    every = _checked(x, feature)
    if bins < 1:
        raise InputError("bins", bins, "give at least 1")
    values = every[:, feature]
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1), method="inverted_cdf")).astype(np.float64)
    of_row = np.clip(np.searchsorted(edges, values, "left") - 1, 0, len(edges) - 2)
    low, high = every.copy(), every.copy()
    low[:, feature], high[:, feature] = edges[of_row], edges[of_row + 1]
    steps = predicted(predict, high) - predicted(predict, low)
    counts = np.bincount(of_row, minlength=len(edges) - 1)
    mean = np.bincount(of_row, steps, len(edges) - 1) / np.maximum(counts, 1)
    spread = np.bincount(of_row, (steps - mean[of_row]) ** 2, len(edges) - 1) / np.maximum(counts - 1, 1)
    effect = np.concatenate([[0.0], np.cumsum(mean)])
    effect -= float((counts * (effect[1:] + effect[:-1]) / 2).sum() / counts.sum())
    return LocalEffects(feature, edges, effect, counts, np.sqrt(spread / np.maximum(counts, 1)))


def _checked(x: npt.ArrayLike, feature: int) -> Floats:
    every = table("x", x)
    if not 0 <= feature < every.shape[1]:
        raise InputError("feature", feature, f"must be 0 to {every.shape[1] - 1}")
    if every[:, feature].min() == every[:, feature].max():
        raise InputError("feature", feature, "does not vary: it has no effect to show")
    return every
