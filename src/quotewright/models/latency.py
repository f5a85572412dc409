"""How long one row takes, measured here and now: so that a latency budget can choose among models."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.inference.compiled import CompiledModel
from quotewright.models.catalogue import model_named
from quotewright.models.exporting import can_compile, compile_model
from quotewright.models.fitting import Fitted, fit, raw_scores
from quotewright.models.model import CLASSIFIER
from quotewright.models.quiet import one_thread
from quotewright.signals import forest

Floats = npt.NDArray[np.float64]

COMPILED, LIBRARY = "compiled", "library"
_DIFFERENT = 512  # rows in turn, so that no branch or cache line is learned


class Latency(NamedTuple):
    """Of one row, µs: median and 99th percentile, and by which route."""

    p50_us: float
    p99_us: float
    route: str  # compiled (a call from Python into the core included) or library
    samples_ns: tuple[int, ...]  # in the order measured: what a SidecarModel is given


def single_row_latency(model: Fitted | CompiledModel, X: Floats, *, repeats: int = 300) -> Latency:
    """Time `repeats` predictions of one row each, of different rows of X in turn, on one thread, warmed up.

    A Fitted is timed in its library: scaling, prediction and calibration, without the checks of its input.
    """
    if repeats < 10 or len(X) < 1:
        raise InputError("repeats", (repeats, len(X)), "give at least 10, and a row")
    rows = [np.ascontiguousarray(X[i : i + 1], np.float64) for i in range(min(len(X), _DIFFERENT))]
    call, route = (_compiled(model), COMPILED) if isinstance(model, CompiledModel) else (_library(model), LIBRARY)
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in rows[:10]:
            call(row)
        spent = np.array([_timed(call, rows[i % len(rows)]) for i in range(repeats)])
    p50, p99 = (float(np.quantile(spent, q)) / 1e3 for q in (0.5, 0.99))
    return Latency(p50, p99, route, tuple(int(each) for each in spent))


def latencies(
    names: Iterable[str], *, features: int = 40, rows: int = 2_000, seed: int = 1, repeats: int = 300
) -> dict[str, Latency]:
    """By `name:kind`: a model of the registry fitted with its defaults to random rows, compiled where it can be."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, features))
    y = X[:, 0] + rng.normal(size=rows)
    found: dict[str, Latency] = {}
    for name in names:
        chosen = model_named(name)
        fitted = fit(chosen, X, (y > 0).astype(np.float64) if chosen.kind == CLASSIFIER else y, seed)
        timed = compile_model(fitted) if can_compile(fitted) else fitted
        found[f"{chosen.name}:{chosen.kind}"] = single_row_latency(timed, X, repeats=repeats)
    return found


def within_budget(measured: Mapping[str, Latency], budget_us: float, *, tail: bool = False) -> tuple[str, ...]:
    """Names whose median (`tail`: 99th percentile) is within the budget, fastest first."""
    if not budget_us > 0:
        raise InputError("budget_us", budget_us, "must be above 0")
    cost = {name: each.p99_us if tail else each.p50_us for name, each in measured.items()}
    return tuple(sorted((name for name in cost if cost[name] <= budget_us), key=cost.__getitem__))


def _timed(call: Callable[[Floats], Any], row: Floats) -> int:
    started = time.perf_counter_ns()
    call(row)
    return time.perf_counter_ns() - started


def _compiled(model: CompiledModel) -> Callable[[Floats], Any]:
    found = np.empty(1)
    return lambda row: forest.predict_into(model.head, model.nodes, model.table, row, found)


def _library(model: Fitted) -> Callable[[Floats], Any]:
    estimator, calibrator = model.estimator, model.calibrator
    if calibrator is not None:
        return lambda row: calibrator.probabilities(raw_scores(estimator, row))
    return estimator.predict_proba if model.kind == CLASSIFIER else estimator.predict
