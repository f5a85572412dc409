"""Tests of independence against inverse covariances, statsmodels and planted graphs: size, power, correction."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from quotewright.causality.graph import parse_graph
from quotewright.causality.independence import check_graph, covariance_measure, partial_correlation
from quotewright.causality.lags import columns_of, lagged
from quotewright.causality.long_run import holm, long_run_variance, mean_of
from quotewright.causality.residuals import residuals
from quotewright.domain.errors import InputError

RAIN = parse_graph("rain -> puddle; rain -> taxi")
NAMES = ["rain", "puddle", "taxi"]


def streets(rng: Any, n: int, *, effect: float = 0.0, curve: Any = lambda rain: rain, memory: float = 0.0) -> Any:
    """Rain, puddle and taxi; `effect` of the puddle on the taxi, `memory` of all noises."""
    noise = rng.normal(size=(n, 3))
    for t in range(1, n if memory else 1):
        noise[t] += memory * noise[t - 1]
    rain, puddle = noise[:, 0], curve(noise[:, 0]) + noise[:, 1]
    return np.column_stack([rain, puddle, curve(rain) + effect * puddle + noise[:, 2]])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4), st.integers(25, 200))
def test_partial_correlation_is_that_of_the_inverse_covariance(seed: int, k: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(n, k + 2)) @ rng.normal(size=(k + 2, k + 2))
    found = partial_correlation(data[:, 0], data[:, 1], data[:, 2:], lags=0)
    precision = np.linalg.inv(np.cov(data.T))
    r = -precision[0, 1] / math.sqrt(precision[0, 0] * precision[1, 1])
    assert found.estimate == pytest.approx(r, abs=1e-6)
    z = math.atanh(r) * math.sqrt(n - k - 3)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-4, abs=1e-12)


@pytest.mark.parametrize("count", [0, 7, 40])
def test_holm_is_statsmodels_s(count: int) -> None:
    rng = np.random.default_rng(count)
    for p_values in (rng.random(count) ** 3, np.round(rng.random(count), 1)):  # the second with ties
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1] if count else [])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 10))
def test_the_long_run_variance_is_the_double_sum(seed: int, lags: int) -> None:
    v = np.cumsum(np.random.default_rng(seed).normal(size=40))
    away = v - v.mean()
    weights = np.clip(1 - np.abs(np.subtract.outer(np.arange(40), np.arange(40))) / (lags + 1), 0, None)
    assert long_run_variance(v, lags) == pytest.approx(away @ weights @ away / 40)


def test_the_covariance_measure_without_learning_is_shah_and_peters_equation() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=300), rng.normal(size=300)
    products = (x - x.mean()) * (y - y.mean())
    found = covariance_measure(x, y, lags=0)
    assert found.statistic == pytest.approx(math.sqrt(300) * products.mean() / products.std())


@pytest.mark.parametrize("learner", ["linear", "kernel", "boosting"])
def test_learners_learn_and_never_see_what_they_explain(learner: Any) -> None:
    rng = np.random.default_rng(6)
    z = rng.normal(size=(400, 2))
    truth = z[:, 0] if learner == "linear" else np.sin(2 * z[:, 0])
    y = truth + 0.3 * rng.normal(size=400)
    left = residuals(y, z, learner=learner, folds=3)
    assert np.mean((left - (y - truth)) ** 2) < 0.25 * truth.var()
    noise = rng.normal(size=400)
    assert residuals(noise, z, learner=learner, folds=3).var() > 0.97 * noise.var()  # in sample it would be smaller


def test_a_gap_keeps_neighbours_out_of_training() -> None:
    seen: list[tuple[int, int]] = []

    def nosy(z: Any, y: Any, at: Any) -> Any:
        seen.append((int(np.abs(np.subtract.outer(z[:, 0], at[:, 0])).min()), len(z)))
        return np.zeros(len(at))

    residuals(np.zeros(100), np.arange(100.0)[:, None], learner=nosy, folds=4, gap=7)
    assert [distance for distance, _ in seen] == [8] * 4
    assert [rows for _, rows in seen] == [68, 61, 61, 68]


def rejections(repeats: int, seed: int, test: Any) -> float:
    rng = np.random.default_rng(seed)
    return float(np.mean([test(rng) < 0.05 for _ in range(repeats)]))


def near_five_percent(share: float, repeats: int) -> bool:
    return abs(share - 0.05) < 3.5 * math.sqrt(0.05 * 0.95 / repeats) + 0.01


TESTS = {
    "partial": (lambda x, y, z: partial_correlation(x, y, z, lags=0), lambda rain: rain, 0.0),
    "partial, memory": (partial_correlation, lambda rain: rain, 0.6),
    "measure, linear": (lambda x, y, z: covariance_measure(x, y, z, learner="linear"), lambda rain: rain, 0.0),
    "measure, kernel, bent": (
        lambda x, y, z: covariance_measure(x, y, z, folds=3, lags=0),
        lambda rain: 2 * np.sin(2 * rain),
        0.0,
    ),
}


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize(
    "repeats", [pytest.param(60, id="quick"), pytest.param(600, id="long", marks=pytest.mark.slow)]
)
def test_a_true_independence_is_refused_one_time_in_twenty(name: str, repeats: int) -> None:
    test, curve, memory = TESTS[name]
    share = rejections(
        repeats, 21, lambda rng: test(*streets(rng, 300, curve=curve, memory=memory).T[[1, 2, 0]]).p_value
    )
    assert near_five_percent(share, repeats), share


@pytest.mark.parametrize("name", TESTS)
def test_a_planted_dependence_is_seen(name: str) -> None:
    test, curve, memory = TESTS[name]
    many = lambda rng: streets(rng, 300, effect=0.25, curve=curve, memory=memory)  # noqa: E731
    assert rejections(40, 22, lambda rng: test(*many(rng).T[[1, 2, 0]]).p_value) > (0.7 if memory else 0.9)


def test_straight_lines_miss_a_bent_common_cause_and_the_kernel_does_not() -> None:
    """The puddle is judged a cause by linear control of a rain that acts on both in waves."""
    data = [streets(np.random.default_rng(seed), 400, curve=lambda rain: np.cos(3 * rain)) for seed in range(20)]
    straight = [partial_correlation(d[:, 1], d[:, 2], d[:, 0]).p_value < 0.05 for d in data]
    bent = [covariance_measure(d[:, 1], d[:, 2], d[:, 0]).p_value < 0.05 for d in data]
    assert np.mean(straight) > 0.9
    assert np.mean(bent) < 0.25


def test_memory_without_allowance_is_taken_for_dependence() -> None:
    many = lambda rng: streets(rng, 300, memory=0.9).T[[1, 2, 0]]  # noqa: E731
    naive = rejections(100, 23, lambda rng: partial_correlation(*many(rng), lags=0).p_value)
    allowed = rejections(100, 23, lambda rng: partial_correlation(*many(rng), lags=20).p_value)
    assert naive > 0.3
    assert allowed < 0.15


def test_the_right_graph_holds_and_a_wrong_one_is_caught_by_name() -> None:
    data = streets(np.random.default_rng(24), 500)
    right = check_graph(RAIN, data, NAMES)
    assert right.holds
    assert not right.unsupported
    wrong = check_graph(parse_graph("rain -> puddle; taxi"), data, NAMES, method="covariance_measure")
    assert {str(test.statement) for test in wrong.implied if test.refused} == {"taxi ⟂ rain", "taxi ⟂ puddle"}
    idle = check_graph(parse_graph("rain -> puddle -> taxi; rain -> taxi"), data, NAMES)
    assert [str(one) for one in idle.unsupported] == ["taxi ⟂ puddle | rain"]
    assert idle.holds


def test_whole_graphs_are_refused_one_time_in_twenty_at_most() -> None:
    chain = parse_graph("a -> b -> c -> d -> e")
    rng = np.random.default_rng(25)
    refused = 0
    for _ in range(200):
        data = np.cumsum(rng.normal(size=(120, 5)), axis=1)
        refused += not check_graph(chain, data, list("abcde"), lags=0).holds
    assert refused / 200 < 0.05 + 3.5 * math.sqrt(0.05 * 0.95 / 200)


def test_lags_in_names_are_earlier_rows() -> None:
    rng = np.random.default_rng(26)
    factor = rng.normal(size=601)
    a = np.concatenate([[0], factor[:-1]]) + 0.3 * rng.normal(size=601)
    b = np.concatenate([[0, 0], factor[:-2]]) + 0.3 * rng.normal(size=601)
    data = np.column_stack([factor, a, b])
    graph = parse_graph("factor[-1] -> a; factor[-2] -> b")
    assert check_graph(graph, data, ["factor", "a", "b"]).holds
    found = columns_of(data, ["factor", "a", "b"], ["b", "factor[-2]"])
    assert found["b"].tolist() == b[2:].tolist()
    assert found["factor[-2]"].tolist() == factor[:-2].tolist()
    assert lagged(data, [0, 1], longest=3).shape == (598, 6)
    assert lagged(data, [0, 1], longest=3)[0].tolist() == [*data[3], *data[2]]


def test_the_mean_s_error_is_that_of_statsmodels() -> None:
    import statsmodels.api as sm

    v = np.cumsum(np.random.default_rng(27).normal(size=200)) * 0.1 + np.random.default_rng(28).normal(size=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = sm.OLS(v, np.ones(200)).fit(cov_type="HAC", cov_kwds={"maxlags": 6, "use_correction": True})
    ours = mean_of(v, lags=6)
    assert (ours.value, ours.stderr) == pytest.approx((theirs.params[0], theirs.bse[0]))
    assert ours.p_value == pytest.approx(theirs.pvalues[0], abs=1e-9)


RANDOM = np.random.default_rng(29).normal(size=50)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: partial_correlation(RANDOM, RANDOM[:-1]), "49"),
        (lambda: partial_correlation(RANDOM, np.where(np.arange(50) == 7, np.nan, RANDOM)), r"\(7,\)"),
        (lambda: partial_correlation(np.ones(50), RANDOM), "constant"),
        (lambda: partial_correlation(2 * RANDOM + 1, RANDOM[::-1], RANDOM), "determined"),
        (lambda: partial_correlation(RANDOM[:5], RANDOM[:5]), "at least 20"),
        (lambda: covariance_measure(RANDOM, RANDOM[::-1], RANDOM, learner="magic"), "linear, kernel, boosting"),
        (lambda: covariance_measure(RANDOM, RANDOM[::-1], np.ones((50, 1)), gap=60), "rows to train on"),
        (lambda: check_graph(RAIN, np.ones((50, 2)), ["rain", "puddle"]), "taxi"),
        (lambda: check_graph(RAIN, np.ones((50, 3)), ["rain", "puddle", "puddle"]), "different names"),
        (lambda: check_graph(RAIN, np.ones((50, 3)), NAMES), "constant"),
        (lambda: lagged(RANDOM, [50]), "lags"),
    ],
)  # fmt: skip
def test_bad_input_is_told(call: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        call()
