"""Compiled models against the libraries: the same leaf for every row, sums and links within 4 units in the last place.

Rows include values on every split, their neighbours in double and single precision, and missing values.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from planted_returns import planted

from quotewright.domain.errors import InputError
from quotewright.models.catalogue import MODELS
from quotewright.models.exporting import can_compile, compile_model
from quotewright.models.fitting import Fitted, fit

COMPILED = [key for key, model in MODELS.items() if model.compiled]
TREES = [key for key in COMPILED if not MODELS[key].scaled]
LINEAR = [key for key in COMPILED if MODELS[key].scaled]
CALIBRATED = [key for key in COMPILED if key.endswith("classifier")]
SMALL = {"n_estimators": 11, "max_iter": 11, "max_depth": 5}
ROWS, ALL_ROWS = 5_000, 100_000


class Case(NamedTuple):
    fitted: Fitted
    rows: Any


def made(key: str, rows: int, calibrate: str | None = None) -> Case:
    model = MODELS[key]
    missing = 0.03 if model.takes_nan else 0.0
    X, returns, ups = planted(600, missing=missing)
    known = model.estimator(1).get_params()
    params = {} if model.scaled else {name: value for name, value in SMALL.items() if name in known}
    fitted = fit(model, X, ups if model.kind == "classifier" else returns, 7, params=params, calibrate=calibrate)
    return Case(fitted, hard_rows(fitted, rows, missing))


def hard_rows(fitted: Fitted, count: int, missing: float) -> Any:
    """Rows of the same market, a third of whose values stand on a split or next to one."""
    X, _, _ = planted(count, seed=2, missing=missing)
    model = compile_model(fitted)
    nodes = np.asarray(model.nodes)
    nodes = nodes[np.isfinite(nodes["threshold"])]
    rng = np.random.default_rng(3)
    for column in range(X.shape[1]):
        ends = nodes["threshold"][nodes["feature"] == column]
        if not len(ends):
            continue
        drawn = rng.choice(ends, count)
        single = drawn.astype(np.float32)
        near = [drawn, np.nextafter(drawn, np.inf), np.nextafter(drawn, -np.inf), single.astype(np.float64)]
        near += [np.nextafter(single, np.float32(side)).astype(np.float64) for side in (np.inf, -np.inf)]
        chosen = np.stack(near)[rng.integers(len(near), size=count), np.arange(count)]
        X[:, column] = np.where((rng.random(count) < 0.33) & ~np.isnan(X[:, column]), chosen, X[:, column])
    return X


def library_leaves(fitted: Fitted, rows: Any) -> Any:
    """Rows × trees of whatever the library calls its leaves."""
    last = fitted.estimator
    name = type(last).__name__
    if name.startswith("LGBM"):
        return last.booster_.predict(rows, pred_leaf=True)
    if name.startswith("Hist"):  # it names no leaves: their values stand for them
        bins = last._bin_mapper.make_known_categories_bitsets()
        return np.stack([each[0].predict(rows, *bins, 1) for each in last._predictors], axis=1)
    if name.startswith(("Bagging", "AdaBoost")):
        columns = getattr(last, "estimators_features_", [slice(None)] * len(last.estimators_))
        return np.stack([e.apply(rows[:, c]) for e, c in zip(last.estimators_, columns, strict=True)], axis=1)
    found = np.asarray(last.apply(rows))
    return found.reshape(len(rows), -1)


def check_leaves(case: Case) -> None:
    model = compile_model(case.fitted)
    ours, theirs = model.leaves(case.rows), library_leaves(case.fitted, case.rows)
    assert ours.shape == theirs.shape
    if "Hist" in type(case.fitted.estimator).__name__:
        np.testing.assert_array_equal(model.table[int(model.head["trees"][0]) + ours], theirs)
        return
    for tree in range(ours.shape[1]):  # one to one
        pairs = len(np.unique(np.stack([ours[:, tree], theirs[:, tree]]), axis=1).T)
        assert pairs == len(np.unique(ours[:, tree])) == len(np.unique(theirs[:, tree]))


def ulps(ours: Any, theirs: Any, dtype: Any) -> float:
    a, b = ours.astype(dtype), theirs.astype(dtype)
    return float(np.max(np.abs(a - b) / np.spacing(np.maximum(np.abs(b), np.finfo(dtype).tiny))))


def check_scores(case: Case, calibrated: bool = False) -> None:
    single = case.fitted.name == "XGBoost" and not calibrated
    compiled, library = compile_model(case.fitted).predict(case.rows), case.fitted.score(case.rows)
    assert len(np.unique(library)) > 2
    assert ulps(compiled, library, np.float32 if single else np.float64) <= 4


@pytest.mark.parametrize("key", TREES)
def test_trees_reach_the_same_leaves_and_sums(key: str) -> None:
    case = made(key, ROWS)
    check_leaves(case)
    check_scores(case)


@pytest.mark.parametrize("key", TREES)
@pytest.mark.slow
def test_trees_on_100_000_rows(key: str) -> None:
    case = made(key, ALL_ROWS)
    check_leaves(case)
    check_scores(case)


@pytest.mark.parametrize("key", [key for key in CALIBRATED if key in TREES])
def test_calibrated_trees(key: str) -> None:
    method = "isotonic" if key in ("RandomForest:classifier", "XGBoost:classifier") else "sigmoid"
    check_scores(made(key, 500, method), calibrated=True)


def check_linear(key: str, rows: int) -> None:
    """Within 4 places of Σ|terms|: sums that cancel carry the rounding of their terms, in either order."""
    case = made(key, rows)
    compiled, library = compile_model(case.fitted), case.fitted.score(case.rows)
    f = len(compiled.features)
    coefficients, means, scales = compiled.table[:f], compiled.table[f : 2 * f], compiled.table[2 * f : 3 * f]
    slope = float(compiled.head["slope"][0]) if case.fitted.kind == "regressor" else 1.0
    base, shift = float(compiled.head["offset"][0]), float(compiled.head["shift"][0])
    sizes = np.abs(slope) * (np.abs(coefficients * (case.rows - means) / scales).sum(axis=1) + abs(base)) + abs(shift)
    if case.fitted.kind == "classifier":  # a logistic is nowhere steeper than a quarter, Platt's than a quarter slope
        sizes = 1 + sizes * max(1.0, abs(float(compiled.head["slope"][0]))) / 4
    assert len(np.unique(library)) > 2
    assert float(np.max(np.abs(compiled.predict(case.rows) - library) / np.spacing(sizes))) <= 4


@pytest.mark.parametrize("key", LINEAR)
def test_linear_models(key: str) -> None:
    check_linear(key, ROWS)


@pytest.mark.parametrize("key", LINEAR)
@pytest.mark.slow
def test_linear_models_on_100_000_rows(key: str) -> None:
    check_linear(key, ALL_ROWS)


def test_isotonic_linear_models_follow_the_same_line() -> None:
    case = made("LDA:classifier", 500, "isotonic")
    np.testing.assert_allclose(compile_model(case.fitted).predict(case.rows), case.fitted.score(case.rows), atol=1e-12)


@pytest.mark.parametrize("key", ["RandomForest:classifier", "HistGradientBoosting:regressor", "LightGBM:regressor"])
def test_missing_values_that_training_never_saw(key: str) -> None:
    model = MODELS[key]
    X, returns, ups = planted(400)
    fitted = fit(model, X, ups if model.kind == "classifier" else returns, 1)
    rows, _, _ = planted(500, seed=5, missing=0.2)
    assert ulps(compile_model(fitted).predict(rows), fitted.score(rows), np.float64) <= 4


def test_deep_and_lopsided_trees() -> None:
    X, returns, _ = planted(1_500)
    for key, params in (
        ("DecisionTree:regressor", {"max_depth": None}),
        ("LightGBM:regressor", {"num_leaves": 200, "min_child_samples": 1, "n_estimators": 3}),
    ):
        fitted = fit(key, X, returns, 1, params=params)
        case = Case(fitted, hard_rows(fitted, 1_000, 0.0))
        check_leaves(case)
        check_scores(case)


def test_trees_without_a_split() -> None:
    X, returns, _ = planted(60)
    for key, params in (
        ("DecisionTree:regressor", {"max_depth": 1, "min_samples_split": 1_000}),
        ("LightGBM:regressor", {"min_child_samples": 500}),
        ("XGBoost:regressor", {"min_child_weight": 1e6}),
    ):
        fitted = fit(key, X, returns, 1, params=params)
        np.testing.assert_array_equal(compile_model(fitted).predict(X), fitted.score(X))


def test_what_has_no_compiled_form_is_refused() -> None:
    X, returns, ups = planted(100)
    for key in ("KNN:regressor", "SVR", "AdaBoost:regressor"):
        fitted = fit(key, X, returns, 1)
        assert not can_compile(fitted)
        with pytest.raises(InputError, match="SidecarModel"):
            compile_model(fitted)
    three = ups + (returns > 0.04)
    with pytest.raises(InputError, match="two labels"):
        compile_model(fit("DecisionTree:classifier", X, three, 1))
    with pytest.raises(InputError, match="features"):
        compile_model(fit("Linear", X, returns, 1)).predict(X[:, :3])


def test_the_registry_says_what_compiles() -> None:
    X, returns, ups = planted(200)
    for key, model in MODELS.items():
        known = model.estimator(1).get_params()
        params = {name: 3 for name in ("n_estimators", "max_iter") if name in known and not model.scaled}
        fitted = fit(model, X, ups if model.kind == "classifier" else returns, 1, params=params)
        assert can_compile(fitted) == model.compiled, key
