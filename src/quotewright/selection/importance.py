"""What a model loses on rows it was not trained on, when a feature, or a cluster of them, is torn from its time.

L. Breiman (2001), Machine Learning 45, sec. 10; with purged folds M. López de Prado (2018), "Advances in Financial
Machine Learning", ch. 8.3.2; by clusters, so that features that stand in for each other do not hide each other, the
same (2020), "Machine Learning for Asset Managers", ch. 6.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.selection.dependence import moved_blocks
from quotewright.selection.inputs import Booleans, Floats, Integers, matrix, named, spells, vector

Predict = Callable[[Floats], Floats]
"""rows [n, f] → a forecast, a probability or a score for each [n]."""
Score = Callable[[Floats, Floats], float]
"""(predictions [n], labels [n]) → a score; larger is better."""
Fit = Callable[[Floats, Floats], Predict]
"""(training rows [n, f], their labels [n]) → predict."""


class Importance(NamedTuple):
    """By how much the score falls without the feature or cluster `name`: mean and standard error over folds."""

    name: str
    members: tuple[str, ...]
    drop: float
    stderr: float


class HeldOut(NamedTuple):
    """A stretch to score on, and rows to train on whose labels share no time with those of the stretch."""

    train: Integers
    test: Integers


def negative_squared_error(predictions: Floats, labels: Floats) -> float:
    """−mean (ŷ − y)²."""
    return -float(((predictions - labels) ** 2).mean())


def purged_folds(times: npt.ArrayLike, ends: npt.ArrayLike, *, folds: int = 5, embargo: int = 0) -> tuple[HeldOut, ...]:
    """`folds` stretches of neighbouring rows; each trains on the rows whose labels share no time with its own.

    `times` and `ends` are int64 ns [n]: when a row is decided on and when its label is known; `embargo` in ns follows a
    stretch's last label. López de Prado (2018), ch. 7.4. Raises InputError for times that are not in order, or folds
    without training rows.
    """
    n = len(np.asarray(times))
    begun, known = spells(times, ends, n)
    if not 2 <= folds <= n or embargo < 0:
        raise InputError("folds, embargo", (folds, embargo), f"give 2 to {n} folds and 0 ns or more")
    found: list[HeldOut] = []
    for test in np.array_split(np.arange(n, dtype=np.int64), folds):
        first, last = begun[test[0]], known[test].max() + embargo
        clear: Booleans = (known < first) | (begun > last)
        if not clear.any():
            raise InputError("folds", folds, "leaves no training row clear of a stretch: take fewer, or shorter labels")
        found.append(HeldOut(np.flatnonzero(clear), test))
    return tuple(found)


def permuted_drops(
    predict: Predict,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    groups: Sequence[Sequence[int]],
    *,
    score: Score = negative_squared_error,
    block: int = 1,
    repeats: int = 5,
    seed: int = 1,
) -> Floats:
    """Score of (X [n, f], y [n]) less the score with each group's columns moved together in blocks: [groups], a mean.

    Give rows that `predict` was not trained on. Blocks of `block` rows keep a feature's own course; all groups see the
    same `repeats` moves. Raises InputError where n holds no two blocks.
    """
    x = matrix("X", X)
    label = vector("y", y, length=len(x))
    if repeats < 1:
        raise InputError("repeats", repeats, "give at least 1")
    whole = score(_predicted(predict, x), label)
    rng = np.random.default_rng(seed)
    moves = [moved_blocks(len(x), block, rng) for _ in range(repeats)]
    drops = np.zeros(len(groups))
    for g, columns in enumerate(groups):
        for move in moves:
            torn = x.copy()
            torn[:, list(columns)] = x[move][:, list(columns)]
            drops[g] += (whole - score(_predicted(predict, torn), label)) / repeats
    return drops


def permutation_importance(
    fit: Fit,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    names: Sequence[str],
    folds: Sequence[tuple[Integers, Integers]],
    *,
    clusters: Sequence[Sequence[str]] | None = None,
    score: Score = negative_squared_error,
    block: int = 1,
    repeats: int = 5,
    seed: int = 1,
) -> tuple[Importance, ...]:
    """Fall of the score on each fold's test rows by models fitted on its training rows, largest first.

    `folds` are pairs (train, test) of rows, as `purged_folds` makes them. `clusters` of names are moved together; by
    default each feature alone. The standard error takes folds as independent. Raises InputError for unknown or repeated
    members, or folds whose two sides share a row.
    """
    x = matrix("X", X)
    label = vector("y", y, length=len(x))
    known = named(names, x.shape[1])
    members = [(name,) for name in known] if clusters is None else [tuple(c) for c in clusters]
    flat = [name for c in members for name in c]
    if not all(members) or len(set(flat)) < len(flat) or not set(flat) <= set(known):
        raise InputError("clusters", members, f"name each of {', '.join(known)} at most once, and no others")
    if not folds:
        raise InputError("folds", folds, "give at least one")
    groups = [[known.index(name) for name in c] for c in members]
    drops = np.empty((len(folds), len(groups)))
    for k, (train, test) in enumerate(folds):
        if np.intersect1d(train, test).size:
            raise InputError("folds", k, "trains on rows that it tests")
        predict = fit(x[train], label[train])
        drops[k] = permuted_drops(
            predict, x[test], label[test], groups, score=score, block=block, repeats=repeats, seed=seed + k
        )
    means = drops.mean(axis=0)
    errors = drops.std(axis=0, ddof=1) / math.sqrt(len(folds)) if len(folds) > 1 else np.full(len(groups), math.nan)
    found = [
        Importance(" + ".join(c), c, drop, error)
        for c, drop, error in zip(members, means.tolist(), errors.tolist(), strict=True)
    ]
    return tuple(sorted(found, key=lambda each: (-each.drop, each.name)))


def _predicted(predict: Predict, x: Floats) -> Floats:
    found = np.asarray(predict(x), np.float64)
    if found.shape != (len(x),) or not np.isfinite(found).all():
        raise InputError("predict", found.shape, f"must return a finite value for each of {len(x)} rows")
    return found
