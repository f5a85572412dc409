"""Judge features for a label: one call that gathers every tool of this package."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.selection.adwin import adwin_alarms
from quotewright.selection.choosing import THRESHOLD, Dropped, drop_correlated, mrmr
from quotewright.selection.clusters import cluster
from quotewright.selection.decay import Decay, decays
from quotewright.selection.dependence import block_length
from quotewright.selection.drift import FEWEST, kolmogorov_smirnov, psi
from quotewright.selection.importance import (
    Fit,
    Importance,
    Score,
    negative_squared_error,
    permutation_importance,
    purged_folds,
)
from quotewright.selection.information import Information, information, redundancy
from quotewright.selection.inputs import Floats, known_values, named, rank_correlations, ranks, spells, training_rows
from quotewright.selection.stationarity import FEWEST as FEWEST_TRAINED
from quotewright.selection.stationarity import Stationarity, stationarity_table
from quotewright.selection.table import FeatureReport, FeatureRow

LEVEL = 0.05
FEWEST_DRAWS = 19
MOST_UNKNOWN = 0.2  # share of training rows
MOST_PAIR_ROWS = 1000  # for redundancy, evenly spaced


def feature_report(
    X: npt.ArrayLike,
    names: Sequence[str],
    y: npt.ArrayLike,
    times: npt.ArrayLike,
    ends: npt.ArrayLike,
    train: npt.ArrayLike,
    *,
    fit: Fit | None = None,
    score: Score = negative_squared_error,
    discrete: bool | None = None,
    threshold: float = THRESHOLD,
    neighbours: int | None = None,
    draws: int = 99,
    block_rows: int = 90,
    bound: float = 0.0,
    patience: int = 3,
    seed: int = 1,
) -> FeatureReport:
    """Judge the columns of X [n, f] for a label y [n] that is decided on at `times` and known at `ends`, int64 ns [n].

    `train` (bool [n]) marks the first rows; stationarity, information, redundancy, clusters, importance and so what is
    kept read them alone. Drift and decay compare what comes after all their labels are known, and may end the use of a
    kept feature but never begin one. A feature unknown (NaN, infinite) on a fifth of the training rows, or constant on
    them, is left out; then rows where one is unknown are, and counted. `fit(X, y) -> predict` adds importance by purged
    folds, alone and by clusters. `discrete`, `neighbours`, `draws`: of `information`; `threshold`: of |ρ|, for features
    that say the same; `block_rows`, `bound`, `patience`: of `decay.decays`. Raises InputError for wrong shapes, times
    out of order, training rows after others, fewer than 50 of them or than 19 draws, or nothing left to judge.
    """
    every = np.asarray(X, np.float64)
    if every.ndim != 2:
        raise InputError("X", every.shape, "must be rows × columns")
    known = named(names, every.shape[1])
    begun, end = spells(times, ends, len(every))
    label = np.asarray(y, np.float64)
    if label.shape != begun.shape:
        raise InputError("y", label.shape, f"give one label for each of {len(begun)} rows")
    mask = training_rows(train, len(every))
    if not mask[: int(mask.sum())].all():
        raise InputError("train", int(np.argmin(mask)), "must mark the first rows, without a gap")
    if draws < FEWEST_DRAWS:
        raise InputError("draws", draws, f"give at least {FEWEST_DRAWS}: with fewer no p can be {LEVEL}")
    left_out = _left_out(every[mask], known)
    places = [k for k, name in enumerate(known) if name not in left_out]
    used = tuple(known[k] for k in places)
    if not used:
        raise InputError("X", left_out, "has no feature that can be judged")
    whole = known_values(every[:, places]).all(axis=1) & known_values(label)
    x, label, begun, end, mask = every[whole][:, places], label[whole], begun[whole], end[whole], mask[whole]
    training_rows(mask, len(x), fewest=FEWEST_TRAINED)
    trained = x[mask]
    later = begun > end[mask].max()
    tests = stationarity_table(trained, used)
    told = information(trained, label[mask], used, discrete=discrete, neighbours=neighbours, draws=draws, seed=seed)
    nats = [each.nats for each in told]
    clusters = cluster(trained, used)
    thinned = trained[:: max(1, -(-len(trained) // MOST_PAIR_ROWS))]
    order = mrmr(nats, redundancy(thinned, used, seed=seed), used)
    selection = drop_correlated(trained, used, nats, threshold=threshold)
    replaced = {each.name: each for each in selection.dropped}
    courses = decays(x, label, used, begun, end, mask, rows=block_rows, bound=bound, patience=patience)
    alone: tuple[Importance, ...] = ()
    together: tuple[Importance, ...] = ()
    if fit is not None:
        folds = purged_folds(begun[mask], end[mask])
        length = min(max(block_length(ranks(column)) for column in trained.T), len(folds[0].test) // 4)
        alone, together = (
            permutation_importance(
                fit, trained, label[mask], used, folds, clusters=sets, score=score, block=length, seed=seed
            )
            for sets in (None, clusters.members)
        )
    importance = {each.name: each for each in alone}
    taken = {each.name: place + 1 for place, each in enumerate(order)}
    rows: list[FeatureRow] = []
    for k, name in enumerate(used):
        old, new = trained[:, k], x[later, k]
        enough = len(new) >= FEWEST
        rows.append(
            FeatureRow(
                name=name,
                stationarity=tests[k],
                information=told[k],
                mrmr=order[taken[name] - 1],
                mrmr_rank=taken[name],
                cluster=clusters.of(name),
                importance=importance.get(name),
                psi=psi(old, new) if enough else None,
                ks=kolmogorov_smirnov(old, new, draws=draws, seed=seed) if enough else None,
                alarms=tuple(begun[later][adwin_alarms(old, new)].tolist()),
                decay=courses[k],
                replaced_by=replaced[name].kept if name in replaced else "",
                kept=name not in replaced and told[k].p_value <= LEVEL,
                verdict=_verdict(tests[k], told[k], replaced.get(name), courses[k]),
            )
        )
    kept = {row.name for row in rows if row.kept}
    return FeatureReport(
        names=used,
        rows=tuple(rows),
        kept=tuple(name for name in selection.kept if name in kept),
        clusters=clusters,
        cluster_importance=together,
        correlations=tuple(tuple(line) for line in rank_correlations(trained, used).tolist()),
        training=len(trained),
        later=int(later.sum()),
        rows_left_out=int((~whole).sum()),
        left_out=left_out,
    )


def _left_out(rows: Floats, names: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, values in zip(names, rows.T, strict=True):
        seen = values[known_values(values)]
        if len(seen) < (1 - MOST_UNKNOWN) * len(values):
            found[name] = f"is not known on {1 - len(seen) / len(values):.0%} of the training rows"
        elif np.ptp(seen) == 0:
            found[name] = "does not vary on the training rows"
    return found


def _verdict(test: Stationarity, told: Information, replaced: Dropped | None, course: Decay) -> str:
    if replaced is not None:
        return f"drop: {replaced.reason}"
    if told.p_value > LEVEL:
        return f"drop: by itself says no more of the label than moved labels do (p {told.p_value:.2f})"
    found = "keep" if told.family_p <= LEVEL else f"weak: p {told.family_p:.2f} among so many features"
    if course.pruned is not None:
        found += f", then {course.reason}"
    return f"{found}; {test.verdict}" if test.wanders else found
