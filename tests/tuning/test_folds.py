"""Inner folds: rows of the training part, and no others, ever reach an objective."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.tuning.folds import InnerFolds

TRAINING = np.arange(100)


@given(
    st.lists(st.tuples(st.sets(st.integers(0, 119), min_size=1), st.sets(st.integers(0, 119), min_size=1)), min_size=1)
)
def test_folds_exist_only_inside_the_training_part(splits: list[tuple[set[int], set[int]]]) -> None:
    given = [(np.array(sorted(train)), np.array(sorted(test))) for train, test in splits]
    allowed = all(max(train | test) < 100 and not train & test for train, test in splits)
    if not allowed:
        with pytest.raises(InputError):
            InnerFolds(TRAINING, given)
        return
    for fold, (train, test) in zip(InnerFolds(TRAINING, given), splits, strict=True):
        assert set(fold.train.tolist()) == train
        assert set(fold.test.tolist()) == test


def test_rows_cannot_be_changed_and_are_copies() -> None:
    train, test = np.arange(50), np.arange(60, 80)
    folds = InnerFolds(TRAINING, [(train, test)])
    (fold,) = folds
    before = folds.facts()
    with pytest.raises(ValueError, match="read-only"):
        fold.test[0] = 119
    test[0] = 119
    assert folds.facts() == before
    assert fold.test[0] == 60


def test_facts_tell_folds_apart() -> None:
    splits = [(np.arange(50), np.arange(60, 80)), (np.arange(40), np.arange(60, 70))]
    others = [
        InnerFolds(TRAINING, splits),
        InnerFolds(TRAINING, splits[::-1]),
        InnerFolds(TRAINING, splits[:1]),
        InnerFolds(TRAINING[:90], splits),
        InnerFolds(TRAINING, [(splits[0][1], splits[0][0]), splits[1]]),
    ]
    assert len({each.facts()["sha256"] for each in others}) == len(others)


@pytest.mark.parametrize(
    ("training", "splits", "match"),
    [
        (TRAINING, [], "at least one split"),
        (TRAINING, [(np.arange(5), np.array([], np.int64))], "at least one row"),
        (TRAINING, [(np.arange(5.0), np.arange(5, 9))], "row number"),
        (TRAINING, [(np.array([1, 1]), np.arange(5, 9))], "each row once"),
        (np.array([-1, 2]), [(np.arange(1), np.arange(2))], "from 0"),
        (TRAINING, [(np.arange(5), np.arange(5, 101))], "is not a row of the training part"),
        (TRAINING, [(np.arange(6), np.arange(5, 9))], "both train and test"),
    ],
)
def test_what_is_no_fold_is_refused(training: Any, splits: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        InnerFolds(training, splits)
