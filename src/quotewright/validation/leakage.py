"""Signs of leakage in a matrix of features: too good to be true, ahead of the label, or the same rows on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.validation.labels import Floats
from quotewright.validation.splits import Fold

BINS = 20
FEWEST = 50  # rows


class Suspicion(NamedTuple):
    """A feature that tells more of the label than a forecast can: its figure, and the lead (rows) where it is largest.

    `reason` is `score` (rank correlation with the label), `lead` (with a later row's label), or `shape` (the share of
    its variance that the feature's bins explain out of sample, for leaks that are not monotone).
    """

    feature: str
    reason: str
    figure: float
    lead: int


class Duplicates(NamedTuple):
    """Rows that are the same on both sides of a split: how many test rows, and the first pairs (training, test)."""

    number: int
    pairs: tuple[tuple[int, int], ...]


def suspicions(
    features: Floats, labels: Floats, names: Sequence[str], *, ceiling: float = 0.5, leads: int = 10
) -> tuple[Suspicion, ...]:
    """Features whose figure is `ceiling` or more, and beyond chance (5/√n), worst first; one a feature.

    Rows are in order of time and each label looks forward from its row, so that correlation with this row's label or a
    later one's is a claim to know the future. A scan, not a proof: raise the ceiling where forecasts can be that good,
    as over milliseconds. Rows where either is NaN are left out of a feature's figures; a feature with fewer than 50
    rows or without variation has none. Raises InputError for shapes that do not fit.
    """
    if features.ndim != 2 or labels.shape != (len(features),) or len(names) != features.shape[1]:
        raise InputError("features", features.shape, f"give rows × {len(names)} names, and {len(features)} labels")
    if not 0 < ceiling <= 1 or leads < 0:
        raise InputError("ceiling, leads", (ceiling, leads), "give a figure of 0 to 1, and leads of 0 or more")
    found = [_worst(name, features[:, k], labels, leads) for k, name in enumerate(names)]
    floor = max(ceiling, 5 / max(len(labels), 1) ** 0.5)
    return tuple(sorted((each for each in found if each.figure >= floor), key=lambda each: -each.figure))


def duplicates(features: Floats, fold: Fold, *, most: int = 20) -> Duplicates:
    """Test rows that a training row equals in every feature (NaN equals NaN), as a careless join leaves them."""
    if features.ndim != 2 or features.shape[1] == 0:
        raise InputError("features", features.shape, "give rows × at least one feature")
    seen: dict[bytes, int] = {}
    rows = np.where(np.isnan(features), np.nan, features + 0.0)  # one NaN, one zero
    for i in fold.train.tolist():
        seen.setdefault(rows[i].tobytes(), i)
    pairs = [(seen[key], j) for j in fold.test.tolist() if (key := rows[j].tobytes()) in seen]
    return Duplicates(len(pairs), tuple(pairs[:most]))


def _worst(name: str, feature: Floats, labels: Floats, leads: int) -> Suspicion:
    figures = [Suspicion(name, "score", _rank_correlation(feature, labels), 0)]
    figures += [
        Suspicion(name, "lead", _rank_correlation(feature[:-k], labels[k:]), k)
        for k in range(1, min(leads, len(labels) - 1) + 1)
    ]
    figures.append(Suspicion(name, "shape", _explained(feature, labels), 0))
    return max(figures, key=lambda each: each.figure)


def _rank_correlation(x: Floats, y: Floats) -> float:
    """|Spearman|; 0 where it does not exist."""
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < FEWEST:
        return 0.0
    a, b = (_ranks(each[both]) for each in (x, y))
    a, b = a - a.mean(), b - b.mean()
    power = float((a @ a) * (b @ b))
    return abs(float(a @ b)) / power**0.5 if power > 0 else 0.0


def _ranks(values: Floats) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def _explained(x: Floats, y: Floats) -> float:
    """√ of the share of y's variance that the mean of its bin of x explains, fitted on one half, judged on the other.

    Halves are of neighbouring rows: labels that overlap would tell of each other in any other two.
    """
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < FEWEST:
        return 0.0
    edges = np.quantile(x[both], np.arange(1, BINS) / BINS)
    place = np.searchsorted(edges, x[both], side="right")
    target = y[both] - y[both].mean()
    halves = np.array_split(np.arange(len(target)), 2)
    missed = total = 0.0
    for fitted, judged in (halves, halves[::-1]):
        counts = np.bincount(place[fitted], minlength=BINS)
        sums = np.bincount(place[fitted], weights=target[fitted], minlength=BINS)
        means = sums / np.maximum(counts, 1)
        missed += float(((target[judged] - means[place[judged]]) ** 2).sum())
        total += float((target[judged] ** 2).sum())
    return max(0.0, 1 - missed / total) ** 0.5 if total > 0 else 0.0
