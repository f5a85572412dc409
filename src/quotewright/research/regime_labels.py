"""Regimes of a recording as they were known at the time: thresholds learned on its first part, applied to all of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from quotewright.domain.kernel import as_records, records
from quotewright.signals.fair_price_fits import as_of
from quotewright.signals.regime import CLOCK, OBSERVATION, QUOTE, UNKNOWN, clock_rules, observations
from quotewright.signals.regime_thresholds import THRESHOLD_STATE, learn_thresholds, threshold_labels

Integers = npt.NDArray[np.int64]

FEWEST = 60  # observations, one a second, to learn thresholds from
HALF_LIFE = 20.0  # s, of the variance
WARM_UP = 20  # s
VOTES = 2  # of variance, spread and thinness


def regime_labels(events: Any, at_ns: Integers, until_ns: int) -> Integers | None:
    """The regime at each time, from DEPTH_EVENT rows before it; UNKNOWN while warming up.

    Thresholds are learned from what was observed before `until_ns`; None if that is less than a minute.
    """
    books = events[(events["qty"] == 0) & (events["bids"][:, 0] > 0)]
    bid, ask = books["bids"][:, 0], books["asks"][:, 0]
    quotes = records(len(books), QUOTE)
    quotes["time"], quotes["mid"] = books["time"], (bid + ask) / 2
    quotes["spread"] = (ask - bid) / np.maximum(bid + ask, 1) * 2e4
    quotes["depth"] = books["bid_qtys"].sum(axis=1) + books["ask_qtys"].sum(axis=1)
    found, rules = records(len(quotes), OBSERVATION), clock_rules(half_life=HALF_LIFE, warm_up=WARM_UP)
    count = observations(records(1, CLOCK), rules, as_records(quotes), found)
    times, measures = np.array(found["time"][:count]), np.array(found["measures"][:count])
    early = times < until_ns
    if early.sum() < FEWEST:
        return None
    labels = np.empty(count, np.int64)
    threshold_labels(records(1, THRESHOLD_STATE), learn_thresholds(measures[early], votes=VOTES), measures, labels)
    place = as_of(times, at_ns)
    return np.where(place >= 0, labels[np.maximum(place, 0)], UNKNOWN)
