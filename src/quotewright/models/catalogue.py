"""The 41 models of the study: 21 classifiers and 20 regressors, each with what it needs, what it can, and its ranges.

After I. Jabbar & A. Jalil (2024), arXiv 2407.18334, who compare 41 models; the list and the defaults are ours. Where a
library's default would make a model useless on returns, ours differs and says why. What is stochastic takes the seed;
everything runs on one thread.
"""

from __future__ import annotations

from typing import Any

from quotewright.domain.errors import InputError
from quotewright.models.model import CLASSIFIER, DEAR, MEDIUM, REGRESSOR, Model, Range, Value


def _whole(name: str, default: Value, low: int, high: int, *, log: bool = False) -> Range:
    return Range(name, default, low, high, log=log, whole=True)


def _log(name: str, default: Value, low: float, high: float) -> Range:
    return Range(name, default, low, high, log=True)


def _one(name: str, default: Value, *choices: Value) -> Range:
    return Range(name, default, choices=choices)


def _classifier(name: str, module: str, attribute: str, **rest: Any) -> Model:
    return Model(name, CLASSIFIER, module, attribute, **rest)


def _regressor(name: str, module: str, attribute: str, **rest: Any) -> Model:
    return Model(name, REGRESSOR, module, attribute, **rest)


_LINEAR, _SVM, _NEAR = "sklearn.linear_model", "sklearn.svm", "sklearn.neighbors"
_TREE, _ENSEMBLE, _BAYES, _LDA = (
    "sklearn.tree",
    "sklearn.ensemble",
    "sklearn.naive_bayes",
    "sklearn.discriminant_analysis",
)

_FEATURES_TRIED = _one("max_features", "sqrt", "sqrt", "log2", 0.3, 0.6, 1.0)
_DEPTH = _whole("max_depth", None, 2, 12)
_LEAF = _whole("min_samples_leaf", 1, 1, 100, log=True)
_TREES = _whole("n_estimators", 100, 50, 400)
_RATE = _log("learning_rate", 0.1, 0.01, 0.5)
_PENALTY = _log("alpha", 1e-4, 1e-6, 1.0)
_C = _log("C", 1.0, 1e-3, 100.0)
_NEIGHBOURS = (_whole("n_neighbors", 5, 3, 200, log=True), _one("weights", "uniform", "uniform", "distance"))
_TREE_SPACE = (_DEPTH, _LEAF)
_FOREST_SPACE = (_TREES, _DEPTH, _LEAF, _FEATURES_TRIED)
_FOREST_OF_MEANS = (_TREES, _DEPTH, _LEAF, _FEATURES_TRIED._replace(default=1.0))
_BOOST_SPACE = (_TREES, _RATE, _whole("max_depth", 3, 1, 8), _LEAF, Range("subsample", 1.0, 0.5, 1.0))
_HIST_SPACE = (
    _whole("max_iter", 100, 50, 400),
    _RATE,
    _whole("max_leaf_nodes", 31, 4, 63),
    _whole("min_samples_leaf", 20, 5, 200, log=True),
    _log("l2_regularization", 1e-9, 1e-9, 10.0),
)
_XGB_SPACE = (
    _TREES,
    _log("learning_rate", 0.3, 0.01, 0.5),
    _whole("max_depth", 6, 1, 8),
    _log("min_child_weight", 1.0, 0.1, 100.0),
    Range("subsample", 1.0, 0.5, 1.0),
    Range("colsample_bytree", 1.0, 0.3, 1.0),
    _log("reg_lambda", 1.0, 1e-3, 100.0),
)
_LGBM_SPACE = (
    _TREES,
    _RATE,
    _whole("num_leaves", 31, 4, 63),
    _whole("min_child_samples", 20, 5, 200, log=True),
    Range("colsample_bytree", 1.0, 0.3, 1.0),
    _log("reg_lambda", 1e-9, 1e-9, 100.0),
)
_XGB = {"n_jobs": 1, "verbosity": 0, "tree_method": "hist"}
_LGBM = {"n_jobs": 1, "verbose": -1, "deterministic": True, "force_row_wise": True}
_HIST = {"early_stopping": False}  # its own stopping would hold out rows at random, across overlapping labels
_LIN = {"scaled": True, "compiled": True}
_TREED = {"takes_nan": True, "compiled": True}
_RIDGE = _log("alpha", 1.0, 1e-3, 1e3)
# A penalty of 1 on standardised data leaves no coefficient: |correlation| ≤ 1.
_SPARSE = _log("alpha", 0.01, 1e-4, 0.3)

CLASSIFIERS = (
    _classifier("LogisticRegression", _LINEAR, "LogisticRegression", space=(_C,), fixed={"max_iter": 1000}, **_LIN),
    _classifier("Ridge", _LINEAR, "RidgeClassifier", space=(_RIDGE,), proba=False, **_LIN),
    _classifier(
        "SGD",
        _LINEAR,
        "SGDClassifier",
        space=(_one("loss", "hinge", "hinge", "log_loss", "modified_huber"), _PENALTY),
        proba=False,
        **_LIN,
    ),
    _classifier(
        "Perceptron",
        _LINEAR,
        "Perceptron",
        space=(_one("penalty", None, None, "l2", "l1", "elasticnet"), _PENALTY),
        proba=False,
        **_LIN,
    ),
    _classifier(
        "PassiveAggressive",  # K. Crammer et al. (2006), JMLR 7: PA-I, of which eta0 is the aggressiveness C
        _LINEAR,
        "SGDClassifier",
        space=(_log("eta0", 1.0, 1e-4, 10.0),),
        fixed={"loss": "hinge", "penalty": None, "learning_rate": "pa1"},
        proba=False,
        largest_weight_1=True,
        **_LIN,
    ),
    _classifier("LinearSVC", _SVM, "LinearSVC", space=(_C,), fixed={"max_iter": 5000}, proba=False, **_LIN),
    _classifier(
        "SVC", _SVM, "SVC", space=(_C, _one("gamma", "scale", "scale", "auto")), scaled=True, proba=False, cost=DEAR
    ),
    _classifier("KNN", _NEAR, "KNeighborsClassifier", space=_NEIGHBOURS, scaled=True, takes_weights=False),
    # Scaled, because it adds a share of the largest variance of all features to each one's.
    _classifier("GaussianNB", _BAYES, "GaussianNB", space=(_log("var_smoothing", 1e-9, 1e-12, 1e-1),), scaled=True),
    # Scaled, so that it splits each feature at its mean in training rather than at 0.
    _classifier("BernoulliNB", _BAYES, "BernoulliNB", space=(_log("alpha", 1.0, 1e-3, 10.0),), scaled=True),
    _classifier("LDA", _LDA, "LinearDiscriminantAnalysis", takes_weights=False, **_LIN),
    # A little shrinkage: without it a constant or doubled feature leaves no covariance to invert.
    _classifier(
        "QDA",
        _LDA,
        "QuadraticDiscriminantAnalysis",
        space=(Range("reg_param", 0.01, 0.0, 1.0),),
        scaled=True,
        takes_weights=False,
    ),
    _classifier("DecisionTree", _TREE, "DecisionTreeClassifier", space=_TREE_SPACE, **_TREED),
    _classifier("RandomForest", _ENSEMBLE, "RandomForestClassifier", space=_FOREST_SPACE, cost=MEDIUM, **_TREED),
    _classifier("ExtraTrees", _ENSEMBLE, "ExtraTreesClassifier", space=_FOREST_SPACE, cost=MEDIUM, **_TREED),
    _classifier(
        "Bagging",
        _ENSEMBLE,
        "BaggingClassifier",
        space=(_whole("n_estimators", 10, 10, 100), Range("max_samples", 1.0, 0.1, 1.0)),
        cost=MEDIUM,
        **_TREED,
    ),
    _classifier(
        "AdaBoost",
        _ENSEMBLE,
        "AdaBoostClassifier",
        space=(_whole("n_estimators", 50, 20, 300), _log("learning_rate", 1.0, 0.01, 2.0)),
        cost=MEDIUM,
        compiled=True,
    ),
    _classifier(
        "GradientBoosting", _ENSEMBLE, "GradientBoostingClassifier", space=_BOOST_SPACE, cost=MEDIUM, compiled=True
    ),
    _classifier(
        "HistGradientBoosting",
        _ENSEMBLE,
        "HistGradientBoostingClassifier",
        space=_HIST_SPACE,
        fixed=_HIST,
        cost=MEDIUM,
        **_TREED,
    ),
    _classifier("XGBoost", "xgboost", "XGBClassifier", space=_XGB_SPACE, fixed=_XGB, cost=MEDIUM, **_TREED),
    _classifier("LightGBM", "lightgbm", "LGBMClassifier", space=_LGBM_SPACE, fixed=_LGBM, cost=MEDIUM, **_TREED),
)

REGRESSORS = (
    _regressor("Linear", _LINEAR, "LinearRegression", **_LIN),
    _regressor("Ridge", _LINEAR, "Ridge", space=(_RIDGE,), **_LIN),
    _regressor("Lasso", _LINEAR, "Lasso", space=(_SPARSE,), target_scaled=True, **_LIN),
    _regressor(
        "ElasticNet",
        _LINEAR,
        "ElasticNet",
        space=(_SPARSE, Range("l1_ratio", 0.5, 0.0, 1.0)),
        target_scaled=True,
        **_LIN,
    ),
    _regressor("BayesianRidge", _LINEAR, "BayesianRidge", target_scaled=True, **_LIN),
    _regressor(
        "Huber",
        _LINEAR,
        "HuberRegressor",
        space=(Range("epsilon", 1.35, 1.05, 3.0), _PENALTY),
        fixed={"max_iter": 500},
        target_scaled=True,
        **_LIN,
    ),
    _regressor(
        "SGD",
        _LINEAR,
        "SGDRegressor",
        space=(_one("loss", "squared_error", "squared_error", "huber", "epsilon_insensitive"), _PENALTY),
        target_scaled=True,
        **_LIN,
    ),
    _regressor(
        "PassiveAggressive",
        _LINEAR,
        "SGDRegressor",
        space=(_log("eta0", 1.0, 1e-4, 10.0), _log("epsilon", 0.1, 1e-3, 1.0)),
        fixed={"loss": "epsilon_insensitive", "penalty": None, "learning_rate": "pa1"},
        target_scaled=True,
        largest_weight_1=True,
        **_LIN,
    ),
    _regressor(
        "LinearSVR",
        _SVM,
        "LinearSVR",
        space=(_C, _log("epsilon", 0.1, 1e-3, 1.0)),
        fixed={"max_iter": 5000},
        target_scaled=True,
        **_LIN,
    ),
    _regressor(
        "SVR",
        _SVM,
        "SVR",
        space=(_C, _log("epsilon", 0.1, 1e-3, 1.0), _one("gamma", "scale", "scale", "auto")),
        scaled=True,
        target_scaled=True,
        cost=DEAR,
    ),
    _regressor("KNN", _NEAR, "KNeighborsRegressor", space=_NEIGHBOURS, scaled=True, takes_weights=False),
    _regressor("DecisionTree", _TREE, "DecisionTreeRegressor", space=_TREE_SPACE, **_TREED),
    _regressor("RandomForest", _ENSEMBLE, "RandomForestRegressor", space=_FOREST_OF_MEANS, cost=MEDIUM, **_TREED),
    _regressor("ExtraTrees", _ENSEMBLE, "ExtraTreesRegressor", space=_FOREST_OF_MEANS, cost=MEDIUM, **_TREED),
    _regressor(
        "Bagging",
        _ENSEMBLE,
        "BaggingRegressor",
        space=(_whole("n_estimators", 10, 10, 100), Range("max_samples", 1.0, 0.1, 1.0)),
        cost=MEDIUM,
        **_TREED,
    ),
    _regressor(
        "AdaBoost",
        _ENSEMBLE,
        "AdaBoostRegressor",
        space=(_whole("n_estimators", 50, 20, 300), _log("learning_rate", 1.0, 0.01, 2.0)),
        cost=MEDIUM,
    ),
    _regressor(
        "GradientBoosting", _ENSEMBLE, "GradientBoostingRegressor", space=_BOOST_SPACE, cost=MEDIUM, compiled=True
    ),
    _regressor(
        "HistGradientBoosting",
        _ENSEMBLE,
        "HistGradientBoostingRegressor",
        space=_HIST_SPACE,
        fixed=_HIST,
        cost=MEDIUM,
        **_TREED,
    ),
    _regressor("XGBoost", "xgboost", "XGBRegressor", space=_XGB_SPACE, fixed=_XGB, cost=MEDIUM, **_TREED),
    _regressor("LightGBM", "lightgbm", "LGBMRegressor", space=_LGBM_SPACE, fixed=_LGBM, cost=MEDIUM, **_TREED),
)

MODELS = {f"{model.name}:{model.kind}": model for model in (*CLASSIFIERS, *REGRESSORS)}
"""By `name:kind`, such as RandomForest:classifier: most names are those of both kinds."""


def model_named(name: str) -> Model:
    """The model called `name:kind`, or `name` alone where one kind has it. Raises InputError for any other."""
    found = [model for key, model in MODELS.items() if name in (key, model.name)]
    if len(found) != 1:
        near = ", ".join(key for key in MODELS if name.partition(":")[0].lower() in key.lower()) or ", ".join(MODELS)
        raise InputError("model", name, f"give one of: {near}")
    return found[0]
