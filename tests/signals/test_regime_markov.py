"""The Markov filter and its training against sums over every path, and planted parameters over many repetitions."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

from quotewright.domain.kernel import records
from quotewright.signals.regime_markov import MARKOV_STATE, MarkovModel, markov_labels
from quotewright.signals.regime_training import fit_markov, forward_backward

MODEL = MarkovModel(
    start=np.array([0.5, 0.3, 0.2]),
    moves=np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.05, 0.25, 0.7]]),
    means=np.array([[-1.0, 0.2], [0.1, 0.5], [1.3, -0.4]]),
    variances=np.array([[0.5, 1.0], [0.3, 2.0], [1.2, 0.7]]),
    used=(0, 2),
)


def path_sums(x: Any) -> tuple[float, Any]:
    """Likelihood, and P(regime at t | all x) for every t, by summing over all 3ⁿ paths."""
    n = len(x)
    densities = stats.norm.pdf(x[:, None, :], MODEL.means, np.sqrt(MODEL.variances)).prod(axis=2)
    marginal = np.zeros((n, 3))
    for path in itertools.product(range(3), repeat=n):
        p = MODEL.start[path[0]] * densities[0, path[0]]
        for t in range(1, n):
            p *= MODEL.moves[path[t - 1], path[t]] * densities[t, path[t]]
        for t, j in enumerate(path):
            marginal[t, j] += p
    return float(marginal[0].sum()), marginal / marginal[0].sum()


def test_filter_and_smoother_agree_with_the_sum_over_every_path() -> None:
    x = np.random.default_rng(4).normal(size=(7, 2))
    measures = np.stack([x[:, 0], np.full(7, np.inf), x[:, 1]], axis=1)  # an unused measure may be anything
    beliefs = np.empty((7, 3))
    markov_labels(records(1, MARKOV_STATE), MODEL.rules(), measures, np.empty(7, np.int64), beliefs)
    for t in range(7):  # what is filtered at t is what a sum over paths up to t gives for its end
        assert beliefs[t] == pytest.approx(path_sums(x[: t + 1])[1][t], rel=1e-12)
    densities = stats.norm.pdf(x[:, None, :], MODEL.means, np.sqrt(MODEL.variances)).prod(axis=2)
    forward, backward, scales, pairs = np.empty((7, 3)), np.empty((7, 3)), np.empty(7), np.empty((3, 3))
    shifts = np.log(densities.max(axis=1))
    scaled = densities / densities.max(axis=1, keepdims=True)
    log_likelihood = forward_backward(scaled, shifts, MODEL.start, MODEL.moves, forward, backward, scales, pairs)
    likelihood, smoothed = path_sums(x)
    assert log_likelihood == pytest.approx(np.log(likelihood), rel=1e-12)
    belief = forward * backward
    assert belief / belief.sum(axis=1, keepdims=True) == pytest.approx(smoothed, rel=1e-10)
    assert pairs.sum() == pytest.approx(6)
    assert pairs.sum(axis=1) == pytest.approx(smoothed[:-1].sum(axis=0), rel=1e-10)


def test_missing_and_absurd_measures_leave_the_belief_to_the_chain() -> None:
    for odd in (np.nan, 1e200):  # the second says less than nothing: no regime could have made it
        measures = np.array([[0.0, 0.0, 0.0], [odd, 0.0, odd]])
        beliefs = np.empty((2, 3))
        markov_labels(records(1, MARKOV_STATE), MODEL.rules(), measures, np.empty(2, np.int64), beliefs)
        assert beliefs[1] == pytest.approx(beliefs[0] @ MODEL.moves, rel=1e-12)


def test_a_switch_needs_its_belief() -> None:
    measures = np.array([[-1.0, 0, 0.2]] * 3 + [[0.0, 0, 0.2]] * 4)
    labels, beliefs = np.empty(7, np.int64), np.empty((7, 3))
    markov_labels(records(1, MARKOV_STATE), MODEL.rules(switch=0.95), measures, labels, beliefs)
    assert (beliefs.argmax(axis=1) == [0, 0, 0, 0, 1, 1, 1]).all()
    assert beliefs[3:].max() < 0.95
    assert (labels == 0).all()


def simulate(rng: Any, count: int) -> Any:
    regime, x = int(rng.choice(3, p=MODEL.start)), np.zeros((count, 3))
    for t in range(count):
        x[t, [0, 2]] = rng.normal(4 * MODEL.means[regime], np.sqrt(MODEL.variances[regime]))
        regime = int(rng.choice(3, p=MODEL.moves[regime]))
    return x


def test_training_climbs_and_planted_parameters_come_back() -> None:
    """Twenty-four stretches: every round gains, and planted values lie within 3.5 standard errors of the mean."""
    rng = np.random.default_rng(9)
    means, stays = [], []
    for _ in range(24):
        fit = fit_markov(simulate(rng, 700), used=(0, 2))
        assert fit.converged
        assert (np.diff(fit.log_likelihoods) > -1e-6).all()
        assert (np.diff(fit.model.means[:, 0]) > 0).all()
        means.append(fit.model.means)
        stays.append(np.diag(fit.model.moves))
    for found, planted in ((np.array(means), 4 * MODEL.means), (np.array(stays), np.diag(MODEL.moves))):
        error = found.std(axis=0) / np.sqrt(len(found))
        assert (np.abs(found.mean(axis=0) - planted) < 3.5 * error + 0.02).all()
