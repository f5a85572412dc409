"""How much a model loses when a feature is torn from its time: permutation importance on rows it was not trained on.

L. Breiman (2001), "Random Forests", Machine Learning 45, sec. 10; for time series in blocks, and with purged folds:
M. López de Prado (2018), "Advances in Financial Machine Learning", ch. 7.4 and 8.3.2 (mean decrease accuracy).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.causality.inputs import Floats, Integers, Predict, column, labels, predicted, table
from quotewright.domain.errors import InputError

Loss = Callable[[Floats, Floats], float]
"""(truth [n], prediction [n]) → a loss, smaller is better."""
Fit = Callable[[Floats, Floats], Predict]
"""(training x [n, f], training y [n]) → predict."""


class Importance(NamedTuple):
    """By how much the loss grows without the `name`; `stderr` over repeats, or over folds where there are folds."""

    name: str
    increase: float
    stderr: float


def squared_error(truth: Floats, prediction: Floats) -> float:
    """The mean squared error."""
    return float(((truth - prediction) ** 2).mean())


def log_loss(truth: Floats, prediction: Floats) -> float:
    """The mean negative log likelihood of truths 0 or 1 under probabilities, held 1e-12 from 0 and 1."""
    p = np.clip(prediction, 1e-12, 1 - 1e-12)
    return -float((truth * np.log(p) + (1 - truth) * np.log1p(-p)).mean())


def permutation_importance(
    predict: Predict,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    names: Sequence[str],
    *,
    loss: Loss = squared_error,
    block: int = 1,
    purge: int = 0,
    groups: dict[str, Sequence[str]] | None = None,
    repeats: int = 10,
    seed: int = 1,
) -> tuple[Importance, ...]:
    """Increase of the loss on (x [n, f], y [n]) with each feature's blocks of `block` rows exchanged, largest first.

    Give rows after training ends (and after its labels are known). No block is replaced by one that begins within
    `purge` rows of it: overlapping windows would make the exchange look harmless. `groups` names sets of features
    that are exchanged together, as correlated ones must be to show what they share; by default each stands alone.
    Raises InputError for rows too few for two blocks that far apart, or unknown names.
    """
    every = table("x", x)
    truth = column("y", y, length=len(every))
    columns = _columns(labels(names, every.shape[1]), groups)
    if repeats < 1:
        raise InputError("repeats", repeats, "give at least 1")
    before = loss(truth, predicted(predict, every))
    rng = np.random.default_rng(seed)
    orders = [block_order(len(every), block, purge, rng) for _ in range(repeats)]
    found: list[Importance] = []
    for name, chosen in columns.items():
        grown = np.empty(repeats)
        for k, order in enumerate(orders):
            torn = every.copy()
            torn[:, chosen] = every[order][:, chosen]
            grown[k] = loss(truth, predicted(predict, torn)) - before
        found.append(Importance(name, float(grown.mean()), _stderr(grown)))
    return tuple(sorted(found, key=lambda each: -each.increase))


def purged_importance(
    fit: Fit,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    names: Sequence[str],
    *,
    folds: int = 5,
    horizon: int,
    block: int = 1,
    loss: Loss = squared_error,
    groups: dict[str, Sequence[str]] | None = None,
    repeats: int = 5,
    seed: int = 1,
) -> tuple[Importance, ...]:
    """`permutation_importance` on each of `folds` stretches of time, by models fitted on the others, averaged.

    `horizon` is how many rows labels and feature windows reach: so many rows on both sides of a fold are not trained
    on, and no block takes the place of one so near. Raises InputError where that leaves nothing to train or exchange.
    """
    every = table("x", x)
    truth = column("y", y, length=len(every))
    if folds < 2 or horizon < 0:
        raise InputError("folds", (folds, horizon), "give at least 2 folds, and a horizon of 0 or more")
    edges: list[int] = np.linspace(0, len(every), folds + 1).astype(np.int64).tolist()
    rows = np.arange(len(every))
    grown: dict[str, list[float]] = {}
    for k, (begin, end) in enumerate(pairwise(edges)):
        training = (rows < begin - horizon) | (rows >= end + horizon)
        if not training.any():
            raise InputError("horizon", horizon, f"leaves nothing of {len(every)} rows to train on")
        found = permutation_importance(
            fit(every[training], truth[training]),
            every[begin:end],
            truth[begin:end],
            names,
            loss=loss,
            block=block,
            purge=horizon,
            groups=groups,
            repeats=repeats,
            seed=seed + k,
        )
        for each in found:
            grown.setdefault(each.name, []).append(each.increase)
    totals = [Importance(name, float(np.mean(of)), _stderr(np.array(of))) for name, of in grown.items()]
    return tuple(sorted(totals, key=lambda each: -each.increase))


def block_order(n: int, block: int, purge: int, rng: np.random.Generator) -> Integers:
    """Which row takes each row's place [n]: blocks shuffled, none placed within `purge` rows of where it was.

    A block always moves; a last, shorter stretch takes the first rows of a block drawn likewise. Raises InputError
    where n holds no two blocks that far apart.
    """
    if block < 1 or purge < 0:
        raise InputError("block", (block, purge), "give a block of 1 or more, and a purge of 0 or more")
    number = n // block
    apart = max(1, math.ceil((purge + 1) / block))  # in blocks
    if number < 2 * apart:
        raise InputError("block", (block, purge), f"{n} rows hold too few blocks {apart} apart: take smaller ones")
    order = _far_permutation(number, apart, rng)
    source = (order[:, None] * block + np.arange(block)).reshape(-1)
    last = int(rng.integers(0, number - apart + 1)) * block + np.arange(n - number * block)
    return np.concatenate([source, last])


def _far_permutation(number: int, apart: int, rng: np.random.Generator) -> Integers:
    """A permutation of 0 … number − 1 that moves each by at least `apart`, found from a rotation by random swaps."""
    shift = int(rng.integers(apart, number - apart + 1))
    order = (np.arange(number) + shift) % number
    for _ in range(4):
        for i, j in enumerate(rng.integers(0, number, number).tolist()):
            if abs(int(order[j]) - i) >= apart and abs(int(order[i]) - j) >= apart:
                order[i], order[j] = order[j], order[i]
    return order


def _columns(names: tuple[str, ...], groups: dict[str, Sequence[str]] | None) -> dict[str, list[int]]:
    if groups is None:
        return {name: [k] for k, name in enumerate(names)}
    unknown = [name for members in groups.values() for name in members if name not in names]
    if unknown or not groups or not all(groups.values()):
        raise InputError("groups", unknown, f"give names among {', '.join(names)}")
    return {group: [names.index(name) for name in members] for group, members in groups.items()}


def _stderr(values: Floats) -> float:
    return float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
