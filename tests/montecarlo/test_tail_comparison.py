"""Tails: every figure against its definition, and rankings that find the law that was planted."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from quotewright.domain.errors import InputError
from quotewright.montecarlo.hill import hill
from quotewright.montecarlo.laws import Normal, StudentT
from quotewright.montecarlo.merton import Merton
from quotewright.montecarlo.paths import FittedPaths, fit
from quotewright.montecarlo.pictures import exceedance_figure, qq_figure
from quotewright.montecarlo.stable_law import Stable
from quotewright.montecarlo.tail_figures import MEASURES, expected_shortfall, measure_rows, measures_of, yardstick
from quotewright.montecarlo.tail_scores import joint_loss
from quotewright.montecarlo.tails import TailComparison, compare_tails, markdown

HEAVY = StudentT(0.0, 0.01, 3.0)


@pytest.fixture(scope="module")
def returns() -> np.ndarray:
    return HEAVY.draw(np.random.default_rng(1), 1, 6000)[0]


@pytest.fixture(scope="module")
def fits(returns: np.ndarray) -> list[FittedPaths]:
    return [fit(kind, returns[:3000]) for kind in ("normal", "student", "cauchy", "stable", "stationary")]


@pytest.fixture(scope="module")
def found(fits: list[FittedPaths], returns: np.ndarray) -> TailComparison:
    return compare_tails(fits, returns[3000:], seed=1, draws=150, samples=100)


def test_hill_s_index_is_the_formula() -> None:
    values = np.array([9.0, 1.0, 5.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0, 11.0, 10.0, 12.0])
    top = sorted(values)[::-1]
    expected = 1 / np.mean([math.log(top[i] / top[10]) for i in range(10)])
    assert hill(values, 0.5).value == pytest.approx(expected)
    assert hill(values, 0.5).number == 10


def test_hill_s_interval_holds_a_planted_index() -> None:
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(300):
        one = hill((1 - rng.random(2000)) ** (-1 / 2.5), 0.1)
        inside += one.low <= 2.5 <= one.high
    assert 0.90 < inside / 300 < 0.99


def test_a_tail_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="too few"):
        hill(-np.arange(1.0, 500.0))
    with pytest.raises(InputError, match="share"):
        hill(np.arange(1.0, 500.0), 0.9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(250, 700))
def test_figures_of_samples_are_their_definitions(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.standard_t(3, (3, n))
    by = yardstick(rows[0])
    figures = measure_rows(rows, by)
    assert figures.shape == (3, len(MEASURES))
    for row, seen in zip(rows, figures, strict=True):
        for value, measure in zip(seen, MEASURES, strict=True):
            side = -np.sort(row) if measure.side == "down" else np.sort(row)[::-1]  # losses, the worst first
            number = max(math.ceil(n * measure.at), 1)
            if measure.name == "var":
                assert value == side[number - 1]
            elif measure.name == "es":
                assert value == pytest.approx(side[:number].mean(), rel=1e-12)
            elif measure.name == "beyond":
                assert value == np.mean(np.abs(row - by.centre) > measure.at * by.sigma)
            else:
                away = by.centre - row if measure.side == "down" else row - by.centre
                assert value == pytest.approx(hill(away).value, rel=1e-12)


@pytest.mark.parametrize("level", [0.05, 0.01, 0.001])
def test_expected_shortfall_is_the_closed_form(level: float) -> None:
    """Normal: φ(z)/p; Student's t: f(z)(ν + z²)/((ν − 1)p). McNeil, Frey & Embrechts (2015), example 2.15."""
    z = stats.norm.ppf(level)
    assert expected_shortfall(Normal(0.1, 2.0), math.inf, level, "down") == pytest.approx(
        -0.1 + 2 * stats.norm.pdf(z) / level, rel=1e-8
    )
    assert expected_shortfall(Normal(0.1, 2.0), math.inf, level, "up") == pytest.approx(
        0.1 + 2 * stats.norm.pdf(z) / level, rel=1e-6
    )
    for nu in (1.5, 3.0, 10.0):
        z = stats.t.ppf(level, nu)
        closed = stats.t.pdf(z, nu) * (nu + z * z) / (nu - 1) / level
        assert expected_shortfall(StudentT(0, 1, nu), nu, level, "down") == pytest.approx(closed, rel=1e-3)


def test_expected_shortfall_of_other_laws_is_the_integral() -> None:
    jumps = Merton(0.0, 0.01, 0.2, -0.01, 0.03)
    edge = float(jumps.quantile(np.array([0.01]))[0])
    mean_below = integrate.quad(lambda x: float(jumps.cdf(np.array([x]))[0]), -0.5, edge, limit=200)[0] / 0.01
    assert expected_shortfall(jumps, math.inf, 0.01, "down") == pytest.approx(mean_below - edge, rel=1e-5)
    law = Stable(1.6, 0.2, 0.01, 0.0)
    edge = float(law.quantile(np.array([0.99]))[0])
    mean_above = integrate.quad(lambda x: 1 - float(law.cdf(np.array([x]))[0]), edge, 40, limit=800)[0] / 0.01
    assert expected_shortfall(law, 1.6, 0.01, "up") == pytest.approx(mean_above + edge, rel=0.02)
    assert expected_shortfall(StudentT(0, 1, 1.0), 1.0, 0.01, "down") == math.inf


def test_a_bootstrap_of_heavy_tails_ends_at_what_was_seen() -> None:
    """Hill's index of a Cauchy sample is often below 1; the mean of the worst returns that there are is finite."""
    sample = np.random.default_rng(0).standard_cauchy(3000)
    drawn = fit("stationary", sample)
    assert drawn.tail_index < 1
    worst = -np.sort(sample)[:30].mean()
    assert expected_shortfall(drawn.marginal, drawn.tail_index, 0.01, "down") == pytest.approx(worst, rel=0.02)
    assert all(math.isfinite(one.value) for one in compare_tails([drawn], sample, seed=1, draws=20).laws["stationary"])


def test_the_loss_is_least_at_the_truth() -> None:
    """Over 400,000 returns, a tenth off in either of the two costs more."""
    sample = HEAVY.draw(np.random.default_rng(3), 1, 400_000)[0]
    quantile = float(HEAVY.quantile(np.array([0.025]))[0])
    shortfall = -expected_shortfall(HEAVY, 3.0, 0.025, "down")
    least = joint_loss(sample, quantile, shortfall, 0.025).mean()
    for by_v, by_e in ((1.1, 1), (0.9, 1), (1, 1.1), (1, 0.9), (1.1, 1.1), (0.9, 0.9)):
        assert joint_loss(sample, by_v * quantile, by_e * shortfall, 0.025).mean() > least
    assert np.isinf(joint_loss(sample[:3], quantile, -math.inf, 0.025)).all()


def test_the_loss_is_the_formula() -> None:
    y, v, e, p = np.array([-0.05, 0.01]), -0.03, -0.04, 0.01
    expected = [-(v - y[0]) / (p * e) + v / e + math.log(-e) - 1, v / e + math.log(-e) - 1]
    assert joint_loss(y, v, e, p) == pytest.approx(expected)


def test_the_planted_law_is_not_told_from_the_best(found: TailComparison) -> None:
    ranked = {one.kind: one for one in found.ranking}
    assert found.ranking[0].kind in ("student", "stationary")
    assert not ranked["student"].told_apart
    assert ranked["stable"].told_apart
    assert ranked["cauchy"].loss == math.inf
    assert ranked["cauchy"].told_apart
    assert sum(one.wins for one in found.ranking) == pytest.approx(1)
    assert found.ranking[0].behind.value == 0


def test_the_planted_law_covers_the_figures(found: TailComparison) -> None:
    assert found.covered("student") >= len(MEASURES) - 4
    assert found.covered("normal") < len(MEASURES) / 2
    for seen in found.data:
        assert seen.low <= seen.value <= seen.high or seen.value == 0


def test_few_returns_tell_little_apart(fits: list[FittedPaths], returns: np.ndarray, found: TailComparison) -> None:
    few = compare_tails(fits, returns[3000:3300], seed=1, draws=100, samples=20)
    normal, more = ({one.kind: one for one in each.ranking}["normal"].behind for each in (few, found))
    assert normal.high - normal.low > more.high - more.low
    assert "300 returns, about 3 beyond 1 %" in few.verdict


def test_a_law_s_own_figures_are_what_large_samples_show() -> None:
    by = yardstick(HEAVY.draw(np.random.default_rng(4), 1, 5000)[0])
    sampled = measure_rows(HEAVY.draw(np.random.default_rng(5), 8, 50_000), by)
    own = measures_of(HEAVY, HEAVY.tail_index, by, sampled)
    assert sampled.mean(axis=0) == pytest.approx(own, rel=0.06)


def test_the_comparison_repeats_and_is_plain_json(fits: list[FittedPaths], returns: np.ndarray) -> None:
    once, again = (
        compare_tails(fits[:2], returns[3000:3500], seed=4, draws=40, samples=20).to_dict() for _ in range(2)
    )
    assert json.dumps(once, allow_nan=False) == json.dumps(again, allow_nan=False)
    other = compare_tails(fits[:2], returns[3000:3500], seed=5, draws=40, samples=20).to_dict()
    assert once["data"] != other["data"]


def test_the_tables_hold_every_law_and_figure(found: TailComparison) -> None:
    told = markdown(found)
    for kind in found.laws:
        assert f"| {kind} |" in told
    for measure in MEASURES:
        assert f"| {measure.label} |" in told
    assert "∞" in told


def test_pictures_show_the_data_once_and_every_law(fits: list[FittedPaths], returns: np.ndarray) -> None:
    seen = returns[3000:]
    qq, beyond = qq_figure(fits, seen), exceedance_figure(fits, seen)
    assert [trace.name for trace in qq.data][1:] == [one.kind for one in fits]
    assert [trace.name for trace in beyond.data] == ["data", *(one.kind for one in fits)]
    student = next(trace for trace in qq.data if trace.name == "student")
    middle = np.abs(student.y) < 1
    assert np.asarray(student.x)[middle] == pytest.approx(np.asarray(student.y)[middle], abs=0.1)
    data = beyond.data[0]
    by = yardstick(seen)
    for size, share in list(zip(data.x, data.y, strict=True))[::40]:
        assert share == pytest.approx(np.mean(np.abs(seen - by.centre) > size * by.sigma), abs=2 / len(seen))
    assert json.loads(qq.to_json())


@pytest.mark.parametrize(("given", "match"), [([], "fits"), ([0, 0], "fits")])
def test_fits_that_cannot_be_ranked_are_refused(
    fits: list[FittedPaths], returns: np.ndarray, given: list[int], match: str
) -> None:
    with pytest.raises(InputError, match=match):
        compare_tails([fits[i] for i in given], returns, seed=1)


def test_too_little_to_judge_by_is_refused(fits: list[FittedPaths], returns: np.ndarray) -> None:
    with pytest.raises(InputError, match="at least 250"):
        compare_tails(fits, returns[:100], seed=1)
    with pytest.raises(InputError, match="draws"):
        compare_tails(fits, returns, seed=1, draws=3)
    with pytest.raises(InputError, match="samples"):
        compare_tails(fits, returns, seed=1, samples=3)
