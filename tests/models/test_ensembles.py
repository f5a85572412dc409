"""Ensembles learn, agree with their definitions, and never look ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from planted_returns import planted

from quotewright.domain.errors import InputError
from quotewright.models.ensembles import Stacked, fit_bagged, fit_boosted, fit_stacked, fit_vote
from quotewright.models.exporting import compile_model
from quotewright.models.fitting import Spans, fit
from quotewright.models.weights import average_uniqueness

LINEAR_PAIR = ["Linear", "Ridge:regressor"]
PAIR = ["LogisticRegression", "GaussianNB"]


def test_every_kind_learns_and_repeats() -> None:
    X, returns, ups = planted(500)
    makers: list[tuple[Any, Any]] = [
        (lambda seed: fit_bagged("LDA", X[:400], ups[:400], seed), ups),
        (lambda seed: fit_bagged("KNN:regressor", X[:400], returns[:400], seed), returns),
        (lambda seed: fit_bagged("Ridge:classifier", X[:400], ups[:400], seed, calibrate="sigmoid"), ups),
        (lambda seed: fit_boosted("DecisionTree:classifier", X[:400], ups[:400], seed, number=5), ups),
        (lambda seed: fit_boosted("KNN:classifier", X[:400], ups[:400], seed, number=5), ups),
        (lambda seed: fit_boosted("Linear", X[:400], returns[:400], seed, number=5), returns),
        (lambda seed: fit_stacked([*PAIR, "DecisionTree:classifier"], X[:400], ups[:400], seed), ups),
        (lambda seed: fit_stacked([*LINEAR_PAIR, "KNN:regressor"], X[:400], returns[:400], seed), returns),
        (lambda seed: fit_vote([*PAIR, "Perceptron"], X[:400], ups[:400], seed, calibrate="isotonic"), ups),
        (lambda seed: fit_vote(LINEAR_PAIR, X[:400], returns[:400], seed), returns),
    ]
    for make, _ in makers:
        found, again = make(3), make(3)
        scores = found.score(X[400:])
        np.testing.assert_array_equal(scores, again.score(X[400:]))
        assert np.corrcoef(scores, returns[400:])[0, 1] > 0.25, found.name
        if found.kind == "classifier":
            assert ((scores >= 0) & (scores <= 1)).all()
            assert set(np.unique(found.predict(X[400:]))) <= {0.0, 1.0}


def test_a_vote_is_the_mean_of_its_members() -> None:
    X, returns, ups = planted(200)
    alone = [fit(name, X, ups, 2).predict_proba(X) for name in PAIR]
    np.testing.assert_allclose(fit_vote(PAIR, X, ups, 2).predict_proba(X), np.mean(alone, axis=0))
    values = [fit(name, X, returns, 2).predict(X) for name in LINEAR_PAIR]
    np.testing.assert_allclose(fit_vote(LINEAR_PAIR, X, returns, 2).predict(X), np.mean(values, axis=0))


def test_stacking_does_not_believe_a_model_that_memorises() -> None:
    """On noise a full tree is perfect in its sample: only predictions out of sample show that it knows nothing."""
    rng = np.random.default_rng(8)
    X, noise = rng.normal(size=(400, 4)), rng.normal(size=400)
    found = fit_stacked(["DecisionTree:regressor", "KNN:regressor"], X, noise, 1)
    assert np.corrcoef(found.estimator.members[0].predict(X), noise)[0, 1] > 0.99
    assert found.predict(X).std() < 0.4 * noise.std()


def test_stacking_sees_no_label_that_had_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fit below the top gets rows of the past alone, by the labels' ends."""
    X, returns, _ = planted(120, features=3)
    starts = np.arange(120) * 10
    spans = Spans(starts, starts + 35)
    seen: list[tuple[int, int]] = []
    original = fit

    def spy(name: Any, rows: Any, *rest: Any, **named: Any) -> Any:
        if rows.shape[1] == 3:
            seen.append((len(rows), int(named["spans"].ends.max())))
        return original(name, rows, *rest, **named)

    monkeypatch.setattr("quotewright.models.ensembles.fit", spy)
    Stacked(("Linear", "Ridge:regressor"), "Ridge:regressor", 2, 1).fit(X, returns, None, spans)
    assert [rows for rows, _ in seen] == [37, 37, 77, 77, 120, 120]  # 40 and 80, less the 3 whose labels reach over
    assert [end <= limit for (_, end), limit in zip(seen, (400, 400, 800, 800, 9_999, 9_999), strict=True)] == [
        True
    ] * 6


def test_a_stack_of_the_first_rows_is_not_changed_by_later_ones() -> None:
    """Out-of-sample predictions of the early blocks come from rows before them."""
    X, returns, _ = planted(300, features=3)
    other = returns.copy()
    other[200:] = -10 * other[200:]
    outs: list[Any] = []
    for y in (returns, other):
        stack = Stacked(("Linear", "Ridge:regressor"), "Ridge:regressor", 5, 1)
        tops: list[Any] = []

        def keep(name: Any, rows: Any, *rest: Any, _tops: list[Any] = tops, **named: Any) -> Any:
            _tops.append(rows)
            return fit(name, rows, *rest, **named)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("quotewright.models.ensembles.fit", keep)
            stack.fit(X, y, None, None)
        outs.append(next(rows for rows in tops if rows.shape[1] == 2))
    np.testing.assert_array_equal(outs[0][:150], outs[1][:150])
    assert (outs[0][200:] != outs[1][200:]).any()


def test_bags_of_trees_compile_and_draw_by_uniqueness() -> None:
    X, returns, ups = planted(300)
    starts = np.arange(300)
    spans = Spans(starts, starts + 5)
    found = fit_bagged("DecisionTree:classifier", X, ups, 1, number=9, spans=spans)
    assert found.params["share"] == pytest.approx(average_uniqueness(spans).mean())
    np.testing.assert_allclose(compile_model(found).predict(X), found.score(X), atol=1e-15)
    drawn = [len(np.unique(each)) for each in found.estimator.estimators_samples_]
    assert max(drawn) <= 300 * found.params["share"]
    boosted = fit_boosted("DecisionTree:regressor", X, returns, 1, number=3)
    with pytest.raises(InputError, match="SidecarModel"):
        compile_model(boosted)


def test_boosting_is_samme_by_hand() -> None:
    X, _, ups = planted(150, features=3)
    made = fit_boosted("DecisionTree:classifier", X, ups, 4, number=4, rate=0.5).estimator
    votes = np.zeros((150, 2))
    for member, weight in made.members:
        said = member.predict(X).astype(int)
        for row, label in enumerate(said):
            votes[row, label] += weight
            votes[row, 1 - label] -= weight
    total = sum(weight for _, weight in made.members)
    grown = np.exp(votes / total)
    np.testing.assert_allclose(made.predict_proba(X), grown / grown.sum(axis=1, keepdims=True))


def test_refusals() -> None:
    X, returns, ups = planted(100)
    for wrong in (
        lambda: fit_bagged("LDA", X, ups, 1, share=0.0),
        lambda: fit_bagged("LDA", X, ups, 1, number=0),
        lambda: fit_boosted("LDA", X, ups, 1, rate=0.0),
        lambda: fit_stacked(["LDA"], X, ups, 1),
        lambda: fit_stacked(["LDA", "Linear"], X, ups, 1),
        lambda: fit_stacked(PAIR, X, ups, 1, last="Linear"),
        lambda: fit_stacked(PAIR, X, ups, 1, blocks=1),
        lambda: fit_vote(LINEAR_PAIR, X, returns, 1, calibrate="sigmoid"),
        lambda: fit_vote(PAIR, X, ups, 1, calibrate="platt"),
    ):
        with pytest.raises(InputError):
            wrong()


@pytest.mark.parametrize("alone", [slice(0, 50), slice(350, 400)])
def test_a_label_that_some_stretches_lack_cannot_be_stacked(alone: slice) -> None:
    """Columns of probabilities would be of other labels."""
    X, _, ups = planted(400)
    three = ups.copy()
    three[alone] = 2.0
    with pytest.raises(InputError, match="each label"):
        fit_stacked(["DecisionTree:classifier", "GaussianNB"], X, three, 1)
