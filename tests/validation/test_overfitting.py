"""CSCV against a plain reading of the paper, on noise and on a planted edge, and the verdict over all trials."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quotewright.domain.errors import InputError
from quotewright.validation.deflated_sharpe import expected_maximum
from quotewright.validation.overfitting import overfitting
from quotewright.validation.sharpe import sharpe
from quotewright.validation.trials import TrialsInMemory, judge_dataset


def plainly(returns: Any, blocks: int) -> tuple[list[float], list[float], list[float]]:
    """Relative ranks, ratios chosen and ratios after, one half at a time from the rows themselves."""
    parts = np.array_split(returns[len(returns) % blocks :], blocks)
    ranks, chosen, after = [], [], []
    for inside in combinations(range(blocks), blocks // 2):
        within = np.concatenate([parts[k] for k in inside])
        without = np.concatenate([parts[k] for k in range(blocks) if k not in inside])
        one, other = (half.mean(axis=0) / half.std(axis=0, ddof=1) for half in (within, without))
        best = int(np.argmax(one))
        ranks.append(float(stats.rankdata(other)[best]) / (returns.shape[1] + 1))
        chosen.append(float(one[best]))
        after.append(float(other[best]))
    return ranks, chosen, after


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([2, 4, 6, 8]), st.integers(2, 12), st.integers(0, 7), st.integers(0, 10_000))
def test_as_by_a_plain_reading(blocks: int, trials: int, more: int, seed: int) -> None:
    returns = np.random.default_rng(seed).standard_t(4, (blocks * 5 + more, trials)) + 0.1
    found = overfitting(returns, blocks=blocks)
    ranks, chosen, after = plainly(returns, blocks)
    assert found.halves == math.comb(blocks, blocks // 2)
    np.testing.assert_allclose(found.chosen, chosen)
    np.testing.assert_allclose(found.after, after)
    np.testing.assert_allclose(found.logits, [math.log(r / (1 - r)) for r in ranks])
    assert found.probability == np.mean(np.array(ranks) <= 0.5)
    assert found.loss == np.mean(np.array(after) < 0)


def test_noise_is_overfitted_and_an_edge_is_not() -> None:
    rng = np.random.default_rng(8)
    noise = [overfitting(rng.normal(size=(240, 40)), blocks=8).probability for _ in range(25)]
    assert np.mean(noise) == pytest.approx(0.5, abs=3.5 * np.std(noise, ddof=1) / 5)
    edges = []
    for _ in range(10):
        returns = rng.normal(size=(240, 40))
        returns[:, 7] += 0.4
        edges.append(overfitting(returns, blocks=8))
    assert max(edge.probability for edge in edges) < 0.1
    assert not any(edge.suspicious for edge in edges)


def test_trials_that_never_vary_do_not_count_and_order_does_not_matter() -> None:
    returns = np.random.default_rng(9).normal(size=(64, 10))
    idle = np.column_stack([returns, np.zeros(64), np.full(64, 0.1)])
    assert overfitting(idle, blocks=8).probability == overfitting(returns[:, ::-1], blocks=8).probability
    sleepy = returns.copy()
    sleepy[:32, 3] = 0
    assert np.isfinite(overfitting(sleepy, blocks=8).logits).all()


def test_all_trials_on_the_dataset_count_not_only_the_last_study() -> None:
    rng = np.random.default_rng(10)
    trials = TrialsInMemory()
    for _ in range(300):
        found = sharpe(rng.normal(size=250))
        assert found is not None
        trials.add("A", found.value, found.stderr)
    for _ in range(20):
        trials.add("A", None, None)
    trials.add("B", 0.25, 0.06)
    verdict = judge_dataset(trials, "A")
    ratios = [ratio for ratio in trials.of_dataset("A").sharpes if ratio is not None]
    assert verdict is not None
    assert verdict.trials == 320
    assert verdict.sharpe == max(ratios)
    assert verdict.expected_maximum == pytest.approx(np.std(ratios, ddof=1) * expected_maximum(320))
    assert not verdict.convincing
    alone = judge_dataset(trials, "B")
    assert alone is not None
    assert alone.convincing
    trials.add("A", 0.25, 0.06)
    among = judge_dataset(trials, "A", sharpe=0.25)
    assert among is not None
    assert (among.best, among.convincing) == (320, False)
    assert judge_dataset(trials, "C") is None
    with pytest.raises(InputError, match="record it first"):
        judge_dataset(trials, "A", sharpe=0.9)
    with pytest.raises(InputError):
        trials.add("A", 0.3, None)


R = np.random.default_rng(0).normal(size=(64, 4))


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("blocks", lambda: overfitting(R, blocks=7)),
        ("blocks", lambda: overfitting(R, blocks=20)),
        ("returns", lambda: overfitting(R[:15], blocks=8)),
        ("returns", lambda: overfitting(R[:, :1], blocks=8)),
        ("returns", lambda: overfitting(R[:, 0], blocks=8)),
        ("returns", lambda: overfitting(R * math.nan, blocks=8)),
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field
