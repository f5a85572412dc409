"""The random parts against theory: draws, the Hawkes process, and the latent value."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from quotewright.domain.events import ASK, BID
from quotewright.simulation.presets import load_preset
from quotewright.simulation.synthetic import SyntheticMarket
from quotewright.simulation.synthetic_state import VALUE_STEP, exponential, lognormal_qty, normal

SECOND = 10**9


def changed(name: str, **params):
    preset = load_preset(name)
    return preset.model_copy(update={"params": preset.params.model_copy(update=params)})


def market_orders(preset, seed: int, seconds: int):
    """Times in seconds and sides of the executed market orders, those of the warm-up left out."""
    market = SyntheticMarket(preset, seed)
    parts = []
    for i in range(1, seconds // 10 + 1):
        market.run_until(preset.start_ns + i * 10 * SECOND)
        parts.append(market.take_executions())
        market.take_events()
    done = np.concatenate(parts)
    takers = done[np.flatnonzero(np.diff(done["taker"], prepend=-1))]
    return (takers["ts"] - preset.start_ns) / SECOND, takers["side"]


def test_draws_follow_their_laws():
    draws = np.random.Generator(np.random.PCG64(1)).random((1, 80_000))
    used = np.zeros(1, dtype=np.int64)
    normals = np.array([normal(used, draws, 0) for _ in range(20_000)])
    assert used[0] == 40_000
    exponentials = np.array([exponential(used, draws, 0) for _ in range(20_000)])
    assert stats.kstest(normals, "norm").pvalue > 0.001
    assert stats.kstest(exponentials, "expon").pvalue > 0.001
    sizes = np.array([lognormal_qty(used, draws, 0, 20.0, 1.0) for _ in range(9_000)])
    assert sizes.min() >= 1
    assert np.median(sizes) == pytest.approx(20, rel=0.1)
    assert sizes.dtype.kind == "i"


@pytest.fixture(scope="module")
def hawkes():
    """Only uninformed market orders, on a deep and still book: a pure bivariate Hawkes process."""
    preset = changed(
        "calm",
        informed_rate=0.0,
        trend_rate=0.0,
        taker_qty=1.0,
        taker_qty_spread=0.0,
        taker_rate=0.5,
        taker_self=1.2,
        taker_cross=0.4,
        taker_decay=4.0,
    )
    times, sides = market_orders(preset, 11, 6_000)
    return preset.params, times, sides


def test_hawkes_mean_rate(hawkes):
    """Both sides together: 2μ / (1 − (α_s + α_c)/β), within four standard errors."""
    params, times, _ = hawkes
    branching = (params.taker_self + params.taker_cross) / params.taker_decay
    rate = 2 * params.taker_rate / (1 - branching)
    error = np.sqrt(rate / (1 - branching) ** 2 / 6_000)
    assert len(times) / 6_000 == pytest.approx(rate, abs=4 * error)


def test_hawkes_fano_factor(hawkes):
    """Var/mean of counts in long windows tends to 1/(1 − n)²: both sides together are Hawkes, n = (α_s + α_c)/β."""
    params, times, _ = hawkes
    branching = (params.taker_self + params.taker_cross) / params.taker_decay
    counts = np.bincount((times // 20).astype(int), minlength=300)
    assert counts.var() / counts.mean() == pytest.approx(1 / (1 - branching) ** 2, rel=0.3)


def test_hawkes_compensator_increments_are_exponential(hawkes):
    """Time change theorem: Λ between a side's events is Exp(1) (Ogata 1988). Recomputed here from the definition."""
    params, times, sides = hawkes
    excitation = {BID: 0.0, ASK: 0.0}
    integral = {BID: 0.0, ASK: 0.0}
    increments = {BID: [], ASK: []}
    before = 0.0
    for time, side in zip(times, sides, strict=True):
        kept = np.exp(-params.taker_decay * (time - before))
        for s in (BID, ASK):
            integral[s] += params.taker_rate * (time - before) + excitation[s] * (1 - kept) / params.taker_decay
            excitation[s] *= kept
        increments[side].append(integral[side])
        integral[side] = 0.0
        excitation[side] += params.taker_self
        excitation[-side] += params.taker_cross
        before = time
    for s in (BID, ASK):
        assert len(increments[s]) > 3_000
        # the first increment begins in the warm-up, whose excitation is not known here
        assert stats.kstest(increments[s][1:], "expon").pvalue > 0.001


def test_latent_value_has_the_volatility_asked_for():
    """Over ten thousand seconds: root mean square of one-second log returns, jumps off and on."""
    for jump_rate, jump_size in ((0.0, 0.0), (0.2, 1.0)):
        preset = changed(
            "calm", volatility=0.5, jump_rate=jump_rate, jump_size=jump_size, limit_rate=1.0, maker_interval=2000.0
        )
        market = SyntheticMarket(preset, 5)
        values = []
        for i in range(10_000):
            market.run_until(preset.start_ns + i * SECOND)
            values.append(market.value)
            market.take_events()
            market.take_executions()
        returns = np.diff(np.log(values)) * 1e4
        expected = np.sqrt(0.5**2 + jump_rate * 2 * jump_size**2)  # a Laplace jump of mean size a has variance 2a²
        assert np.sqrt((returns**2).mean()) == pytest.approx(expected, rel=0.05)


def test_makers_see_the_value_late():
    """The mid follows the value with the makers' delay, not before and not much after."""
    preset = changed("transitional", jump_rate=0.0, maker_delay=300.0, maker_delay_spread=0.0, informed_rate=0.0)
    market = SyntheticMarket(preset, 3)
    mids, values = [], []
    for i in range(1, 12_000):
        market.run_until(preset.start_ns + i * 5 * VALUE_STEP)
        mids.append(0.5 * (market.engine.best(BID)[0] + market.engine.best(ASK)[0]))
        values.append(market.value)
        market.take_events()
        market.take_executions()
    mid_changes, value_changes = np.diff(mids), np.diff(values)
    lags = range(30)
    match = [np.corrcoef(mid_changes[lag:], value_changes[: len(value_changes) - lag])[0, 1] for lag in lags]
    assert 6 <= int(np.argmax(match)) <= 9, "steps of 50 ms: 300 ms of delay and about 60 ms between decisions"
