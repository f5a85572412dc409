"""Tails as plotly figures: quantiles of data against those of fitted laws, and how often sizes are exceeded."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.montecarlo.numerics import Floats, checked_returns
from quotewright.montecarlo.paths import FittedPaths
from quotewright.montecarlo.tail_figures import yardstick

POINTS = 400  # quantiles shown, most of them in the tails


def qq_figure(fits: Sequence[FittedPaths], returns: npt.ArrayLike) -> Any:
    """A plotly Figure: quantiles of the returns (y) against those of each law (x), in the returns' middle-half σ."""
    seen = checked_returns(returns)
    by = yardstick(seen)
    u = _places(len(seen))
    data = (np.quantile(seen, u) - by.centre) / by.sigma
    reach = float(np.abs(data).max()) * 1.1
    traces: list[dict[str, Any]] = [_line("as the law says", [-reach, reach], [-reach, reach], dash="dot")]
    for one in fits:
        x = (np.asarray(one.marginal.quantile(u)) - by.centre) / by.sigma
        shown = np.abs(x) <= 2 * reach
        traces.append({"type": "scatter", "mode": "markers", "name": one.kind, "x": x[shown], "y": data[shown]})
    return _figure(traces, "quantile of the law, σ", "quantile of the data, σ")


def exceedance_figure(fits: Sequence[FittedPaths], returns: npt.ArrayLike) -> Any:
    """A plotly Figure: share of returns further from the median than a size, both axes logarithmic."""
    seen = checked_returns(returns)
    by = yardstick(seen)
    sizes = np.sort(np.abs(seen - by.centre) / by.sigma)
    share = 1 - (np.arange(len(sizes)) + 0.5) / len(sizes)
    some = np.unique(len(sizes) - np.unique(np.geomspace(1, len(sizes), POINTS).astype(np.int64)))
    grid: Floats = np.asarray(np.geomspace(0.5, float(sizes[-1]) * 2, 200), np.float64)
    traces: list[dict[str, Any]] = [
        {"type": "scatter", "mode": "markers", "name": "data", "x": sizes[some], "y": share[some]}
    ]
    for one in fits:
        high, low = (np.asarray(one.marginal.cdf(by.centre + s * grid)) for s in (by.sigma, -by.sigma))
        beyond = low + 1 - high
        traces.append(_line(one.kind, grid[beyond > 0], beyond[beyond > 0]))
    figure = _figure(traces, "distance from the median, σ", "share of returns beyond")
    figure.update_xaxes(type="log")
    figure.update_yaxes(type="log", range=[np.log10(0.2 / len(seen)), 0])
    return figure


def _places(n: int) -> Floats:
    """Probabilities from 0.5/n to 1 − 0.5/n, evenly spaced in their logit."""
    edge = math.log((n - 0.5) / 0.5)
    logits: Floats = np.asarray(np.linspace(-edge, edge, min(POINTS, n)), np.float64)
    return 1 / (1 + np.exp(-logits))


def _line(name: str, x: Any, y: Any, **style: Any) -> dict[str, Any]:
    return {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "line": style}


def _figure(traces: list[dict[str, Any]], x: str, y: str) -> Any:
    layout = {"xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}}, "template": "plotly_white"}
    graphs: Any = importlib.import_module("plotly.graph_objects")
    return graphs.Figure(data=traces, layout=layout)
