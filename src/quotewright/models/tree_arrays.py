"""Fitted trees of scikit-learn, LightGBM and XGBoost as arrays whose splits go left where x ≤ threshold, in doubles."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.inference.compiled import Tree
from quotewright.models.thresholds import last_rounded_below, last_rounded_up_to

_CATEGORICAL, _DEFAULT_LEFT = 1, 2  # bits of LightGBM's decision_type
_MISSING_NONE, _MISSING_ZERO = 0, 1  # its bits 2 and 3
_ZERO = float(np.float32(1e-35))


def sklearn_tree(fitted: Any, values: Any, features: Any = None) -> Tree:
    """A tree of scikit-learn (`fitted.tree_`) with `values` by node; features are rounded to single there.

    `features` are the columns that the tree was fitted on, all if None.
    """
    left = np.asarray(fitted.children_left, np.int64)
    used = np.asarray(fitted.feature, np.int64)
    used = np.where(left >= 0, used if features is None else np.asarray(features, np.int64)[used], 0)
    return Tree(
        used,
        last_rounded_up_to(np.asarray(fitted.threshold, np.float64)),
        left,
        np.asarray(fitted.children_right, np.int64),
        np.asarray(values, np.float64),
        np.asarray(fitted.missing_go_to_left, np.bool_),
    )


def histogram_tree(predictor: Any) -> Tree:
    """A tree of scikit-learn's histogram gradient boosting: double thresholds, no rounding."""
    nodes = predictor.nodes
    if nodes["is_categorical"].any():
        raise InputError("features", "categorical", "only numerical splits can be compiled")
    leaf = nodes["is_leaf"].astype(np.bool_)
    return Tree(
        nodes["feature_idx"].astype(np.int64),
        nodes["num_threshold"].astype(np.float64),
        np.where(leaf, -1, nodes["left"].astype(np.int64)),
        np.where(leaf, -1, nodes["right"].astype(np.int64)),
        nodes["value"].astype(np.float64),
        nodes["missing_go_to_left"].astype(np.bool_),
    )


def lightgbm_trees(text: str) -> list[Tree]:
    """The trees of LightGBM's own text form (Booster.model_to_string), in which every number is exact."""
    if "average_output" in text.partition("\nTree=")[0]:
        raise InputError("boosting_type", "rf", "only boosted trees of LightGBM can be compiled; use RandomForest")
    return [_lightgbm_tree(part) for part in text.partition("\nend of trees")[0].split("\nTree=")[1:]]


def _lightgbm_tree(part: str) -> Tree:
    fields = dict(line.split("=", 1) for line in part.splitlines() if "=" in line)
    values = np.array(fields["leaf_value"].split(), np.float64)
    if fields.get("is_linear", "0") != "0":
        raise InputError("linear_tree", True, "only constant leaves can be compiled")
    splits = int(fields["num_leaves"]) - 1
    if splits == 0:
        alone = np.full(1, -1, np.int64)
        return Tree(alone * 0, np.zeros(1), alone, alone, values, np.zeros(1, np.bool_))
    kinds = np.array(fields["decision_type"].split(), np.int64)
    missing = (kinds >> 2) & 3
    if (kinds & _CATEGORICAL).any() or (missing == _MISSING_ZERO).any():
        raise InputError("features", "categorical, or zero as missing", "only plain numerical splits can be compiled")
    threshold = np.array(fields["threshold"].split(), np.float64)
    threshold = _past_zero(threshold)
    # Where training saw no missing value, LightGBM takes NaN as 0.
    missing_left = np.where(missing == _MISSING_NONE, threshold >= 0, (kinds & _DEFAULT_LEFT) != 0)
    children = [np.array(fields[side].split(), np.int64) for side in ("left_child", "right_child")]
    placed = [np.where(child >= 0, child, splits + ~child) for child in children]  # leaves after the splits
    leaves = np.full(len(values), -1, np.int64)
    blank = np.zeros(len(values))
    return Tree(
        np.concatenate([np.array(fields["split_feature"].split(), np.int64), leaves * 0]),
        np.concatenate([threshold, blank]),
        np.concatenate([placed[0], leaves]),
        np.concatenate([placed[1], leaves]),
        np.concatenate([np.zeros(splits), values]),
        np.concatenate([missing_left, blank.astype(np.bool_)]),
    )


def _past_zero(threshold: Any) -> Any:
    """Thresholds for features as given, where LightGBM takes all within ±1e−35 (rounded to single) for 0."""
    low, high = (threshold >= -_ZERO) & (threshold < 0), (threshold >= 0) & (threshold < _ZERO)
    return np.where(low, np.nextafter(-_ZERO, -np.inf), np.where(high, _ZERO, threshold))


def xgboost_trees(raw: bytes | bytearray) -> tuple[list[Tree], float]:
    """(trees, base score) of XGBoost's JSON form (Booster.save_raw("json")): single thresholds, x < t goes left."""
    learner = json.loads(raw)["learner"]
    booster = learner["gradient_booster"]
    if booster["name"] != "gbtree":
        raise InputError("booster", booster["name"], "only gbtree of XGBoost can be compiled")
    base = np.float32(learner["learner_model_param"]["base_score"].strip("[]"))
    return [_xgboost_tree(tree) for tree in booster["model"]["trees"]], float(base)


def _xgboost_tree(tree: dict[str, Any]) -> Tree:
    if any(tree["split_type"]):
        raise InputError("features", "categorical", "only numerical splits can be compiled")
    left = np.array(tree["left_children"], np.int64)
    conditions = np.array(tree["split_conditions"], np.float32)  # of a leaf: its value
    return Tree(
        np.array(tree["split_indices"], np.int64),
        last_rounded_below(conditions),
        left,
        np.array(tree["right_children"], np.int64),
        conditions.astype(np.float64),
        np.array(tree["default_left"], np.bool_),
    )
