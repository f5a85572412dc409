"""Queue value against simulation of its own rules, closed forms, published properties, and planted rates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.signals.queue_value import (
    IMPROVE,
    JOIN,
    OUT,
    STAY,
    QueueModel,
    QueueValue,
    best_places,
    dearest_tick,
    estimate,
    front_over_average,
    improvement_gains,
    queue_value,
    value_error,
)


def geometric(mean: float, most: int = 60) -> np.ndarray:
    p = (1 - 1 / mean) ** np.arange(most)
    return p / p.sum()


LARGE_TICK = QueueModel(trades=1.0, cancels=0.05, jumps=0.05, impact=0.02, jump=1.0, sizes=geometric(2.0))


def simulated(model: QueueModel, ahead: int, edge: float, paths: int, rng: np.random.Generator) -> tuple[float, float]:
    """Mean and standard error of what an order earns, event by event."""
    q, gone, earned, moved = np.full(paths, ahead), np.zeros(paths, bool), np.zeros(paths), np.zeros(paths)
    lots = np.arange(1, len(model.sizes) + 1)
    while not gone.all():
        rates = np.array([model.trades, model.trades, model.jumps])
        pick = rng.random(paths) * (rates.sum() + model.cancels * q)
        size = rng.choice(lots, paths, p=model.sizes)
        ours = ~gone & (pick < model.trades)
        theirs = ~gone & ~ours & (pick < 2 * model.trades)
        jump = ~gone & ~ours & ~theirs & (pick < rates.sum())
        cancel = ~gone & ~ours & ~theirs & ~jump
        moved[ours] += model.impact * size[ours]
        moved[theirs] -= model.impact * size[theirs]
        filled = ours & (size > q)
        through = jump & (rng.random(paths) < 0.5)
        earned[filled] = edge - moved[filled]
        earned[through] = edge - moved[through] - model.jump
        gone |= filled | jump
        q[ours & ~filled] -= size[ours & ~filled]
        q[cancel] -= 1
    return earned.mean(), earned.std() / math.sqrt(paths)


@pytest.mark.parametrize("ahead", [0, 3, 25])
@pytest.mark.parametrize("impact", [0.0, 0.05])
def test_the_value_is_what_simulated_orders_earn(ahead: int, impact: float) -> None:
    model = QueueModel(1.0, 0.05, 0.2, impact, 1.2, geometric(3.0, 12))
    mean, error = simulated(model, ahead, 0.5, 20_000, np.random.default_rng(ahead))
    assert queue_value(model, ahead).value(ahead, 0.5) == pytest.approx(mean, abs=4 * error)


def test_single_lots_without_impact_have_a_closed_form() -> None:
    """Each lot ahead needs a trade before the price jumps: r^{q+1} with r = μ/(μ + γ)."""
    values = queue_value(QueueModel(0.9, 0.0, 0.1, 0.0, 1.5, np.ones(1)), 50)
    reached = 0.9 ** np.arange(1, 52)
    assert values.fill == pytest.approx(reached + (1 - reached) / 2)
    assert values.adverse == pytest.approx(1.5 * (1 - reached) / 2)


@given(
    st.floats(0.01, 10),
    st.floats(0, 1),
    st.floats(0.01, 5),
    st.floats(0, 1),
    st.floats(0.5, 3),
    st.lists(st.floats(0.01, 1), min_size=1, max_size=8),
)
@settings(max_examples=50, deadline=None)
def test_the_front_is_worth_more_than_any_place_behind_it(
    trades: float, cancels: float, jumps: float, share: float, jump: float, weights: list[float]
) -> None:
    """While all that trades ahead moves the price by less than a jump; beyond, adverse selection may fall again."""
    sizes = np.array(weights) / sum(weights)
    values = queue_value(QueueModel(trades, cancels, jumps, share * jump / 50, jump, sizes), 40)
    worth = values.value(np.arange(41), 0.5)
    assert (np.diff(values.fill) < 1e-12).all()
    assert (np.diff(values.adverse / values.fill) > -1e-9).all()
    assert ((values.fill > 0.5 - 1e-12) & (values.fill <= 1)).all()
    assert (worth[0] > worth[1:] - 1e-12).all()


def test_on_a_large_tick_the_front_is_a_quarter_of_a_tick_above_the_average() -> None:
    """Half a tick of edge, jumps of a tick, 20 trades a jump, 40 to 50 lots of queue at 2 a trade: .21 to .26."""
    for depth in (40, 45, 50):
        assert 0.21 < front_over_average(queue_value(LARGE_TICK, depth), 0.5) < 0.26
    assert front_over_average(queue_value(LARGE_TICK, 40), 0.5) == pytest.approx(0.214, abs=5e-4)


def test_a_tick_for_priority_pays_where_ticks_are_small() -> None:
    values = queue_value(LARGE_TICK, 40)
    dearest = dearest_tick(values, 40, 0.5)
    ticks = np.array([0.01, 0.99 * dearest, 1.01 * dearest, 0.6])
    gains = improvement_gains(values, 40, 0.5, ticks)
    assert gains[0] > gains[1] > 0 > gains[2]
    assert math.isnan(gains[3])  # a spread of less than two ticks leaves no price between
    assert (np.diff(dearest_tick(values, np.arange(41), 0.5)) > 0).all()  # a longer queue is worth a dearer tick


def test_the_best_place_is_the_one_worth_most() -> None:
    values = queue_value(QueueModel(1.0, 0.05, 0.2, 0.05, 1.2, geometric(3.0, 12)), 30)
    rng = np.random.default_rng(0)
    held, ahead = rng.integers(-1, 50, 500), rng.integers(0, 50, 500)
    edges, wide = rng.random(500), rng.integers(1, 4, 500)
    chosen = best_places(values, held, ahead, edges, 0.1, wide)
    for i, choice in enumerate(chosen.tolist()):
        worth = {OUT: 0.0, JOIN: values.value(min(int(ahead[i]), 30), edges[i])}
        if wide[i] >= 2:
            worth[IMPROVE] = values.value(0, edges[i] - 0.1)
        if held[i] >= 0:
            worth[STAY] = values.value(min(int(held[i]), 30), edges[i])
        assert worth[choice] == max(worth.values())
    assert set(chosen.tolist()) == {OUT, JOIN, IMPROVE, STAY}
    tied = best_places(values, np.array([5]), np.array([5]), np.array([0.9]), 0.1, np.array([1]))
    assert tied[0] == STAY


def test_planted_rates_and_values_are_recovered_within_their_errors() -> None:
    rng, seconds, z = np.random.default_rng(1), 2_000.0, []
    lots = np.arange(1, len(LARGE_TICK.sizes) + 1)
    truth = queue_value(LARGE_TICK, 10).value(10, 0.5)
    for _ in range(200):
        sizes = rng.choice(lots, rng.poisson(seconds), p=LARGE_TICK.sizes)
        moves = 0.02 * sizes + rng.normal(0, 0.1, len(sizes)) * np.sqrt(sizes)
        found = estimate(sizes, moves, rng.poisson(0.05 * 60_000), 60_000.0, rng.poisson(0.05 * seconds), 1.0, seconds)
        rates = [
            found.model.trades - 1,
            found.model.cancels - 0.05,
            found.model.jumps - 0.05,
            found.model.impact - 0.02,
        ]
        value = queue_value(found.model, 10).value(10, 0.5)
        z.append([*(r / found.errors[n] for r, n in zip(rates, found.errors, strict=True))])
        z[-1].append((value - truth) / value_error(found, 10, 0.5))
    assert np.abs(np.mean(z, axis=0)).max() < 0.3
    assert np.std(z, axis=0) == pytest.approx(np.ones(5), abs=0.2)


def test_what_makes_no_sense_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="rates"):
        QueueModel(1.0, 0.0, 0.0, 0.0, 1.0, np.ones(1))
    with pytest.raises(InputError, match="sizes"):
        QueueModel(1.0, 0.0, 0.1, 0.0, 1.0, np.array([0.5, 0.4]))
    with pytest.raises(InputError, match="deepest"):
        queue_value(LARGE_TICK, -1)
    with pytest.raises(InputError, match="sizes"):
        estimate(np.array([1, 0]), np.zeros(2), 3, 10.0, 1, 1.0, 10.0)
    with pytest.raises(InputError, match="larger lots"):
        estimate(np.array([1, 10**6]), np.zeros(2), 3, 10.0, 1, 1.0, 10.0)
    assert isinstance(queue_value(LARGE_TICK, 0), QueueValue)
