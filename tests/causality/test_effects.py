"""Shapley values, permutation importance and effect curves on functions whose effects are known exactly."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.causality.effect_curves import local_effects, partial_dependence
from quotewright.causality.permutation import (
    block_order,
    log_loss,
    permutation_importance,
    purged_importance,
)
from quotewright.causality.shapley import KERNEL_BACKGROUND, shapley
from quotewright.domain.errors import InputError

NAMES = ("a", "b", "c")


def rows(n: int = 300, seed: int = 51, *, same: float = 0.0) -> Any:
    """Three normal features; the second is the first but for a share of noise."""
    x = np.random.default_rng(seed).normal(size=(n, 3))
    x[:, 1] = same * x[:, 0] + math.sqrt(1 - same**2) * x[:, 1]
    return x


def bent(x: Any) -> Any:
    return x[:, 0] * x[:, 1] + np.sin(x[:, 2]) + 2 * x[:, 0]


def brute_force(predict: Any, row: Any, background: Any) -> list[float]:
    """Shapley's formula over all coalitions, absent features taken from each background row."""
    f = len(row)

    def worth(present: tuple[int, ...]) -> float:
        mixed = background.copy()
        mixed[:, list(present)] = row[list(present)]
        return float(predict(mixed).mean())

    found = []
    for k in range(f):
        others = [j for j in range(f) if j != k]
        total = 0.0
        for size in range(f):
            weight = math.factorial(size) * math.factorial(f - size - 1) / math.factorial(f)
            total += sum(weight * (worth((*s, k)) - worth(s)) for s in combinations(others, size))
        found.append(total)
    return found


def test_kernel_values_are_shapley_s_formula() -> None:
    x = rows(20)
    found = shapley(x, NAMES, predict=bent, background=x, rows=5)
    assert len(x) <= KERNEL_BACKGROUND  # so that the background is all of them
    for k, row in enumerate(found.x):
        assert found.values[k] == pytest.approx(brute_force(bent, row, x), abs=1e-6)
    assert found.output == pytest.approx(bent(found.x))
    assert found.base == pytest.approx(float(bent(x).mean()))
    assert found.kind == "kernel"


@pytest.mark.parametrize("width", [1, 2, 12])
def test_kernel_values_of_sums_are_exact_at_any_width(width: int) -> None:
    x = np.random.default_rng(58).normal(size=(20, width))
    slopes = np.arange(1.0, width + 1)
    found = shapley(x, [f"f{k}" for k in range(width)], predict=lambda z: z @ slopes, rows=3)
    assert found.values == pytest.approx(slopes * (found.x - x.mean(axis=0)), abs=1e-8)


def test_trees_and_linear_models_are_read_from_the_model() -> None:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = rows(45)
    forest = RandomForestRegressor(5, max_depth=3, random_state=1).fit(x, bent(x))
    trees = shapley(x, NAMES, model=forest, rows=6)
    assert trees.kind == "tree"
    assert trees.output == pytest.approx(forest.predict(trees.x))
    assert trees.values[2] == pytest.approx(brute_force(forest.predict, trees.x[2], x), abs=1e-6)
    line = make_pipeline(StandardScaler(), Ridge(1.0)).fit(5 + 3 * x, bent(x))
    linear = shapley(5 + 3 * x, NAMES, model=line, predict=line.predict, rows=6)
    assert linear.kind == "linear"
    slopes = line.steps[1][1].coef_ / line.steps[0][1].scale_
    assert linear.values == pytest.approx(slopes * (linear.x - (5 + 3 * x).mean(axis=0)))
    assert linear.output == pytest.approx(line.predict(linear.x))


def test_classifiers_of_each_library_add_up() -> None:
    import lightgbm
    import xgboost
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    x = rows(120)
    y = (bent(x) > 0).astype(int)
    forest = RandomForestClassifier(5, max_depth=3, random_state=1).fit(x, y)
    assert shapley(x, NAMES, model=forest, rows=5).output == pytest.approx(
        forest.predict_proba(shapley(x, NAMES, model=forest, rows=5).x)[:, 1]
    )
    boosted = lightgbm.LGBMClassifier(n_estimators=5, n_jobs=1, verbosity=-1).fit(x, y)
    found = shapley(x, NAMES, model=boosted, rows=5)
    assert (found.kind, found.output) == ("tree", pytest.approx(boosted.predict(found.x, raw_score=True)))
    extreme = xgboost.XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1).fit(x, y)
    found = shapley(x, NAMES, model=extreme, rows=5)
    assert found.kind == "tree"
    assert found.output == pytest.approx(extreme.predict(found.x, output_margin=True), abs=1e-4)
    logit = LogisticRegression().fit(x, y)
    found = shapley(x, NAMES, model=logit, rows=5)
    assert (found.kind, found.output) == ("linear", pytest.approx(logit.decision_function(found.x)))


def test_unreadable_models_fall_back_to_their_predictions_and_say_why_without_them() -> None:
    class Odd:
        pass

    assert shapley(rows(30), NAMES, model=Odd(), predict=bent, rows=3).kind == "kernel"
    with pytest.raises(InputError, match=r"tree: .*linear: .*kernel: "):
        shapley(rows(30), NAMES, model=Odd(), rows=3)
    with pytest.raises(InputError, match="one row"):
        shapley(rows(30), NAMES, predict=bent, rows=0)
    with pytest.raises(InputError, match="rows × 3"):
        shapley(rows(30), NAMES, predict=bent, background=rows(30)[:, :2])


def test_no_time_left_ends_after_a_chunk_and_a_seed_repeats() -> None:
    x, state = rows(200), np.random.get_state()[1].copy()  # type: ignore[union-attr]
    short = shapley(x, NAMES, predict=bent, rows=100, seconds=1e-9)
    assert len(short.rows) < short.asked == 100
    assert short.values.tolist() == shapley(x, NAMES, predict=bent, rows=100, seconds=1e-9).values.tolist()
    assert short.rows.tolist() == sorted(set(short.rows.tolist()))
    assert short.x.tolist() == x[short.rows].tolist()
    assert short.importance[0][0] == "a"
    assert np.random.get_state()[1].tolist() == state.tolist()  # type: ignore[union-attr]


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 12), st.integers(0, 40), st.integers(2, 400), st.integers(0, 1000))
def test_blocks_stay_whole_and_move_far(block: int, purge: int, n: int, seed: int) -> None:
    try:
        order = block_order(n, block, purge, np.random.default_rng(seed))
    except InputError:
        assert n // block < 2 * max(1, math.ceil((purge + 1) / block))
        return
    whole = n // block * block
    assert sorted(order[:whole].tolist()) == list(range(whole))
    assert len(order) == n
    starts = order[:whole:block]
    assert (starts % block == 0).all()
    assert (np.abs(order - np.arange(n)) > purge).all()
    assert (np.diff(order[:whole].reshape(-1, block), axis=1) == 1).all()


def test_blocks_are_shuffled_and_not_merely_rotated() -> None:
    order = block_order(1000, 10, 20, np.random.default_rng(1))[::10]
    assert len(np.unique((order - np.arange(0, 1000, 10)) % 1000)) > 30


def test_importance_is_twice_the_variance_of_each_part() -> None:
    """E (β x' − β x)² = 2 β² var x for independent rows: the exact increase of the squared error."""
    x = rows(20_000)
    y = x @ [2.0, 1.0, 0.0] + np.random.default_rng(52).normal(size=len(x))
    found = permutation_importance(lambda z: z @ [2.0, 1.0, 0.0], x, y, NAMES, block=10, purge=50)
    assert [each.name for each in found] == ["a", "b", "c"]
    assert [each.increase for each in found] == pytest.approx([8, 2, 0], abs=0.35)
    assert found[2].increase == 0
    assert 0 < found[0].stderr < 0.2


def test_slow_features_seem_harmless_until_blocks_move_far() -> None:
    rng = np.random.default_rng(53)
    slow = np.convolve(rng.normal(size=4099), np.ones(100) / 10, "valid")[:, None]
    near = permutation_importance(lambda z: z[:, 0], slow, slow[:, 0], ["slow"], block=5, purge=0)
    far = permutation_importance(lambda z: z[:, 0], slow, slow[:, 0], ["slow"], block=5, purge=100)
    assert far[0].increase > near[0].increase > 0


def test_features_that_share_what_they_know_matter_as_a_group() -> None:
    x = rows(5000, same=0.99)
    y = x[:, 0] + x[:, 1]
    groups = {"both": ["a", "b"], "other": ["c"]}
    alone = permutation_importance(lambda z: z[:, 0] + z[:, 1], x, y, NAMES)
    together = permutation_importance(lambda z: z[:, 0] + z[:, 1], x, y, NAMES, groups=groups)
    assert together[0].name == "both"
    assert together[0].increase == pytest.approx(2 * (2 + 2 * 0.99), rel=0.1)
    assert sum(each.increase for each in alone) == pytest.approx(4, rel=0.1)


def test_purged_folds_never_train_near_what_they_judge() -> None:
    x = np.column_stack([np.arange(200.0), np.random.default_rng(54).normal(size=200)])
    gaps: list[float] = []

    def fit(train: Any, y: Any) -> Any:
        def predict(z: Any) -> Any:
            gaps.append(float(np.abs(np.subtract.outer(train[:, 0], np.unique(z[:, 0]))).min()))
            return y.mean() + 0.5 * z[:, 1]

        return predict

    y = 0.5 * x[:, 1]
    found = purged_importance(fit, x, y, ["row", "signal"], folds=4, horizon=5, block=2)
    assert min(gaps) > 5
    assert [each.name for each in found] == ["signal", "row"]
    assert found[1].increase == 0
    assert math.isfinite(found[0].stderr)
    with pytest.raises(InputError, match="horizon"):
        purged_importance(fit, x, y, ["row", "signal"], folds=2, horizon=300)


def test_log_loss_is_sklearn_s() -> None:
    from sklearn.metrics import log_loss as theirs

    rng = np.random.default_rng(55)
    y, p = (rng.random(50) > 0.5).astype(float), rng.random(50)
    assert log_loss(y, p) == pytest.approx(theirs(y, p))
    assert math.isfinite(log_loss(np.array([1.0, 0.0]), np.array([0.0, 1.0])))


def test_partial_dependence_is_sklearn_s_and_curves_are_the_function() -> None:
    from sklearn.inspection import partial_dependence as theirs
    from sklearn.linear_model import LinearRegression

    x = rows(60)
    found = partial_dependence(bent, x, 0, points=7, rows=1000)
    assert len(found.curves) == 60
    for k, value in enumerate(found.grid):
        moved = x.copy()
        moved[:, 0] = value
        assert found.curves[:, k] == pytest.approx(bent(moved))
    assert found.average == pytest.approx(found.curves.mean(axis=0))
    assert found.centred[:, 0].tolist() == [0.0] * 60
    model = LinearRegression().fit(x, bent(x))
    other = theirs(model, x, [1], custom_values={1: partial_dependence(model.predict, x, 1).grid}, kind="average")
    assert partial_dependence(model.predict, x, 1).average == pytest.approx(other["average"][0])


def test_local_effects_of_sums_are_their_parts() -> None:
    x = rows(2000, same=0.9)
    square = local_effects(lambda z: z[:, 0] ** 2 + 5 * z[:, 1], x, 0, bins=40)
    expected = square.edges**2
    inner = slice(3, -3)
    away = square.effect - expected
    assert np.ptp(away[inner]) < 1e-9  # but for the centring, exact at the edges
    assert float((square.counts * (square.effect[1:] + square.effect[:-1]) / 2).sum()) == pytest.approx(0, abs=1e-9)
    assert square.counts.sum() == 2000
    flat = local_effects(lambda z: 5 * z[:, 1], x, 0)
    assert flat.range == 0
    assert local_effects(lambda z: 3 * z[:, 0], x, 0).range == pytest.approx(3 * np.ptp(x[:, 0]))


def test_local_effects_stay_where_the_rows_are() -> None:
    """Apley & Zhu's case: with x₁ ≈ x₂, partial dependence visits the corners, where this function goes wild."""
    first, noise = np.random.default_rng(56).uniform(0, 1, 2000), np.random.default_rng(57).uniform(-0.1, 0.1, 2000)
    x = np.column_stack([first, first + noise])

    def wild(z: Any) -> Any:
        return z[:, 0] + 100 * (np.abs(z[:, 0] - z[:, 1]) > 0.3)

    local, partial = local_effects(wild, x, 0), partial_dependence(wild, x, 0)
    assert np.corrcoef(local.edges, local.effect)[0, 1] > 0.99
    assert np.ptp(partial.average) > 5 * local.range


def test_few_values_make_few_bins() -> None:
    x = np.repeat([0.0, 1.0, 1.0, 3.0], 25)[:, None]
    found = local_effects(lambda z: z[:, 0] ** 2, x, 0)
    assert found.edges.tolist() == [0, 1, 3]
    assert found.counts.tolist() == [75, 25]
    assert np.diff(found.effect).tolist() == [1, 8]
    rare = np.zeros((500, 1))
    rare[7] = 1
    assert partial_dependence(lambda z: z[:, 0], rare, 0).grid.tolist() == [0, 1]
    assert local_effects(lambda z: z[:, 0], rare, 0).edges.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: local_effects(bent, rows(), 3), "0 to 2"),
        (lambda: local_effects(bent, np.ones((9, 3)), 1), "does not vary"),
        (lambda: partial_dependence(bent, rows(1), 1), "does not vary"),
        (lambda: partial_dependence(bent, rows()[:0], 1), "at least 1"),
        (lambda: partial_dependence(lambda z: z, rows(), 1), "finite value for each"),
        (lambda: partial_dependence(lambda z: z[:, 0] * np.nan, rows(), 1), "finite value for each"),
        (lambda: permutation_importance(bent, rows(), rows()[:, 0], ["a", "b"]), "different names"),
        (lambda: permutation_importance(bent, rows(), rows(9)[:, 0], NAMES), "300 rows"),
        (lambda: permutation_importance(bent, rows(), rows()[:, 0], NAMES, block=200), "smaller ones"),
        (lambda: permutation_importance(bent, rows(), rows()[:, 0], NAMES, groups={"x": ["z"]}), "among a, b, c"),
    ],
)
def test_bad_input_is_told(call: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        call()
