"""One row through a forest of 100 trees, depth 8, 40 features: compiled, and in scikit-learn."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from rounds import Family, Row, SameWork, Sample, Skipped
from settings import Settings

from quotewright.domain.kernel import kernel
from quotewright.inference.compiled import CompiledModel
from quotewright.models.exporting import compile_model
from quotewright.models.fitting import fit
from quotewright.models.quiet import one_thread
from quotewright.signals.forest import predict_into, predict_row

TRAINED, FEATURES = 5_000, 40
SHAPE = {"n_estimators": 100, "max_depth": 8}
ROWS = {"compiled": 4_000, "from Python": 2_000, "scikit-learn": 60}


@kernel
def _one_by_one(heads: Any, nodes: Any, table: Any, rows: Any, found: Any) -> None:
    head = heads[0]
    for i in range(len(rows)):
        found[i] = predict_row(head, nodes, table, rows[i])


def families(_: Settings) -> list[Family]:
    """The median time of a row, and the ratio of the two; a linear model beside it."""
    try:
        forest, linear, X = _fitted()
    except ImportError:
        raise Skipped("scikit-learn is not installed (the extra `research`)") from None
    return [_family("forest of 100 trees", forest, X, 10.0, 300.0), _family("linear model", linear, X, 0, 0)]


def _fitted() -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(TRAINED + max(ROWS.values()), FEATURES))
    y = (X[:, 0] * X[:, 1] + X[:, 2] + rng.normal(size=len(X)) > 0).astype(np.float64)
    before = slice(None, TRAINED)
    forest = fit("RandomForest:classifier", X[before], y[before], 1, params=SHAPE)
    return forest, fit("LogisticRegression", X[before], y[before], 1), X[TRAINED:]


def _family(name: str, fitted: Any, X: Any, most: float, ratio: float) -> Family:
    model = compile_model(fitted)
    sides = {
        "compiled": _side("compiled", _in_kernel(model, X)),
        "from Python": _side("from Python", _from_python(model, X)),
        "scikit-learn": _side("scikit-learn", _library(fitted, X)),
    }

    def check(outcomes: dict[str, Any]) -> None:
        shared = min(ROWS.values())
        wanted = fitted.score(X[:shared])
        for side, found in outcomes.items():
            if not np.allclose(found[:shared], wanted, rtol=1e-14, atol=1e-15):
                raise SameWork(f"the scores of {side} are not the library's")

    rows = [
        Row(f"{name}, one row compiled", "compiled", "", most, least=False, unit="µs"),
        Row(f"{name}, one row compiled, a call from Python each", "from Python", "", 0, unit="µs"),
        Row(f"{name}, one row: scikit-learn", "scikit-learn", "compiled", ratio),
        Row(f"{name}, one row: scikit-learn to a call from Python", "scikit-learn", "from Python", 0),
    ]
    notes = ("medians over single rows, different ones; the kernel's rows are timed in hundreds", *_described(model))
    return Family(name, rows, sides, {}, check, notes=notes, cost="µs")


def _described(model: CompiledModel) -> tuple[str, ...]:
    nodes = len(np.asarray(model.nodes))
    return (f"{model.trees} trees, {nodes} nodes, {nodes * 24 / 1e6:.2f} MB of nodes and values",) if nodes else ()


def _side(name: str, run: Callable[[int, Any], float]) -> Callable[[], Sample]:
    """Medians of µs a row, and all scores."""

    def side() -> Sample:
        found = np.empty(ROWS[name])
        with one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spent = run(ROWS[name], found)
        return Sample(spent, found)

    return side


def _in_kernel(model: CompiledModel, X: Any) -> Callable[[int, Any], float]:
    def run(rows: int, found: Any) -> float:
        spent = []
        for start in range(0, rows, 100):
            part = X[start : start + 100]
            before = time.perf_counter_ns()
            _one_by_one(model.head, model.nodes, model.table, part, found[start : start + 100])
            spent.append((time.perf_counter_ns() - before) / 1e3 / len(part))
        return float(np.median(spent))

    return run


def _from_python(model: CompiledModel, X: Any) -> Callable[[int, Any], float]:
    def one(row: Any, place: Any) -> None:
        predict_into(model.head, model.nodes, model.table, row, place)

    return _by_row(X, one)


def _library(fitted: Any, X: Any) -> Callable[[int, Any], float]:
    def one(row: Any, place: Any) -> None:
        place[0] = fitted.estimator.predict_proba(row)[0, 1]

    return _by_row(X, one)


def _by_row(X: Any, one: Callable[[Any, Any], None]) -> Callable[[int, Any], float]:
    def run(rows: int, found: Any) -> float:
        spent = []
        for k in range(rows):
            row, place = X[k : k + 1], found[k : k + 1]
            before = time.perf_counter_ns()
            one(row, place)
            spent.append((time.perf_counter_ns() - before) / 1e3)
        return float(np.median(spent))

    return run
