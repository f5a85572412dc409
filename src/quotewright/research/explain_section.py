"""What a section of `explain` is made of: numbers with units and errors, pictures, warnings, or why there are none."""

# pyright: basic
# Arrays and plotly's traces have no types that a checker could follow.

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quotewright.research.study_page import Figure

BLOCKS = 20
Z95 = 1.96
MOST_POINTS = 1500


@dataclass(frozen=True)
class Number:
    """One figure: `low` and `high` are the ends of its 95 % interval, None where it is a count or has none."""

    name: str
    value: float | None
    unit: str
    low: float | None = None
    high: float | None = None
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self)}


@dataclass
class Section:
    """A part of the page; `reason` says why it could not be computed, and then there is nothing else in it."""

    key: str
    title: str
    numbers: list[Number] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    reason: str = ""
    seconds: float = 0.0

    def add(self, name: str, value: float, unit: str, error: float = math.nan, note: str = "") -> None:
        """A number with a standard error, of which the interval is 1.96 each way; NaN: no interval."""
        low, high = value - Z95 * error, value + Z95 * error
        self.numbers.append(Number(name, _finite(value), unit, _finite(low), _finite(high), note))

    def between(self, name: str, value: float, low: float, high: float, unit: str, note: str = "") -> None:
        """A number with an interval."""
        self.numbers.append(Number(name, _finite(value), unit, _finite(low), _finite(high), note))

    def to_dict(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "title": self.title,
            "reason": self.reason or None,
            "warnings": self.warnings,
            "numbers": [number.to_dict() for number in self.numbers],
            "figures": [figure.caption for figure in self.figures],
        }


def _finite(value: float) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def mean_of(values: Any, weights: Any | None = None) -> tuple[float, float]:
    """Weighted mean of a series and its standard error by batch means over 20 stretches (NaN for too few).

    Conway (1963), "Some tactical problems in digital simulation", Management Science 10.
    """
    values = np.asarray(values, np.float64)
    weight: Any = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    known = np.isfinite(values) & (weight > 0)
    values, weight = values[known], weight[known]
    if not len(values):
        return math.nan, math.nan
    mean = float(values @ weight / weight.sum())
    if len(values) < 3 * BLOCKS:
        return mean, math.nan
    place = np.minimum((np.cumsum(weight) - weight) * BLOCKS // weight.sum(), BLOCKS - 1).astype(np.int64)
    total = np.bincount(place, weight, minlength=BLOCKS)
    away = np.bincount(place, weight * (values - mean), minlength=BLOCKS)
    used = total > 0
    blocks = int(used.sum())
    if blocks < 5:
        return mean, math.nan
    return mean, math.sqrt(float((away**2).sum()) * blocks / (blocks - 1)) / float(total.sum())


def thinned(length: int, most: int = MOST_POINTS) -> Any:
    """Places of at most `most` points, evenly spread."""
    return np.unique(np.linspace(0, max(length - 1, 0), min(length, most)).astype(np.int64)) if length else np.array([])


def line(name: str, x: Any, y: Any, **more: Any) -> dict[str, Any]:
    """A line trace."""
    return {"type": "scatter", "mode": "lines", "name": name, "x": np.asarray(x), "y": np.asarray(y), **more}


def dots(name: str, x: Any, y: Any, error: Any | None = None, **more: Any) -> dict[str, Any]:
    """A trace of points, with 1.96 standard errors each way."""
    trace = {"type": "scatter", "mode": "markers", "name": name, "x": np.asarray(x), "y": np.asarray(y), **more}
    if error is not None:
        trace["error_y"] = {"type": "data", "array": Z95 * np.nan_to_num(np.asarray(error)), "thickness": 1, "width": 3}
    return trace


def axes(x: str, y: str, /, **more: Any) -> dict[str, Any]:
    """A layout with two named axes."""
    return {
        "xaxis": {"title": {"text": x}, **more.pop("x", {})},
        "yaxis": {"title": {"text": y}, **more.pop("y", {})},
        **more,
    }
