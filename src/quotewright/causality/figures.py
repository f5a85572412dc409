"""Pictures of effects, causes and findings, as plotly figures.

For a page of one's own: `figure.to_plotly_json()` has `data` and `layout`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from quotewright.causality.breaks import Finding
from quotewright.causality.double_residual import Effect
from quotewright.causality.effect_curves import Dependence, LocalEffects
from quotewright.causality.graph import CausalGraph
from quotewright.causality.independence import GraphVerdict
from quotewright.causality.inputs import NORMAL_975, Floats, library
from quotewright.causality.permutation import Importance
from quotewright.causality.shapley import Shapley

BLUE, RED, GREEN, GREY, DARK = "#0b68cb", "#c2410c", "#2f855a", "#9aa5b1", "#1c2024"
SEVERITIES = {"high": RED, "medium": "#b7791f", "low": GREEN}
MOST_CURVES = 60


def _figure(traces: Sequence[dict[str, Any]], **layout: Any) -> Any:
    given = {"template": "none", "margin": {"l": 64, "r": 16, "t": 40, "b": 48}, **layout}
    return library("plotly.graph_objects").Figure(data=list(traces), layout=given)


def draw_effect(name: str, dependence: Dependence, effects: LocalEffects | None = None) -> Any:
    """Partial dependence with individual curves behind it, and accumulated local effects, all about their means."""
    level = float(dependence.average.mean())
    traces: list[dict[str, Any]] = []
    for curve in dependence.curves[:MOST_CURVES]:
        line = {"color": GREY, "width": 0.6}
        traces.append(
            {"type": "scatter", "mode": "lines", "x": dependence.grid, "y": curve - curve.mean(), "line": line,
             "opacity": 0.4, "showlegend": False, "hoverinfo": "skip"}
        )  # fmt: skip
    traces.append(_line("partial dependence", dependence.grid, dependence.average - level, BLUE))
    if effects is not None:
        traces.append(_line("accumulated local effects", effects.edges, effects.effect, RED))
    return _figure(traces, xaxis={"title": {"text": name}}, yaxis={"title": {"text": "change of the prediction"}})


def draw_shapley(found: Shapley, *, most: int = 15) -> Any:
    """A point for each row and feature: where it pushes the prediction, coloured by the feature's rank among rows."""
    shown = [name for name, _ in found.importance[:most]][::-1]
    traces: list[dict[str, Any]] = []
    for place, name in enumerate(shown):
        k = found.names.index(name)
        ranks = np.argsort(np.argsort(found.x[:, k], kind="stable"), kind="stable")
        # Spread by the golden ratio, so that equal values do not hide each other.
        height = place + 0.6 * ((np.arange(len(ranks)) * 0.618034) % 1 - 0.5)
        marker = {"color": ranks, "colorscale": [[0, BLUE], [1, RED]], "size": 4, "opacity": 0.7}
        traces.append(
            {"type": "scatter", "mode": "markers", "name": name, "x": found.values[:, k], "y": height,
             "marker": marker, "text": [f"{value:.4g}" for value in found.x[:, k].tolist()], "showlegend": False}
        )  # fmt: skip
    axis = {"tickvals": list(range(len(shown))), "ticktext": shown, "automargin": True}
    return _figure(traces, yaxis=axis, xaxis={"title": {"text": "Shapley value, unit of the output"}})


def draw_importance(found: Sequence[Importance], *, most: int = 20) -> Any:
    """How much the loss grows without each feature, with 95 % intervals."""
    shown = list(found)[:most][::-1]
    errors = {"type": "data", "array": [NORMAL_975 * each.stderr for each in shown], "color": DARK, "thickness": 1}
    bars = {"type": "bar", "orientation": "h", "x": [each.increase for each in shown], "y": [e.name for e in shown],
            "marker": {"color": BLUE}, "error_x": errors}  # fmt: skip
    return _figure([bars], xaxis={"title": {"text": "increase of the loss"}}, yaxis={"automargin": True})


def draw_double_residuals(found: dict[str, Effect]) -> Any:
    """Each effect before and after its controls, with 95 % intervals: what is spurious falls to 0."""
    traces: list[dict[str, Any]] = []
    names = list(found)
    for name, colour, of, up in (("raw", GREY, "raw", 0.12), ("controlled", BLUE, "controlled", -0.12)):
        each = [getattr(effect, of) for effect in found.values()]
        errors = {"type": "data", "array": [e.high - e.value for e in each], "color": colour}
        traces.append(
            {"type": "scatter", "mode": "markers", "name": name, "x": [e.value for e in each], "error_x": errors,
             "y": [k + up for k in range(len(each))], "marker": {"color": colour, "size": 9}}
        )  # fmt: skip
    axis = {
        "tickvals": list(range(len(names))),
        "ticktext": names,
        "automargin": True,
        "range": [-0.5, len(names) - 0.5],
    }
    zero = {"type": "line", "x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1, "line": {"color": DARK, "width": 1}}
    return _figure(traces, yaxis=axis, xaxis={"title": {"text": "effect of one unit"}}, shapes=[zero])


def draw_graph(graph: CausalGraph, verdict: GraphVerdict | None = None) -> Any:
    """The graph, causes above effects; with a verdict, unsupported arrows are dashed, refused independences red."""
    place = _places(graph)
    marks: list[dict[str, Any]] = []
    faint = {(test.x, test.y) for test in verdict.unsupported} if verdict else set[tuple[str, str]]()
    for cause, effect in graph.edges:
        (x0, y0), (x1, y1) = place[cause], place[effect]
        marks.append(
            {"x": x1, "y": y1, "ax": x0, "ay": y0, "xref": "x", "yref": "y", "axref": "x", "ayref": "y", "text": "",
             "showarrow": True, "arrowhead": 2, "arrowwidth": 1.5, "standoff": 22, "startstandoff": 22,
             "arrowcolor": GREY if (effect, cause) in faint else DARK}
        )  # fmt: skip
    refused = [test.statement for test in verdict.implied if test.refused] if verdict else []
    traces: list[dict[str, Any]] = [
        {"type": "scatter", "mode": "lines", "x": [place[s.x][0], place[s.y][0]], "y": [place[s.x][1], place[s.y][1]],
         "line": {"color": RED, "dash": "dot"}, "name": f"refused: {s}"}
        for s in refused
    ]  # fmt: skip
    colours = [GREY if name in graph.hidden else BLUE for name in graph.nodes]
    traces.append(
        {"type": "scatter", "mode": "markers+text", "x": [place[name][0] for name in graph.nodes],
         "y": [place[name][1] for name in graph.nodes], "text": list(graph.nodes), "textposition": "top center",
         "marker": {"size": 18, "color": colours}, "showlegend": False}
    )  # fmt: skip
    hidden = {"visible": False}
    return _figure(traces, annotations=marks, xaxis=hidden, yaxis=hidden, showlegend=bool(refused))


def draw_findings(findings: Sequence[Finding]) -> Any:
    """The findings as a table, the gravest first."""
    colours = [SEVERITIES[finding.severity] for finding in findings]
    cells = {
        "values": [
            [finding.severity for finding in findings],
            [finding.name for finding in findings],
            [f"{finding.figure:.4g} {finding.unit}" for finding in findings],
            [finding.sentence for finding in findings],
        ],
        "align": "left",
        "font": {"color": [colours, DARK, DARK, DARK]},
        "fill": {"color": "#fff"},
    }
    header = {"values": ["severity", "what", "figure", "finding"], "align": "left", "fill": {"color": "#eef1f4"}}
    return _figure([{"type": "table", "header": header, "cells": cells, "columnwidth": [1, 2, 2, 8]}])


def _line(name: str, x: Floats, y: Floats, colour: str) -> dict[str, Any]:
    return {"type": "scatter", "mode": "lines+markers", "name": name, "x": x, "y": y,
            "line": {"color": colour, "width": 2.5}, "marker": {"size": 4}}  # fmt: skip


def _places(graph: CausalGraph) -> dict[str, tuple[float, float]]:
    """A row for each generation, its members side by side."""
    depth: dict[str, int] = {}
    for name in graph.order:
        depth[name] = 1 + max((depth[parent] for parent in graph.parents(name)), default=-1)
    rows: dict[int, list[str]] = {}
    for name in graph.order:
        rows.setdefault(depth[name], []).append(name)
    return {
        # A slight slant keeps arrows over a generation from running through those between.
        name: (k - (len(row) - 1) / 2 + 0.15 * level, -float(level))
        for level, row in rows.items()
        for k, name in enumerate(row)
    }
