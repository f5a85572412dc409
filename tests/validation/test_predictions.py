"""Figures of predictions against scikit-learn's, and calibration where the truth is planted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from quotewright.domain.errors import InputError
from quotewright.validation.predictions import classification_figures, regression_figures, reliability_table


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 60), st.integers(0, 1000))
def test_numbers_as_scikit_learn(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    target, predicted = rng.normal(size=n), rng.normal(size=n)
    target[0] = 0
    found = regression_figures(target, predicted)
    assert found.mae == pytest.approx(metrics.mean_absolute_error(target, predicted))
    assert found.rmse == pytest.approx(metrics.root_mean_squared_error(target, predicted))
    assert found.skill == pytest.approx(1 - np.sum((target - predicted) ** 2) / np.sum(target**2))
    assert found.hit_rate == pytest.approx(np.mean(target[1:] * predicted[1:] > 0))
    assert found.correlation == pytest.approx(np.corrcoef(target, predicted)[0, 1])


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 60), st.integers(2, 4), st.integers(0, 1000))
def test_classes_as_scikit_learn(n: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, classes, n)
    target[:2] = [0, classes - 1]
    probabilities = rng.dirichlet(np.ones(classes) * 0.5, n)
    predicted = probabilities.argmax(axis=1)
    found = classification_figures(target, predicted, probabilities)
    labels = list(range(classes))
    assert found.accuracy == pytest.approx(metrics.accuracy_score(target, predicted))
    recalls = metrics.recall_score(target, predicted, labels=np.unique(target), average="macro", zero_division=0)
    assert found.balanced_accuracy == pytest.approx(recalls)
    assert found.log_loss == pytest.approx(metrics.log_loss(target, probabilities, labels=labels))
    if classes == 2:
        assert found.brier == pytest.approx(metrics.brier_score_loss(target, probabilities[:, 1]))
        one = classification_figures(target, predicted, probabilities[:, 1])
        assert (one.log_loss, one.ece) == (pytest.approx(found.log_loss), pytest.approx(found.ece))
    else:
        assert found.brier == pytest.approx(np.mean(np.sum((probabilities - np.eye(classes)[target]) ** 2, axis=1)))
    assert sum(each.n for each in found.reliability) == n


def test_certainty_that_fails_costs_much_but_not_everything() -> None:
    found = classification_figures(np.array([0, 1]), np.array([1, 1]), np.array([1.0, 1.0]))
    assert found.log_loss == pytest.approx(52 * np.log(2) / 2)
    assert found.brier == 0.5
    assert found.ece == 0.5


def test_calibration_finds_what_was_planted() -> None:
    rng = np.random.default_rng(3)
    said = rng.random(60_000)
    honest = classification_figures((rng.random(60_000) < said).astype(int), (said > 0.5).astype(int), said)
    bold = classification_figures(
        (rng.random(60_000) < 0.5 + (said - 0.5) / 2).astype(int), (said > 0.5).astype(int), said
    )
    assert honest.ece == pytest.approx(0, abs=0.012)
    assert bold.ece == pytest.approx(0.125, abs=0.012)  # mean of |p − ½|/2
    assert all(abs(each.came - each.said) < 0.03 for each in honest.reliability)
    assert [each.low for each in honest.reliability] == pytest.approx([k / 10 for k in range(10)])


def test_bins_by_hand() -> None:
    table = reliability_table(np.array([0.0, 0.1, 0.5, 1.0]), np.array([0.0, 1, 1, 1]), bins=2)
    assert [each[2:] for each in table] == [(2, pytest.approx(0.05), 0.5), (2, 0.75, 1.0)]


def test_figures_that_do_not_exist_are_none() -> None:
    still = regression_figures(np.zeros(3), np.ones(3))
    assert (still.skill, still.correlation, still.hit_rate) == (None, None, None)
    plain = classification_figures(np.array([0, 0, 2]), np.array([0, 1, 2]))
    assert (plain.log_loss, plain.brier, plain.ece, plain.reliability) == (None, None, None, ())
    assert plain.balanced_accuracy == pytest.approx(0.75)


Y = np.array([0, 1, 1])


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("predicted", lambda: regression_figures(np.zeros(0), np.zeros(0))),
        ("predicted", lambda: regression_figures(np.zeros(2), np.zeros(3))),
        ("predicted", lambda: regression_figures(np.zeros(2), np.array([1, np.nan]))),
        ("target", lambda: classification_figures(Y * 1.0, Y)),  # type: ignore[arg-type]
        ("target", lambda: classification_figures(Y, -Y)),
        ("probabilities", lambda: classification_figures(Y, Y, np.ones((3, 2)))),
        ("probabilities", lambda: classification_figures(Y, Y, np.ones((3, 1)))),
        ("probabilities", lambda: classification_figures(Y * 2, Y, np.ones(3) / 2)),
        ("probabilities", lambda: classification_figures(Y, Y, np.array([0.2, 0.3, 1.2]))),
        ("probabilities", lambda: classification_figures(Y, Y, np.array([0.2, 0.3, np.nan]))),
        ("said", lambda: reliability_table(np.array([1.5]), np.ones(1))),
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field
