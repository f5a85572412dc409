"""What is left of a variable once others have explained what they can, by learners that never see what they explain.

Cross-fitting: V. Chernozhukov et al. (2018), "Double/debiased machine learning for treatment and structural
parameters", Econometrics Journal 21, definition 3.2. Folds are stretches of time with a gap, not random rows.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Literal, cast

import numpy as np

from quotewright.causality.inputs import Floats, library
from quotewright.domain.errors import InputError

Learner = Callable[[Floats, Floats, Floats], Floats]
"""(training z [n, k], training y [n], z to explain [m, k]) → y expected there [m]."""
LearnerName = Literal["linear", "kernel", "boosting"]

LANDMARKS = 60
PENALTIES = np.geomspace(1e-6, 1e2, 17)  # as a share of the number of rows
NOTHING_LEFT = 1e-9  # of a variable's deviation: what rounding leaves


def linear(z: Floats, y: Floats, at: Floats) -> Floats:
    """Least squares with an intercept; of collinear columns, the shortest coefficients."""
    design = np.column_stack([np.ones(len(z)), z])
    return np.column_stack([np.ones(len(at)), at]) @ np.linalg.lstsq(design, y, rcond=None)[0]


def kernel(z: Floats, y: Floats, at: Floats) -> Floats:
    """Ridge regression on a Gaussian kernel of at most LANDMARKS rows, and on the columns themselves.

    Nyström features K_nm K_mm^(−1/2): C. Williams & M. Seeger (2001), NIPS 13; the width is the median distance, the
    penalty the one of least generalised cross-validation: G. Golub, M. Heath & G. Wahba (1979), Technometrics 21(2),
    eq. 1.4. Deterministic: landmarks are equally spaced in time.
    """
    centre, scale = z.mean(axis=0), z.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    inside, outside = (z - centre) / scale, (at - centre) / scale
    spaced = inside[np.linspace(0, len(z) - 1, min(LANDMARKS, len(z))).astype(np.int64)]
    marks = cast(Floats, np.unique(spaced, axis=0))
    distances = _squared_distances(marks, marks)
    width = float(np.median(distances[distances > 0])) if len(marks) > 1 else 1.0
    values, vectors = np.linalg.eigh(np.exp(-distances / width))
    kept = values > 1e-10 * values[-1]
    root = vectors[:, kept] / np.sqrt(values[kept])

    def features(rows: Floats) -> Floats:
        return np.column_stack([rows, np.exp(-_squared_distances(rows, marks) / width) @ root])

    design = features(inside)
    middle, level = design.mean(axis=0), float(y.mean())
    centred, n = design - middle, len(y)
    powers, axes = np.linalg.eigh(centred.T @ centred)
    powers = np.maximum(powers, 1e-12 * powers[-1] + 1e-300)
    along = axes.T @ (centred.T @ (y - level))
    shrinks = powers / (powers + n * PENALTIES[:, None])
    unreached = max(float((y - level) @ (y - level) - (along**2 / powers).sum()), 0.0)
    losses = unreached + ((1 - shrinks) ** 2 * along**2 / powers).sum(axis=1)
    freedom = np.maximum(n - 1 - shrinks.sum(axis=1), 1e-9)
    best = int(np.argmin(n * losses / freedom**2))
    weights = axes @ (shrinks[best] * along / powers)
    return level + (features(outside) - middle) @ weights


def boosting(z: Floats, y: Floats, at: Floats) -> Floats:
    """LightGBM: 200 trees of at most 8 leaves, learning rate 0.05, on one thread. Deterministic."""
    settings = {"n_estimators": 200, "num_leaves": 8, "learning_rate": 0.05, "min_child_samples": 20}
    model = library("lightgbm").LGBMRegressor(
        **settings, n_jobs=1, random_state=1, deterministic=True, force_row_wise=True, verbosity=-1
    )
    return np.asarray(model.fit(z, y).predict(at), np.float64)


LEARNERS: dict[str, Learner] = {"linear": linear, "kernel": kernel, "boosting": boosting}


def residuals(
    y: Floats, z: Floats, *, learner: LearnerName | Learner = "linear", folds: int = 5, gap: int = 0
) -> Floats:
    """y − E[y | z], float64 [n]; each fold (a stretch of time) explained by a learner trained on the others.

    Training leaves out `gap` rows on both sides of the fold: give at least the rows over which labels or features
    overlap. `folds` 1: trained on the very rows it explains, exact for least squares (Frisch & Waugh, 1933). Without
    columns in z, y less its mean. Raises InputError for a wrong learner, or folds and gap that leave nothing to train.
    """
    fit = LEARNERS.get(learner) if isinstance(learner, str) else learner
    if fit is None:
        raise InputError("learner", learner, f"must be one of {', '.join(LEARNERS)}, or a function")
    n = len(y)
    if folds < 1 or gap < 0 or folds > n:
        raise InputError("folds", (folds, gap), f"give 1 to {n} folds, and a gap of 0 or more")
    if z.shape[1] == 0:
        return y - y.mean()
    if folds == 1:
        return y - fit(z, y, z)
    left = np.empty(n)
    edges: list[int] = np.linspace(0, n, folds + 1).astype(np.int64).tolist()
    rows = np.arange(n)
    for begin, end in pairwise(edges):
        training = (rows < begin - gap) | (rows >= end + gap)
        if training.sum() < z.shape[1] + 2:
            raise InputError("gap", (folds, gap), f"leaves {training.sum()} rows to train on: take fewer or less")
        left[begin:end] = y[begin:end] - fit(z[training], y[training], z[begin:end])
    return left


def something_left(field: str, left: Floats, whole: Floats) -> Floats:
    """The residuals. Raises InputError where they are rounding alone: the others determine the variable."""
    if float(left.std()) <= NOTHING_LEFT * max(float(whole.std()), float(np.abs(whole).max()) * 1e-6):
        raise InputError(field, f"deviation {left.std():.3g}", "is constant, or determined by what is controlled for")
    return left


def _squared_distances(a: Floats, b: Floats) -> Floats:
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0.0)
