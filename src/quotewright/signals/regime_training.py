"""Fitting the hidden Markov model of regimes to a training stretch by expectation–maximisation.

The scaled forward–backward recursions of Rabiner (1989), Proc. IEEE 77(2), eq. (90)–(92), and the re-estimates (40),
(52)–(54) with independent measures: L. E. Baum et al. (1970), Ann. Math. Statist. 41(1). Deterministic: it starts from
several cuts of the training stretch by its first measure and keeps the likeliest end.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.domain.kernel import kernel
from quotewright.signals.regime import LEVELS, MEASURES
from quotewright.signals.regime_markov import MarkovModel

Floats = npt.NDArray[np.float64]

CUTS = ((0.33, 0.67), (0.5, 0.85), (0.7, 0.93))  # quantiles of the first measure that the starts split it at
LEAST_SHARE = 1e-3  # of a measure's variance: no regime may be narrower
STAY = 0.95  # chance of staying in a regime, at the start
FEWEST = 30  # observations a regime


class Fit(NamedTuple):
    """The model, its log-likelihood after each round, and whether the last round still gained."""

    model: MarkovModel
    log_likelihoods: tuple[float, ...]
    converged: bool


@kernel
def forward_backward(
    densities: Any, shifts: Any, start: Any, moves: Any, forward: Any, backward: Any, scales: Any, pairs: Any
) -> float:
    """Scaled recursions over `densities` (n × states, each row over its e^shift); returns the log-likelihood.

    Afterwards forward × backward is the smoothed belief of each row, and `pairs` Σ_t P(i at t, j at t + 1).
    """
    n, states = len(densities), len(start)
    likelihood = 0.0
    for t in range(n):
        total = 0.0
        for j in range(states):
            prior = 0.0
            if t == 0:
                prior = start[j]
            else:
                for i in range(states):
                    prior += forward[t - 1, i] * moves[i, j]
            forward[t, j] = prior * densities[t, j]
            total += forward[t, j]
        total = max(total, 1e-300)
        scales[t] = total
        likelihood += math.log(total) + shifts[t]
        for j in range(states):
            forward[t, j] /= total
    for j in range(states):
        backward[n - 1, j] = 1.0
    for i in range(states):
        for j in range(states):
            pairs[i, j] = 0.0
    for t in range(n - 2, -1, -1):
        for i in range(states):
            backward[t, i] = 0.0
            for j in range(states):
                onward = moves[i, j] * densities[t + 1, j] * backward[t + 1, j] / scales[t + 1]
                backward[t, i] += onward
                pairs[i, j] += forward[t, i] * onward
    return likelihood


def fit_markov(measures: Floats, *, used: tuple[int, ...] = (0, 1, 2), rounds: int = 200, gain: float = 1e-7) -> Fit:
    """Fit three regimes to observations × measures, in order of time; only the columns `used` are read.

    Stops once a round gains less than `gain` of the log-likelihood's size. Regimes are ordered by the mean of the first
    column used, calmest first. Raises InputError for too few observations, columns out of range, values that are not
    finite, or a measure that never changes.
    """
    if not used or min(used) < 0 or max(used) >= MEASURES or len(set(used)) != len(used):
        raise InputError("used", used, f"must be distinct columns of 0 to {MEASURES - 1}")
    x = np.ascontiguousarray(measures[:, list(used)], dtype=np.float64)
    if len(x) < FEWEST * LEVELS:
        raise InputError("measures", len(x), f"must be at least {FEWEST * LEVELS} observations")
    if not np.isfinite(x).all():
        raise InputError("measures", int((~np.isfinite(x)).sum()), "values are not finite; leave their rows out")
    if not (x.std(axis=0) > 0).all():
        raise InputError("measures", x.std(axis=0).tolist(), "must vary")
    ends = [_climb(x, _first_guess(x, cut), rounds, gain) for cut in CUTS]
    best = max(ends, key=lambda end: end[1][-1])
    (start, moves, means, variances), path, converged = best
    order = np.argsort(means[:, 0])
    model = MarkovModel(start[order], moves[np.ix_(order, order)], means[order], variances[order], tuple(used))
    return Fit(model, tuple(path), converged)


Parameters = tuple[Floats, Floats, Floats, Floats]


def _first_guess(x: Floats, cut: tuple[float, float]) -> Parameters:
    group = np.digitize(x[:, 0], np.quantile(x[:, 0], cut))
    overall = x.var(axis=0)
    means = np.array([x[group == j].mean(axis=0) if (group == j).any() else x.mean(axis=0) for j in range(LEVELS)])
    spreads = [x[group == j].var(axis=0) if (group == j).sum() > 1 else overall for j in range(LEVELS)]
    moves = np.full((LEVELS, LEVELS), (1 - STAY) / (LEVELS - 1))
    np.fill_diagonal(moves, STAY)
    return np.full(LEVELS, 1 / LEVELS), moves, means, np.maximum(np.array(spreads), LEAST_SHARE * overall)


def _climb(x: Floats, guess: Parameters, rounds: int, gain: float) -> tuple[Parameters, list[float], bool]:
    start, moves, means, variances = guess
    n, floor = len(x), LEAST_SHARE * x.var(axis=0)
    forward, backward, scales = np.empty((n, LEVELS)), np.empty((n, LEVELS)), np.empty(n)
    pairs = np.empty((LEVELS, LEVELS))
    path: list[float] = []
    while True:
        logs = -0.5 * (((x[:, None, :] - means) ** 2) / variances + np.log(2 * np.pi * variances)).sum(axis=2)
        shifts = logs.max(axis=1)
        densities = np.exp(logs - shifts[:, None])
        path.append(forward_backward(densities, shifts, start, moves, forward, backward, scales, pairs))
        if len(path) > 1 and path[-1] - path[-2] < gain * abs(path[-1]):
            return (start, moves, means, variances), path, True
        if len(path) > rounds:
            return (start, moves, means, variances), path, False
        belief: Floats = forward * backward
        belief /= belief.sum(axis=1, keepdims=True)
        weight: Floats = np.maximum(belief.sum(axis=0), 1e-12)
        start = belief[0]
        moves = np.maximum(pairs, 1e-12)
        moves = moves / moves.sum(axis=1, keepdims=True)
        means = belief.T @ x / weight[:, None]
        squares = (belief[:, :, None] * (x[:, None, :] - means) ** 2).sum(axis=0)
        variances = np.maximum(squares / weight[:, None], floor)
