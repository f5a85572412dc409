"""Features that know their label are suspected, honest ones are not; rows on both sides of a split are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.validation.leakage import duplicates, suspicions
from quotewright.validation.splits import Fold

N = 1_000


def planted(seed: int) -> tuple[Any, Any, list[str]]:
    """Daily moves, the next one as the label, honest features and leaking ones."""
    rng = np.random.default_rng(seed)
    moves = rng.standard_t(4, N + 20) * 0.02
    prices = np.exp(np.cumsum(moves))
    label = moves[11 : N + 11]  # of the row after
    centred = np.convolve(moves, np.ones(3) / 3, "same")
    columns = {
        "momentum": (prices[10 : N + 10] / prices[3 : N + 3]) - 1,
        "level": prices[10 : N + 10],
        "weak forecast": label * 0.1 + rng.normal(0, 0.02, N),
        "row": np.arange(N) * 1.0,
        "constant": np.ones(N),
        "unknown": np.full(N, np.nan),
        "next": label + rng.normal(0, 0.005, N),
        "centred": centred[10 : N + 10],
        "two ahead": moves[12 : N + 12],
        "size of next": np.abs(label),
    }
    return np.column_stack(list(columns.values())), label, list(columns)


@pytest.mark.parametrize("seed", range(5))
def test_leaks_are_suspected_by_name_and_lead_and_nothing_else_is(seed: int) -> None:
    features, label, names = planted(seed)
    found = {each.feature: each for each in suspicions(features, label, names)}
    assert set(found) == {"next", "centred", "two ahead"}
    assert (found["next"].reason, found["next"].lead) == ("score", 0)
    assert (found["two ahead"].reason, found["two ahead"].lead) == ("lead", 1)
    assert found["two ahead"].figure == pytest.approx(1)
    sizes = {each.feature: each.reason for each in suspicions(features, np.abs(label), names)}
    assert "size of next" in sizes


def test_a_shape_that_is_not_monotone_is_seen() -> None:
    rng = np.random.default_rng(1)
    feature = rng.normal(size=N)
    (found,) = suspicions(feature[:, None], feature**2 + rng.normal(0, 0.3, N), ["x"])
    assert found.reason == "shape"
    assert found.figure > 0.8


def test_overlapping_labels_of_noise_raise_no_suspicion_of_slow_features() -> None:
    rng = np.random.default_rng(2)
    flagged = 0
    for _ in range(20):
        path = np.cumsum(rng.normal(size=N + 10))
        slow = np.column_stack([np.arange(N) * 1.0, np.cumsum(rng.normal(size=N))])
        flagged += len(suspicions(slow, path[10:] - path[:-10], ["row", "walk"]))
    assert flagged <= 1


def test_few_rows_suspect_nothing() -> None:
    assert suspicions(np.ones((3, 1)), np.ones(3), ["x"]) == ()
    assert suspicions(np.ones((0, 1)), np.ones(0), ["x"]) == ()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.0, -0.0, 1.0, np.nan]), st.sampled_from([0.0, 2.0])), min_size=4, max_size=30)
)
def test_duplicates_pair_by_pair(rows: list[tuple[float, float]]) -> None:
    features = np.array(rows)
    train, test = np.arange(len(rows) // 2), np.arange(len(rows) // 2, len(rows))
    found = duplicates(features, Fold(train, test), most=100)
    expected = {
        j: next(i for i in train if np.array_equal(features[i], features[j], equal_nan=True))
        for j in test
        if any(np.array_equal(features[i], features[j], equal_nan=True) for i in train)
    }
    assert {j: i for i, j in found.pairs} == expected
    assert found.number == len(expected)


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("features", lambda: suspicions(np.ones((3, 2)), np.ones(3), ["x"])),
        ("features", lambda: suspicions(np.ones((3, 1)), np.ones(2), ["x"])),
        ("ceiling, leads", lambda: suspicions(np.ones((3, 1)), np.ones(3), ["x"], ceiling=0)),
        ("features", lambda: duplicates(np.ones((3, 0)), Fold(np.arange(1), np.arange(2)))),
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field
