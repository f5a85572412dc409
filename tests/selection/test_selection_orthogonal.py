"""Orthogonalised, whitened and clustered features: what holds on training rows, and what later rows cannot touch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.selection.clusters import cluster, silhouette
from quotewright.selection.inputs import rank_correlations
from quotewright.selection.orthogonal import fit_residuals, fit_whitening, orthogonalised

SEEDS = st.integers(0, 2**32 - 1)
NAMES = ("a", "b", "c", "d", "e", "f")


def drawn(seed: int, n: int = 120, f: int = 4) -> tuple[Any, Any, Any]:
    """Correlated features, and a mask of some rows."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, f)) @ rng.normal(size=(f, f)) * 10.0 ** rng.uniform(-3, 3, f) + rng.normal(0, 50, f)
    return x, rng.normal(size=(n, 2)) @ rng.normal(size=(2, 2)) + x[:, :1], np.arange(n) < 80


@given(SEEDS)
@settings(max_examples=40, deadline=None)
def test_residuals_are_uncorrelated_with_factors_on_training_rows(seed: int) -> None:
    x, factors, train = drawn(seed)
    left = fit_residuals(x, factors, train).apply(x, factors)
    for residual, value in zip(left[train].T, x[train].T, strict=True):
        for factor in factors[train].T:
            covariance = (residual - residual.mean()) @ (factor - factor.mean())
            assert abs(covariance) <= 1e-8 * len(residual) * value.std() * factor.std()


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_later_rows_change_no_fit(seed: int) -> None:
    x, factors, train = drawn(seed)
    other, others = x.copy(), factors.copy()
    other[~train] *= -7
    others[~train] += 1e3
    np.testing.assert_array_equal(fit_residuals(x, factors, train).slopes, fit_residuals(other, others, train).slopes)
    np.testing.assert_array_equal(fit_whitening(x, train).weights, fit_whitening(other, train).weights)


def test_residuals_are_those_of_ordinary_least_squares() -> None:
    from statsmodels.regression.linear_model import OLS
    from statsmodels.tools.tools import add_constant

    x, factors, train = drawn(5)
    found = fit_residuals(x, factors, train)
    for k in range(x.shape[1]):
        oracle = OLS(x[train, k], add_constant(factors[train])).fit()
        np.testing.assert_allclose([found.intercepts[k], *found.slopes[:, k]], oracle.params, rtol=1e-7)
        later = x[~train, k] - oracle.predict(add_constant(factors[~train]))
        np.testing.assert_allclose(found.apply(x, factors)[~train, k], later, rtol=1e-6, atol=1e-9 * abs(x).max())


def test_duplicated_and_constant_factors_do_no_harm() -> None:
    x, factors, train = drawn(6)
    more = np.column_stack([factors, factors[:, 0], np.full(len(x), 3.0)])
    once, twice = fit_residuals(x, factors, train), fit_residuals(x, more, train)
    np.testing.assert_allclose(once.apply(x, factors), twice.apply(x, more), atol=1e-7 * abs(x).max())


def test_named_factors_leave_the_others() -> None:
    x, _, train = drawn(7)
    left, names = orthogonalised(x, NAMES[:4], ["b"], train)
    assert names == ("a", "c", "d")
    np.testing.assert_allclose(left, fit_residuals(x[:, [0, 2, 3]], x[:, [1]], train).apply(x[:, [0, 2, 3]], x[:, [1]]))
    for factors in (["z"], [], list(NAMES[:4])):
        with pytest.raises(InputError, match="factors"):
            orthogonalised(x, NAMES[:4], factors, train)


@given(SEEDS, st.booleans())
@settings(max_examples=40, deadline=None)
def test_whitened_training_rows_have_the_identity_as_covariance(seed: int, named_axes: bool) -> None:
    x, _, train = drawn(seed)
    white = fit_whitening(x, train, named_axes=named_axes).apply(x)
    np.testing.assert_allclose(np.cov(white[train].T), np.eye(4), atol=1e-6)
    if named_axes:
        nearest = np.corrcoef(white[train].T, x[train].T)[:4, 4:]
        assert (np.diag(nearest) > 0).all()


def test_components_are_those_of_the_correlation_matrix() -> None:
    from sklearn.decomposition import PCA

    x, _, train = drawn(8)
    z = (x - x[train].mean(axis=0)) / x[train].std(axis=0, ddof=1)
    oracle = PCA(whiten=True).fit(z[train])
    found = fit_whitening(x, train)
    np.testing.assert_allclose(found.shares, oracle.explained_variance_ratio_, rtol=1e-9)
    np.testing.assert_allclose(np.abs(found.apply(x)), np.abs(oracle.transform(z)), rtol=1e-6, atol=1e-9)
    few = fit_whitening(x, train, keep=found.shares[:2].sum())
    assert few.weights.shape == (4, 2)


def test_a_duplicate_costs_a_component() -> None:
    x, _, train = drawn(9)
    assert fit_whitening(np.column_stack([x, 2 * x[:, 0]]), train).weights.shape == (5, 4)


def test_what_cannot_be_fitted_is_refused() -> None:
    x, factors, train = drawn(10)
    with pytest.raises(InputError, match="vary"):
        fit_whitening(np.column_stack([x, np.ones(len(x))]), train)
    with pytest.raises(InputError, match="finite"):
        fit_residuals(np.where(x == x[3, 1], np.nan, x), factors, train)
    with pytest.raises(InputError, match="train"):
        fit_residuals(x, factors, train[:-1])
    with pytest.raises(InputError, match="at least"):
        fit_residuals(x, factors, np.arange(len(x)) < 3)
    with pytest.raises(InputError, match="columns"):
        fit_whitening(x, train).apply(x[:, :2])


def families(seed: int = 1, n: int = 400) -> Any:
    """Three of one factor, two of another, one alone."""
    rng = np.random.default_rng(seed)
    one, two = rng.normal(size=(2, n))
    noise = rng.normal(size=(n, 6))
    return np.column_stack([one, one, -one, two, two, 0 * one]) + noise * [0.4, 0.4, 0.4, 0.4, 0.4, 1]


def test_clusters_are_the_planted_families() -> None:
    found = cluster(families(), NAMES)
    assert found.members == (("a", "b", "c"), ("d", "e"), ("f",))
    assert found.silhouette > 0.4
    assert found.of("e") == 1
    assert {found.order.index(n) for n in "abc"} in ({0, 1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 5})
    assert cluster(families(), NAMES, threshold=1.0).members == (tuple(NAMES),)
    assert len(cluster(families(), NAMES, threshold=0.0).members) == 6


@given(SEEDS, st.permutations(range(6)))
@settings(max_examples=25, deadline=None)
def test_clusters_depend_on_no_order_of_columns_and_no_monotone_map(seed: int, order: list[int]) -> None:
    x = families(seed, 60)
    bent = np.column_stack([np.exp(x[:, k]) if k % 2 else -(x[:, k] ** 3) for k in order])
    assert cluster(bent, [NAMES[k] for k in order]) == cluster(x, NAMES)


def test_the_silhouette_is_scikit_learns() -> None:
    from sklearn.metrics import silhouette_score

    distance = 1 - np.abs(rank_correlations(families(), NAMES))
    for labels in ([0, 0, 1, 1, 2, 2], [0, 0, 0, 1, 1, 2], [3, 1, 1, 1, 1, 3]):
        oracle = silhouette_score(distance, labels, metric="precomputed")
        assert silhouette(distance, np.array(labels)) == pytest.approx(oracle, abs=1e-12)


def test_the_default_cut_is_the_best_of_all_cuts_of_the_tree() -> None:
    x = families(3)
    cuts = [cluster(x, NAMES, threshold=t).silhouette for t in np.linspace(0, 1, 101)]
    assert cluster(x, NAMES).silhouette == pytest.approx(max(cuts))


def test_rank_correlations_are_spearmans() -> None:
    from scipy.stats import spearmanr

    x = np.round(families(4), 1)  # with ties
    np.testing.assert_allclose(rank_correlations(x, NAMES), spearmanr(x).statistic, atol=1e-12)


def test_one_or_two_features_are_clustered_too() -> None:
    x = families()
    assert cluster(x[:, 0], ["a"]).members == (("a",),)
    assert cluster(x[:, :2], ["a", "b"]).members == (("a", "b"),)
    assert cluster(x[:, [0, 3]], ["a", "d"]).members == (("a",), ("d",))
    with pytest.raises(InputError, match="vary"):
        cluster(x * [1, 0, 1, 1, 1, 1], NAMES)
    with pytest.raises(InputError, match="different names"):
        cluster(x, ["a"] * 6)
