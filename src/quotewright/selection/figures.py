"""Pictures of features as plotly figures; `figure.to_plotly_json()` has `data` and `layout` for a page of one's own."""

from __future__ import annotations

from typing import Any

from quotewright.selection.inputs import library
from quotewright.selection.table import FeatureReport

BLUE, RED, GREY = "#0b68cb", "#c2410c", "#9aa5b1"


def correlation_map(report: FeatureReport) -> Any:
    """Spearman's ρ of all features over the training rows as a heat map, features in the order of their tree."""
    place = [report.names.index(name) for name in report.clusters.order]
    shown = [[report.correlations[i][j] for j in place] for i in place]
    heat = {
        "type": "heatmap", "z": shown, "x": list(report.clusters.order), "y": list(report.clusters.order),
        "zmin": -1, "zmax": 1, "colorscale": [[0, RED], [0.5, "#ffffff"], [1, BLUE]],
        "colorbar": {"title": {"text": "ρ"}}, "hovertemplate": "%{x}<br>%{y}<br>ρ %{z:.2f}<extra></extra>",
    }  # fmt: skip
    axis = {"automargin": True, "showgrid": False}
    return _figure([heat], xaxis={**axis, "tickangle": -60}, yaxis={**axis, "autorange": "reversed"})


def decay_chart(report: FeatureReport, name: str) -> Any:
    """What a feature told in each block after training, with 95 % intervals; blocks after its pruning are grey."""
    found = report.row(name).decay
    told = [block.told for block in found.blocks]
    used = found.pruned if found.pruned is not None else len(told)
    points = {
        "type": "scatter", "mode": "markers+lines", "x": list(range(1, len(told) + 1)), "y": [t.value for t in told],
        "marker": {"color": [BLUE if k <= used else GREY for k in range(len(told))], "size": 8},
        "line": {"color": GREY, "width": 1},
        "error_y": {"type": "data", "symmetric": False, "array": [t.high - t.value for t in told],
                    "arrayminus": [t.value - t.low for t in told], "color": GREY},
    }  # fmt: skip
    title = {"title": {"text": f"rank IC of {name}, in training's direction"}}
    return _figure([points], xaxis={"title": {"text": "block after training"}}, yaxis=title)


def _figure(traces: list[dict[str, Any]], **layout: Any) -> Any:
    given = {"template": "plotly_white", "margin": {"l": 64, "r": 16, "t": 24, "b": 64}, **layout}
    return library("plotly.graph_objects").Figure(data=traces, layout=given)
