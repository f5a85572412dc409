"""Calibration against scikit-learn's own, against planted distortions, and the measures against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import _SigmoidCalibration  # pyright: ignore
from sklearn.metrics import brier_score_loss

from quotewright.domain.errors import InputError
from quotewright.models.calibration import brier, calibration_error, fit_calibrator, fit_isotonic, fit_sigmoid
from quotewright.models.fitting import fit


def test_the_sigmoid_is_scikit_learns_optimum() -> None:
    rng = np.random.default_rng(1)
    for size, share in ((1.0, 0.5), (1e4, 0.1), (1e-4, 0.9)):
        scores = rng.normal(size=500) * size + size
        positive = rng.random(500) < 1 / (1 + np.exp(-(scores / size - 1) - np.log(share / (1 - share))))
        weights = rng.random(500) + 0.1
        theirs = _SigmoidCalibration().fit(scores, positive.astype(float), weights)
        np.testing.assert_allclose(fit_sigmoid(scores, positive, weights)(scores), theirs.predict(scores), atol=2e-4)


def test_a_planted_sigmoid_is_recovered() -> None:
    rng = np.random.default_rng(2)
    scores = rng.normal(size=40_000) * 3
    positive = rng.random(40_000) < 1 / (1 + np.exp(-0.7 * scores + 0.4))
    found = fit_sigmoid(scores, positive, np.ones(40_000))
    assert found.slope == pytest.approx(-0.7, abs=0.03)
    assert found.shift == pytest.approx(0.4, abs=0.06)


def test_separated_and_constant_scores_stay_finite() -> None:
    positive = np.arange(40) >= 20
    apart = fit_sigmoid(np.where(positive, 1.0, -1.0), positive, np.ones(40))(np.array([-1.0, 1.0]))
    assert apart[0] < 0.06
    assert apart[1] > 0.94
    flat = fit_sigmoid(np.zeros(40), positive, np.ones(40))(np.zeros(3))
    np.testing.assert_allclose(flat, 0.5, atol=1e-9)


def test_overconfident_probabilities_are_mended() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random(8_000)
    positive = rng.random(8_000) < truth
    stated = truth**3 / (truth**3 + (1 - truth) ** 3)
    fitted, judged = slice(0, 4_000), slice(4_000, None)
    for method in ("sigmoid", "isotonic"):
        raw = np.log(stated / (1 - stated)) if method == "sigmoid" else stated
        made = fit_calibrator(raw[fitted, None], positive[fitted].astype(float), method, 2)
        mended = made.probabilities(raw[judged, None])[:, 1]
        assert calibration_error(mended, positive[judged]) < 0.03
        assert calibration_error(stated[judged], positive[judged]) > 0.08
        assert brier(mended, positive[judged]) < brier(stated[judged], positive[judged])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1_000), st.integers(12, 60))
def test_isotonic_lines_rise_within_0_and_1(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(size=count), 1)
    positive = rng.random(count) < 0.5
    line = fit_isotonic(scores, positive, np.ones(count))
    found = line(np.linspace(-5, 5, 200))
    assert (np.diff(line.places) > 0).all() or len(line.places) == 1
    assert (np.diff(found) >= 0).all()
    assert ((found >= 0) & (found <= 1)).all()
    assert line(scores).sum() == pytest.approx(positive.sum(), abs=1e-6)  # pooled means keep the total


def test_several_labels_sum_to_1() -> None:
    rng = np.random.default_rng(5)
    labels = np.arange(90) % 3.0
    scores = rng.normal(size=(90, 3)) + np.eye(3)[labels.astype(int)]
    for method in ("sigmoid", "isotonic"):
        found = fit_calibrator(scores, labels, method, 3).probabilities(scores)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        assert np.mean(found.argmax(axis=1) == labels) > 0.5


def test_measures() -> None:
    rng = np.random.default_rng(6)
    probabilities = np.concatenate([rng.random(500), [0.0, 1.0, 0.1, 0.7]])
    positive = rng.random(504) < 0.4
    assert brier(probabilities, positive) == pytest.approx(brier_score_loss(positive, probabilities))
    by_hand = 0.0
    for k in range(10):
        inside = [(p, o) for p, o in zip(probabilities, positive, strict=True) if min(int(p * 10), 9) == k]
        by_hand += abs(sum(o for _, o in inside) - sum(p for p, _ in inside)) / 504
    assert calibration_error(probabilities, positive) == pytest.approx(by_hand)


def test_refusals() -> None:
    with pytest.raises(InputError):
        brier(np.array([1.2]), np.array([True]))
    with pytest.raises(InputError):
        brier(np.empty(0), np.empty(0, np.bool_))
    with pytest.raises(InputError):
        calibration_error(np.array([0.5]), np.array([True]), bins=0)
    with pytest.raises(InputError, match="every label"):
        fit_calibrator(np.zeros((20, 1)), np.zeros(20), "sigmoid", 2)


@pytest.mark.parametrize("name", ["LinearSVC:classifier", "RandomForest:classifier"])
def test_weights_count_by_their_ratios_alone(name: str) -> None:
    """Platt's targets count rows: weights that sum to 1 must not make every probability a half."""
    rng = np.random.default_rng(5)
    X, weights = rng.normal(size=(300, 3)), rng.random(300) + 0.1
    ups = (X[:, 0] + rng.normal(size=300) > 0).astype(float)
    whole, tiny = (
        fit(name, X, ups, 1, weights=each, params={"n_estimators": 5} if "Forest" in name else {}, calibrate="sigmoid")
        for each in (weights, weights / weights.sum())
    )
    np.testing.assert_allclose(tiny.predict_proba(X), whole.predict_proba(X), atol=1e-6)
    assert whole.score(X).max() > 0.7
