"""Importance on held-out rows: planted weights, purged folds by brute force, twins that hide each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.selection.importance import permutation_importance, permuted_drops, purged_folds

NAMES = ("strong", "weak", "none", "twin")
SEEDS = st.integers(0, 2**32 - 1)


def rows(n: int = 600, seed: int = 1) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    x[:, 3] = x[:, 0] + 0.05 * rng.normal(size=n)
    return x, 2 * x[:, 0] + x[:, 1] + rng.normal(size=n)


def least_squares(x: Any, y: Any) -> Any:
    beta = np.linalg.lstsq(np.column_stack([np.ones(len(x)), x]), y, rcond=None)[0]
    return lambda z: beta[0] + z @ beta[1:]


def test_drops_are_twice_the_variance_a_linear_model_gives_to_a_feature() -> None:
    x, y = rows(4000)
    found = permuted_drops(lambda z: 2 * z[:, 0] + z[:, 1], x, y, [[0], [1], [2], [0, 1]], repeats=5)
    np.testing.assert_allclose(found, [8, 2, 0, 10], rtol=0.1)  # E (β (x − x′))² = 2 β²
    assert found[2] == 0


def test_moving_blocks_keeps_what_lies_within_them() -> None:
    x, y = rows(400)

    # A score of the prediction against itself moved: within blocks all differences stay.
    def course(predictions: Any, _: Any) -> float:
        return float(np.mean(np.isin(np.round(np.diff(predictions), 9), np.round(np.diff(x[:, 0]), 9))))

    whole = permuted_drops(lambda z: z[:, 0], x, y, [[0]], score=course, block=40, repeats=1)
    torn = permuted_drops(lambda z: z[:, 0], x, y, [[0]], score=course, block=1, repeats=1)
    assert whole[0] <= 11 / 399
    assert torn[0] > 0.9


def spans(n: int = 600, reach: int = 5) -> tuple[Any, Any]:
    times = np.arange(n, dtype=np.int64) * 10
    return times, times + 10 * reach


def test_held_out_importance_ranks_planted_features() -> None:
    x, y = rows()
    found = permutation_importance(least_squares, x[:, :3], y, NAMES[:3], purged_folds(*spans()), block=5)
    assert [each.name for each in found] == ["strong", "weak", "none"]
    assert found[0].drop == pytest.approx(8, rel=0.25)
    assert abs(found[2].drop) < 0.1
    assert found[0].stderr > 0


def test_a_model_that_learnt_noise_by_heart_is_not_believed() -> None:
    x, y = rows(300)

    def nearest(known: Any, labels: Any) -> Any:
        return lambda z: labels[np.abs(z[:, None, 2] - known[None, :, 2]).argmin(axis=1)]

    inside = permuted_drops(nearest(x, y), x, y, [[2]])
    outside = permutation_importance(nearest, x, y, NAMES, purged_folds(*spans(300)), clusters=[["none"]])
    assert inside[0] > 5
    assert abs(outside[0].drop) < 1.5


def test_twins_hide_each_other_unless_moved_together() -> None:
    x, y = rows()

    def shrunk(a: Any, b: Any) -> Any:  # ridge regression shares the weight of twins between them
        beta = np.linalg.solve(a.T @ a + 10 * np.eye(4), a.T @ b)
        return lambda z: z @ beta

    folds = purged_folds(*spans(), folds=3)
    alone = {e.name: e.drop for e in permutation_importance(shrunk, x, y, NAMES, folds)}
    sets = [["strong", "twin"], ["weak"], ["none"]]
    together = {e.name: e for e in permutation_importance(shrunk, x, y, NAMES, folds, clusters=sets)}
    assert together["strong + twin"].members == ("strong", "twin")
    assert together["strong + twin"].drop > 1.8 * (alone["strong"] + alone["twin"])  # 2 (β + β)² against 2 · 2 β²
    assert together["strong + twin"].drop == pytest.approx(8, rel=0.25)


@given(SEEDS, st.integers(2, 6), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_folds_train_on_no_label_that_shares_time_with_a_test(seed: int, folds: int, embargo: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, 1000, 60))
    ends = times + rng.integers(0, 40, 60)
    try:
        found = purged_folds(times, ends, folds=folds, embargo=embargo)
    except InputError:
        return
    assert sorted(np.concatenate([fold.test for fold in found])) == list(range(60))
    for train, test in found:
        first, last = times[test].min(), ends[test].max() + embargo
        brute = [i for i in range(60) if ends[i] < first or times[i] > last]
        assert train.tolist() == brute


def test_wrong_input_is_refused() -> None:
    x, y = rows(60)
    times, ends = spans(60)
    folds = purged_folds(times, ends, folds=3)
    for call, what in (
        (lambda: permutation_importance(least_squares, x, y, NAMES, [(np.arange(9), np.arange(5, 20))]), "tests"),
        (lambda: permutation_importance(least_squares, x, y, NAMES, []), "folds"),
        (
            lambda: permutation_importance(least_squares, x, y, NAMES, folds, clusters=[["weak", "weak"]]),
            "at most once",
        ),
        (lambda: permutation_importance(least_squares, x, y, NAMES, folds, clusters=[["huh"]]), "at most once"),
        (lambda: permutation_importance(least_squares, x, y, NAMES, folds, block=11), "two blocks"),
        (lambda: permuted_drops(lambda z: z, x, y, [[0]]), "predict"),
        (lambda: permuted_drops(lambda z: z[:, 0] * np.nan, x, y, [[0]]), "finite"),
        (lambda: permuted_drops(lambda z: z[:, 0], x, y, [[0]], repeats=0), "repeats"),
        (lambda: purged_folds(times[::-1], ends), "sort"),
        (lambda: purged_folds(times, times - 1), "known before"),
        (lambda: purged_folds(times, ends, folds=1), "folds"),
        (lambda: purged_folds(times, times + 10_000), "clear"),
        (lambda: purged_folds(times.astype(float), ends), "int64"),
    ):
        with pytest.raises(InputError, match=what):
            call()
