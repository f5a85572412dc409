"""The state of all features of all instruments of a session, as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from quotewright.domain.kernel import records
from quotewright.domain.quotes import MOST_FEATURES
from quotewright.domain.tables import Tables
from quotewright.features.settings import FEATURE_RULES, SECOND, FeatureSettings
from quotewright.signals.book_skew import BOOK_SKEW
from quotewright.signals.deltas import CHANGES, DELTA, DELTAS, PRINTS, new_deltas
from quotewright.signals.fair_prices import DEPTH_EVENT, FAIR, FAIR_RULES
from quotewright.signals.imbalance import ORDER_FLOW, TRADE_FLOW
from quotewright.signals.kalman import KALMAN, KALMAN_RULES
from quotewright.signals.regime import CLOCK, CLOCK_RULES, OBSERVATION, QUOTE
from quotewright.signals.regime_thresholds import THRESHOLD_RULES, THRESHOLD_STATE
from quotewright.signals.stress import STRESS_RULES
from quotewright.signals.volatility_stream import VOLATILITY
from quotewright.signals.vpin import VPIN

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
    out: Any  # DELTA: what the labeller decides at one event
    values: Any  # float64[instruments × MOST_FEATURES]


def new_features(settings: Sequence[FeatureSettings], values: Any | None = None) -> FeatureState:
    """Fresh features of as many instruments as there are settings; `values` is where their slots shall stand."""
    n = len(settings)
    slots = np.empty(n * MOST_FEATURES) if values is None else values
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
