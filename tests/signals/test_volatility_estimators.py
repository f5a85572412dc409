"""Volatility and bounce against planted variances, jumps and spreads, and the batch code of research."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from quotewright.domain.errors import InputError
from quotewright.research.volatility import squared_returns
from quotewright.signals import volatility as variance
from quotewright.signals.bounce import autocovariances, bounce_scaling, roll
from quotewright.signals.volatility_stream import volatility, volatility_state


def standard(deviations: list[float]) -> None:
    """Deviations in standard errors have mean 0 and spread 1."""
    assert abs(np.mean(deviations)) < 0.3
    assert np.std(deviations) == pytest.approx(1.0, abs=0.2)


def bars(rng: np.random.Generator, number: int, drift: float, steps: int = 60) -> tuple[np.ndarray, ...]:
    """Open, high, low, close of Brownian bars of variance 1, with the extremes of the bridges between steps."""
    move = rng.normal(drift / steps, 1 / math.sqrt(steps), (number, steps))
    end = np.cumsum(move, axis=1)
    start = end - move
    reach = np.sqrt(move**2 - 2 / steps * np.log(rng.random((number, steps))))
    sink = np.sqrt(move**2 - 2 / steps * np.log(rng.random((number, steps))))
    high = ((start + end + reach) / 2).max(axis=1)
    low = ((start + end - sink) / 2).min(axis=1)
    return np.ones(number), np.exp(high), np.exp(low), np.exp(end[:, -1])


def test_realised_and_bipower_variance_are_recovered_within_their_errors() -> None:
    rng, plain, smooth = np.random.default_rng(0), [], []
    sigma = 1 + 0.5 * np.sin(np.arange(2_000) / 300)
    for _ in range(300):
        r = sigma * rng.normal(size=2_000)
        for found, z in ((variance.realised(r), plain), (variance.bipower(r), smooth)):
            z.append((found.value - (sigma**2).sum()) / found.error)
    standard(plain)
    standard(smooth)


def test_jumps_are_told_from_volatility() -> None:
    rng, quiet, z = np.random.default_rng(1), [], []
    for _ in range(300):
        quiet.append(variance.jump_test(rng.normal(size=1_000)).p_value < 0.05)
        r = rng.normal(size=1_000)
        r[[100, 450, 800]] += 12.0
        found = variance.jump_test(r)
        assert found.p_value < 1e-3
        z.append(found.share)
    assert 0.02 < np.mean(quiet) < 0.10
    left = 3 * (math.pi / 2) * 2 * 12 * variance.MU_1  # of a jump in its two products with neighbours
    assert np.mean(z) == pytest.approx(1 - (1_000 + left) / (1_000 + 3 * 144), abs=0.01)


def test_the_constants_are_the_moments_of_a_normal() -> None:
    for power, value in ((1, variance.MU_1), (4 / 3, variance.MU_43)):
        moment = 2 * integrate.quad(lambda x, p=power: x**p * stats.norm.pdf(x), 0, 40)[0]
        assert value == pytest.approx(moment, rel=1e-9)
    assert pytest.approx(0.609, abs=5e-4) == variance.BIPOWER - 2


@pytest.mark.parametrize("drift", [0.0, 1.0])
def test_ranges_tell_the_variance(drift: float) -> None:
    """All do without drift; with it only Rogers and Satchell's."""
    rng = np.random.default_rng(2)
    z: dict[str, list[float]] = {"parkinson": [], "garman_klass": [], "rogers_satchell": []}
    for _ in range(200):
        opened, high, low, closed = bars(rng, 100, drift)
        for name, found in (
            ("parkinson", variance.parkinson(high, low)),
            ("garman_klass", variance.garman_klass(opened, high, low, closed)),
            ("rogers_satchell", variance.rogers_satchell(opened, high, low, closed)),
        ):
            z[name].append((found.value - 1) / found.error)
    standard(z["rogers_satchell"])
    if drift == 0:
        standard(z["parkinson"])
        standard(z["garman_klass"])
    else:
        assert np.mean(z["parkinson"]) > 1


def test_ranges_are_as_efficient_as_published() -> None:
    """Against one squared return a bar: Parkinson 4.9 times (1980, p. 63), Garman and Klass 7.4 times (1980, p. 70)."""
    opened, high, low, closed = bars(np.random.default_rng(3), 60_000, 0.0)
    plain = np.var(np.log(closed) ** 2)
    for found, factor in (
        (variance.parkinson(high, low), 4.9),
        (variance.garman_klass(opened, high, low, closed), 7.4),
    ):
        assert plain / (found.error**2 * 60_000) == pytest.approx(factor, rel=0.06)


def test_two_scales_take_the_noise_out() -> None:
    rng, z, noise = np.random.default_rng(4), [], []
    for _ in range(200):
        x = np.cumsum(rng.normal(0, 1 / math.sqrt(8_000), 8_001)) + rng.normal(0, 0.03, 8_001)
        found = variance.two_scale(x)
        z.append((found.variance.value - 1) / found.variance.error)
        noise.append(found.noise)
        assert variance.realised(np.diff(x)).value > 10
    assert abs(np.mean(z)) < 0.3
    assert np.std(z) == pytest.approx(1.0, abs=0.25)
    assert np.mean(noise) == pytest.approx(0.03**2, rel=0.02)


def test_roll_recovers_a_planted_spread_within_its_errors() -> None:
    rng, z = np.random.default_rng(5), []
    for _ in range(300):
        price = np.cumsum(rng.normal(size=4_000)) + 1.5 * rng.choice([1, -1], 4_000)
        found = roll(np.diff(price))
        z.append((found.covariance + 1.5**2) / found.covariance_error)
        assert found.spread == pytest.approx(3.0, abs=5 * found.error)
    assert abs(np.mean(z)) < 0.3
    assert np.std(z) == pytest.approx(1.0, abs=0.2)
    assert math.isnan(roll(np.diff(np.cumsum(np.cumsum(rng.normal(size=500))))).spread)


@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_the_bounce_scales_with_volatility_as_planted(slope: float) -> None:
    """Half the spread is √(.3 + slope·σ²) while σ wanders."""
    rng, z = np.random.default_rng(6), []
    for _ in range(200):
        sigma = np.exp(0.8 * np.sin(np.arange(20_000) / 2_000 + rng.random() * 7))
        half = np.sqrt(0.3 + slope * sigma**2)
        price = np.cumsum(sigma * rng.normal(size=20_000)) + half * rng.choice([1, -1], 20_000)
        found = bounce_scaling(np.diff(price), 200)
        z.append((found.slope - slope) / found.slope_error)
    assert abs(np.mean(z)) < 0.35
    assert np.std(z) == pytest.approx(1.0, abs=0.25)


def test_autocovariances_are_numpy_s() -> None:
    r = np.random.default_rng(7).normal(size=300)
    c = r - r.mean()
    assert autocovariances(r, 2) == pytest.approx([c @ c / 300, c[1:] @ c[:-1] / 299, c[2:] @ c[:-2] / 298])


EVENTS = st.lists(st.tuples(st.integers(0, 35), st.sampled_from([0, 1_000, 1_001, 1_003, 1_010])), max_size=40)


@given(EVENTS, st.integers(1, 25))
@settings(max_examples=100, deadline=None)
def test_event_by_event_is_the_array_at_once_and_the_batch_code(events: list, interval: int) -> None:
    times = 10**18 + np.cumsum([0] + [gap for gap, _ in events]) * 10**6
    mids = np.array([1_000] + [mid for _, mid in events])
    step = interval * 10**6
    whole = volatility(volatility_state(), times, mids, step, 5.0)
    state = volatility_state()
    for i in range(len(times)):
        one = volatility(state, times[i : i + 1], mids[i : i + 1], step, 5.0)
        assert one[0].tolist() == pytest.approx(whole[i].tolist(), rel=0, abs=0, nan_ok=True)
    at, squares = squared_returns(times, mids, int(times[-1]) - 1, step / 1e9)
    found = state[0]
    assert found.number == len(squares)
    assert found.squares == pytest.approx(squares.sum(), rel=1e-9, abs=1e-9)
    sizes = np.sqrt(squares)
    joined = np.diff(at) == step
    assert found.pairs == joined.sum()
    assert found.products == pytest.approx((sizes[1:] * sizes[:-1])[joined].sum(), rel=1e-9, abs=1e-9)
    weights = 0.5 ** (np.arange(len(squares))[::-1] / 5.0)
    if len(squares):
        recent = math.sqrt((weights * squares).sum() / weights.sum() / (step / 1e9))
        assert whole[-1, 0] == pytest.approx(recent, abs=1e-6)


def test_what_makes_no_sense_is_refused_by_name() -> None:
    for call, name in (
        (lambda: variance.realised(np.empty(0)), "returns"),
        (lambda: variance.jump_test(np.zeros(50)), "returns"),
        (lambda: variance.parkinson(np.ones(1), np.ones(1)), "bars"),
        (lambda: variance.two_scale(np.zeros(5)), "log_prices"),
        (lambda: variance.two_scale(np.zeros(50), 40), "every"),
        (lambda: roll(np.array([1.0, math.nan] * 10)), "changes"),
        (lambda: bounce_scaling(np.ones(100), 50), "block"),
        (lambda: volatility(volatility_state(), np.array([2, 1]), np.ones(2), 5, 1.0), "times_ns"),
        (lambda: volatility(volatility_state(), np.ones(1), np.ones(1), 0, 1.0), "interval_ns"),
    ):
        with pytest.raises(InputError, match=name):
            call()
