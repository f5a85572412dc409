"""The state of all features of all instruments of a session, as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from quotewright.domain.kernel import as_records, records
from quotewright.domain.quotes import MOST_FEATURES
from quotewright.domain.tables import Tables
from quotewright.features.settings import FEATURE_RULES, SECOND, FeatureSettings
from quotewright.signals.book_skew import BOOK_SKEW
from quotewright.signals.deltas import CHANGES, DELTA, DELTAS, PRINTS, new_deltas
from quotewright.signals.fair_prices import DEPTH_EVENT, FAIR, FAIR_RULES
from quotewright.signals.forest import NODE
from quotewright.signals.imbalance import ORDER_FLOW, TRADE_FLOW
from quotewright.signals.kalman import KALMAN, KALMAN_RULES
from quotewright.signals.model_links import HEAD
from quotewright.signals.regime import CLOCK, CLOCK_RULES, OBSERVATION, QUOTE
from quotewright.signals.regime_thresholds import THRESHOLD_RULES, THRESHOLD_STATE
from quotewright.signals.stress import STRESS_RULES
from quotewright.signals.volatility_stream import VOLATILITY
from quotewright.signals.vpin import VPIN

OUTSIDE = np.dtype(
    [
        ("views", "i8"),  # where an instrument's view begins, and how many values it has
        ("view_count", "i8"),
        ("modelled", "i8"),  # 1: it has a model
        ("nodes", "i8"),  # where its model's nodes begin and end
        ("nodes_end", "i8"),
        ("table", "i8"),
        ("table_end", "i8"),
    ],
    align=True,
)

READING = np.dtype(
    [
        ("levels", "i8", (2,)),  # how many of the best levels are known: bids, asks; −1: not known
        ("plain", "i8"),  # 1: the book is quoted on by its depth alone
        ("news", "i8"),  # 1: one of them changed in this update
        ("time", "i8"),  # ns, of the last update
        ("bid", "i8"),  # the touch at the last news; lots of both sides
        ("ask", "i8"),
        ("lots", "i8"),
        ("trade_flow", "f8"),
        ("flow_time", "i8"),  # ns, of the last book that flow was taken from
        ("flow", "f8"),  # Σ of e_n of the touch, lots, fading
        ("deep_flow", "f8"),  # Σ over all levels
        ("delta_time", "i8"),
        ("posts", "f8", (2,)),  # lots near the touch, fading: bids, asks
        ("cancels", "f8", (2,)),
        ("deals", "f8", (2,)),
        ("regime", "i8"),
        ("stress", "i8"),
    ],
    align=True,
)


class FeatureState(Tables):
    """The tables of the features; all but `out` have a record an instrument."""

    rules: Any  # FEATURE_RULES
    fair_rules: Any
    kalman_rules: Any
    clock_rules: Any
    threshold_rules: Any
    stress_rules: Any
    readings: Any  # READING
    levels: Any  # DEPTH_EVENT: the best levels of the depth book
    shown: Any  # DEPTH_EVENT: the same behind a newer BEST pair; nothing of a book that may not be quoted on
    prints: Any  # DEPTH_EVENT: the last print
    fairs: Any
    filters: Any
    flows: Any
    trades: Any
    vpins: Any
    volatilities: Any
    skews: Any
    deltas: Any
    clocks: Any
    quotes: Any
    observations: Any
    thresholds: Any
    outside: Any  # OUTSIDE
    view_times: Any  # int64: ns from which a value is known, by instrument in order of time
    view_values: Any  # float64
    model_heads: Any  # HEAD
    model_nodes: Any  # NODE of all instruments' models
    model_table: Any  # float64, the same
    out: Any  # DELTA: what the labeller decides at one event
    values: Any  # float64[instruments × MOST_FEATURES]


class View(NamedTuple):
    """A slow view of one instrument: values, and the local times (ns, ascending) from which each is known."""

    times: Any  # int64
    values: Any  # float64


class Model(NamedTuple):
    """A compiled model of one instrument, as `signals.forest.predict_row` takes it; it reads `slots.MODEL_INPUTS`."""

    head: Any  # HEAD, one record
    nodes: Any  # NODE
    table: Any  # float64


def new_features(
    settings: Sequence[FeatureSettings],
    values: Any | None = None,
    *,
    models: Mapping[int, Model] | None = None,
    views: Mapping[int, View] | None = None,
) -> FeatureState:
    """Fresh features of as many instruments as there are settings; `values` is where their slots shall stand.

    `models` and `views` are by place of the instrument.
    """
    n = len(settings)
    slots = np.empty(n * MOST_FEATURES) if values is None else values
    outside = records(n, OUTSIDE)
    held_views, held_models = views or {}, models or {}
    heads = records(n, HEAD)
    nodes, nodes_at = _laid_end_to_end([np.asarray(m.nodes) for m in held_models.values()], NODE)
    table, table_at = _laid_end_to_end([np.asarray(m.table) for m in held_models.values()], np.float64)
    for number, (which, model) in enumerate(held_models.items()):
        heads[which] = np.asarray(model.head)[0]
        place = outside[which]
        place["modelled"] = 1
        place["nodes"], place["nodes_end"] = nodes_at[number], nodes_at[number + 1]
        place["table"], place["table_end"] = table_at[number], table_at[number + 1]
    view_times, views_at = _laid_end_to_end([np.asarray(v.times) for v in held_views.values()], np.int64)
    view_values, _ = _laid_end_to_end([np.asarray(v.values) for v in held_views.values()], np.float64)
    for number, which in enumerate(held_views):
        outside[which]["views"] = views_at[number]
        outside[which]["view_count"] = views_at[number + 1] - views_at[number]
    state = FeatureState(
        rules=records(n, FEATURE_RULES),
        fair_rules=records(n, FAIR_RULES),
        kalman_rules=records(n, KALMAN_RULES),
        clock_rules=records(n, CLOCK_RULES),
        threshold_rules=records(n, THRESHOLD_RULES),
        stress_rules=records(n, STRESS_RULES),
        readings=records(n, READING),
        levels=records(n, DEPTH_EVENT),
        shown=records(n, DEPTH_EVENT),
        prints=records(n, DEPTH_EVENT),
        fairs=records(n, FAIR),
        filters=records(n, KALMAN),
        flows=records(n, ORDER_FLOW),
        trades=records(n, TRADE_FLOW),
        vpins=records(n, VPIN),
        volatilities=records(n, VOLATILITY),
        skews=records(n, BOOK_SKEW),
        deltas=records(n, DELTAS),
        clocks=records(n, CLOCK),
        quotes=records(n, QUOTE),
        observations=records(n, OBSERVATION),
        thresholds=records(n, THRESHOLD_STATE),
        outside=outside,
        view_times=view_times,
        view_values=view_values,
        model_heads=heads,
        model_nodes=as_records(nodes),
        model_table=table,
        out=records(CHANGES + 2 * PRINTS + 8, DELTA),
        values=slots,
    )
    slots[:] = math.nan
    state.fairs["prices"] = state.fairs["measured"] = math.nan
    state.readings["regime"] = -1
    state.readings["levels"] = -1
    for which, one in enumerate(settings):
        one.fill(state, which)
        labeller = new_deltas(round(one.delta_skew * SECOND), round(one.delta_wait * SECOND))
        state.deltas[which] = np.asarray(labeller).view(DELTAS)[0]
    return state


def _laid_end_to_end(parts: Sequence[Any], kind: Any) -> tuple[Any, list[int]]:
    """One array of all, and where each begins; the last is its length."""
    starts = [0]
    for part in parts:
        starts.append(starts[-1] + len(part))
    untyped: Any = np
    whole = untyped.empty(starts[-1], kind)
    for at, part in zip(starts, parts, strict=False):
        whole[at : at + len(part)] = part
    return whole, starts
