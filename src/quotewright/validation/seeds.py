"""Models over repeated seeds and resampled periods: means, paired differences and ranks, each with an interval."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from quotewright.domain.errors import InputError, MissingExtraError
from quotewright.validation.bootstrap import stationary_parts
from quotewright.validation.labels import Floats


class SeedFigures(NamedTuple):
    """A figure over n seeds: mean ± Student's t × its standard error. The interval is NaN for one seed.

    It says what another seed would do, not what another market would.
    """

    n: int
    mean: float
    deviation: float
    low: float
    high: float


class Ranks(NamedTuple):
    """One row a model: its rank by the figure (1: best, ties in the middle), and the interval of it over draws."""

    rank: Floats
    low: Floats
    high: Floats
    first: Floats  # share of draws in which it is best; ties share


def over_seeds(values: Floats, *, level: float = 0.95) -> SeedFigures:
    """The figure of one model at several seeds [n]. Raises InputError for none or values that are not finite."""
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise InputError("values", values.shape, "give finite figures, one for each seed")
    if not 0 < level < 1:
        raise InputError("level", level, "must be between 0 and 1")
    n, mean = len(values), float(values.mean())
    if n == 1:
        return SeedFigures(1, mean, float("nan"), float("nan"), float("nan"))
    deviation = float(values.std(ddof=1))
    half = float(_student().ppf(0.5 + level / 2, n - 1)) * deviation / n**0.5
    return SeedFigures(n, mean, deviation, mean - half, mean + half)


def paired_difference(one: Floats, other: Floats, *, level: float = 0.95) -> SeedFigures:
    """One model's figure less another's at the same seeds, in the same order."""
    if one.shape != other.shape:
        raise InputError("other", other.shape, f"give figures at the same {len(one)} seeds")
    return over_seeds(one - other, level=level)


def ranks_over_seeds(
    values: Floats, *, seed: int, draws: int = 2_000, larger: bool = True, level: float = 0.95
) -> Ranks:
    """Ranks of models by their mean over seeds [models, seeds]; seeds are drawn with replacement, the same for all."""
    _check_table(values, 2)
    rows = np.random.default_rng(seed).integers(0, values.shape[1], (draws, values.shape[1]))
    return _ranks(values.mean(axis=1), values[:, rows].mean(axis=2).T, larger, level)


def ranks_over_periods(
    returns: Floats,
    figure: Callable[[Floats], Floats],
    *,
    seed: int,
    draws: int = 500,
    block: float | None = None,
    larger: bool = True,
    level: float = 0.95,
) -> Ranks:
    """Ranks of models by a figure of their returns [models, periods], periods drawn by a stationary bootstrap.

    `figure` takes [models, periods] and gives [models]; each draw is the same periods for all models. This is how the
    order would change with the market's luck, where `ranks_over_seeds` tells only of the model's own. A figure that a
    draw does not allow (NaN) ranks last.
    """
    _check_table(returns, 2)
    parts = stationary_parts(returns.shape[1], draws, seed=seed, block=block)
    drawn = np.array([figure(returns[:, rows]) for part in parts for rows in part])
    return _ranks(figure(returns), drawn, larger, level)


def mean_over_deviation(returns: Floats) -> Floats:
    """The Sharpe ratio of each row, per period; NaN where it does not vary."""
    deviations = returns.std(axis=1, ddof=1)
    return np.where(deviations > 0, returns.mean(axis=1) / np.where(deviations > 0, deviations, 1), np.nan)


def _ranks(values: Floats, drawn: Floats, larger: bool, level: float) -> Ranks:
    if not 0 < level < 1:
        raise InputError("level", level, "must be between 0 and 1")
    places = np.array([_places(each, larger) for each in drawn])
    low, high = np.quantile(places, [0.5 - level / 2, 0.5 + level / 2], axis=0, method="nearest")
    winners = places == places.min(axis=1, keepdims=True)
    return Ranks(_places(values, larger), low, high, (winners / winners.sum(axis=1, keepdims=True)).mean(axis=0))


def _places(values: Floats, larger: bool) -> Floats:
    score = np.where(np.isnan(values), -np.inf, values if larger else -values)
    ordered = np.sort(-score)
    return (np.searchsorted(ordered, -score, "left") + np.searchsorted(ordered, -score, "right") + 1) / 2


def _check_table(values: Floats, dimensions: int) -> None:
    if values.ndim != dimensions or 0 in values.shape or not np.isfinite(values).all():
        raise InputError("values", values.shape, "give a table of finite figures with a row for each model")


def _student() -> Any:
    try:
        return importlib.import_module("scipy.stats").t
    except ImportError:
        raise MissingExtraError("intervals over seeds need: pip install 'quotewright[research]'") from None
