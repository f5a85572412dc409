"""The registry is whole, every model learns what was planted, says what its library says, and refuses bad input."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from planted_returns import planted

from quotewright.domain.errors import InputError
from quotewright.models.catalogue import CLASSIFIERS, MODELS, REGRESSORS, model_named
from quotewright.models.fitting import Spans, fit
from quotewright.models.model import CLASSIFIER

THE_CLASSIFIERS = (
    "LogisticRegression Ridge SGD Perceptron PassiveAggressive LinearSVC SVC KNN GaussianNB BernoulliNB LDA QDA "
    "DecisionTree RandomForest ExtraTrees Bagging AdaBoost GradientBoosting HistGradientBoosting XGBoost LightGBM"
)
THE_REGRESSORS = (
    "Linear Ridge Lasso ElasticNet BayesianRidge Huber SGD PassiveAggressive LinearSVR SVR KNN DecisionTree "
    "RandomForest ExtraTrees Bagging AdaBoost GradientBoosting HistGradientBoosting XGBoost LightGBM"
)
QUICK = {
    "n_estimators": 10,
    "max_iter": 10,
    "max_leaf_nodes": 8,
    "max_bins": 16,
}  # few bins: weighted ones are slow to find


def target(key: str, returns: Any, ups: Any) -> Any:
    return ups if MODELS[key].kind == CLASSIFIER else returns


def quick(key: str) -> dict[str, Any]:
    known = MODELS[key].estimator(1).get_params()
    return {} if MODELS[key].scaled else {name: value for name, value in QUICK.items() if name in known}


def test_the_41_models() -> None:
    assert [model.name for model in CLASSIFIERS] == THE_CLASSIFIERS.split()
    assert [model.name for model in REGRESSORS] == THE_REGRESSORS.split()
    assert len(MODELS) == 41


@pytest.mark.parametrize("key", MODELS)
def test_every_model_learns_the_same_each_time_and_says_nothing(key: str) -> None:
    X, returns, ups = planted(600)
    y, weights = target(key, returns, ups), np.random.default_rng(4).random(450)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [fit(key, X[:450], y[:450], 3, weights, quick(key)) for _ in range(2)]
        scores = [each.score(X[450:]) for each in found]
        predicted = found[0].predict(X[450:])
    np.testing.assert_array_equal(scores[0], scores[1])
    assert np.corrcoef(scores[0], returns[450:])[0, 1] > 0.4
    assert len(np.unique(scores[0])) > 1
    if MODELS[key].kind == CLASSIFIER:
        assert ((scores[0] >= 0) & (scores[0] <= 1)).all()
        np.testing.assert_allclose(found[0].predict_proba(X[450:]).sum(axis=1), 1, atol=1e-6)
        assert set(np.unique(predicted)) <= {0.0, 1.0}
        assert np.mean(predicted == ups[450:]) > 0.55
    else:
        assert 0.005 < scores[0].std() < 0.1


@pytest.mark.parametrize("key", MODELS)
def test_every_parameter_range_is_accepted(key: str) -> None:
    model = MODELS[key]
    X, returns, ups = planted(60)
    for end in ("low", "high"):
        params = {each.name: each.choices[-1] if each.choices else getattr(each, end) for each in model.space}
        params = {name: min(value, 10) if name in QUICK else value for name, value in params.items()}
        assert model.build(1, **params) is not None
        fit(model, X, target(key, returns, ups), 1, params=params)
    for each in model.space:
        assert each.default in each.choices if each.choices else each.default is None or each.low <= each.default
        assert each.choices or each.low < each.high
        assert not each.log or each.low > 0


def test_warnings_are_kept_as_text_and_do_not_leak() -> None:
    X, _, ups = planted(200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit("LogisticRegression", X, ups, 1, params={"max_iter": 1})
        plain = fit("KNN:classifier", X, ups, 1, np.ones(200))
    assert any(text.startswith("ConvergenceWarning") for text in found.warnings)
    assert plain.warnings == ("KNN takes no sample weights: every row counted alike",)


@pytest.mark.parametrize("key", [key for key, model in MODELS.items() if model.takes_weights])
def test_rows_without_weight_do_not_count(key: str) -> None:
    """Three rows in five say the opposite; weighing them 0 must leave what the others say."""
    X, returns, ups = planted(400)
    returns, ups = returns.copy(), ups.copy()
    turned = np.arange(400) % 5 > 1
    returns[turned], ups[turned] = -5 * returns[turned], 1 - ups[turned]
    params = {"eta0": 0.01} if MODELS[key].name == "PassiveAggressive" else quick(key)  # whose last rows else rule
    fitted = fit(key, X, target(key, returns, ups), 1, np.where(turned, 0.0, 1.0), params)
    fresh, later, _ = planted(300, seed=9)
    assert np.corrcoef(fitted.score(fresh), later)[0, 1] > 0.1


def test_weights_are_scaled() -> None:
    X, _, ups = planted(100)
    weights = np.random.default_rng(1).random(100)
    small, large = (fit("LogisticRegression", X, ups, 1, weights * size).score(X) for size in (1e-6, 1e6))
    np.testing.assert_allclose(small, large, rtol=1e-9)


def test_three_labels_in_their_own_numbers() -> None:
    X, returns, _ = planted(400)
    y = np.select([returns > 0.03, returns < -0.03], [1.0, -1.0], 0.0)
    for key in ("RandomForest:classifier", "SVC:classifier", "LightGBM:classifier"):
        fitted = fit(key, X, y, 1, params=quick(key))
        assert fitted.labels == (-1.0, 0.0, 1.0)
        assert fitted.predict_proba(X).shape == (400, 3)
        assert np.mean(fitted.predict(X) == y) > 0.6
        with pytest.raises(InputError, match="two labels"):
            fitted.score(X)


def test_constant_and_doubled_columns() -> None:
    X, returns, ups = planted(200, features=4)
    X = np.column_stack([X, np.full(200, 7.0), X[:, 0]])
    for key in MODELS:
        scores = fit(key, X, target(key, returns, ups), 1, params=quick(key)).score(X)
        assert np.isfinite(scores).all(), key


def test_calibration_and_its_purge_leave_the_rows_before() -> None:
    X, _, ups = planted(200)
    days = np.arange(200)
    assert fit("LogisticRegression", X, ups, 1).rows == 200
    assert fit("LogisticRegression", X, ups, 1, calibrate="isotonic").rows == 160
    assert fit("Ridge:classifier", X, ups, 1, spans=Spans(days, days + 1)).rows == 160
    assert fit("Ridge:classifier", X, ups, 1, spans=Spans(days, days + 11)).rows == 150


def test_calibration_uses_the_latest_rows_alone() -> None:
    """Labels turn round in the last fifth: the sigmoid must turn too, whatever came before."""
    X, _, ups = planted(500)
    turned = np.where(np.arange(500) < 400, ups, 1 - ups)
    kept, found = (fit("Ridge:classifier", X, y, 1).score(X) for y in (ups, turned))
    assert np.corrcoef(kept, found)[0, 1] < -0.9


BAD: list[tuple[str, dict[str, Any]]] = [
    ("X", {"X": np.zeros(50)}),
    ("X", {"X": np.zeros((50, 0))}),
    ("X, y", {"X": np.zeros((1, 3)), "y": np.zeros(1)}),
    ("X, y", {"y": np.zeros(49)}),
    ("y", {"y": np.full(50, np.nan)}),
    ("y", {"y": np.zeros(50)}),
    ("y", {"y": np.arange(50.0)}),
    ("weights", {"weights": np.ones(3)}),
    ("weights", {"weights": -np.ones(50)}),
    ("weights", {"weights": np.zeros(50)}),
    ("features", {"features": ("a", "a", "b")}),
    ("calibrate", {"calibrate": "platt"}),
    ("spans", {"spans": Spans(np.arange(50), np.arange(50))}),
    ("spans", {"spans": Spans(np.arange(50)[::-1], np.arange(50) + 99)}),
    ("spans", {"spans": Spans(np.arange(3), np.arange(3) + 1)}),
    ("depth", {"params": {"depth": 3}}),
    ("X, y", {"params": {"C": -1.0}}),
]


@pytest.mark.parametrize(("field", "wrong"), BAD)
def test_bad_input_is_named(field: str, wrong: dict[str, Any]) -> None:
    X, _, ups = planted(50, features=3)
    with pytest.raises(InputError) as raised:
        fit("LogisticRegression", **{"X": X, "y": ups, "seed": 1, **wrong})
    assert raised.value.field == field


def test_missing_and_infinite_values() -> None:
    X, returns, ups = planted(60, features=3)
    X[7, 1] = np.nan
    with pytest.raises(InputError, match=r"X\[7, 1\]"):
        fit("LDA", X, ups, 1)
    fit("RandomForest:classifier", X, ups, 1)
    X[8, 2] = np.inf
    with pytest.raises(InputError, match="infinite"):
        fit("RandomForest:regressor", X, returns, 1)
    with pytest.raises(InputError, match="has no probabilities"):
        fit("Ridge:classifier", X[10:], ups[10:], 1, calibrate="none")
    with pytest.raises(InputError, match="regressor"):
        fit("Linear", X[10:], returns[10:], 1, calibrate="sigmoid")
    with pytest.raises(InputError, match="regressor"):
        fit("Linear", X[10:], returns[10:], 1).predict_proba(X[10:])


def test_names() -> None:
    assert model_named("SVR").kind == "regressor"
    assert model_named("Ridge:classifier").attribute == "RidgeClassifier"
    with pytest.raises(InputError, match="Ridge:regressor"):
        model_named("Ridge")
    with pytest.raises(InputError):
        model_named("Transformer")
