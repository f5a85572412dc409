"""Kinds of owners from features of their addresses, scored on owners that the model has never seen.

Addresses of one owner are alike, so a split by address asks a model to recognise an owner, not a kind. Here an owner is
wholly in training or wholly in test, and counts as one however many addresses it has. Random forest: L. Breiman (2001),
"Random forests", Machine Learning 45 (scikit-learn's, extra `research`); intervals: B. Efron (1979), by owners.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.chain.graph import Edges
from quotewright.domain.errors import InputError, MissingExtraError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class Neighbours(NamedTuple):
    """Payments among nodes, and the node of every row: lets a row see the kinds of owners it deals with."""

    edges: Edges
    node: Integers


class Interval(NamedTuple):
    """A figure and its 95 % interval by resampling owners within their category."""

    value: float
    low: float
    high: float


class Scores(NamedTuple):
    """How well categories were told: by category recall, precision and F1, and their means.

    `confusion` is true × predicted, in owners or addresses, whichever the weights are.
    """

    confusion: Floats
    recall: Floats
    precision: Floats
    f1: Floats
    balanced_accuracy: Interval
    macro_f1: Interval
    accuracy: Interval


class Classified(NamedTuple):
    """Predictions for owners held out, and their scores beside those of always saying the commonest category.

    `by_owner` and `baseline` weigh each owner (of a category) 1; `by_address` and `baseline_by_address` its addresses.
    Commonest is what has the most owners, or the most addresses, in training. `owners` counts them by category.
    """

    predicted: Integers
    owners: Integers
    by_owner: Scores
    baseline: Scores
    by_address: Scores
    baseline_by_address: Scores


def classify(
    features: Floats,
    category: Integers,
    owner: Integers,
    *,
    seed: int,
    addresses: Floats | None = None,
    neighbours: Neighbours | None = None,
    balanced: bool = True,
    folds: int = 5,
    trees: int = 200,
    repeats: int = 1000,
) -> Classified:
    """Predict each row's category by a forest that was trained on other owners, and score it.

    `features` is rows × features, finite; `category` counts from 0 without gaps; `owner` is any number by row.
    `addresses` says how many addresses a row stands for (default 1). In training every owner has the same weight within
    its category and, if `balanced`, every category the same: that serves balanced accuracy at the cost of plain
    accuracy. With `neighbours`, shares of payees and of payers by category are features too: of owners in training
    alone, and never of the row's own. Raises InputError for arrays that do not fit or a category with fewer
    owners than folds, MissingExtraError without scikit-learn.
    """
    if neighbours is not None and (len(neighbours.node) != len(features) or neighbours.node.min(initial=0) < 0):
        raise InputError(
            "neighbours.node", len(neighbours.node), f"give a node of 0 or more for each of {len(features)} rows"
        )
    stands = np.ones(len(category)) if addresses is None else np.asarray(addresses, np.float64)
    kinds = _check(features, category, owner, stands, folds)
    unit = _units(owner, category)
    fold = _folds(owner, category, folds, seed)
    predicted, common, most = (np.zeros(len(category), np.int64) for _ in range(3))
    for k in range(folds):
        train, test = fold != k, fold == k
        weight = _weights(unit, category, train, balanced=balanced)
        dealings = [] if neighbours is None else _dealings(neighbours, category, owner, train, kinds)
        seen = np.concatenate([features, *dealings], axis=1)
        forest = _ensemble().RandomForestClassifier(trees, min_samples_leaf=2, n_jobs=1, random_state=seed + k)
        forest.fit(seen[train], category[train], sample_weight=weight[train])
        predicted[test] = forest.predict(seen[test])
        common[test] = np.bincount(_first_of(category, unit, train)).argmax()
        most[test] = np.bincount(category[train], stands[train]).argmax()
    rng = np.random.default_rng(seed)

    def score(said: Integers, weights: Floats | None) -> Scores:
        return scores(category, said, unit, kinds, weights=weights, repeats=repeats, rng=rng)

    counts = np.bincount(_first_of(category, unit, np.ones(len(unit), np.bool_)), minlength=kinds)
    pair = (score(predicted, None), score(common, None), score(predicted, stands), score(most, stands))
    return Classified(predicted, counts, *pair)


def scores(
    category: Integers,
    predicted: Integers,
    unit: Integers,
    kinds: int,
    *,
    weights: Floats | None = None,
    repeats: int = 1000,
    rng: Any,
) -> Scores:
    """Scores of predictions; rows of one `unit` (an owner's, of one category) are resampled together.

    Without `weights` every unit weighs 1, its rows alike; with them a row weighs what they say.
    """
    units, place = np.unique(unit, return_inverse=True)
    place = place.reshape(-1)
    each = 1.0 / np.bincount(place)[place] if weights is None else weights
    said = np.bincount(place * kinds + predicted, each, len(units) * kinds).astype(np.float64).reshape(-1, kinds)
    kind = np.zeros(len(units), np.int64)
    kind[place] = category
    confusion = np.stack([said[kind == k].sum(axis=0) for k in range(kinds)])
    drawn = np.stack([_resampled(said[kind == k], repeats, rng) for k in range(kinds)], axis=1)
    recall, precision, f1, summary = _figures(confusion[None])
    spread = np.quantile(_figures(drawn)[3], (0.025, 0.975), axis=0)
    found = [Interval(float(summary[0, n]), float(spread[0, n]), float(spread[1, n])) for n in range(3)]
    return Scores(confusion, recall[0], precision[0], f1[0], *found)


def _figures(confusion: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    right = np.diagonal(confusion, axis1=1, axis2=2)
    true, said = confusion.sum(axis=2), confusion.sum(axis=1)
    recall, precision = right / true, right / np.where(said > 0, said, 1)
    f1 = 2 * right / (true + said)
    accuracy = right.sum(axis=1) / true.sum(axis=1)
    return recall, precision, f1, np.stack([recall.mean(axis=1), f1.mean(axis=1), accuracy], axis=1)


def _resampled(said: Floats, repeats: int, rng: Any) -> Floats:
    counts = rng.multinomial(len(said), np.full(len(said), 1 / len(said)), size=repeats)
    return counts @ said


def _folds(owner: Integers, category: Integers, folds: int, seed: int) -> Integers:
    """A fold by row: owners of each category dealt out in random order, each once, by the first category it has."""
    rng = np.random.default_rng(seed)
    owners, first, place = np.unique(owner, return_index=True, return_inverse=True)
    fold = np.zeros(len(owners), np.int64)
    dealt = 0
    for kind in np.unique(category):
        members = rng.permutation(np.flatnonzero(category[first] == kind))
        fold[members] = (np.arange(len(members)) + dealt) % folds
        dealt += len(members)
    return fold[place.reshape(-1)]


def _units(owner: Integers, category: Integers) -> Integers:
    _, unit = np.unique(np.stack([owner, category], axis=1), axis=0, return_inverse=True)
    return unit.reshape(-1).astype(np.int64)


def _first_of(category: Integers, unit: Integers, rows: npt.NDArray[np.bool_]) -> Integers:
    """The category of each unit among `rows`, once."""
    _, first = np.unique(unit[rows], return_index=True)
    return category[rows][first]


def _weights(unit: Integers, category: Integers, train: npt.NDArray[np.bool_], *, balanced: bool) -> Floats:
    size = np.bincount(unit[train], minlength=int(unit.max()) + 1)
    owners = np.bincount(_first_of(category, unit, train), minlength=int(category.max()) + 1)
    each = 1.0 / np.maximum(size[unit], 1)
    return each / np.maximum(owners[category], 1) if balanced else each


def _dealings(
    neighbours: Neighbours, category: Integers, owner: Integers, train: npt.NDArray[np.bool_], kinds: int
) -> list[Floats]:
    """Of those whom each row's node pays, and who pay it: the share of each category, of owners in training."""
    found, node = neighbours
    nodes = int(max(node.max(initial=0), found.payer.max(initial=0), found.payee.max(initial=0))) + 1
    kind_at, owner_at = np.full(nodes, -1), np.full(nodes, -1)
    kind_at[node[train]], owner_at[node[train]] = category[train], owner[train]
    row_at = np.full(nodes, -1)
    row_at[node] = np.arange(len(node))
    shares: list[Floats] = []
    for mine, other in ((found.payer, found.payee), (found.payee, found.payer)):
        row = row_at[mine]
        told = (row >= 0) & (kind_at[other] >= 0) & (owner_at[other] != owner[row])
        seen = np.bincount(row[told] * kinds + kind_at[other[told]], minlength=len(node) * kinds).reshape(-1, kinds)
        shares.append(seen / np.maximum(seen.sum(axis=1, keepdims=True), 1))
    return shares


def _check(features: Floats, category: Integers, owner: Integers, stands: Floats, folds: int) -> int:
    rows = len(features)
    if features.ndim != 2 or not rows == len(category) == len(owner) == len(stands) or rows == 0:
        raise InputError("features", features.shape, "give rows × features, and a category and an owner for each row")
    if not np.isfinite(features).all() or not (stands > 0).all():
        raise InputError("features", "values", "must be finite, and rows stand for some addresses")
    counts = np.bincount(_first_of(category, _units(owner, category), np.ones(rows, np.bool_)))
    if len(counts) < 2 or folds < 2 or counts.min() < folds:
        raise InputError(
            "category", counts.tolist(), f"needs two categories, each of {folds} owners (one a fold) or more"
        )
    return len(counts)


def _ensemble() -> Any:
    try:
        return importlib.import_module("sklearn.ensemble")
    except ImportError:
        raise MissingExtraError("classification of owners needs: pip install 'quotewright[research]'") from None
