"""Fitted models as flat arrays for the core: the same leaf for every row, sums in the library's order.

Forests, boosted trees of four libraries, AdaBoost of trees, and linear models with their scaling; a target's scale and
a calibration go with them. What cannot be exported (nearest neighbours, kernels, Bayes, weighted medians) runs beside
the core: see `quotewright.models.sidecar`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.inference.compiled import CompiledModel, Ending, Tree, compiled_forest, compiled_linear
from quotewright.models.calibration import Sigmoid
from quotewright.models.fitting import Fitted
from quotewright.models.model import CLASSIFIER
from quotewright.models.tree_arrays import histogram_tree, lightgbm_trees, sklearn_tree, xgboost_trees
from quotewright.signals.model_links import AS_IS, IDENTITY, ISOTONIC, LOGISTIC, LOGISTIC_SINGLE, PLATT, SCALED

Floats = npt.NDArray[np.float64]


class _Forest(NamedTuple):
    trees: list[Tree]
    link: int = IDENTITY  # of probabilities
    base: float = 0.0
    divisor: float = 1.0
    narrow: bool = False


def compile_model(fitted: Fitted) -> CompiledModel:
    """The compiled form of a fitted model, of one output. Raises InputError for what has none.

    A classifier of two labels gives the probability of the larger, a regressor its value in the target's unit.
    """
    if fitted.kind == CLASSIFIER and len(fitted.labels) != 2:
        raise InputError("labels", fitted.labels, "only classifiers of two labels can be compiled: fit one a label")
    made, target = _unwrapped(fitted.estimator)
    scaling, last = _scaled(made)
    maker = _FORESTS.get(type(last).__name__)
    if maker is not None and scaling is None:
        found = maker(last)
        ending = _ending(fitted, found.link, target)
        return compiled_forest(
            fitted.name,
            fitted.kind,
            fitted.features,
            found.trees,
            ending,
            base=found.base,
            divisor=found.divisor,
            narrow=found.narrow,
        )
    if type(last).__name__ in _LINEAR:
        ending = _ending(fitted, LOGISTIC if fitted.kind == CLASSIFIER else IDENTITY, target)
        weights = np.asarray(last.coef_, np.float64).ravel()
        intercept = float(np.asarray(last.intercept_).ravel()[0])
        return compiled_linear(fitted.name, fitted.kind, fitted.features, weights, intercept, scaling, ending)
    raise InputError("model", fitted.name, "has no compiled form: run it as a SidecarModel, with its latency")


def can_compile(fitted: Fitted) -> bool:
    """Whether `compile_model` would succeed."""
    try:
        compile_model(fitted)
    except InputError:
        return False
    return True


def _unwrapped(estimator: Any) -> tuple[Any, tuple[float, float] | None]:
    """The estimator or pipeline, and (scale, mean) of the target if that was standardised."""
    if type(estimator).__name__ != "TransformedTargetRegressor":
        return estimator, None
    scaler = estimator.transformer_
    return estimator.regressor_, (float(scaler.scale_[0]), float(scaler.mean_[0]))


def _scaled(made: Any) -> tuple[tuple[Floats, Floats] | None, Any]:
    if type(made).__name__ != "Pipeline":
        return None, made
    scaler = made.named_steps["scale"]
    return (np.asarray(scaler.mean_, np.float64), np.asarray(scaler.scale_, np.float64)), made.named_steps["model"]


def _ending(fitted: Fitted, link: int, target: tuple[float, float] | None) -> Ending:
    if target is not None:
        return Ending(link, SCALED, target[0], target[1])
    if fitted.calibrator is None:
        return Ending(link, AS_IS)
    curve = fitted.calibrator.curves[0]  # of the raw sum, before the link
    if isinstance(curve, Sigmoid):
        return Ending(IDENTITY, PLATT, curve.slope, curve.shift)
    return Ending(IDENTITY, ISOTONIC, places=curve.places, heights=curve.heights)


def _leaf_values(tree: Any) -> Floats:
    """By node: the mean of a regressor, the share of the larger label of a classifier."""
    return np.asarray(tree.tree_.value, np.float64)[:, 0, -1]


def _tree(last: Any) -> _Forest:
    return _Forest([sklearn_tree(last.tree_, _leaf_values(last))])


def _mean_of_trees(last: Any) -> _Forest:
    return _Forest([t for each in last.estimators_ for t in _tree(each).trees], divisor=float(len(last.estimators_)))


def _bagging(last: Any) -> _Forest:
    trees: list[Tree] = []
    for each, columns in zip(last.estimators_, last.estimators_features_, strict=True):
        if not hasattr(each, "tree_"):
            raise InputError("estimator", type(each).__name__, "only bags of trees can be compiled")
        values = _leaf_values(each)
        if hasattr(each, "classes_") and len(each.classes_) == 1:  # its draw had one label only
            values = np.full(len(values), float(each.classes_[0] == 1))
        trees.append(sklearn_tree(each.tree_, values, columns))
    return _Forest(trees, divisor=float(len(trees)))


def _adaboost(last: Any) -> _Forest:
    """A vote of ±2w a tree over Σw: SAMME's decision for two labels, the difference of both columns."""
    trees: list[Tree] = []
    for each, weight in zip(last.estimators_, last.estimator_weights_, strict=False):
        if not hasattr(each, "tree_"):
            raise InputError("estimator", type(each).__name__, "only AdaBoost of trees can be compiled")
        shares = np.asarray(each.tree_.value, np.float64)[:, 0, :]
        larger = each.classes_[np.argmax(shares, axis=1)] == last.classes_[1]
        trees.append(sklearn_tree(each.tree_, np.where(larger, 2 * weight, -2 * weight)))
    return _Forest(trees, LOGISTIC, divisor=float(last.estimator_weights_.sum()))


def _gradient_boosting(last: Any) -> _Forest:
    if last.loss not in ("log_loss", "squared_error", "absolute_error", "huber", "quantile") or last.init is not None:
        raise InputError("loss, init", (last.loss, last.init), "only the usual losses with init=None can be compiled")
    rate = last.learning_rate
    trees = [sklearn_tree(each.tree_, rate * _leaf_values(each)) for each in last.estimators_[:, 0]]
    base = float(last._raw_predict_init(np.zeros((1, last.n_features_in_)))[0, 0])
    return _Forest(trees, LOGISTIC if last.loss == "log_loss" else IDENTITY, base)


def _histogram_boosting(last: Any) -> _Forest:
    if last.loss not in ("log_loss", "squared_error", "absolute_error", "quantile"):
        raise InputError("loss", last.loss, "only losses without a link, or log_loss, can be compiled")
    trees = [histogram_tree(each[0]) for each in last._predictors]
    base = float(np.asarray(last._baseline_prediction).ravel()[0])
    return _Forest(trees, LOGISTIC if last.loss == "log_loss" else IDENTITY, base)


def _lightgbm(last: Any) -> _Forest:
    objective = str(last.objective_).split()[0]
    if objective not in ("binary", "regression", "regression_l1", "huber", "fair", "quantile", "mape"):
        raise InputError("objective", objective, "only binary and plain regression objectives can be compiled")
    link = LOGISTIC if objective == "binary" else IDENTITY
    return _Forest(lightgbm_trees(last.booster_.model_to_string()), link)


def _xgboost(last: Any) -> _Forest:
    trees, score = xgboost_trees(last.get_booster().save_raw("json"))
    if last.objective == "binary:logistic":
        odds = np.float32(1) / np.float32(score) - np.float32(1)
        base = float(np.float32(-math.log(float(odds))))  # a single, as the library's
        return _Forest(trees, LOGISTIC_SINGLE, base, narrow=True)
    if last.objective not in ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror"):
        raise InputError("objective", last.objective, "only binary:logistic and plain regression can be compiled")
    return _Forest(trees, IDENTITY, score, narrow=True)


_FORESTS: dict[str, Callable[[Any], _Forest]] = {
    "DecisionTreeClassifier": _tree,
    "DecisionTreeRegressor": _tree,
    "ExtraTreeClassifier": _tree,
    "ExtraTreeRegressor": _tree,
    "RandomForestClassifier": _mean_of_trees,
    "RandomForestRegressor": _mean_of_trees,
    "ExtraTreesClassifier": _mean_of_trees,
    "ExtraTreesRegressor": _mean_of_trees,
    "BaggingClassifier": _bagging,
    "BaggingRegressor": _bagging,
    "AdaBoostClassifier": _adaboost,
    "GradientBoostingClassifier": _gradient_boosting,
    "GradientBoostingRegressor": _gradient_boosting,
    "HistGradientBoostingClassifier": _histogram_boosting,
    "HistGradientBoostingRegressor": _histogram_boosting,
    "LGBMClassifier": _lightgbm,
    "LGBMRegressor": _lightgbm,
    "XGBClassifier": _xgboost,
    "XGBRegressor": _xgboost,
}
_LINEAR = {
    "LogisticRegression",
    "RidgeClassifier",
    "SGDClassifier",
    "Perceptron",
    "LinearSVC",
    "LinearDiscriminantAnalysis",
    "LinearRegression",
    "Ridge",
    "Lasso",
    "ElasticNet",
    "BayesianRidge",
    "HuberRegressor",
    "SGDRegressor",
    "LinearSVR",
}
