"""The slots from outside: a slow view as last published, and a compiled model of all other slots."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.events import ASK, BID, CLEAR, EVENT, LAST, LEVEL
from quotewright.features.matrix import FeatureStream
from quotewright.features.settings import FeatureSettings
from quotewright.features.slots import MODEL, MODEL_INPUTS, NAMES, QUEUE_IMBALANCE, SPREAD, VIEW
from quotewright.features.state import Model, View, new_features
from quotewright.inference.compiled import Ending, Tree, compiled_forest, compiled_linear


def _linear(weights: dict[int, float], base: float) -> Model:
    coefficients = np.zeros(len(MODEL_INPUTS))
    coefficients[list(weights)] = list(weights.values())
    found = compiled_linear("linear", "regressor", MODEL_INPUTS, coefficients, base, None, Ending())
    return Model(found.head, found.nodes, found.table)


def _stump(slot: int, threshold: float, low: float, high: float) -> Model:
    """One split of one slot; what is not known elsewhere does not matter to it."""
    tree = Tree(
        np.array([slot, 0, 0]),
        np.array([threshold, 0.0, 0.0]),
        np.array([1, -1, -1]),
        np.array([2, -1, -1]),
        np.array([0.0, low, high]),
        np.zeros(3, np.bool_),
    )
    found = compiled_forest("stump", "regressor", MODEL_INPUTS, [tree], Ending())
    return Model(found.head, found.nodes, found.table)


def _book(time: int, bid_lots: int, ask_lots: int) -> np.ndarray:
    rows = np.zeros(3, EVENT)
    for row, (kind, side, price, qty) in zip(
        rows, [(CLEAR, 0, 0, 0), (LEVEL, BID, 1000, bid_lots), (LEVEL, ASK, 1002, ask_lots)], strict=True
    ):
        row["kind"], row["side"], row["price"], row["qty"] = kind, side, price, qty
        row["exch_ts"] = row["local_ts"] = time
    rows[-1]["flags"] = LAST
    return rows


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 300), min_size=0, max_size=8, unique=True),
    st.lists(st.integers(1, 300), min_size=1, max_size=8, unique=True),
)
def test_a_view_is_what_was_published_last(published: list[int], asked: list[int]) -> None:
    times = np.sort(np.array(published, np.int64))
    values = np.arange(len(times), dtype=np.float64) * 1.5 - 2
    stream = FeatureStream(FeatureSettings(), view=View(times, values))
    for time in sorted(asked):
        found = stream.take(_book(time, 3, 3)).values[0, VIEW]
        known = values[times <= time]
        assert found == known[-1] if len(known) else np.isnan(found)


def test_a_model_reads_the_slots_before_it() -> None:
    assert NAMES[MODEL] not in MODEL_INPUTS
    model = _linear({QUEUE_IMBALANCE: 2.0, SPREAD: 0.5, VIEW: 10.0}, 1.0)
    plain = FeatureStream(FeatureSettings(), view=View(np.array([5]), np.array([0.25])))
    stream = FeatureStream(FeatureSettings(), view=View(np.array([5]), np.array([0.25])), model=model)
    events = np.concatenate([_book(10, 3, 1), _book(20, 1, 3)])
    bare, found = plain.take(events).values, stream.take(events).values
    assert np.isnan(bare[:, MODEL]).all()
    np.testing.assert_array_equal(found[:, :MODEL], bare[:, :MODEL])
    assert np.isnan(bare[:, :MODEL]).any(axis=1).all()
    assert found[:, MODEL].tolist() == [1.0 + 2.0 * lots + 0.5 * 2.0 + 10.0 * 0.25 for lots in (0.5, -0.5)]
    unknown = int(np.flatnonzero(np.isnan(bare[0, :MODEL]))[0])
    silent = FeatureStream(FeatureSettings(), model=_linear({unknown: 1.0}, 0.0)).take(events).values
    assert np.isnan(silent[:, MODEL]).all()  # a linear model has no answer where a slot that counts is not known
    asked = FeatureStream(FeatureSettings(), model=_stump(QUEUE_IMBALANCE, 0.0, -7.0, 9.0)).take(events).values
    assert asked[:, MODEL].tolist() == [9.0, -7.0]


def test_instruments_have_views_and_models_of_their_own() -> None:
    views = {2: View(np.array([1, 7]), np.array([3.0, 4.0])), 0: View(np.array([2]), np.array([9.0]))}
    models = {1: _linear({SPREAD: 1.0}, 0.5), 2: _linear({SPREAD: 2.0}, 0.25)}
    state = new_features([FeatureSettings()] * 3, views=views, models=models)
    for which, view in views.items():
        place = state.outside[which]
        start, end = int(place["views"]), int(place["views"] + place["view_count"])
        np.testing.assert_array_equal(state.view_times[start:end], view.times)
        np.testing.assert_array_equal(state.view_values[start:end], view.values)
    assert state.outside["modelled"].tolist() == [0, 1, 1]
    for which, model in models.items():
        place = state.outside[which]
        np.testing.assert_array_equal(state.model_table[int(place["table"]) : int(place["table_end"])], model.table)
        assert state.model_heads[which] == np.asarray(model.head)[0]
