"""Models of models: bagging, boosting, stacking and soft votes of any in the registry, none of which looks ahead.

Bagging: L. Breiman (1996), Machine Learning 24. Boosting: Y. Freund & R. E. Schapire (1997), JCSS 55, by resampling, in
the form of J. Zhu, H. Zou, S. Rosset & T. Hastie (2009), "Multi-class AdaBoost" (SAMME), Stat. Interface 2; regressors
by AdaBoost.R2, H. Drucker (1997), ICML. Stacking: D. H. Wolpert (1992), Neural Networks 5, on predictions that were out
of sample in time: each block is predicted by models of the rows before it whose labels had ended.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError, MissingExtraError
from quotewright.models.catalogue import model_named
from quotewright.models.fitting import Fitted, Recipe, Spans, before, fit, fit_recipe
from quotewright.models.model import CLASSIFIER, Model
from quotewright.models.quiet import told
from quotewright.models.weights import average_uniqueness

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_LEAST_WEIGHT = 1e-10  # of a member's error, so that one without errors does not weigh infinitely


def fit_bagged(
    name: str,
    X: Floats,
    y: Floats,
    seed: int,
    weights: Floats | None = None,
    *,
    number: int = 10,
    share: float | None = None,
    calibrate: str = "none",
    features: Sequence[str] | None = None,
    spans: Spans | None = None,
) -> Fitted:
    """The mean of `number` fits, each to a bootstrap draw; votes where the model has no probabilities.

    Each draw is a `share` of the rows; None: their average uniqueness, or all without `spans` (López de Prado 2018,
    section 6.3.3: larger draws of overlapping labels repeat themselves). `weights` are the odds of being drawn.
    """
    base = _base(name, number)
    if share is None:
        share = 1.0 if spans is None else float(average_uniqueness(spans).mean())
    if not 0 < share <= 1:
        raise InputError("share", share, "must be above 0 and at most 1")
    kind = "Classifier" if base.kind == CLASSIFIER else "Regressor"

    def build() -> Any:
        bags = getattr(_library("sklearn.ensemble"), f"Bagging{kind}")
        return bags(base.build(seed), n_estimators=number, max_samples=share, random_state=seed, n_jobs=1)

    def train(made: Any, rows: Floats, targets: Floats, given: Floats | None, _: Spans | None) -> list[str]:
        return told(made.fit, rows, targets, sample_weight=given)

    recipe = Recipe(f"Bagged {base.name}", base.kind, base.takes_nan, {"number": number, "share": share}, build, train)
    return fit_recipe(recipe, X, y, seed, weights, calibrate, features, spans)


def fit_boosted(
    name: str,
    X: Floats,
    y: Floats,
    seed: int,
    weights: Floats | None = None,
    *,
    number: int = 20,
    rate: float = 1.0,
    calibrate: str = "none",
    features: Sequence[str] | None = None,
    spans: Spans | None = None,
) -> Fitted:
    """`number` fits after each other, each to rows drawn by how wrong those before it were; any model will do."""
    base = _base(name, number)
    if not rate > 0:
        raise InputError("rate", rate, "must be above 0")

    def build() -> Any:
        if base.kind == CLASSIFIER:
            return Boosted(lambda k: base.build(seed + k), number, rate, seed)
        boost = _library("sklearn.ensemble").AdaBoostRegressor
        return boost(base.build(seed), n_estimators=number, learning_rate=rate, random_state=seed)

    def train(made: Any, rows: Floats, targets: Floats, given: Floats | None, _: Spans | None) -> list[str]:
        return told(made.fit, rows, targets, given)

    takes_nan = base.takes_nan and base.kind == CLASSIFIER
    recipe = Recipe(f"Boosted {base.name}", base.kind, takes_nan, {"number": number, "rate": rate}, build, train)
    return fit_recipe(recipe, X, y, seed, weights, calibrate, features, spans)


def fit_stacked(
    names: Sequence[str],
    X: Floats,
    y: Floats,
    seed: int,
    weights: Floats | None = None,
    *,
    last: str | None = None,
    blocks: int = 5,
    calibrate: str = "none",
    features: Sequence[str] | None = None,
    spans: Spans | None = None,
) -> Fitted:
    """A model (`last`: LogisticRegression or Ridge) of what others predict, `blocks` + 1 stretches of time apart."""
    kind, takes_nan = _members(names)
    if blocks < 2:
        raise InputError("blocks", blocks, "give at least 2")
    final = last or ("LogisticRegression:classifier" if kind == CLASSIFIER else "Ridge:regressor")
    if model_named(final).kind != kind:
        raise InputError("last", final, f"must be a {kind} like the others")

    def train(made: Any, rows: Floats, targets: Floats, given: Floats | None, within: Spans | None) -> list[str]:
        return made.fit(rows, targets, given, within)

    def build() -> Any:
        return Stacked(tuple(names), final, blocks, seed)

    recipe = Recipe(f"Stacked {_together(names)}", kind, takes_nan, {"last": final, "blocks": blocks}, build, train)
    return fit_recipe(recipe, X, y, seed, weights, calibrate, features, spans)


def fit_vote(
    names: Sequence[str],
    X: Floats,
    y: Floats,
    seed: int,
    weights: Floats | None = None,
    *,
    calibrate: str = "none",
    features: Sequence[str] | None = None,
    spans: Spans | None = None,
) -> Fitted:
    """The mean of several models' probabilities, or of their values."""
    kind, takes_nan = _members(names)

    def train(made: Any, rows: Floats, targets: Floats, given: Floats | None, within: Spans | None) -> list[str]:
        return made.fit(rows, targets, given, within)

    recipe = Recipe(f"Vote {_together(names)}", kind, takes_nan, {}, lambda: Vote(tuple(names), seed), train)
    return fit_recipe(recipe, X, y, seed, weights, calibrate, features, spans)


class Boosted:
    """SAMME by resampling: a member's weight is rate·(ln((1 − e)/e) + ln(K − 1)), e its weighted error."""

    def __init__(self, build: Callable[[int], Any], number: int, rate: float, seed: int) -> None:
        self._build, self._number, self._rate, self._seed = build, number, rate, seed
        self.members: list[tuple[Any, float]] = []
        self._labels = 0

    def fit(self, rows: Floats, targets: Floats, weights: Floats | None) -> None:
        """Fit to labels 0 … K − 1; ends early where a member is no better than chance, or without error."""
        rng = np.random.default_rng(self._seed)
        self._labels, count = int(targets.max()) + 1, len(rows)
        odds = np.full(count, 1 / count) if weights is None else weights / weights.sum()
        for k in range(self._number):
            drawn = _with_all_labels(rng.choice(count, count, p=odds), targets, odds)
            member = self._build(k).fit(rows[drawn], targets[drawn])
            wrong = np.asarray(member.predict(rows)) != targets
            error = max(float(odds[wrong].sum()), _LEAST_WEIGHT)
            if error >= 1 - 1 / self._labels:
                break
            weight = self._rate * (np.log((1 - error) / error) + np.log(self._labels - 1))
            self.members.append((member, float(weight)))
            odds = odds * np.exp(weight * wrong)
            odds /= odds.sum()
            if not wrong.any():
                break
        if not self.members:
            raise InputError("y", "labels", "the first member is no better than chance: there is nothing to boost")

    def predict_proba(self, rows: Floats) -> Floats:
        """softmax(f/(K − 1)) of the weighted votes f, each label's among −1/(K − 1) for the others (eq. 15)."""
        votes = np.full((len(rows), self._labels), 0.0)
        total = sum(weight for _, weight in self.members)
        for member, weight in self.members:
            votes -= weight / (self._labels - 1)
            chosen = np.asarray(member.predict(rows), np.int64)
            votes[np.arange(len(rows)), chosen] += weight * self._labels / (self._labels - 1)
        grown = votes / total / (self._labels - 1)
        grown = np.exp(grown - grown.max(axis=1, keepdims=True))
        return grown / grown.sum(axis=1, keepdims=True)


class Stacked:
    """Models, and one on top that was fitted to their out-of-sample predictions."""

    def __init__(self, names: tuple[str, ...], last: str, blocks: int, seed: int) -> None:
        self._names, self._last, self._blocks, self._seed = names, last, blocks, seed

    def fit(self, rows: Floats, targets: Floats, weights: Floats | None, spans: Spans | None) -> list[str]:
        """Predict blocks 2, 3, … by models of what was known before each; then fit the models to all rows."""
        edges = np.linspace(0, len(rows), self._blocks + 2).astype(np.int64)
        self._check_labels(targets, targets[before(int(edges[1]), spans)], targets[edges[1] :])
        out: list[Floats] = []
        for start, end in itertools.pairwise(edges[1:]):
            known = before(int(start), spans)
            within = None if spans is None else Spans(spans.starts[known], spans.ends[known])
            given = None if weights is None else weights[known]
            members = _fit_all(self._names, rows[known], targets[known], self._seed, given, within)
            out.append(_columns(members, rows[start:end]))
        later = slice(int(edges[1]), None)
        on = None if spans is None else Spans(spans.starts[later], spans.ends[later])
        given = None if weights is None else weights[later]
        self.top = fit(self._last, np.concatenate(out), targets[later], self._seed, given, spans=on)
        self.members = _fit_all(self._names, rows, targets, self._seed, weights, spans)
        return [text for each in (*self.members, self.top) for text in each.warnings]

    def _check_labels(self, targets: Floats, *parts: Floats) -> None:
        """Columns are of labels by their place, so every model must know all of them."""
        if model_named(self._names[0]).kind == CLASSIFIER and any(len(np.setdiff1d(targets, part)) for part in parts):
            raise InputError(
                "y",
                len(targets),
                f"each label must be in the first of {self._blocks + 1} stretches of rows, and after it",
            )

    def predict_proba(self, rows: Floats) -> Floats:
        """The top model's probabilities."""
        return self.top.predict_proba(_columns(self.members, rows))

    def predict(self, rows: Floats) -> Floats:
        """The top model's values."""
        return self.top.predict(_columns(self.members, rows))


class Vote:
    """The mean of several models."""

    def __init__(self, names: tuple[str, ...], seed: int) -> None:
        self._names, self._seed = names, seed

    def fit(self, rows: Floats, targets: Floats, weights: Floats | None, spans: Spans | None) -> list[str]:
        """Fit every member to all rows."""
        self.members = _fit_all(self._names, rows, targets, self._seed, weights, spans)
        return [text for each in self.members for text in each.warnings]

    def predict_proba(self, rows: Floats) -> Floats:
        """Mean probabilities."""
        return np.mean([each.predict_proba(rows) for each in self.members], axis=0)

    def predict(self, rows: Floats) -> Floats:
        """Mean values."""
        return np.mean([each.predict(rows) for each in self.members], axis=0)


def _fit_all(
    names: tuple[str, ...], rows: Floats, targets: Floats, seed: int, weights: Floats | None, spans: Spans | None
) -> list[Fitted]:
    return [fit(name, rows, targets, seed, weights, spans=spans) for name in names]


def _columns(members: list[Fitted], rows: Floats) -> Floats:
    """Rows × what the members say: values, or probabilities of all labels but the first."""
    if members[0].kind != CLASSIFIER:
        return np.stack([each.predict(rows) for each in members], axis=1)
    return np.concatenate([each.predict_proba(rows)[:, 1:] for each in members], axis=1)


def _with_all_labels(drawn: Integers, targets: Floats, odds: Floats) -> Integers:
    """The draw, with the likeliest row of each label that it missed in the place of its first rows."""
    missed = np.setdiff1d(targets, targets[drawn])
    for place, label in enumerate(missed):
        drawn[place] = int(np.argmax(np.where(targets == label, odds, -1.0)))
    return drawn


def _base(name: str, number: int) -> Model:
    if number < 1:
        raise InputError("number", number, "give at least 1")
    return model_named(name)


def _members(names: Sequence[str]) -> tuple[str, bool]:
    """(kind, whether all take missing values)"""
    chosen = [model_named(name) for name in names]
    if len(chosen) < 2 or len({each.kind for each in chosen}) != 1:
        raise InputError("names", list(names), "give at least two models of one kind")
    return chosen[0].kind, all(each.takes_nan for each in chosen)


def _together(names: Sequence[str]) -> str:
    return "+".join(model_named(name).name for name in names)


def _library(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingExtraError("models need: pip install 'quotewright[research]'") from None
