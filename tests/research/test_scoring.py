"""Scores against plain arithmetic, and intervals that cover what is true."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from quotewright.domain.errors import InputError
from quotewright.research.scoring import fitted_slope, score, student


def market(seed: int, n: int, horizon: int, known: float) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """A walk, itself `horizon` steps later, and a price that knows the share `known` of what comes, and noise."""
    rng = np.random.default_rng(seed)
    ahead = np.convolve(rng.normal(size=n + horizon), np.ones(horizon), "valid")[:n]
    mid = 1_000 + np.cumsum(rng.normal(size=n))
    told = known * ahead + math.sqrt(known * (1 - known) * horizon) * rng.normal(size=n)
    return mid, mid + ahead, {"mid": mid, "told": mid + told, "noise": mid + rng.normal(size=n)}


def test_scores_are_those_of_plain_arithmetic() -> None:
    mid, later, prices = market(1, 400, 5, 0.3)
    prices["told"][50:60] = math.nan
    among = np.arange(400) % 3 > 0
    found = score(mid, later, prices, among, 10, slopes={"told": 0.7})
    used = among & np.isfinite(prices["told"])
    change, away = (later - mid)[used], (prices["told"] - mid)[used]
    told = found.scores[1]
    assert found.number == used.sum()
    assert told.skill.value == pytest.approx(1 - ((change - away) ** 2).mean() / (change**2).mean())
    assert told.gain.value == pytest.approx((change**2 - (change - away) ** 2).mean())
    slope = (change * away).sum() / (away**2).sum()
    assert told.slope.value == pytest.approx(slope)
    assert told.r_squared.value == pytest.approx(1 - ((change - slope * away) ** 2).sum() / (change**2).sum())
    assert told.hit_rate.value == pytest.approx((np.sign(change) == np.sign(away)).mean())
    assert told.scaled.value == pytest.approx(1 - ((change - 0.7 * away) ** 2).mean() / (change**2).mean())
    assert found.scores[2].scaled == found.scores[2].skill
    assert fitted_slope(mid[used], later[used], prices["told"][used]) == pytest.approx(slope)
    assert fitted_slope(mid, later, mid) == 1
    of_mid = found.scores[0]
    assert of_mid.skill == (0, 0, 0)
    assert math.isnan(of_mid.slope.value)
    assert found.lead.value == pytest.approx(told.skill.value)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """Skill, slope and the lead over the second, of 200 markets with overlapping horizons and 20 blocks."""
    covered = []
    for seed in range(200):
        mid, later, prices = market(seed, 1_000, 25, 0.2)
        found = score(mid, later, prices, np.ones(1_000, np.bool_), 50, draws=200)
        told, noise = found.scores[1], found.scores[2]
        truth = ((told.skill, 0.2), (told.slope, 1.0), (noise.skill, -1 / 25), (noise.slope, 0.0))
        covered.append([interval.low <= value <= interval.high for interval, value in truth])
    rates = np.mean(covered, axis=0)
    assert (rates > 0.88).all(), rates
    assert (rates < 0.995).all(), rates


def test_few_blocks_give_no_interval() -> None:
    mid, later, prices = market(3, 100, 10, 0.3)
    everywhere = np.ones(100, np.bool_)
    assert math.isnan(score(mid, later, prices, everywhere, 50).scores[1].skill.low)
    assert math.isfinite(score(mid, later, prices, everywhere, 33).scores[1].skill.low)
    few = score(mid, later, prices, np.arange(100) < 20, 10)
    assert few.blocks == 2
    assert math.isnan(few.scores[1].skill.low)
    none = score(mid, later, prices, ~everywhere, 10)
    assert none.number == 0
    assert math.isnan(none.scores[1].skill.value)


def test_students_points_are_those_of_the_distribution() -> None:
    for freedom in (1, 2, 3, 7, 10, 11, 12, 20, 60, 1_000):
        assert student(freedom) == pytest.approx(float(stats.t.ppf(0.975, freedom)), rel=3e-4)
    assert math.isnan(student(0))


def test_what_cannot_be_scored_is_refused() -> None:
    mid, later, prices = market(3, 100, 10, 0.3)
    everywhere = np.ones(100, np.bool_)
    with pytest.raises(InputError, match="block"):
        score(mid, later, prices, everywhere, 101)
    with pytest.raises(InputError, match="prices"):
        score(mid, later[:-1], prices, everywhere, 10)
    with pytest.raises(InputError, match="prices"):
        score(mid, later, {}, everywhere, 10)
