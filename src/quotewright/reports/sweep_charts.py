"""The pictures of a sweep: a heat map over two parameters, and all sets as parallel coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from quotewright.reports.charts import Chart, thinned
from quotewright.reports.series import Packed, evenly
from quotewright.reports.sweep_view import PARAM

MOST_CELLS = 60  # a side of a heat map
MOST_LINES = 4_000
DECADES = 100.0  # a positive parameter that spans more is drawn by logarithm

_LOSS_TO_GAIN = [[0, "--loss"], [0.5, "--grid"], [1, "--gain"]]


def sweep_charts(frame: pl.DataFrame, varied: Sequence[str], packed: Packed) -> list[Chart]:
    """The charts that one instrument's sets allow; none if no parameter was varied."""
    values = {name: frame[PARAM + name].n_unique() for name in varied}
    axes = sorted((name for name in varied if values[name] <= MOST_CELLS), key=lambda name: -values[name])
    found = [heat_map(frame, axes[0], axes[1], len(varied) > 2)] if len(axes) > 1 and _is_grid(frame, axes[:2]) else []
    return [*found, parallel_coordinates(frame, varied, packed)] if varied else []


def _is_grid(frame: pl.DataFrame, axes: Sequence[str]) -> bool:
    """Whether the sets fill most of the plane of two parameters, rather than lie scattered in it."""
    columns = [PARAM + name for name in axes]
    cells = math.prod(frame[column].n_unique() for column in columns)
    return frame.select(columns).n_unique() * 2 > cells


def heat_map(frame: pl.DataFrame, across: str, up: str, others: bool) -> Chart:
    """Profit by two parameters; with `others`, the mean over the parameters that are not shown."""
    means = frame.group_by(PARAM + across, PARAM + up).agg(pl.col("pnl").mean())
    columns = sorted(frame[PARAM + across].unique().to_list())
    rows = sorted(frame[PARAM + up].unique().to_list())
    cells = {(x, y): value for x, y, value in means.iter_rows()}
    settle = frame["settle"][0]
    trace = {
        "type": "heatmap",
        "x": [f"{x:.6g}" for x in columns],
        "y": [f"{y:.6g}" for y in rows],
        "z": [[cells.get((x, y)) for x in columns] for y in rows],
        "zmid": 0,
        "colorscale": _LOSS_TO_GAIN,
        "xgap": 1,
        "ygap": 1,
        "colorbar": {"title": {"text": settle}, "thickness": 12, "outlinewidth": 0},
        "hovertemplate": f"{across} %{{x}}<br>{up} %{{y}}<br>%{{z}} {settle}<extra></extra>",
    }
    layout = {
        "xaxis": {"type": "category", "title": {"text": across}, "showgrid": False},
        "yaxis": {"type": "category", "title": {"text": up}, "showgrid": False},
        "margin": {"l": 70, "r": 12, "t": 16, "b": 56},
    }
    title = f"Profit by {across} and {up}" + (", mean over the other parameters" if others else "")
    return Chart("heat", title, f"sweep.parquet: pnl, {PARAM}{across}, {PARAM}{up}", [trace], layout)


def parallel_coordinates(frame: pl.DataFrame, varied: Sequence[str], packed: Packed) -> Chart:
    """Every set as a line through its parameters and results, coloured by profit."""
    ranked = frame.sort("pnl")
    keep = evenly(len(ranked), MOST_LINES)
    shown = ranked[keep.tolist()]
    pnl = shown["pnl"].to_numpy()
    largest = float(np.abs(pnl).max()) or 1.0
    settle = frame["settle"][0]
    results = [("fills", "fills"), ("max_drawdown", f"drawdown, {settle}"), ("pnl", f"profit, {settle}")]
    dimensions = [_dimension(name, shown[PARAM + name].to_numpy(), packed, scaled=True) for name in varied]
    dimensions += [_dimension(label, shown[name].to_numpy(), packed) for name, label in results]
    trace = {
        "type": "parcoords",
        "dimensions": dimensions,
        "line": {"color": packed.add(pnl), "colorscale": _LOSS_TO_GAIN, "cmin": -largest, "cmax": largest},
    }
    left_out = thinned(len(keep), len(ranked), "sets", "evenly spaced by profit, the best and the worst among them")
    source = "sweep.parquet; drag along an axis to keep a range, drag a name to move its axis"
    layout = {"margin": {"l": 80, "r": 60, "t": 64, "b": 24}}
    return Chart("parallel", "All sets", source, [trace], layout, left_out)


def _dimension(label: str, values: npt.NDArray[Any], packed: Packed, scaled: bool = False) -> dict[str, Any]:
    low, high = float(values.min()), float(values.max())
    if scaled and low > 0 and high > DECADES * low:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        ticks = list(range(first, last + 1))
        logs = packed.add(np.log10(values))
        return {
            "label": label,
            "values": logs,
            "range": [first, last],
            "tickvals": ticks,
            "ticktext": [f"{10.0**t:g}" for t in ticks],
        }
    room = 0.0 if high > low else abs(low) / 2 or 1.0
    return {"label": label, "values": packed.add(values), "range": [low - room, high + room]}
