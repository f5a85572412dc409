"""Is a feature still drawn from its training sample? PSI and Kolmogorov–Smirnov, for rows that depend in time."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.selection.dependence import block_length, effective_size, moved_blocks
from quotewright.selection.inputs import Floats, library, ranks, varying, vector

BINS = 10
FEWEST = 20  # rows of each sample


class Psi(NamedTuple):
    """`value`: above 0.1 a shift, above 0.25 a large one by custom; `chance`: exceeded without one 1 time in 20."""

    value: float
    chance: float


class KolmogorovSmirnov(NamedTuple):
    """The largest distance of the distribution functions, 0 to 1; p by effective sizes, and by exchange of blocks."""

    distance: float
    effective_p: float
    block_p: float
    block: int  # rows


def psi(train: npt.ArrayLike, now: npt.ArrayLike, *, bins: int = BINS) -> Psi:
    """Population stability index Σ (p − q) ln(p/q) of `now` against equal shares of `train` (its values, if so few).

    N. Siddiqi (2006), "Credit Risk Scorecards", ch. 9; an empty bin counts half a row. Never negative, 0 for the sample
    itself, and the same for any strictly rising map of both. `chance` is χ²₀.₉₅(bins − 1)·(1/n + 1/m): B. Yurdakul & J.
    Naranjo (2020), Journal of Risk Model Validation 14(4), at effective sizes of ranks. Raises InputError for fewer
    than 20 rows, or a training sample that does not vary.
    """
    old, new = varying("train", vector("train", train, fewest=FEWEST)), vector("now", now, fewest=FEWEST)
    if bins < 2:
        raise InputError("bins", bins, "give at least 2")
    edges = np.unique(np.sort(old)[(np.arange(1, bins) * len(old)) // bins])
    values = np.unique(old)
    # With few values each has its own bin, and so has what lies between them.
    edges = np.unique(np.concatenate([values, np.nextafter(values, math.inf)])) if len(values) <= bins else edges

    def counts(sample: Floats) -> Floats:
        return np.bincount(np.searchsorted(edges, sample, "right"), minlength=len(edges) + 1).astype(np.float64)

    before, after = counts(old), counts(new)
    used = before + after > 0
    p, q = np.maximum(before[used], 0.5) / len(old), np.maximum(after[used], 0.5) / len(new)
    n, m = _effective_sizes(old, new)
    scale = 1 / n + 1 / m
    chance = float(library("scipy.stats").chi2.ppf(0.95, max(int(used.sum()) - 1, 1))) * scale
    return Psi(float(((p - q) * np.log(p / q)).sum()), chance)


def kolmogorov_smirnov(
    train: npt.ArrayLike, now: npt.ArrayLike, *, draws: int = 199, block: int | None = None, seed: int = 1
) -> KolmogorovSmirnov:
    """sup |F_train − F_now| of samples in order of time, `now` after `train`.

    `effective_p` is Kolmogorov's limit with n·m/(n + m) of effective sizes of ranks within each sample (for ties it
    errs to the large side). `block_p` exchanges blocks of `block` rows between both (by default so long that they are
    nearly independent), (1 + as much)/(1 + draws); it needs dozens of blocks to be small. Raises InputError for fewer
    than 20 rows.
    """
    old, new = vector("train", train, fewest=FEWEST), vector("now", now, fewest=FEWEST)
    if draws < 1:
        raise InputError("draws", draws, "give at least 1")
    n, m = len(old), len(new)
    both = np.concatenate([old, new])
    order = np.argsort(both, kind="stable")
    last = np.flatnonzero(np.append(np.diff(both[order]) > 0, True))  # of each run of ties

    def distance(mine: npt.NDArray[np.bool_]) -> float:
        step = np.where(mine[order], 1 / n, -1 / m)
        return float(np.abs(np.cumsum(step)[last]).max())

    first = np.arange(n + m) < n
    found = distance(first)
    length = max(block_length(ranks(old)), block_length(ranks(new))) if block is None else block
    rng = np.random.default_rng(seed)
    as_much = sum(distance(first[moved_blocks(n + m, length, rng)]) >= found - 1e-12 for _ in range(draws))
    a, b = _effective_sizes(old, new)
    p = float(library("scipy.special").kolmogorov(math.sqrt(a * b / (a + b)) * found))
    return KolmogorovSmirnov(found, p, (1 + as_much) / (1 + draws), length)


def _effective_sizes(old: Floats, new: Floats) -> tuple[float, float]:
    return effective_size(ranks(old)), effective_size(ranks(new))
