"""What quants do to themselves, planted whole: each is caught, and its clean counterpart is not accused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor

from quotewright.validation.labels import forward_returns
from quotewright.validation.overfitting import overfitting
from quotewright.validation.sharpe import sharpe
from quotewright.validation.splits import Fold, breaches, purged_k_fold
from quotewright.validation.trials import TrialsInMemory, judge_dataset

DAYS, TRIALS = 1_000, 1_000


def best_of(returns: Any) -> tuple[Any, Any, float]:
    """The verdict over all trials, PBO, and how sure one would be of the best one on its own."""
    trials = TrialsInMemory()
    for column in returns.T:
        found = sharpe(column)
        assert found is not None
        trials.add("noise", found.value, found.stderr)
    verdict = judge_dataset(trials, "noise")
    assert verdict is not None
    alone = sharpe(returns[:, verdict.best])
    assert alone is not None
    return verdict, overfitting(returns, blocks=10), alone.probability_above(0)


@pytest.mark.parametrize("seed", range(3))
def test_the_winner_of_a_thousand_trials_of_noise_is_caught(seed: int) -> None:
    returns = np.random.default_rng(seed).standard_t(5, (DAYS, TRIALS)) * 0.01
    verdict, halves, alone = best_of(returns)
    assert alone > 0.995, "on its own the winner looks sure"
    assert verdict.trials == TRIALS
    assert not verdict.convincing
    assert halves.suspicious
    assert halves.probability > 0.25


@pytest.mark.parametrize("seed", range(3))
def test_a_real_edge_among_a_thousand_trials_is_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    returns = rng.standard_t(5, (DAYS, TRIALS)) * 0.01
    returns[:, 123] += 0.003
    verdict, halves, _ = best_of(returns)
    assert verdict.best == 123
    assert verdict.convincing
    assert not halves.suspicious


def test_labels_that_overlap_across_a_split_are_caught_and_would_have_paid() -> None:
    """Nearest neighbours in time "forecast" a random walk ten days ahead, until the split is purged."""
    rng = np.random.default_rng(4)
    times = np.arange(1_200, dtype=np.int64) * 86_400 * 10**9
    labels = forward_returns(times, np.exp(np.cumsum(rng.normal(0, 0.02, 1_200))), 10)
    labels = labels.rows(labels.known)
    clock = (labels.starts / labels.starts[-1])[:, None]

    def skill(folds: list[Fold]) -> float:
        missed = total = 0.0
        for fold in folds:
            model = KNeighborsRegressor(3).fit(clock[fold.train], labels.values[fold.train])
            missed += float(((model.predict(clock[fold.test]) - labels.values[fold.test]) ** 2).sum())
            total += float((labels.values[fold.test] ** 2).sum())
        return 1 - missed / total

    shuffled = rng.permutation(len(clock))
    careless = [Fold(np.sort(np.setdiff1d(shuffled, part)), np.sort(part)) for part in np.array_split(shuffled, 5)]
    careful = purged_k_fold(labels.starts, labels.ends, folds=5, embargo=10 * 86_400 * 10**9)
    assert skill(careless) > 0.8
    assert skill(careful) < 0.1
    assert all(len(breaches(labels.starts, labels.ends, fold).overlaps) > 500 for fold in careless)
    assert all(len(breaches(labels.starts, labels.ends, fold).overlaps) == 0 for fold in careful)
