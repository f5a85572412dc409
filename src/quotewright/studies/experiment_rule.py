"""From a fitted model to positions and their figures: one rule for every kind of model, label and phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import InputError
from quotewright.models.fitting import Fitted
from quotewright.models.model import CLASSIFIER
from quotewright.studies.experiment_spec import Spec
from quotewright.studies.experiment_table import Table
from quotewright.validation.predictions import classification_figures, regression_figures
from quotewright.validation.trading import Trades, performance, trade

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

RULE = (
    "At a bar's close, long where the model leans up, short where it leans down, nothing where it does neither by more "
    "than the threshold; each decision holds 1/bars of the equity until its label is over, and those alive add up."
)


def leans(fitted: Fitted, X: Floats) -> Floats:
    """How far each row leans up (above 0) or down: a regressor's value, 2p − 1 of two labels, p(1) − p(−1) of three.

    0 where the label 0 is the most probable of three. Raises InputError for other labels.
    """
    if fitted.kind != CLASSIFIER:
        return fitted.predict(X)
    p = fitted.predict_proba(X)
    if len(fitted.labels) == 2:
        return 2 * p[:, 1] - 1
    if fitted.labels != (-1.0, 0.0, 1.0):
        raise InputError("labels", fitted.labels, "are not two, or −1, 0 and 1")
    return np.where(p.argmax(axis=1) == 1, 0.0, p[:, 2] - p[:, 0])


def signs(spec: Spec, leaning: Floats) -> Floats:
    """−1, 0 or 1 by row."""
    return np.where(np.abs(leaning) > spec.model.threshold, np.sign(leaning), 0.0)


def positions(spec: Spec, table: Table, rows: Integers, leaning: Floats, bars: Integers) -> Floats:
    """Fractions of equity held from each of `bars` (ascending) to the next, by decisions at `rows` alone.

    Overlapping decisions as in N. Jegadeesh & S. Titman (1993), J. Finance 48(1): of each, 1/bars is held.
    """
    change = np.zeros(len(table.times) + 1)
    decided = signs(spec, leaning)
    np.add.at(change, rows, decided)
    np.add.at(change, table.exits[rows], -decided)
    return np.cumsum(change)[bars] / spec.label.bars


def traded(spec: Spec, table: Table, rows: Integers, leaning: Floats, bars: Integers, *, costs: bool = True) -> Trades:
    """What the positions earn over the bars, after fees and slippage unless `costs` is False."""
    held = positions(spec, table, rows, leaning, bars)
    fee, slippage = (spec.costs.fee_bp, spec.costs.slippage_bp) if costs else (0.0, 0.0)
    return trade(held, table.moves[bars], fee_bp=fee, slippage_bp=slippage)


def judged(spec: Spec, table: Table, rows: Integers, leaning: Floats, bars: Integers) -> dict[str, Any]:
    """All figures of decisions at `rows`, held over `bars`; `without_costs` has those of trading again without.

    `mae` and `rmse` are of the label for a regressor; for a classifier of (lean + 1)/2 against what came, 0, ½ or 1.
    """
    told = _predictive(spec, table.y[rows], leaning)
    net = traded(spec, table, rows, leaning, bars)
    gross = traded(spec, table, rows, leaning, bars, costs=False)
    found = {**told, **figures_of(spec, net)}
    return {**found, "without_costs": figures_of(spec, gross), "net": net.net.tolist()}


def figures_of(spec: Spec, trades: Trades) -> dict[str, Any]:
    """The figures of trades as plain values; intervals as `sharpe_low`, `sharpe_high`."""
    found = asdict(performance(trades, periods_per_year=spec.periods_per_year))
    annual, drawn = found.pop("sharpe"), found.pop("sharpe_bootstrap")
    return {**found, "sharpe": annual[0], "sharpe_low": drawn[1], "sharpe_high": drawn[2]}


def target(spec: Spec, y: Floats) -> Floats:
    """A label as what a lean should have been: −1 to 1 for classes, itself for a return."""
    if spec.label.kind == "return":
        return y
    return 2 * y - 1 if _is_binary(spec) else y


def _is_binary(spec: Spec) -> bool:
    return spec.label.kind == "direction" and spec.label.band_bp == 0


def _predictive(spec: Spec, y: Floats, leaning: Floats) -> Mapping[str, float | None]:
    if spec.label.kind == "return":
        told = regression_figures(y, leaning)
        return {
            "mae": told.mae,
            "rmse": told.rmse,
            "accuracy": told.hit_rate,
            "correlation": told.correlation,
            "log_loss": None,
            "calibration_error": None,
        }
    share, came = (np.clip(leaning, -1.0, 1.0) + 1) / 2, (target(spec, y) + 1) / 2
    misses = share - came
    found: dict[str, float | None] = {"mae": float(np.abs(misses).mean()), "rmse": float(np.sqrt((misses**2).mean()))}
    found["correlation"] = None
    if _is_binary(spec):
        classes = classification_figures(y.astype(np.int64), (leaning > 0).astype(np.int64), share)
        return {**found, "accuracy": classes.accuracy, "log_loss": classes.log_loss, "calibration_error": classes.ece}
    right = np.sign(leaning) == np.sign(y)
    return {**found, "accuracy": float(right.mean()), "log_loss": None, "calibration_error": None}
