"""Double residuals, Granger tests and PCMCI: against statsmodels, and on planted causes and common factors."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm

from quotewright.causality.double_residual import double_residual
from quotewright.causality.granger import granger
from quotewright.causality.lags import lagged
from quotewright.causality.pcmci import pcmci
from quotewright.domain.errors import InputError, MissingExtraError


def near_five_percent(share: float, repeats: int) -> bool:
    return abs(share - 0.05) < 3.5 * math.sqrt(0.05 * 0.95 / repeats) + 0.015


def town(rng: Any, n: int, *, effect: float) -> tuple[Any, Any, Any]:
    rain = rng.normal(size=(n, 2))
    puddle = rain @ [1.0, -0.5] + rng.normal(size=n)
    return puddle, effect * puddle + rain @ [0.8, 0.6] + rng.normal(size=n), rain


def venues(rng: Any, n: int, *, effect: float = 0.0) -> Any:
    """Returns of a factor and of two venues: B follows the factor a bar later, C two bars later, and B by `effect`."""
    factor, noise = rng.normal(size=n + 2), rng.normal(size=(n + 2, 2))
    b = np.concatenate([[0], factor[:-1]]) + noise[:, 0]
    c = np.concatenate([[0, 0], factor[:-2]]) + noise[:, 1] + effect * np.concatenate([[0], b[:-1]])
    return np.column_stack([factor, b, c])[2:]


@pytest.mark.parametrize("lags", [0, 4])
def test_linear_double_residuals_are_least_squares_with_its_errors(lags: int) -> None:
    b, c, a = town(np.random.default_rng(31), 200, effect=0.3)
    ours = double_residual(b, c, a, folds=1, lags=lags)
    design = sm.add_constant(np.column_stack([b, a]))
    theirs = sm.OLS(c, design).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True})
    assert (ours.controlled.value, ours.controlled.stderr) == pytest.approx((theirs.params[1], theirs.bse[1]))
    assert ours.controlled.p_value == pytest.approx(theirs.pvalues[1], abs=1e-9)
    assert (ours.controlled.low, ours.controlled.high) == pytest.approx(tuple(theirs.conf_int()[1]), abs=1e-6)
    simple = sm.OLS(c, sm.add_constant(b)).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True})
    assert (ours.raw.value, ours.raw.stderr) == pytest.approx((simple.params[1], simple.bse[1]))
    t = sm.OLS(c, design).fit().tvalues[1]
    f = abs(t) / math.sqrt(len(b) - 4)
    assert ours.robustness == pytest.approx(0.5 * (math.sqrt(f**4 + 4 * f**2) - f**2))


@pytest.mark.parametrize("learner", ["linear", "kernel"])
def test_the_planted_effect_lies_in_its_interval_nineteen_times_in_twenty(learner: Any) -> None:
    rng = np.random.default_rng(32)
    repeats = 200 if learner == "linear" else 30
    inside = []
    for _ in range(repeats):
        found = double_residual(*town(rng, 250, effect=0.4), learner=learner, folds=3, lags=0)
        inside.append(found.controlled.low < 0.4 < found.controlled.high)
    assert near_five_percent(1 - float(np.mean(inside)), repeats)


def test_the_puddle_is_caught_and_a_true_cause_is_kept() -> None:
    rng = np.random.default_rng(33)
    spurious = [double_residual(*town(rng, 300, effect=0.0)).verdict() for _ in range(200)]
    assert near_five_percent(1 - spurious.count("spurious") / 200, 200)
    true = [double_residual(*town(rng, 300, effect=0.4)).verdict() for _ in range(40)]
    assert true.count("effect") >= 39
    # An effect that the rain's own, opposite one hides until it is controlled for.
    rain = rng.normal(size=400)
    b = rain + rng.normal(size=400)
    masked = double_residual(b, b - 2 * rain + rng.normal(size=400), rain)
    assert masked.verdict() == "masked"
    assert masked.cause_explained == pytest.approx(0.5, abs=0.1)
    assert double_residual(rng.normal(size=400), rng.normal(size=400), rain).verdict() == "none"
    # Controls that all but determine the cause leave nothing to judge it by.
    near = rain + 0.01 * rng.normal(size=400)
    assert double_residual(near, near + rng.normal(size=400), rain).verdict() == "unclear"


def test_an_unseen_confounder_of_the_stated_strength_would_do() -> None:
    """The robustness value is met exactly by adding a confounder with those two shares of residual variance."""
    rng = np.random.default_rng(34)
    b, c, a = town(rng, 400, effect=0.5)
    found = double_residual(b, c, a, folds=1)
    v, u = (y - sm.OLS(y, sm.add_constant(a)).fit().fittedvalues for y in (b, c))
    e = u - found.controlled.value * v
    share = found.robustness
    # A unit vector w with corr²(w, v) = share, and corr²(w, e) of what v leaves = share.
    third = rng.normal(size=400)
    third -= sm.OLS(third, sm.add_constant(np.column_stack([a, v, e]))).fit().fittedvalues
    v1, e1, t1 = (x / np.linalg.norm(x) for x in (v, e, third))
    w = math.sqrt(share) * v1 + math.sqrt((1 - share) * share) * e1 + (1 - share) * t1
    after = double_residual(b, c, np.column_stack([a, w]), folds=1)
    assert after.controlled.value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("given", [False, True])
def test_the_classical_granger_test_is_least_squares_f(given: bool) -> None:
    rng = np.random.default_rng(35)
    z, b, c = venues(rng, 300, effect=0.2).T
    found = granger(b, c, given=z if given else None, most=4, robust=False).forward
    series = np.column_stack([b, c, z] if given else [b, c])
    past = lagged(series, range(1, found.lags + 1), longest=4)
    theirs = sm.OLS(c[4:], sm.add_constant(past)).fit()
    which = np.zeros((found.lags, past.shape[1] + 1))
    which[np.arange(found.lags), 1 + series.shape[1] * np.arange(found.lags)] = 1
    test = theirs.f_test(which)
    assert (found.statistic, found.p_value) == pytest.approx((float(test.fvalue), float(test.pvalue)))
    robust = granger(b, c, given=z if given else None, most=4).forward
    white = sm.OLS(c[4:], sm.add_constant(past)).fit(cov_type="HC1", use_t=True).f_test(which)
    assert (robust.statistic, robust.p_value) == pytest.approx((float(white.fvalue), float(white.pvalue)))
    criteria = []
    for lags in range(1, 5):
        criteria.append(sm.OLS(c[4:], sm.add_constant(lagged(series, range(1, lags + 1), longest=4))).fit().bic)
    assert found.lags == 1 + int(np.argmin(criteria))


def test_granger_is_deceived_by_lags_of_a_common_factor_unless_it_is_given() -> None:
    rng = np.random.default_rng(36)
    alone, controlled, backward = [], [], []
    for _ in range(200):
        factor, b, c = venues(rng, 200).T
        plain, knowing = granger(b, c, most=3), granger(b, c, given=factor, most=3)
        alone.append(plain.forward.p_value < 0.05)
        backward.append(plain.backward.p_value < 0.05)
        controlled.append(knowing.forward.p_value < 0.05)
    assert np.mean(alone) > 0.95
    assert near_five_percent(float(np.mean(controlled)), 200)
    assert near_five_percent(float(np.mean(backward)), 200)
    true = [granger(b, c, given=f, most=3).forward.p_value < 0.05 for f, b, c in (
        venues(rng, 300, effect=0.3).T for _ in range(30))]  # fmt: skip
    assert np.mean(true) > 0.9


def test_changing_variance_misleads_the_classical_test_only() -> None:
    rng = np.random.default_rng(37)
    robust, classical = [], []
    for _ in range(150):
        wild = np.exp(0.7 * np.sin(np.arange(400) / 30))
        x = wild * rng.normal(size=400)
        scale = np.sqrt(0.1 + np.concatenate([[0], x[:-1] ** 2]))  # the noise of y grows with x before
        y = scale * rng.normal(size=400)
        robust.append(granger(x, y, most=1).forward.p_value < 0.05)
        classical.append(granger(x, y, most=1, robust=False).forward.p_value < 0.05)
    assert np.mean(classical) > 0.15
    assert near_five_percent(float(np.mean(robust)), 150)


def test_pcmci_tells_followers_from_leaders() -> None:
    rng = np.random.default_rng(38)
    links = {
        (link.cause, link.effect, link.lag) for link in pcmci(venues(rng, 500), ["f", "b", "c"], most=3, alpha=0.01)
    }
    assert links == {("f", "b", 1), ("f", "c", 2)}
    planted = pcmci(venues(rng, 500, effect=0.4), ["f", "b", "c"], most=3, alpha=0.01)
    found = {(link.cause, link.effect, link.lag): link for link in planted}
    assert ("b", "c", 1) in found
    assert found["b", "c", 1].strength > 0.2
    assert [link.p_value for link in planted] == sorted(link.p_value for link in planted)


@pytest.mark.slow
def test_pcmci_calls_the_follower_a_leader_one_time_in_twenty() -> None:
    rng = np.random.default_rng(39)
    wrong = 0
    for _ in range(200):
        links = pcmci(venues(rng, 300), ["f", "b", "c"], most=2, corrected=False)
        wrong += any((link.cause, link.effect, link.lag) == ("b", "c", 1) for link in links)
    assert near_five_percent(wrong / 200, 200)


RANDOM = np.random.default_rng(40).normal(size=(80, 3))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: double_residual(RANDOM[:, 0], RANDOM[:, 1], RANDOM[:, :1], folds=1), "determined"),
        (lambda: double_residual(RANDOM[:5, 0], RANDOM[:5, 1], RANDOM[:5, 2]), "at least 20"),
        (lambda: double_residual(RANDOM[:, 0], RANDOM[:, 1] * np.inf, RANDOM[:, 2]), "finite"),
        (lambda: granger(RANDOM[:, 0], RANDOM[:, 1], most=30), "rows allow"),
        (lambda: granger(np.ones(80), RANDOM[:, 1], most=2), "must vary"),
        (lambda: granger(RANDOM[:, 0], RANDOM[:, 1], given=RANDOM[:, 0], most=2), "leave it out"),
        (lambda: pcmci(RANDOM[:, :1], ["a"], most=2), "two columns"),
        (lambda: pcmci(np.column_stack([RANDOM, np.ones(80)]), list("abcd"), most=2), "'d'"),
    ],
)
def test_bad_input_is_told(call: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        call()


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tigramite.data_processing", None)
    with pytest.raises(MissingExtraError, match=r"tigramite: pip install 'quotewright\[research\]'"):
        pcmci(RANDOM, list("abc"), most=2)


def test_on_real_venues_one_lead_is_company_and_another_stays(shared_data: Path) -> None:
    """Minutes of March 2023: Kraken seems to lead Binance.US until Coinbase is known; Coinbase leads Kraken anyway."""
    bars = pl.read_parquet(shared_data / "minute" / "xvenue_1m_202303.parquet").filter(pl.col("symbol") == "BTC/USD")
    closes = bars.pivot(on="venue", index="ts", values="close").sort("ts").with_columns(pl.exclude("ts").forward_fill())
    prices = closes.drop_nulls().select("binanceus", "coinbase", "kraken").to_numpy()
    binance, coinbase, kraken = 1e4 * np.diff(np.log(prices), axis=0).T
    assert granger(kraken, binance, most=5).forward.p_value < 0.001
    assert granger(kraken, binance, given=coinbase, most=5).forward.p_value > 0.01
    assert granger(coinbase, kraken, given=binance, most=5).forward.p_value < 1e-6

    def lead(first: Any, second: Any, third: Any) -> str:
        past = lagged(np.column_stack([second, third]), [1, 2, 3])
        return double_residual(first[2:-1], second[3:], past).verdict()

    assert lead(kraken, binance, coinbase) == "unclear"  # as large as before, with twice the error
    assert lead(coinbase, kraken, binance) == "effect"
