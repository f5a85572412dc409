"""Fewer features: those that say much about the label and little of each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.selection.inputs import matrix, named, rank_correlations, vector

THRESHOLD = 0.9  # |ρ|


class Ranked(NamedTuple):
    """A feature as mRMR took it: `score` is its relevance less its mean redundancy with those before it, nats."""

    name: str
    score: float
    relevance: float
    redundancy: float


class Dropped(NamedTuple):
    """A feature that another replaces: `correlation` is Spearman's ρ between them."""

    name: str
    kept: str
    correlation: float
    reason: str


class Selection(NamedTuple):
    """Names that stay, the most telling first, and those that go."""

    kept: tuple[str, ...]
    dropped: tuple[Dropped, ...]


def mrmr(
    relevance: npt.ArrayLike, redundancy: npt.ArrayLike, names: Sequence[str], *, count: int | None = None
) -> tuple[Ranked, ...]:
    """Least redundant, most relevant features, in the order taken.

    Each step takes the largest I(f; y) − mean over taken s of I(f; s): H. Peng, F. Long & C. Ding (2005), IEEE TPAMI
    27(8), eq. 7. `relevance` [f] and `redundancy` [f, f] are in nats, as `information` and `redundancy` give them;
    below 0 they count as 0. Equal scores go by name. All features are ranked unless `count` says how many. Raises
    InputError for other shapes.
    """
    r = np.maximum(vector("relevance", relevance), 0.0)
    known = named(names, len(r))
    between = np.maximum(matrix("redundancy", redundancy, length=len(r)), 0.0)
    if between.shape[1] != len(r):
        raise InputError("redundancy", between.shape, f"must be {len(r)} × {len(r)}")
    many = len(r) if count is None else count
    if not 1 <= many <= len(r):
        raise InputError("count", count, f"give 1 to {len(r)}")
    left = sorted(range(len(r)), key=lambda k: known[k])
    taken: list[int] = []
    found: list[Ranked] = []
    for _ in range(many):
        costs = between[:, sorted(taken, key=lambda k: known[k])].mean(axis=1) if taken else np.zeros(len(r))
        scores = r - costs
        best = max(left, key=lambda k: float(scores[k]))
        left.remove(best)
        taken.append(best)
        found.append(Ranked(known[best], float(scores[best]), float(r[best]), float(costs[best])))
    return tuple(found)


def drop_correlated(
    X: npt.ArrayLike, names: Sequence[str], information: npt.ArrayLike, *, threshold: float = THRESHOLD
) -> Selection:
    """Of columns of X [n, f] whose |Spearman's ρ| exceeds `threshold`, keep the one with more `information` [f].

    Features come in order of information, by name where equal; each stays unless one that stays is too near. So every
    feature that goes has one that stays, and none that stay are too near each other. Give training rows alone. Raises
    InputError for a column that does not vary, or a threshold outside 0 to 1.
    """
    x = matrix("X", X, fewest=3)
    known = named(names, x.shape[1])
    told = vector("information", information, length=len(known))
    if not 0 <= threshold <= 1:
        raise InputError("threshold", threshold, "give a correlation of 0 to 1")
    rho = rank_correlations(x, known)
    kept: list[int] = []
    dropped: list[Dropped] = []
    for k in sorted(range(len(known)), key=lambda i: (-told[i], known[i])):
        near = max(kept, key=lambda i: abs(rho[k, i]), default=None)
        if near is None or abs(rho[k, near]) <= threshold + 1e-12:
            kept.append(k)
            continue
        value = float(rho[k, near])
        reason = (
            f"ρ {value:+.3f} with {known[near]}, which says no less about the label "
            f"({told[near]:.4f} against {told[k]:.4f} nats)"
        )
        dropped.append(Dropped(known[k], known[near], value, reason))
    return Selection(tuple(known[k] for k in kept), tuple(dropped))
