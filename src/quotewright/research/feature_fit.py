"""Settings of features learned from the earlier part of a recording: fair prices, what is usual, and the regimes."""

# pyright: basic
# numpy does not say what a field of a record array holds.

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.domain.events import EventArray
from quotewright.domain.kernel import as_records, records
from quotewright.features.matrix import features_of
from quotewright.features.settings import BUCKETS, SPREADS, FeatureSettings
from quotewright.features.slots import NAMES
from quotewright.research.depth_tape import read_depth
from quotewright.signals.fair_price_fits import fit_fair_prices
from quotewright.signals.regime import CLOCK, OBSERVATION, QUOTE, clock_rules, observations
from quotewright.signals.regime_thresholds import learn_thresholds
from quotewright.storage.feed import windows
from quotewright.storage.store import Dataset

SECOND = 1_000_000_000
FEWEST = 60  # observations, one a second, to learn the regimes' thresholds from
BUCKETS_A_WINDOW = 50  # of VPIN; a window is to hold the volume of some ten minutes
VPIN_SECONDS = 600.0


class FeatureFit(NamedTuple):
    """Settings, until when they looked, and what could not be learned."""

    settings: FeatureSettings
    until_ns: int
    notes: tuple[str, ...]


def fit_features(dataset: Dataset, *, train: float = 0.5, told: Callable[[int], None] | None = None) -> FeatureFit:
    """Learn from the first `train` (0 to 1) of a recording's time; `told` hears the events read.

    Raises InputError for a share out of range or a recording that is too short or has no book.
    """
    if not 0 < train <= 1:
        raise InputError("train", train, "is a share of the recording: 0 < train ≤ 1")
    l3 = bool(dataset.manifest["l3"])
    tape = read_depth((window.local for window in windows([dataset])), l3=l3, told=told)
    if not len(tape):
        raise InputError("instrument", dataset.name, "has neither a book nor prints to learn from")
    until = int(tape["time"][0] + train * (tape["time"][-1] - tape["time"][0]))
    events = tape[tape["time"] <= until]
    books, prints = events[(events["qty"] == 0) & (events["bids"][:, 0] > 0)], events[events["qty"] > 0]
    if not len(books):
        raise InputError("instrument", dataset.name, "has no book in that part of it: fit on a recording of its book")
    fit = fit_fair_prices(events)
    notes = list(fit.notes)
    seconds = (until - int(tape["time"][0])) / SECOND
    settings = _with_prices(FeatureSettings(), fit, notes)
    settings = replace(
        settings,
        usual_touch=max(1.0, float(np.median(0.5 * (books["bid_qtys"][:, 0] + books["ask_qtys"][:, 0])))),
        usual_spread=float(np.mean(books["asks"][:, 0] - books["bids"][:, 0])),
        vpin_bucket=max(1, round(float(prints["qty"].sum()) / seconds * VPIN_SECONDS / BUCKETS_A_WINDOW)),
    )
    settings = _with_regimes(settings, books, notes)
    return FeatureFit(_with_move(settings, dataset, until, l3, notes), until, tuple(notes))


def _with_prices(settings: FeatureSettings, fit: Any, notes: list[str]) -> FeatureSettings:
    rules = np.asarray(fit.model.rules)[0]
    kalman = np.asarray(fit.model.kalman)[0]
    table = np.asarray(fit.model.microprice)
    if table.shape != (SPREADS, BUCKETS):
        notes.append("the micro-price could not be fitted: it is the mid")
        table = np.zeros((SPREADS, BUCKETS))
    return replace(
        settings,
        dust=int(rules["dust"]),
        depth=int(rules["depth"]),
        last_side=float(rules["last_side"]),
        print_half_life=int(rules["time_memory"]) / SECOND,
        print_memory=int(rules["volume_memory"]),
        microprice=table.tolist(),
        variance=float(kalman["variance"]),
        noise=np.asarray(kalman["noise"])[: len(settings.noise)].tolist(),
    )


def _with_regimes(settings: FeatureSettings, books: Any, notes: list[str]) -> FeatureSettings:
    """Thresholds of the measures as the features observe them: depth is the touch in usual touches."""
    bid, ask = books["bids"][:, 0], books["asks"][:, 0]
    quotes = records(len(books), QUOTE)
    quotes["time"], quotes["mid"] = books["time"], 0.5 * (bid + ask)
    quotes["spread"] = 2e4 * (ask - bid) / np.maximum(bid + ask, 1)
    quotes["depth"] = 0.5 * (books["bid_qtys"][:, 0] + books["ask_qtys"][:, 0]) / settings.usual_touch
    found = records(len(quotes), OBSERVATION)
    count = observations(records(1, CLOCK), clock_rules(), as_records(quotes), found)
    if count < FEWEST:
        notes.append(f"only {count} seconds were observed: the regime stays calm")
        return settings
    rules = np.asarray(learn_thresholds(np.array(found["measures"][:count]), votes=2))[0]
    return replace(settings, regime_up=rules["up"].tolist(), regime_down=rules["down"].tolist(), regime_votes=2)


def _until(dataset: Dataset, until: int) -> Iterator[EventArray]:
    for window in windows([dataset]):
        if len(window.local) and window.local["local_ts"][0] > until:
            return
        yield window.local


def _with_move(settings: FeatureSettings, dataset: Dataset, until: int, l3: bool, notes: list[str]) -> FeatureSettings:
    seen = features_of(_until(dataset, until), settings, l3=l3)
    moves = seen.values[seen.times <= until, NAMES.index("volatility")]
    usual = float(np.nanmedian(moves)) if np.isfinite(moves).any() else 0.0
    if not usual > 0:
        notes.append("the mid does not move: moves are taken in bp/√s")
        return settings
    return replace(settings, usual_move=usual)
