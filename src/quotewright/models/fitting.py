"""One way to fit every model: checked arrays in, a fitted model out, with what the library had to say as text."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.models.calibration import Calibrator, fit_calibrator
from quotewright.models.catalogue import model_named
from quotewright.models.model import CLASSIFIER, Model
from quotewright.models.quiet import quietly, told

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FEWEST = 20  # rows
HELD_OUT = 0.2  # share of rows, the latest, that calibration is fitted on
_MARGINS = {"XGBClassifier": "output_margin", "LGBMClassifier": "raw_score"}  # how each library is asked for it


class Spans(NamedTuple):
    """When each row's label begins and ends, ns: [start, end), starts ascending."""

    starts: Integers
    ends: Integers


Train: TypeAlias = Callable[[Any, Floats, Floats, "Floats | None", "Spans | None"], list[str]]
"""(estimator, rows, targets, weights, spans): fits it and tells what the library said."""


class Recipe(NamedTuple):
    """What is fitted, and how: a model of the registry or an ensemble."""

    name: str
    kind: str
    takes_nan: bool
    params: dict[str, Any]
    build: Callable[[], Any]
    train: Train


@dataclass(frozen=True)
class Fitted:
    """A model that has been fitted. `seconds` and `warnings` are of this fit alone and belong in no hash."""

    name: str
    kind: str
    estimator: Any
    features: tuple[str, ...]
    labels: tuple[float, ...]  # classifiers: ascending
    params: dict[str, Any]
    seed: int
    rows: int
    calibrator: Calibrator | None = None
    takes_nan: bool = False
    warnings: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    def predict(self, X: Floats) -> Floats:
        """Labels (classifiers: the most probable) or values, by row."""
        if self.kind == CLASSIFIER:
            return np.array(self.labels)[np.argmax(self.predict_proba(X), axis=1)]
        return np.asarray(quietly(self.estimator.predict, self._rows(X)), np.float64).ravel()

    def predict_proba(self, X: Floats) -> Floats:
        """Rows × labels, each row summing to 1. Raises InputError for a regressor."""
        if self.kind != CLASSIFIER:
            raise InputError("model", self.name, "a regressor has no probabilities; use predict")
        rows = self._rows(X)
        if self.calibrator is not None:
            return self.calibrator.probabilities(raw_scores(self.estimator, rows))
        return np.asarray(quietly(self.estimator.predict_proba, rows), np.float64)

    def score(self, X: Floats) -> Floats:
        """One figure a row: a classifier's probability of the larger of two labels, a regressor's value.

        Raises InputError for a classifier of more than two labels.
        """
        if self.kind != CLASSIFIER:
            return self.predict(X)
        if len(self.labels) != 2:
            raise InputError("labels", self.labels, "a score needs two labels; use predict_proba")
        return self.predict_proba(X)[:, 1]

    def _rows(self, X: Floats) -> Floats:
        return checked_rows(X, len(self.features), self.takes_nan)


def fit(
    model: str | Model,
    X: Floats,
    y: Floats,
    seed: int,
    weights: Floats | None = None,
    params: dict[str, Any] | None = None,
    calibrate: str | None = None,
    *,
    features: Sequence[str] | None = None,
    spans: Spans | None = None,
) -> Fitted:
    """Fit a model of the registry to rows × features in time order; y: labels or targets by row.

    `calibrate`: "sigmoid", "isotonic", "none", or None, which is "sigmoid" for a classifier without probabilities and
    "none" for the others. Calibration is fitted on the latest fifth of the rows, the model on those before it, without
    those whose label (`spans`) ends after the fifth begins. `weights` are scaled to a mean of 1
    (passive-aggressive models: to a largest of 1).

    Raises InputError for rows that are too few, not finite (NaN passes where the model takes it), of one label, or that
    the library refuses; MissingExtraError without the library.
    """
    chosen = model_named(model) if isinstance(model, str) else model
    recipe = Recipe(
        chosen.name,
        chosen.kind,
        chosen.takes_nan,
        {**chosen.defaults, **(params or {})},
        lambda: chosen.build(seed, **(params or {})),
        partial(_fit_model, chosen),
    )
    return fit_recipe(recipe, X, y, seed, weights, _method(chosen, calibrate), features, spans)


def fit_recipe(
    recipe: Recipe,
    X: Floats,
    y: Floats,
    seed: int,
    weights: Floats | None,
    method: str,
    features: Sequence[str] | None,
    spans: Spans | None,
) -> Fitted:
    """Check, build, train, calibrate: what single models and ensembles have in common; arguments as of `fit`."""
    kind = recipe.kind
    if method not in ("none", "sigmoid", "isotonic") or (kind != CLASSIFIER and method != "none"):
        raise InputError("calibrate", method, "give sigmoid, isotonic or none; a regressor has no probabilities")
    rows, targets, given, labels = _checked(X, y, weights, kind, spans, recipe.takes_nan)
    names = tuple(features) if features is not None else tuple(f"x{i}" for i in range(rows.shape[1]))
    if len(names) != rows.shape[1] or len(set(names)) != len(names):
        raise InputError("features", names, f"give {rows.shape[1]} different names, one a column")
    targets = np.searchsorted(labels, targets).astype(np.float64) if kind == CLASSIFIER else targets
    cut = len(rows) if method == "none" else int(len(rows) * (1 - HELD_OUT))
    used = np.arange(cut) if method == "none" else before(cut, spans)
    if len(used) < 2 or (kind == CLASSIFIER and len(np.unique(targets[used])) < len(labels)):
        raise InputError("y", labels.tolist(), f"each label must be among the first {len(used)} rows: give more rows")
    chosen = None if given is None else _of_mean_one(given[used])
    within = None if spans is None else Spans(spans.starts[used], spans.ends[used])
    made = recipe.build()
    started = time.perf_counter()  # not the library's import
    said = recipe.train(made, rows[used], targets[used], chosen, within)
    calibrator = None
    if method != "none":
        scores, late = raw_scores(made, rows[cut:]), None if given is None else _of_mean_one(given[cut:])
        calibrator = fit_calibrator(scores, targets[cut:], method, len(labels), late)
    return Fitted(
        recipe.name,
        kind,
        made,
        names,
        tuple(labels.tolist()),
        recipe.params,
        seed,
        len(used),
        calibrator,
        recipe.takes_nan,
        tuple(dict.fromkeys(said)),
        time.perf_counter() - started,
    )


def _of_mean_one(weights: Floats) -> Floats:
    if not weights.sum() > 0:
        raise InputError(
            "weights", 0.0, "at least one of the rows that are fitted, and of the calibration's, must weigh above 0"
        )
    return weights / weights.mean()


def before(cut: int, spans: Spans | None) -> Integers:
    """The rows before `cut` whose labels end before the one at `cut` begins."""
    rows = np.arange(cut)
    return rows if spans is None else rows[spans.ends[:cut] <= spans.starts[cut]]


def raw_scores(estimator: Any, rows: Floats) -> Floats:
    """Rows × scores: the margin or decision function, else the probabilities; one column for two labels."""
    margin = _MARGINS.get(type(estimator).__name__)
    if margin is not None:
        found = np.asarray(quietly(estimator.predict, rows, **{margin: True}), np.float64)
    elif hasattr(estimator, "decision_function"):
        found = np.asarray(quietly(estimator.decision_function, rows), np.float64)
    else:
        found = np.asarray(quietly(estimator.predict_proba, rows), np.float64)
        found = found[:, 1] if found.shape[1] == 2 else found
    return found[:, None] if found.ndim == 1 else found


def checked_rows(X: Floats, features: int | None, takes_nan: bool) -> Floats:
    """Rows × features as float64, or InputError."""
    rows = np.ascontiguousarray(X, np.float64)
    if rows.ndim != 2 or rows.shape[1] < 1 or (features is not None and rows.shape[1] != features):
        raise InputError("X", rows.shape, f"give rows × {features or 'at least one'} features")
    bad = np.isinf(rows) if takes_nan else ~np.isfinite(rows)
    if bad.any():
        row, column = (int(k[0]) for k in np.nonzero(bad))
        fix = (
            "is infinite" if takes_nan else "is not finite, and the model takes no missing values: drop or fill the row"
        )
        raise InputError(f"X[{row}, {column}]", float(rows[row, column]), fix)
    return rows


def _method(model: Model, calibrate: str | None) -> str:
    if model.kind == CLASSIFIER and not model.proba:
        if calibrate == "none":
            raise InputError(
                "calibrate", calibrate, f"{model.name} has no probabilities of its own: sigmoid or isotonic"
            )
        return calibrate or "sigmoid"
    return calibrate or "none"


def _fit_model(
    model: Model, made: Any, rows: Floats, targets: Floats, weights: Floats | None, _: Spans | None
) -> list[str]:
    named: dict[str, Any] = {}
    said: list[str] = []
    if weights is not None and model.takes_weights:
        used = weights / weights.max() if model.largest_weight_1 else weights
        named = {"model__sample_weight" if model.scaled else "sample_weight": used}
    elif weights is not None:
        said = [f"{model.name} takes no sample weights: every row counted alike"]
    return said + told(made.fit, rows, targets, **named)


def _checked(
    X: Floats, y: Floats, weights: Floats | None, kind: str, spans: Spans | None, takes_nan: bool
) -> tuple[Floats, Floats, Floats | None, Floats]:
    rows = checked_rows(X, None, takes_nan)
    targets = np.asarray(y, np.float64)
    if targets.shape != (len(rows),) or len(rows) < FEWEST:
        raise InputError("X, y", (rows.shape, targets.shape), f"give at least {FEWEST} rows, and a target for each")
    if not np.isfinite(targets).all():
        raise InputError("y", "NaN or infinite", "drop the rows without a target")
    given = None if weights is None else np.asarray(weights, np.float64)
    if given is not None and (given.shape != targets.shape or not (np.isfinite(given) & (given >= 0)).all()):
        raise InputError("weights", given.shape, "give one finite weight of 0 or more for each row")
    if given is not None and not given.sum() > 0:
        raise InputError("weights", 0.0, "at least one must be above 0")
    if spans is not None:
        check_spans(spans, len(rows))
    labels = np.unique(targets) if kind == CLASSIFIER else np.empty(0)
    if kind == CLASSIFIER and not 2 <= len(labels) <= len(rows) // 4:
        shown = labels[:3].tolist()
        raise InputError("y", shown, f"{len(labels)} labels among {len(rows)} rows: a classifier needs 2 or a few")
    return rows, targets, given, labels


def check_spans(spans: Spans, rows: int) -> None:
    """InputError unless there is one span a row, none empty, starts ascending."""
    starts, ends = spans
    if len(starts) != rows or len(ends) != rows:
        raise InputError("spans", (len(starts), len(ends)), f"give a start and an end for each of {rows} rows")
    if rows and (not (ends > starts).all() or (np.diff(starts) < 0).any()):
        raise InputError("spans", "order", "each must end after it starts, and starts must ascend")
