"""Which features say the same: hierarchical clusters on 1 − |Spearman's ρ|, cut where they part best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.selection.inputs import Floats, Integers, library, matrix, named, rank_correlations

PAIR = 0.5  # the distance at which two features alone are one cluster


class Clusters(NamedTuple):
    """`members`: names in each cluster, larger clusters first; `silhouette`: mean over features, −1 to 1.

    `order` holds the names as the tree has them, neighbours alike: the axes of a heat map.
    """

    members: tuple[tuple[str, ...], ...]
    silhouette: float
    order: tuple[str, ...]

    def of(self, name: str) -> int:
        """The number of the cluster that a feature is in. Raises InputError for an unknown one."""
        for k, cluster in enumerate(self.members):
            if name in cluster:
                return k
        raise InputError("name", name, f"give one of {', '.join(self.order)}")


def cluster(X: npt.ArrayLike, names: Sequence[str], *, threshold: float | None = None) -> Clusters:
    """Clusters of the columns of X [n, f] by average linkage on 1 − |ρ|.

    Cut at distance `threshold` (0 to 1), or by default where the mean silhouette is largest (P. J. Rousseeuw 1987,
    J. Comput. Appl. Math. 20; for features: M. López de Prado 2020, "Machine Learning for Asset Managers", ch. 4.4),
    fewer clusters where equal; two features have no silhouette and are one cluster up to 0.5. Neither the order of
    columns nor any strictly rising or falling map of one changes the result. Raises InputError for a column that does
    not vary.
    """
    x = matrix("X", X, fewest=3)
    known = named(names, x.shape[1])
    if threshold is not None and not 0 <= threshold <= 1:
        raise InputError("threshold", threshold, "give a distance of 0 to 1, or None for the best silhouette")
    by_name = sorted(range(len(known)), key=lambda k: known[k])  # so that ties do not follow the order of columns
    sorted_names = [known[k] for k in by_name]
    distance = 1 - np.abs(rank_correlations(x[:, by_name], sorted_names))
    if len(known) == 1:
        return Clusters((known,), 0.0, known)
    hierarchy = library("scipy.cluster.hierarchy")
    condensed = distance[np.triu_indices(len(known), 1)]
    tree = hierarchy.linkage(condensed, method="average")
    if threshold is None and len(known) > 2:
        labels = _best_cut(hierarchy, tree, distance)
    else:
        at = PAIR if threshold is None else threshold
        labels = np.asarray(hierarchy.fcluster(tree, at, criterion="distance"), np.int64)
    groups: list[tuple[str, ...]] = []
    for g in range(int(labels.max()) + 1):
        members: list[int] = np.flatnonzero(labels == g).tolist()
        if members:
            groups.append(tuple(sorted_names[i] for i in members))
    groups.sort(key=lambda group: (-len(group), group))
    leaves: list[int] = hierarchy.leaves_list(tree).tolist()
    return Clusters(tuple(groups), silhouette(distance, labels), tuple(sorted_names[i] for i in leaves))


def silhouette(distance: Floats, labels: Integers) -> float:
    """Mean of (b − a)/max(a, b): a to the own cluster, b to the nearest other; 0 for clusters of one, or one for all.

    `distance` is symmetric [f, f], `labels` [f]. Rousseeuw (1987), eqs. 1 and 2.
    """
    groups = np.unique(labels)
    if len(groups) < 2:
        return 0.0
    member = (labels[:, None] == groups[None, :]).astype(np.float64)
    sizes = member.sum(axis=0)
    sums = distance @ member
    own = np.searchsorted(groups, labels)
    rows = np.arange(len(labels))
    alone = sizes[own] == 1
    a = sums[rows, own] / np.maximum(sizes[own] - 1, 1)
    others = sums / sizes
    others[rows, own] = math.inf
    b = others.min(axis=1)
    most = np.maximum(a, b)
    values = np.where(alone | (most == 0), 0.0, (b - a) / np.where(most == 0, 1.0, most))
    return float(values.mean())


def _best_cut(hierarchy: Any, tree: Floats, distance: Floats) -> Integers:
    best, found = -math.inf, np.zeros(len(distance), np.int64)
    for count in range(1, len(distance) + 1):
        labels = np.asarray(hierarchy.cut_tree(tree, n_clusters=count), np.int64)[:, 0]
        value = silhouette(distance, labels)
        if value > best + 1e-12:
            best, found = value, labels
    return found
