"""Fill probabilities against hand-worked and brute-force figures, planted hazards, and a plain queue."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quotewright.domain.errors import InputError
from quotewright.signals.fates import fates, probes
from quotewright.signals.survival import fill_table, fit_hazard, kaplan_meier

CUTS = np.array([0.0, 1.0, 3.0])
BASE = np.array([0.5, 0.2, 0.1])
THETA = np.array([-0.8, 0.5])


def planted(orders: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times to fill with hazard BASE·e^{θ·x}, censored at an independent time."""
    x = np.column_stack([rng.random(orders), rng.normal(size=orders)])
    need = rng.exponential(size=orders) / np.exp(x @ THETA)  # of the integrated baseline
    knots = np.concatenate([[0.0], np.cumsum(BASE[:-1] * np.diff(CUTS))])
    piece = np.searchsorted(knots, need, "right") - 1
    times = CUTS[piece] + (need - knots[piece]) / BASE[piece]
    stop = rng.exponential(6.0, orders)
    return np.minimum(times, stop), times <= stop, x


def true_probability(horizon: float, x: np.ndarray) -> float:
    lengths = np.clip(horizon - CUTS, 0, np.append(np.diff(CUTS), math.inf))
    return 1 - math.exp(-float(BASE @ lengths) * math.exp(float(THETA @ x)))


@pytest.mark.filterwarnings("ignore:The confidence interval is undefined")
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=60))
@settings(max_examples=80, deadline=None)
def test_kaplan_meier_is_scipy_s(orders: list[tuple[int, bool]]) -> None:
    times, filled = np.array([t for t, _ in orders], float), np.array([f for _, f in orders])
    curve = kaplan_meier(times, filled)
    theirs = stats.ecdf(stats.CensoredData(uncensored=times[filled], right=times[~filled])).sf
    assert curve.survival == pytest.approx(theirs.evaluate(curve.seconds), abs=1e-12)
    interval = theirs.confidence_interval(method="log-log")
    inside = (curve.survival > 0) & (curve.survival < 1)
    assert curve.low[inside] == pytest.approx(interval.low.evaluate(curve.seconds)[inside], abs=1e-9)
    assert curve.high[inside] == pytest.approx(interval.high.evaluate(curve.seconds)[inside], abs=1e-9)
    assert (curve.low <= curve.survival).all()
    assert (curve.high >= curve.survival).all()


def test_without_censoring_it_is_the_share_filled() -> None:
    times = np.random.default_rng(0).exponential(2.0, 500)
    curve = kaplan_meier(times, np.ones(500, bool))
    for horizon in (0.1, 1.0, 4.0):
        share = float((times <= horizon).mean())
        assert curve.filled_by(horizon)[0] == pytest.approx(share)
        at = int(np.searchsorted(curve.seconds, horizon, "right")) - 1
        assert curve.error[at] == pytest.approx(math.sqrt(share * (1 - share) / 500))
    assert math.isnan(curve.filled_by(times.max() + 1)[0])
    assert curve.filled_by(0.0) == (0.0, 0.0, 0.0)


def test_intervals_cover_the_truth_under_censoring() -> None:
    rng, covered, z = np.random.default_rng(1), [], []
    for _ in range(400):
        times, stop = rng.exponential(2.0, 150), rng.exponential(3.0, 150)
        curve = kaplan_meier(np.minimum(times, stop), times <= stop)
        value, low, high = curve.filled_by(1.5)
        truth = 1 - math.exp(-0.75)
        covered.append(low <= truth <= high)
        z.append((value - truth) / curve.error[np.searchsorted(curve.seconds, 1.5, "right") - 1])
    assert 0.91 < np.mean(covered) < 0.985
    assert abs(np.mean(z)) < 0.25
    assert np.std(z) == pytest.approx(1.0, abs=0.12)


def test_a_planted_hazard_is_recovered_within_its_errors() -> None:
    rng, z = np.random.default_rng(2), []
    at = np.array([0.6, -0.3])
    for _ in range(200):
        times, filled, x = planted(600, rng)
        found = fit_hazard(times, filled, x, CUTS)
        assert found.converged
        value, error = found.filled_by(2.0, at)
        errors = np.sqrt(np.diag(found.covariance))
        z.append(
            [
                *(found.log_baseline - np.log(BASE)) / errors[:3],
                *(found.theta - THETA) / found.errors,
                (value - true_probability(2.0, at)) / error,
            ]
        )
    assert np.abs(np.mean(z, axis=0)).max() < 0.3
    assert np.std(z, axis=0) == pytest.approx(np.ones(6), abs=0.17)


def test_orders_that_share_their_luck_are_not_counted_as_many() -> None:
    rng = np.random.default_rng(4)
    times, filled, x = planted(2_000, rng)
    once = fit_hazard(times, filled, x, CUTS)
    four = [np.repeat(column, 4, axis=0) for column in (times, filled, x)]
    naive = fit_hazard(four[0], four[1], four[2], CUTS)
    robust = fit_hazard(four[0], four[1], four[2], CUTS, np.repeat(np.arange(2_000), 4))
    assert robust.theta == pytest.approx(once.theta, abs=1e-4)
    assert naive.errors == pytest.approx(once.errors / 2, rel=1e-3)
    assert robust.errors == pytest.approx(once.errors, rel=0.1)


def test_without_effects_the_hazard_is_fills_over_exposure() -> None:
    times, filled = np.array([0.5, 1.0, 2.0, 2.5, 4.0, 6.0]), np.array([True, False, True, True, True, False])
    found = fit_hazard(times, filled, np.empty((6, 0)), np.array([0.0, 2.0]))
    assert np.exp(found.log_baseline) == pytest.approx([2 / 9.5, 2 / (0.5 + 2.0 + 4.0)])
    assert found.covariance == pytest.approx(np.diag([1 / 2, 1 / 2]))


def test_the_hazard_and_the_curve_agree_by_group() -> None:
    rng = np.random.default_rng(3)
    deep = rng.integers(0, 2, 6_000)
    times = rng.exponential(1 / (0.6 * np.exp(-1.1 * deep)))
    stop = rng.exponential(4.0, 6_000)
    seconds, filled = np.minimum(times, stop), times <= stop
    table = fill_table(seconds, filled, deep, (0.5, 2.0))
    found = fit_hazard(seconds, filled, deep[:, None], np.array([0.0, 1.0]))
    for group in (0, 1):
        for place, horizon in enumerate((0.5, 2.0)):
            value, low, high = table[group][place]
            assert low < value < high
            assert found.filled_by(horizon, np.array([float(group)]))[0] == pytest.approx(value, abs=0.03)


PRINTS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(-2, 2), st.sampled_from([1, -1]), st.integers(1, 5)), max_size=25
)
ORDERS = st.lists(
    st.tuples(st.integers(0, 20), st.sampled_from([1, -1]), st.integers(-2, 2), st.integers(0, 8), st.integers(0, 15)),
    min_size=1,
    max_size=6,
)


@given(PRINTS, ORDERS)
@settings(max_examples=100, deadline=None)
def test_fates_are_those_of_a_plain_queue(prints: list, orders: list) -> None:
    prints.sort(key=lambda p: p[0])
    orders.sort(key=lambda o: o[0])
    tape = [np.array([p[k] for p in prints], np.int64) for k in range(4)]
    joined, side, price, ahead, held = (np.array([o[k] for o in orders]) for k in range(5))
    found = fates(joined, side, price + 100, ahead, joined + held, tape[0], tape[1] + 100, tape[2], tape[3])
    for i, (start, own, level, queue, kept) in enumerate(orders):
        fill = None
        for now, at, taker, qty in prints:
            if fill is None and start < now <= start + kept and taker == -own:
                through = at < level if own > 0 else at > level
                queue -= qty if at == level else 0
                fill = now if through or queue < 0 else None
        assert found.filled[i] == (fill is not None)
        assert found.seconds[i] * 1e9 == pytest.approx((fill if fill is not None else start + kept) - start)


def test_probes_join_at_the_level_that_the_book_has_then() -> None:
    times = np.array([100, 130, 150])
    bids, asks = np.array([[50, 48], [51, 0], [55, 50]]), np.array([[53, 54], [53, 56], [54, 56]])
    bid_qtys, ask_qtys = np.array([[3, 7], [4, 0], [1, 1]]), np.array([[9, 2], [4, 6], [1, 1]])
    touch = probes(times, bids, bid_qtys, asks, ask_qtys, 10)
    assert touch.joined_ns.tolist() == [100, 100, 110, 110, 120, 120, 130, 130, 140, 140]  # crossed at 150
    assert touch.side.tolist() == [1, -1] * 5
    assert touch.price[[0, 1, 6, 7]].tolist() == [50, 53, 51, 53]
    assert touch.ahead[[0, 1, 6, 7]].tolist() == [3, 9, 4, 4]
    assert touch.imbalance[[0, 1, 6, 7]].tolist() == [-0.5, 0.5, 0, 0]
    behind = probes(times, bids, bid_qtys, asks, ask_qtys, 30, level=1)
    columns = (behind.joined_ns, behind.side, behind.price, behind.ahead, behind.distance)
    assert list(zip(*(c.tolist() for c in columns), strict=True)) == [
        (100, 1, 48, 7, 2),
        (100, -1, 54, 2, 1),
        (130, -1, 56, 6, 3),
    ]
    with pytest.raises(InputError, match="level"):
        probes(times, bids, bid_qtys, asks, ask_qtys, 10, level=2)


def test_what_makes_no_sense_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="seconds"):
        kaplan_meier(np.empty(0), np.empty(0, bool))
    with pytest.raises(InputError, match="cuts"):
        fit_hazard(np.ones(3), np.ones(3, bool), np.ones(3), np.array([1.0]))
    with pytest.raises(InputError, match="cuts"):
        fit_hazard(np.ones(3), np.ones(3, bool), np.ones(3), np.array([0.0, 5.0]))
    one = np.ones(1, np.int64)
    with pytest.raises(InputError, match="until_ns"):
        fates(one, one, one, one, 0 * one, one, one, one, one)
    with pytest.raises(InputError, match="trade_ns"):
        fates(one, one, one, one, one, np.array([2, 1]), np.ones(2), np.ones(2), np.ones(2))
