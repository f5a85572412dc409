"""Mutual information against closed forms and scikit-learn; selection against brute force and planted duplicates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import digamma

from quotewright.domain.errors import InputError
from quotewright.selection.choosing import drop_correlated, mrmr
from quotewright.selection.information import (
    class_information,
    information,
    mutual_information,
    nearest_neighbour_information,
    redundancy,
)
from quotewright.selection.inputs import rank_correlations

SEEDS = st.integers(0, 2**32 - 1)
NAMES = ("a", "b", "c", "d")


def correlated(rho: float, n: int = 1500, seed: int = 1) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return x, rho * x + math.sqrt(1 - rho**2) * rng.normal(size=n)


@pytest.mark.parametrize("rho", [0.0, 0.5, -0.9])
def test_the_estimate_is_that_of_normal_variables(rho: float) -> None:
    x, y = correlated(rho)
    seen = np.corrcoef(x, y)[0, 1]
    assert mutual_information(x, y) == pytest.approx(-0.5 * math.log(1 - seen**2), abs=0.05)


def test_the_estimates_are_scikit_learns() -> None:
    from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

    x, y = correlated(0.6, 500)
    x, y = x / x.std(), y / y.std()  # as it scales them
    oracle = mutual_info_regression(x[:, None], y, n_neighbors=3, random_state=1)[0]
    assert nearest_neighbour_information(x, y, 3) == pytest.approx(oracle, abs=1e-6)
    classes = np.digitize(y, [-1.0, 0.3])
    oracle = mutual_info_classif(x[:, None], classes, n_neighbors=3, random_state=1)[0]
    assert class_information(x, classes, 3) == pytest.approx(oracle, abs=1e-6)


def test_both_estimates_are_their_formulas() -> None:
    x, y = correlated(0.7, 60, seed=4)
    k = 3
    terms = []
    for i in range(60):
        away = np.maximum(np.abs(x - x[i]), np.abs(y - y[i]))
        reach = np.sort(away)[k]
        terms.append(
            digamma(1 + (np.abs(x - x[i]) < reach).sum() - 1) + digamma(1 + (np.abs(y - y[i]) < reach).sum() - 1)
        )
    assert nearest_neighbour_information(x, y, k) == pytest.approx(digamma(k) + digamma(60) - np.mean(terms))
    classes = np.array([0] * 20 + [1] * 37 + [2] * 2 + [3])  # one class of two rows, one of one
    found = []
    for i in range(59):
        mine = np.flatnonzero(classes == classes[i])
        kk = min(k, len(mine) - 1)
        reach = np.sort(np.abs(x[mine] - x[i]))[kk]
        m = (np.abs(x[:59] - x[i]) < reach).sum()
        found.append(digamma(kk) - digamma(len(mine)) - digamma(m))
    assert class_information(x, classes, k) == pytest.approx(digamma(59) + np.mean(found))


def test_a_class_is_told_by_its_share_of_entropy() -> None:
    rng = np.random.default_rng(2)
    classes = rng.integers(0, 3, 900)
    told = mutual_information(classes + 0.1 * rng.uniform(size=900), classes)
    assert told == pytest.approx(math.log(3), abs=0.05)


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_monotone_maps_change_nothing(seed: int) -> None:
    x, y = correlated(0.5, 200, seed)
    once = mutual_information(x, y)
    assert mutual_information(np.exp(x), np.arctan(y)) == pytest.approx(once, abs=1e-12)
    assert mutual_information(-(x**3), y) == pytest.approx(once, abs=0.02)  # ties of distance apart


def test_what_bends_both_ways_is_found_by_information_and_not_by_correlation() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(800, 2))
    label = np.abs(x[:, 0]) + 0.3 * rng.normal(size=800)
    assert abs(rank_correlations(np.column_stack([x[:, 0], label]), ("x", "y"))[0, 1]) < 0.08
    telling, silent = information(x, label, ("folded", "noise"), draws=39)
    assert (telling.p_value, telling.family_p) == (1 / 40, 1 / 40)
    assert telling.nats > 0.3
    assert silent.p_value > 0.05


def test_an_exclusive_or_is_told_by_the_product_alone() -> None:
    rng = np.random.default_rng(3)
    one, two = rng.choice([-1.0, 1.0], (2, 800)) + 0.2 * rng.normal(size=(2, 800))
    label = ((one > 0) ^ (two > 0)).astype(float)
    x = np.column_stack([one, two, one * two])
    found = information(x, label, ("one", "two", "product"), draws=39)
    assert [each.p_value <= 0.05 for each in found] == [False, False, True]
    assert found[2].nats == pytest.approx(math.log(2), abs=0.05)
    # Where the other input is fixed, information finds either; over all rows correlation finds neither.
    fixed = two > 0
    assert mutual_information(one[fixed], label[fixed]) == pytest.approx(math.log(2), abs=0.05)
    assert np.abs(rank_correlations(np.column_stack([x[:, :2], label]), ("x", "y", "z"))[2, :2]).max() < 0.08


def false_alarms(repeats: int, phi: float) -> tuple[float, float]:
    """Share of features, and of families of four, called telling at 5 %, where nothing is; rows depend in time."""
    rng = np.random.default_rng(5)
    alone, family = 0, 0
    for _ in range(repeats):
        paths = np.zeros((250, 5))
        noise = rng.normal(size=(250, 5))
        for i in range(1, 250):
            paths[i] = phi * paths[i - 1] + noise[i]
        found = information(paths[50:, :4], paths[50:, 4] > 0, NAMES, draws=19)
        alone += sum(each.p_value <= 0.05 for each in found)
        family += any(each.family_p <= 0.05 for each in found)
    return alone / repeats / 4, family / repeats


def test_what_says_nothing_is_seldom_called_telling() -> None:
    alone, family = false_alarms(30, 0.5)
    assert alone <= 0.13
    assert family <= 0.2


@pytest.mark.slow
def test_false_alarms_are_as_stated() -> None:
    alone, family = false_alarms(300, 0.5)
    assert alone == pytest.approx(0.05, abs=0.03)
    assert family == pytest.approx(0.05, abs=0.045)


def test_neither_order_of_columns_nor_ties_matter() -> None:
    rng = np.random.default_rng(6)
    x = rng.integers(0, 4, (300, 3)).astype(float)
    y = (x[:, 0] + rng.integers(0, 2, 300) > 2).astype(float)
    found = information(x, y, NAMES[:3], draws=19)
    turned = information(x[:, ::-1], y, NAMES[2::-1], draws=19)
    assert sorted(turned) == sorted(found)
    assert found[0].p_value == 0.05
    assert min(found[1].p_value, found[2].p_value) > 0.05


def test_redundancy_is_symmetric_and_whole_for_duplicates() -> None:
    x, y = correlated(0.8, 300)
    found = redundancy(np.column_stack([x, y, np.exp(x)]), NAMES[:3])
    np.testing.assert_array_equal(found, found.T)
    whole = digamma(300) - digamma(7)
    np.testing.assert_allclose([*np.diag(found), found[0, 2]], whole)
    assert found[0, 1] < 1


@given(SEEDS, st.permutations(range(4)))
@settings(max_examples=40, deadline=None)
def test_mrmr_is_the_greedy_search_in_any_order_of_columns(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    relevance = rng.integers(0, 5, 4) / 4.0  # with ties
    between = rng.uniform(size=(4, 4))
    between = between + between.T
    found = mrmr(relevance, between, NAMES)
    taken: list[int] = []
    while len(taken) < 4:
        rest = [k for k in range(4) if k not in taken]
        scores = {k: relevance[k] - (np.mean([between[k, s] for s in taken]) if taken else 0) for k in rest}
        best = max(scores.values())
        taken.append(min(k for k in rest if scores[k] >= best - 1e-12))
    assert [each.name for each in found] == [NAMES[k] for k in taken]
    turned = mrmr(relevance[order], between[np.ix_(order, order)], [NAMES[k] for k in order], count=2)
    assert turned == found[:2]


def test_a_duplicate_comes_last_in_mrmr_and_is_dropped() -> None:
    x, y = correlated(0.8, 600)
    other, z = correlated(0.4, 600, seed=2)
    features = np.column_stack([x, np.exp(x) + 1e-3 * z, other])
    label = y + z
    told = [each.nats for each in information(features, label, NAMES[:3], draws=1)]
    ranking = mrmr(told, redundancy(features, NAMES[:3]), NAMES[:3])
    assert ranking[1].name == "c"
    found = drop_correlated(features, NAMES[:3], told)
    gone = "a" if told[1] > told[0] else "b"
    assert [each.name for each in found.dropped] == [gone]
    assert "which says no less" in found.dropped[0].reason


@given(SEEDS, st.permutations(range(4)), st.floats(0.1, 0.95))
@settings(max_examples=40, deadline=None)
def test_what_stays_is_apart_and_what_goes_has_a_better_twin(seed: int, order: list[int], threshold: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 4)) + 2 * rng.normal(size=(40, 1))
    told = rng.integers(0, 3, 4) / 10.0
    found = drop_correlated(x, NAMES, told, threshold=threshold)
    rho = np.abs(rank_correlations(x, NAMES))
    kept = [NAMES.index(name) for name in found.kept]
    assert all(rho[i, j] <= threshold + 1e-9 for i in kept for j in kept if i != j)
    for each in found.dropped:
        i, j = NAMES.index(each.name), NAMES.index(each.kept)
        assert rho[i, j] > threshold
        assert told[j] >= told[i]
    bent = np.column_stack([np.exp(x[:, k]) for k in order])
    turned = drop_correlated(bent, [NAMES[k] for k in order], told[order], threshold=threshold)
    assert turned.kept == found.kept


def test_wrong_input_is_refused() -> None:
    x, y = correlated(0.5, 60)
    for call, what in (
        (lambda: information(x, np.ones(60), ["a"]), "vary"),
        (lambda: information(x * 0, y, ["a"]), "vary"),
        (lambda: information(x[:5], y[:5], ["a"]), "at least 12"),
        (lambda: information(np.where(x > 0, np.nan, x), y, ["a"]), "finite"),
        (lambda: information(x, y, ["a"], discrete=True), "discrete=False"),
        (lambda: information(x, y, ["a"], draws=0), "draws"),
        (lambda: mrmr([1, 2], np.eye(3), ["a", "b"]), "redundancy"),
        (lambda: mrmr([1, 2], np.eye(2), ["a", "b"], count=3), "count"),
        (lambda: drop_correlated(x, ["a"], [1.0], threshold=2), "threshold"),
    ):
        with pytest.raises(InputError, match=what):
            call()
