"""Pictures show what was found: the data of each figure, not its looks."""

from __future__ import annotations

import numpy as np
import pytest

from quotewright.causality import figures
from quotewright.causality.breaks import Finding
from quotewright.causality.double_residual import double_residual
from quotewright.causality.effect_curves import local_effects, partial_dependence
from quotewright.causality.graph import parse_graph
from quotewright.causality.independence import check_graph
from quotewright.causality.permutation import Importance
from quotewright.causality.shapley import Shapley

X = np.random.default_rng(71).normal(size=(200, 3))


def predict(x: np.ndarray) -> np.ndarray:
    return x[:, 0] ** 2 + x[:, 1]


def test_effects_are_drawn_about_their_means() -> None:
    dependence, effects = partial_dependence(predict, X, 0), local_effects(predict, X, 0)
    figure = figures.draw_effect("first", dependence, effects)
    average, accumulated = figure.data[-2:]
    assert np.mean(average.y) == pytest.approx(0)
    assert list(accumulated.x) == effects.edges.tolist()
    assert len(figure.data) == 2 + figures.MOST_CURVES
    assert figure.layout.xaxis.title.text == "first"


def test_shapley_values_are_drawn_by_importance() -> None:
    values = X * [1.0, 3.0, 2.0]
    found = Shapley(("a", "b", "c"), np.arange(200), X, values, 0.0, values.sum(axis=1), "linear", 200)
    figure = figures.draw_shapley(found, most=2)
    assert list(figure.layout.yaxis.ticktext) == ["c", "b"]
    assert list(figure.data[1].x) == values[:, 1].tolist()
    assert np.abs(np.array(figure.data[1].y) - 1).max() < 0.31


def test_importances_effects_and_findings_keep_their_figures() -> None:
    bars = figures.draw_importance([Importance("a", 2.0, 0.1), Importance("b", 1.0, 0.2)]).data[0]
    assert (list(bars.y), list(bars.x)) == (["b", "a"], [1.0, 2.0])
    effect = double_residual(X[:, 0], X[:, 1], X[:, 2])
    raw, controlled = figures.draw_double_residuals({"one": effect, "two": effect}).data
    assert list(raw.x) == [effect.raw.value] * 2
    assert list(controlled.x) == [effect.controlled.value] * 2
    table = figures.draw_findings([Finding("costs", 3.0, "bp", "It breaks even.", "high")]).data[0]
    assert [list(column) for column in table.cells["values"]] == [["high"], ["costs"], ["3 bp"], ["It breaks even."]]


def test_the_graph_shows_what_the_data_refuse() -> None:
    chain = parse_graph("a -> b -> c; d")
    data = np.column_stack([X[:, 0], X[:, 1], X[:, 0] + 0.1 * X[:, 2], X[:, 2]])
    verdict = check_graph(chain, data, list("abcd"))
    figure = figures.draw_graph(chain, verdict)
    refused = {str(test.statement) for test in verdict.implied if test.refused}
    assert {trace.name.removeprefix("refused: ") for trace in figure.data[:-1]} == refused
    assert "c ⟂ a | b" in refused
    assert len(figure.layout.annotations) == 2
    assert {note.arrowcolor for note in figure.layout.annotations} == {figures.GREY}  # neither arrow has support
    height = dict(zip(figure.data[-1].text, figure.data[-1].y, strict=True))
    assert height["a"] > height["b"] > height["c"]
    assert figures.draw_graph(chain).to_plotly_json()["layout"]["showlegend"] is False
