"""The laws of independent returns, and what all kinds have in common."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_laws import hold_to_their_errors, standardised
from scipy import stats

from quotewright.domain.errors import InputError
from quotewright.montecarlo.distances import anderson_darling, kolmogorov
from quotewright.montecarlo.laws import Marginal, Normal, StudentT, fit_cauchy, fit_normal, fit_student
from quotewright.montecarlo.paths import KINDS, FittedPaths, fit

SCALED = ("normal", "student", "cauchy", "stable", "garch", "garch_t", "merton")


@pytest.fixture(scope="module")
def returns() -> np.ndarray:
    """1,500 heavy-tailed returns whose volatility comes in two kinds of weather."""
    rng = np.random.default_rng(11)
    weather = np.where(np.arange(1500) // 150 % 2 == 0, 0.008, 0.025)
    return 0.0005 + weather * rng.standard_t(5, 1500)


@pytest.fixture(scope="module")
def fits(returns: np.ndarray) -> dict[str, FittedPaths]:
    return {kind: fit(kind, returns) for kind in KINDS}


def test_the_normal_law_is_scipy_s() -> None:
    values = np.random.default_rng(1).normal(0.3, 2.0, 400)
    law, found = fit_normal(values)
    assert (law.mu, law.sigma) == pytest.approx(stats.norm.fit(values), rel=1e-12)
    assert found.value == pytest.approx(stats.norm.logpdf(values, law.mu, law.sigma).sum(), rel=1e-12)


def test_student_s_law_is_no_worse_than_scipy_s() -> None:
    values = 0.01 * np.random.default_rng(2).standard_t(3.5, 800) + 0.002
    law, found = fit_student(values)
    assert found.converged
    assert found.value == pytest.approx(stats.t.logpdf(values, law.nu, law.mu, law.sigma).sum(), rel=1e-10)
    assert found.value >= stats.t.logpdf(values, *stats.t.fit(values)).sum() - 1e-6


def test_the_cauchy_law_is_no_worse_than_scipy_s() -> None:
    values = np.random.default_rng(3).standard_cauchy(500) * 0.02 - 0.1
    law, found = fit_cauchy(values)
    assert found.value >= stats.cauchy.logpdf(values, *stats.cauchy.fit(values)).sum() - 1e-6
    assert law.nu == 1
    assert math.isfinite(found.parameters["mu"].error)


def student_errors(repetitions: int) -> dict[str, np.ndarray]:
    law = StudentT(0.001, 0.02, 4.0)

    def once(seed: int):
        return fit_student(law.draw(np.random.default_rng(seed), 1, 4000)[0])[1].parameters

    return standardised(once, {"mu": 0.001, "sigma": 0.02, "nu": 4.0}, repetitions)


def test_student_s_parameters_come_back_within_their_errors() -> None:
    hold_to_their_errors(student_errors(30))


@pytest.mark.slow
def test_student_s_parameters_come_back_within_their_errors_200_times() -> None:
    hold_to_their_errors(student_errors(200))


def test_normal_returns_have_no_heavy_tail() -> None:
    found = fit("student", np.random.default_rng(4).normal(0, 0.01, 3000))
    assert found.tail_index > 30


@pytest.mark.parametrize("kind", SCALED)
def test_a_fit_moves_with_units_and_origin(kind: str, returns: np.ndarray, fits: dict[str, FittedPaths]) -> None:
    """Twice the returns plus a constant: same shape, scales twice as large, a likelihood lower by n ln 2."""
    moved = fit(kind, 2 * returns + 0.03)
    before, after = fits[kind], moved
    assert after.log_likelihood == pytest.approx(before.log_likelihood - len(returns) * math.log(2), abs=0.02)
    assert after.ks == pytest.approx(before.ks, abs=0.004)
    shapes = {"nu", "alpha", "beta", "jump_rate"}
    for name, (value, error) in before.parameters.items():
        scale = 1.0 if name in shapes else 4.0 if name == "omega" else 2.0
        shift = 0.03 if name in ("mu", "delta") else 0.0
        assert after.parameters[name].value == pytest.approx(scale * value + shift, abs=0.02 * scale * error + 1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_are_a_function_of_the_seed(kind: str, fits: dict[str, FittedPaths]) -> None:
    one, again, other = (fits[kind].sample(3, 50, seed) for seed in (7, 7, 8))
    assert one.shape == (3, 50)
    assert one.dtype == np.float64
    assert np.isfinite(one).all()
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_the_marginal_is_that_of_the_samples(kind: str, fits: dict[str, FittedPaths]) -> None:
    law = fits[kind].marginal
    sample = np.sort(fits[kind].sample(100, 400, 5).reshape(-1))
    assert kolmogorov(sample, law) < 0.05 if kind in ("garch", "garch_t", "hawkes", "stationary", "block") else 0.012


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None)
@given(u=st.lists(st.floats(1e-9, 1 - 1e-9), min_size=2, max_size=8))
def test_quantiles_invert_the_distribution_function(kind: str, u: list[float], fits: dict[str, FittedPaths]) -> None:
    law = fits[kind].marginal
    places = np.sort(np.array(u))
    values = np.asarray(law.quantile(places))
    assert (np.diff(values) >= 0).all()
    if kind in SCALED and kind not in ("garch", "garch_t"):
        assert np.asarray(law.cdf(values)) == pytest.approx(places, rel=1e-6, abs=1e-12)


def test_the_true_kind_has_the_best_criterion(fits: dict[str, FittedPaths]) -> None:
    best = min((one for one in fits.values() if one.aic is not None), key=lambda one: one.aic)
    assert best.kind == "garch_t"
    assert fits["hawkes"].aic is None
    assert fits["block"].bic is None


def test_a_fit_is_plain_json(fits: dict[str, FittedPaths]) -> None:
    for kind, one in fits.items():
        told = json.loads(json.dumps(one.to_dict(), allow_nan=False))
        assert told["kind"] == kind
        assert told["observations"] == 1500


def test_distances_are_scipy_s() -> None:
    values = np.random.default_rng(6).normal(0, 1, 300)
    law = Normal(0.1, 1.1)
    assert isinstance(law, Marginal)
    assert kolmogorov(values, law) == pytest.approx(stats.kstest(values, stats.norm(0.1, 1.1).cdf).statistic, rel=1e-12)
    u = np.sort(stats.norm(0.1, 1.1).cdf(values))
    brute = sum((2 * i - 1) * (math.log(u[i - 1]) + math.log(1 - u[300 - i])) for i in range(1, 301))
    assert anderson_darling(values, law) == pytest.approx(-1 - brute / 300**2, rel=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros(200),
        np.full(200, 0.01),
        np.zeros((20, 20)),
        np.arange(10.0),
        np.array([]),
        np.append(np.arange(100.0), np.nan),
        np.append(np.arange(100.0), np.inf),
    ],
)
@pytest.mark.parametrize("kind", ["normal", "stable", "stationary", "garch_t"])
def test_returns_that_nothing_can_be_fitted_to_are_refused(kind: str, wrong: np.ndarray) -> None:
    with pytest.raises(InputError, match="returns"):
        fit(kind, wrong)


def test_what_makes_no_sense_is_refused(fits: dict[str, FittedPaths]) -> None:
    with pytest.raises(InputError, match="kind"):
        fit("levy", np.arange(100.0))
    with pytest.raises(InputError, match="large ones"):
        fit("hawkes", np.random.default_rng(1).normal(size=200))
    for paths, steps, seed in ((0, 5, 1), (5, 0, 1), (1, 1, -1)):
        with pytest.raises(InputError):
            fits["normal"].sample(paths, steps, seed)


def test_every_kind_fits_daily_bitcoin(shared_data: Path) -> None:
    import polars as pl

    bars = pl.read_csv(shared_data / "ohlcv/btcusd_1d_merged_2013-2025.csv.gz")
    returns = np.diff(np.log(bars["close"].to_numpy()))
    found = {kind: fit(kind, returns) for kind in KINDS}
    assert all(one.converged for one in found.values())
    assert found["garch_t"].aic < found["student"].aic < found["normal"].aic
    assert 1.2 < found["stable"].parameters["alpha"].value < 1.45
    assert 1.5 < found["student"].tail_index < 2.5
