"""What each feature adds to each prediction: Shapley values through the library `shap`, sampled, under a time cap.

S. Lundberg & S.-I. Lee (2017), "A unified approach to interpreting model predictions", NIPS 30; trees: S. Lundberg et
al. (2020), Nature Machine Intelligence 2. They describe the model, not the market: a spurious feature has them too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from quotewright.causality.inputs import Floats, Integers, Predict, labels, library, predicted, table
from quotewright.domain.errors import InputError

Kind = Literal["auto", "tree", "linear", "kernel"]
BACKGROUND = 50  # rows that stand for a feature being absent
KERNEL_BACKGROUND = 25  # each row then takes this many predictions for each coalition
CHUNK = 25  # rows between looks at the clock; 1 for the kernel, of which a single row can take seconds


class Shapley(NamedTuple):
    """`values` [m, f] and `base`: base + Σ values of a row is its `output` [m], in the model's own units.

    For trees of classifiers these are log odds or probabilities, as the library has it. `rows` [m] are the rows of x;
    `asked` − m were left out when the time was over. `kind` is the explainer that did it.
    """

    names: tuple[str, ...]
    rows: Integers
    x: Floats
    values: Floats
    base: float
    output: Floats
    kind: str
    asked: int

    @property
    def importance(self) -> tuple[tuple[str, float], ...]:
        """Mean absolute value of each feature, largest first."""
        sizes = np.abs(self.values).mean(axis=0).tolist()
        return tuple(sorted(zip(self.names, sizes, strict=True), key=lambda pair: -pair[1]))


def shapley(
    x: npt.ArrayLike,
    names: Sequence[str],
    *,
    predict: Predict | None = None,
    model: Any = None,
    background: npt.ArrayLike | None = None,
    kind: Kind = "auto",
    rows: int = 500,
    seconds: float = 60.0,
    seed: int = 1,
) -> Shapley:
    """Shapley values of up to `rows` rows drawn from x [n, f], for at most about `seconds` (one chunk is always done).

    `model` is a fitted scikit-learn, LightGBM or XGBoost estimator, or a Pipeline whose steps keep the columns; `tree`
    and `linear` read it. `kernel` needs only `predict`: any function, slow; beyond 8 features it samples 10 f + 256
    coalitions. `auto` tries them in that order. `background` (default: x) says what usual rows are; BACKGROUND of them
    are drawn (KERNEL_BACKGROUND for the kernel). Of a classifier the last class is explained. Raises InputError where
    neither model nor predict will do.
    """
    every = table("x", x)
    known = labels(names, every.shape[1])
    usual = every if background is None else table("background", background, width=every.shape[1])
    if rows < 1 or not seconds > 0:
        raise InputError("rows", (rows, seconds), "give at least one row, and some time")
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(every), min(rows, len(every)), replace=False))
    usual = usual[np.sort(rng.choice(len(usual), min(BACKGROUND, len(usual)), replace=False))]
    used, base, explain = _explainer(kind, model, predict, usual)
    parts: list[Floats] = []
    until = time.monotonic() + seconds
    chunk = 1 if used == "kernel" else CHUNK
    with _seeded(seed):
        for begin in range(0, len(chosen), chunk):
            parts.append(explain(every[chosen[begin : begin + chunk]]))
            if time.monotonic() > until:
                break
    values = np.concatenate(parts)
    done = chosen[: len(values)]
    return Shapley(known, done, every[done], values, base, base + values.sum(axis=1), used, len(chosen))


Explain = Callable[[Floats], Floats]


def _explainer(kind: Kind, model: Any, predict: Predict | None, usual: Floats) -> tuple[str, float, Explain]:
    refused: list[str] = []
    for each in ("tree", "linear", "kernel") if kind == "auto" else (kind,):
        try:
            if each == "kernel":
                return _kernel(predict, usual)
            return _of_model(each, model, usual)
        except InputError as error:
            refused.append(f"{each}: {error}")
    raise InputError("model", type(model).__name__, "; ".join(refused))


def _of_model(kind: str, model: Any, usual: Floats) -> tuple[str, float, Explain]:
    if model is None:
        raise InputError("model", None, "give the fitted estimator")
    before = _first_steps(model, usual.shape[1])
    model = model.steps[-1][1] if hasattr(model, "steps") else model
    shap = library("shap")
    try:
        if kind == "tree":
            found: Any = shap.TreeExplainer(model, before(usual), feature_perturbation="interventional")
        else:
            found = shap.LinearExplainer(model, before(usual))
    except Exception as error:  # the library raises its own, bare Exception, TypeError and AttributeError alike
        raise InputError("model", type(model).__name__, f"shap cannot read it: {error}") from error

    def explain(rows: Floats) -> Floats:
        given = before(rows)
        told: dict[str, Any] = {"check_additivity": False} if kind == "tree" else {}
        values = np.asarray(found.shap_values(given, **told), np.float64)
        return values[:, :, -1] if values.ndim == 3 else values

    return kind, float(np.ravel(found.expected_value)[-1]), explain


def _kernel(predict: Predict | None, usual: Floats) -> tuple[str, float, Explain]:
    if predict is None:
        raise InputError("predict", None, "give the function that predicts")

    def told(rows: Any) -> Floats:
        return predicted(predict, np.asarray(rows, np.float64))

    coalitions = min(2 ** min(usual.shape[1], 20) - 2, 10 * usual.shape[1] + 256)
    some = usual[np.linspace(0, len(usual) - 1, min(KERNEL_BACKGROUND, len(usual))).astype(np.int64)]
    found: Any = library("shap").KernelExplainer(told, some)

    def explain(rows: Floats) -> Floats:
        return np.asarray(found.shap_values(rows, nsamples=max(coalitions, 1), silent=True, l1_reg=0), np.float64)

    return "kernel", float(np.ravel(found.expected_value)[-1]), explain


def _first_steps(model: Any, width: int) -> Callable[[Floats], Floats]:
    """What a pipeline does to the rows before its last step; nothing for another model."""

    def before(rows: Floats) -> Floats:
        for _, step in getattr(model, "steps", [])[:-1]:
            if step not in (None, "passthrough"):
                rows = np.asarray(step.transform(rows), np.float64)
        if rows.shape[1] != width:
            raise InputError("model", rows.shape, f"its steps do not keep the {width} columns: explain it by kernel")
        return rows

    return before


@contextmanager
def _seeded(seed: int) -> Generator[None]:
    """The library draws from numpy's global generator: seed that, and put it back."""
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)
