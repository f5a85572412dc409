"""Mutual information of features and a label, of any shape, in nats, against what labels moved in time would show.

Between numbers: A. Kraskov, H. Stögbauer & P. Grassberger (2004), Phys. Rev. E 69, 066138, eq. 8. Between a number and
a class: B. C. Ross (2014), PLoS ONE 9(2), eq. 2. Both are taken of normal scores of ranks, ties broken at random, so
that no strictly rising map of a feature changes anything but rounding, and no tail decides.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.selection.dependence import block_length, moved_blocks
from quotewright.selection.inputs import Floats, Integers, library, matrix, named, varying, vector

FEWEST_NEIGHBOURS, MOST_NEIGHBOURS = 3, 50
ROWS_A_NEIGHBOUR = 40
MOST_CLASSES = 10
ROUNDING = 1e-12  # normal scores of up to 10⁸ rows lie further apart


class Information(NamedTuple):
    """What a feature says about the label.

    `nats` may fall a little below 0, where there is nothing; `chance` is the mean of moved labels. `p_value` is of no
    dependence, `family_p` that any of these features would show as much by chance.
    """

    name: str
    nats: float
    chance: float
    p_value: float
    family_p: float


def information(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    names: Sequence[str],
    *,
    discrete: bool | None = None,
    neighbours: int | None = None,
    draws: int = 99,
    block: int | None = None,
    seed: int = 1,
) -> tuple[Information, ...]:
    """Mutual information of each column of X [n, f] with y [n], in the order of columns.

    The null moves blocks of `block` rows of the label to other times (by default so long that its size and its squared
    size are nearly independent between blocks), the same for all features, so that the largest of their standardised
    values bounds the chance of any: P. H. Westfall & S. S. Young (1993), "Resampling-Based Multiple Testing", ch. 2.3.
    p is (1 + as much)/(1 + draws): B. Phipson & G. K. Smyth (2010), SAGMB 9(1). `discrete` is by default whether the
    label has at most 10 values. Give training rows alone. Raises InputError for columns that do not vary.
    """
    x = matrix("X", X)
    known = named(names, x.shape[1])
    k = neighbours_of(neighbours, len(x))
    label, classes = _label(y, len(x), discrete, seed)
    if draws < 1:
        raise InputError("draws", draws, "give at least 1")
    scores = [normal_scores(column, name, seed) for name, column in zip(known, x.T, strict=True)]
    length = max(block_length(label), block_length((label - label.mean()) ** 2)) if block is None else block
    rng = np.random.default_rng(seed)
    found = np.array([_between(s, label, classes, k) for s in scores])
    null = np.empty((draws, len(known)))
    for d in range(draws):
        moved = label[moved_blocks(len(label), length, rng)]
        null[d] = [_between(s, moved, classes, k) for s in scores]
    chance, spread = null.mean(axis=0), null.std(axis=0) + ROUNDING
    most = ((null - chance) / spread).max(axis=1)
    p = (1 + (null >= found).sum(axis=0)) / (1 + draws)
    family = (1 + (most[:, None] >= (found - chance) / spread).sum(axis=0)) / (1 + draws)
    columns = (found.tolist(), chance.tolist(), p.tolist(), np.maximum(family, p).tolist())
    return tuple(Information(*row) for row in zip(known, *columns, strict=True))


def mutual_information(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    discrete: bool | None = None,
    neighbours: int | None = None,
    seed: int = 1,
) -> float:
    """The estimate alone, nats, for x and y [n]."""
    values = vector("x", x)
    k = neighbours_of(neighbours, len(values))
    label, classes = _label(y, len(values), discrete, seed)
    return _between(normal_scores(values, "x", seed), label, classes, k)


def redundancy(X: npt.ArrayLike, names: Sequence[str], *, neighbours: int | None = None, seed: int = 1) -> Floats:
    """Mutual information of all pairs of columns of X [n, f]: symmetric [f, f], nats; the diagonal is ψ(n) − ψ(k)."""
    x = matrix("X", X)
    known = named(names, x.shape[1])
    k = neighbours_of(neighbours, len(x))
    scores = [normal_scores(column, name, seed) for name, column in zip(known, x.T, strict=True)]
    found = np.empty((len(known), len(known)))
    for i, score in enumerate(scores):
        for j in range(i, len(scores)):
            found[i, j] = found[j, i] = nearest_neighbour_information(score, scores[j], k)
    return found


def neighbours_of(neighbours: int | None, n: int) -> int:
    """Neighbours to look at among n rows: as given, or by default n/40 within 3 to 50.

    More of them blur what is sharp and steady what is faint: Kraskov et al. (sec. III) advise many to tell whether
    there is any dependence. Raises InputError unless 1 or more, and at most a quarter of the rows.
    """
    found = min(max(n // ROWS_A_NEIGHBOUR, FEWEST_NEIGHBOURS), MOST_NEIGHBOURS) if neighbours is None else neighbours
    if not 1 <= found <= n // 4:
        raise InputError("neighbours", found, f"give 1 to {n // 4} for {n} rows; there must be at least 12 rows")
    return found


def normal_scores(values: Floats, name: str, seed: int) -> Floats:
    """Φ⁻¹(rank/(n + 1)) of values [n], ties in an order that seed and name draw: independent between names."""
    varying(name, values)
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    shuffled = rng.permutation(len(values))
    placed = np.empty(len(values))
    placed[shuffled[np.argsort(values[shuffled], kind="stable")]] = np.arange(1, len(values) + 1)
    return np.asarray(library("scipy.special").ndtri(placed / (len(values) + 1)), np.float64)


def nearest_neighbour_information(x: Floats, y: Floats, neighbours: int) -> float:
    """ψ(k) + ψ(n) − ⟨ψ(n_x + 1) + ψ(n_y + 1)⟩ of distinct x and y [n]: Kraskov et al., eq. 8, maximum norm."""
    digamma = library("scipy.special").digamma
    points = np.column_stack([x, y])
    reach = library("scipy.spatial").cKDTree(points).query(points, k=neighbours + 1, p=math.inf)[0][:, -1]
    counts = digamma(_within(x, reach)) + digamma(_within(y, reach))
    return float(digamma(neighbours) + digamma(len(x)) - counts.mean())


def class_information(x: Floats, classes: Integers, neighbours: int) -> float:
    """ψ(n) + ψ(k) − ⟨ψ(n_c) + ψ(m)⟩ of distinct x [n] and classes 0, 1, …: Ross, eq. 2.

    m counts rows up to the k-th neighbour of the same class; classes of k rows or fewer take all their neighbours, and
    rows that are alone in theirs are left out.
    """
    digamma = library("scipy.special").digamma
    sizes = np.bincount(classes)
    used = sizes[classes] > 1
    x, classes = x[used], classes[used]
    reach, k = np.empty(len(x)), np.minimum(neighbours, sizes[classes] - 1)
    for one in np.flatnonzero(sizes > 1).tolist():
        mine = np.flatnonzero(classes == one)
        order = mine[np.argsort(x[mine])]
        reach[order] = _nearest(x[order], min(neighbours, len(mine) - 1))
    terms = digamma(k) - digamma(sizes[classes]) - digamma(_within(x, reach))
    return float(digamma(len(x)) + terms.mean())


def _nearest(ordered: Floats, k: int) -> Floats:
    """Distance of each of ascending values to its k-th neighbour: the nearest of all windows of k + 1 that hold it."""
    n = len(ordered)
    found = np.full(n, math.inf)
    for before in range(k + 1):
        i = np.arange(before, n - k + before)
        spread = np.maximum(ordered[i] - ordered[i - before], ordered[i - before + k] - ordered[i])
        found[i] = np.minimum(found[i], spread)
    return found


def _within(values: Floats, reach: Floats) -> Integers:
    """How many of `values`, itself included, lie nearer to each than its `reach`."""
    ordered, near = np.sort(values), reach - ROUNDING
    upper = np.searchsorted(ordered, values + near, "right")
    return upper - np.searchsorted(ordered, values - near, "left")


def _between(score: Floats, label: Floats, classes: bool, neighbours: int) -> float:
    if classes:
        return class_information(score, label.astype(np.int64), neighbours)
    return nearest_neighbour_information(score, label, neighbours)


def _label(y: npt.ArrayLike, n: int, discrete: bool | None, seed: int) -> tuple[Floats, bool]:
    label = varying("y", vector("y", y, length=n))
    values, codes = np.unique(label, return_inverse=True)
    if discrete is None:
        discrete = len(values) <= MOST_CLASSES
    if not discrete:
        return normal_scores(label, "the label", seed), False
    if np.bincount(codes).max() < 2:
        raise InputError("y", len(values), "has a class for each row: say discrete=False")
    return codes.astype(np.float64), True
