"""The classifiers on the synthetic markets, where the truth is known: trained on one seed, judged on another."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from quotewright.domain.events import ASK, BID
from quotewright.domain.kernel import records
from quotewright.signals.regime import CLOCK, OBSERVATION, QUOTE, REGIMES, clock_rules, observations
from quotewright.signals.regime_changes import CHANGE_STATE, change_labels, change_rules
from quotewright.signals.regime_markov import MARKOV_STATE, markov_labels
from quotewright.signals.regime_thresholds import THRESHOLD_STATE, learn_thresholds, threshold_labels
from quotewright.signals.regime_training import fit_markov
from quotewright.simulation.presets import load_preset
from quotewright.simulation.synthetic import SyntheticMarket

NEAR = 10  # ticks from the touch that count as depth
SAMPLE = 250_000_000  # ns
SECONDS = 200


@lru_cache
def measures_of(name: str, seed: int) -> Any:
    """Observations a second × measures of one preset; the clock's warm-up is left out."""
    market = SyntheticMarket(load_preset(name), seed)
    start, engine = market.now, market.engine
    quotes = records(SECONDS * 10**9 // SAMPLE, QUOTE)
    for i, quote in enumerate(quotes):
        while not market.run_until(start + (i + 1) * SAMPLE):
            engine.take_events()
        engine.take_events()
        engine.take_executions()
        bid, ask = engine.best(BID)[0], engine.best(ASK)[0]
        depth = sum(qty for price, qty, _ in engine.depth(BID) if price >= bid - NEAR)
        depth += sum(qty for price, qty, _ in engine.depth(ASK) if price <= ask + NEAR)
        quote["time"], quote["mid"], quote["depth"] = market.now, (bid + ask) / 2, depth
        quote["spread"] = (ask - bid) / (bid + ask) * 2e4
    out = records(len(quotes), OBSERVATION)
    count = observations(records(1, CLOCK), clock_rules(half_life=20, warm_up=20), quotes, out)
    return np.array(out["measures"][:count])


ORDER = ("calm", "turbulent", "transitional", "calm", "transitional", "turbulent", "calm")


@lru_cache
def stretch(seed: int) -> tuple[Any, Any]:
    """Stretches of the presets one after the other, each from another part of its market, and the truth."""
    parts, truth, used = [], [], dict.fromkeys(REGIMES, 0)
    for name in ORDER:
        measures = measures_of(name, seed)
        size = len(measures) // ORDER.count(name)
        parts.append(measures[used[name] * size : (used[name] + 1) * size])
        used[name] += 1
        truth += [REGIMES.index(name)] * size
    return np.concatenate(parts), np.array(truth)


def labels_by(method: str) -> tuple[Any, Any]:
    train, train_truth = stretch(1)
    measures, truth = stretch(2)
    labels, n = np.empty(len(measures), np.int64), len(measures)
    levels = [train[train_truth == r, 0] for r in range(3)]
    if method == "thresholds":
        rules = learn_thresholds(train, middle=1 / 3, high=2 / 3, gap=0.03, use=(True, False, False), dwell=3)
        threshold_labels(records(1, THRESHOLD_STATE), rules, measures, labels)
    elif method == "hmm":
        rules = fit_markov(train, used=(0, 1)).model.rules()
        markov_labels(records(1, MARKOV_STATE), rules, measures, labels, np.empty((n, 3)))
    else:
        mean = [float(level.mean()) for level in levels]
        middle = ((mean[0] + mean[1]) / 2, (mean[1] + mean[2]) / 2)
        rules = change_rules(
            expected_run=60,
            mean=float(train[:, 0].mean()),
            spread=float(np.std(mean)),
            noise=float(np.mean([level.std() for level in levels])),
            up=(middle[0] + 0.2, middle[1] + 0.2),
            down=(middle[0] - 0.2, middle[1] - 0.2),
        )
        change_labels(records(1, CHANGE_STATE), rules, measures[:, 0].copy(), labels, np.empty(n), np.empty(n))
    return labels, truth


# Measured: 0.989, 0.965 and 0.983. The thresholds are told how common each regime is, the model is not.
@pytest.mark.parametrize(("method", "least"), [("thresholds", 0.95), ("hmm", 0.93), ("bocpd", 0.95)])
def test_presets_are_told_apart_on_a_seed_not_trained_on(method: str, least: float) -> None:
    labels, truth = labels_by(method)
    accuracy = float((labels == truth).mean())
    assert accuracy > least
    turbulent = truth == REGIMES.index("turbulent")
    assert (labels[turbulent] == 0).mean() < 0.02  # calm is the costly mistake
