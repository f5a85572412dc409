"""What would break this: profits by hand, drift and breaks against the libraries, planted weaknesses found by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from statsmodels.stats.diagnostic import breaks_cusumolsresid

from quotewright.causality.breaks import Finding, ModelUse, report_lines, what_would_break
from quotewright.causality.drift import kolmogorov, mean_break, population_stability
from quotewright.causality.trading import net_profit, trade_profits, turnover
from quotewright.domain.errors import InputError


def test_profits_by_hand() -> None:
    returns, held = np.array([0.1, -0.2, 0.3, 0.0, 0.05]), np.array([0.0, 1.0, -1.0, 0.0, 2.0])
    assert turnover(held).tolist() == [0, 1, 2, 1, 4]
    assert net_profit(returns, held, 0.01) == pytest.approx([0, -0.21, -0.32, -0.01, 0.06])
    assert trade_profits(returns, held, 0.01) == pytest.approx([-0.22, -0.32, 0.06])


def by_hand(returns: Any, held: Any, cost: float) -> list[float]:
    """Trades one by one: a unit is paid for when it is opened and when it is closed."""
    found: list[float] = []
    before = 0.0
    for r, position in zip(returns, held, strict=True):
        if before and position * before <= 0:
            found[-1] -= cost * abs(before)
        if position:
            if position * before <= 0:
                found.append(-cost * abs(position))
            else:
                found[-1] -= cost * abs(position - before)
            found[-1] += position * r
        before = position
    if before:
        found[-1] -= cost * abs(before)
    return found


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
def test_trades_sum_to_the_bars_and_are_those_by_hand(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    returns, held = rng.normal(size=n), rng.integers(-2, 3, n).astype(float)
    trades = trade_profits(returns, held, 0.1)
    assert trades.sum() == pytest.approx(net_profit(returns, held, 0.1).sum())
    assert trades == pytest.approx(by_hand(returns, held, 0.1))


def test_the_cusum_is_statsmodels_s_and_its_law_scipy_s() -> None:
    v = np.random.default_rng(61).normal(size=150)
    ours = mean_break(v, lags=0)
    statistic, p_value, _ = breaks_cusumolsresid(v - v.mean(), ddof=0)
    assert (ours.statistic, ours.p_value) == pytest.approx((statistic, p_value))
    for s in (0.0, 0.1, 0.3, 0.8, 1.36, 2.5):
        assert kolmogorov(s) == pytest.approx(float(special.kolmogorov(s)), abs=1e-10)
    with pytest.raises(InputError, match="must vary"):
        mean_break(np.ones(50))


def test_breaks_are_found_where_they_are_and_seldom_where_they_are_not() -> None:
    rng = np.random.default_rng(62)
    moved = [mean_break(rng.normal(size=400) + 0.6 * (np.arange(400) >= 250)) for _ in range(50)]
    assert np.mean([each.p_value < 0.05 for each in moved]) > 0.95
    assert abs(np.median([each.row for each in moved]) - 249) < 15
    still = [mean_break(rng.normal(size=400)).p_value < 0.05 for _ in range(300)]
    assert np.mean(still) < 0.05 + 3.5 * np.sqrt(0.05 * 0.95 / 300)


def test_stability_is_the_sum_over_tenths_and_its_chance_level_holds() -> None:
    rng = np.random.default_rng(63)
    old, new = rng.normal(size=1000), rng.normal(0.5, 1, 800)
    edges = [-np.inf, *np.quantile(old, np.linspace(0.1, 0.9, 9)), np.inf]
    p, q = np.histogram(old, edges)[0] / 1000, np.histogram(new, edges)[0] / 800
    assert population_stability(old, new).psi == pytest.approx(float(((p - q) * np.log(p / q)).sum()), rel=0.02)
    over = [
        (lambda found: found.psi > found.chance)(population_stability(rng.normal(size=300), rng.normal(size=200)))
        for _ in range(300)
    ]
    assert abs(np.mean(over) - 0.05) < 3.5 * np.sqrt(0.05 * 0.95 / 300) + 0.01
    assert population_stability(old, new).chance == pytest.approx(stats.chi2.ppf(0.95, 9) * (1 / 1000 + 1 / 800))


def test_stability_of_few_values_and_of_none_before() -> None:
    flags = np.repeat([0.0, 1.0], 50)
    assert population_stability(flags, flags).psi == 0
    shifted = population_stability(flags, np.repeat([0.0, 1.0], [90, 10])).psi
    assert shifted == pytest.approx(0.4 * np.log(0.9 / 0.5) + 0.4 * np.log(0.5 / 0.1))
    for now in (np.full(50, 2.0), np.full(50, -2.0), np.full(50, 0.5)):
        assert population_stability(flags, now).psi > 1
    assert population_stability(np.ones(50), np.zeros(50)).psi > 1
    assert population_stability(np.ones(50), np.ones(50)).psi == 0


def case(seed: int = 64, n: int = 600, *, noise: float = 1.0) -> tuple[Any, Any, ModelUse]:
    """A signal that foretells the bar, one that does nothing, and a rule that follows the sign of the forecast."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    returns = 0.01 * (x[:, 0] + noise * rng.normal(size=n))
    model = ModelUse(lambda z: z @ [1.0, 0.2, 0.0], x, ("signal", "faint", "idle"), np.sign, rng.normal(size=(500, 3)))
    return returns, model.rule(model.predict(x)), model


def named(findings: tuple[Finding, ...]) -> dict[str, Finding]:
    assert len({finding.name for finding in findings}) == len(findings)
    return {finding.name: finding for finding in findings}


def test_a_sound_case_depends_on_its_signal_and_on_acting_in_time() -> None:
    returns, held, model = case()
    found = named(what_would_break(returns, held, cost=0.0005, model=model))
    assert {name for name, finding in found.items() if finding.severity == "high"} == {
        "delay of one bar", "signal dropped", "signal shuffled"
    }  # fmt: skip
    assert "idle dropped" not in found  # the predictions do not know it
    assert {"faint dropped", "faint shuffled", "drift", "regime", "time", "break in time"} <= set(found)
    even = float((held * returns).sum() / turnover(held).sum())
    assert found["costs"].figure == pytest.approx(1e4 * even)
    assert net_profit(returns, held, even).sum() == pytest.approx(0)
    late = np.concatenate([[0], held[:-1]])
    assert found["delay of one bar"].figure == pytest.approx(net_profit(returns, late, 0.0005).sum())
    best = np.sort(trade_profits(returns, held, 0.0005))[:-5].sum()
    assert found["best trades"].figure == pytest.approx(best)
    ranks = [("high", "medium", "low").index(f.severity) for f in what_would_break(returns, held, cost=0.0005)]
    assert ranks == sorted(ranks)
    usual = np.median(model.train[:, 1])  # type: ignore[index]
    without = np.sign(model.x[:, 0] + 0.2 * usual)
    assert found["faint dropped"].figure == pytest.approx(net_profit(returns, without, 0.0005).sum())


def test_nothing_is_found_in_noise_but_that_it_is_noise() -> None:
    rng = np.random.default_rng(65)
    severities = []
    for _ in range(60):
        found = named(what_would_break(0.01 * rng.normal(size=300), np.sign(rng.normal(size=300)), cost=0.0))
        severities.append(found["luck"].severity)
    assert severities.count("low") / 60 < 0.025 + 3.5 * np.sqrt(0.025 * 0.975 / 60)


def test_high_fees_a_break_a_lucky_trade_a_regime_and_drift_are_each_named() -> None:
    returns, held, model = case()
    dear = named(what_would_break(returns, held, cost=0.02, model=model))
    assert dear["costs"].severity == "high"
    assert dear["luck"].figure < 0

    fading = np.where(np.arange(600) < 300, returns, -0.3 * returns)
    broken = named(what_would_break(fading, held, cost=0.0))
    assert broken["break in time"].severity == broken["time"].severity == "high"
    row = int(broken["break in time"].sentence.split("near bar ")[1].split(" ")[0])
    assert abs(row - 300) < 25

    rng = np.random.default_rng(66)
    flat = 0.0001 * rng.normal(size=600)
    flat[[50, 150, 250, 350, 450]] = 0.2
    long = (np.arange(600) % 10 < 5).astype(float)
    lucky = named(what_would_break(flat, long, cost=0.0001))
    assert lucky["best trades"].severity == "high"
    assert "5 of the best make as much as all" in lucky["best trades"].sentence

    wild = np.where(np.arange(600) // 100 % 3 == 2, 5.0, 1.0)
    only = named(what_would_break(wild * returns - 0.009 * held * (wild == 1), held, cost=0.0015))
    assert only["regime"].severity == "high"
    assert "All of it comes from volatile markets" in only["regime"].sentence

    train = np.random.default_rng(67).normal([0, 2.0, 0], 1, (500, 3))
    moved = ModelUse(model.predict, model.x, model.names, model.rule, train)
    drift = named(what_would_break(returns, held, cost=0.0, model=moved))["drift"]
    assert drift.severity == "high"
    assert "1 have shifted" in drift.sentence
    assert "faint" in drift.sentence


def test_regimes_know_nothing_of_their_own_bar() -> None:
    """Changing the last bar's size must not move earlier bars to another third."""
    returns, held, _ = case()
    wild = returns.copy()
    wild[-1] *= 50
    shift = float(((wild - returns) * held)[-1])
    before, after = (named(what_would_break(r, held, cost=0.0))["regime"].sentence for r in (returns, wild))
    sums = [[float(part.split(" %")[0]) for part in text.split(": ")[1].split(", ")] for text in (before, after)]
    changes = np.abs(np.subtract(sums[1], sums[0]))
    assert (changes < 0.011).sum() == 2
    assert changes.max() == pytest.approx(100 * abs(shift), abs=0.011)


def test_one_feature_may_be_a_vector() -> None:
    returns, _, model = case()
    x = model.x[:, 0]
    one = ModelUse(lambda z: z[:, 0], x, ("signal",), np.sign, x[:300])
    column = ModelUse(one.predict, x[:, None], one.names, one.rule, x[:300, None])
    assert what_would_break(returns, np.sign(x), cost=0.0, model=one) == what_would_break(
        returns, np.sign(x), cost=0.0, model=column
    )


def test_lines_of_the_report_tell_severity_and_name() -> None:
    returns, held, model = case()
    findings = what_would_break(returns, held, cost=0.001, model=model)
    lines = report_lines(findings)
    assert len(lines) == len(findings)
    assert all(f.severity in line and f.sentence in line for f, line in zip(findings, lines, strict=True))
    assert what_would_break(returns, held, cost=0.001, model=model) == findings


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r, h, m: what_would_break(r[:50], h[:50], cost=0.0), "at least 60"),
        (lambda r, h, m: what_would_break(r, h[:-1], cost=0.0), "600 rows"),
        (lambda r, h, m: what_would_break(r, 0 * h, cost=0.0), "nothing to break"),
        (lambda r, h, m: what_would_break(r, h, cost=-0.1), "0 or more"),
        (lambda r, h, m: what_would_break(r, h, cost=float("nan")), "0 or more"),
        (lambda r, h, m: what_would_break(r, h * np.nan, cost=0.0), "finite"),
        (lambda r, h, m: what_would_break(r, -h, cost=0.0, model=m), "what rule makes"),
        (lambda r, h, m: what_would_break(r, h, cost=0.0, window=300), "2 to 200"),
    ],
)
def test_bad_input_is_told(change: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        change(*case())
