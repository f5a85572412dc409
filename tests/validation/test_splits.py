"""Splits held to their promises pair by pair, for drawn intervals of every length and order of ends."""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.validation.combinatorial import combinatorial
from quotewright.validation.labels import NEVER
from quotewright.validation.splits import Fold, breaches, overlapping, purged_k_fold, split, walk_forward

INTERVALS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), min_size=12, max_size=40)


def spans(rows: list[tuple[int, int]]) -> tuple[Any, Any]:
    """Starts in order, ends in any."""
    gaps, lengths = np.array(rows, np.int64).T
    starts = np.cumsum(gaps)
    return starts, starts + lengths


def meet(starts: Any, ends: Any, i: int, j: int) -> bool:
    return bool(starts[i] <= ends[j] and starts[j] <= ends[i])


def kept(starts: Any, ends: Any, test: Any, embargo: int) -> list[int]:
    """The training rows, judged one pair at a time."""
    return [
        i
        for i in range(len(starts))
        if i not in test and not any(meet(starts, ends, i, j) or ends[j] < starts[i] <= ends[j] + embargo for j in test)
    ]


@settings(max_examples=50, deadline=None)
@given(INTERVALS, INTERVALS)
def test_overlaps_as_pair_by_pair(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    (s, e), (t, f) = spans(one), spans(other)
    mixed = np.random.default_rng(0).permutation(len(t))
    expected = [any(s[i] <= f[j] and t[j] <= e[i] for j in range(len(t))) for i in range(len(s))]
    assert overlapping(s, e, t[mixed], f[mixed]).tolist() == expected


@settings(max_examples=50, deadline=None)
@given(INTERVALS, st.sets(st.integers(0, 11), min_size=1, max_size=6), st.integers(0, 8))
def test_a_split_keeps_all_that_is_clean_and_nothing_else(
    rows: list[tuple[int, int]], test: set[int], embargo: int
) -> None:
    starts, ends = spans(rows)
    expected = kept(starts, ends, test, embargo)
    if not expected:
        with pytest.raises(InputError, match="nothing is left"):
            split(starts, ends, np.array(sorted(test)), embargo=embargo)
        return
    fold = split(starts, ends, np.array(list(test)), embargo=embargo)
    assert fold.train.tolist() == expected
    assert fold.test.tolist() == sorted(test)


@settings(max_examples=50, deadline=None)
@given(INTERVALS, st.integers(4, 11), st.integers(1, 9), st.none() | st.integers(1, 12), st.integers(0, 4))
def test_walking_forward_trains_on_what_was_known(
    rows: list[tuple[int, int]], first: int, every: int, window: int | None, embargo: int
) -> None:
    starts, ends = spans(rows)
    begins = range(first, len(rows), every)
    past = [range(0 if window is None else max(0, begin - window), begin) for begin in begins]
    expected = [[i for i in rows_ if ends[i] + embargo < starts[b]] for rows_, b in zip(past, begins, strict=True)]
    if any(not train for train in expected):
        with pytest.raises(InputError, match="no label is known"):
            walk_forward(starts, ends, first=first, every=every, window=window, embargo=embargo)
        return
    folds = walk_forward(starts, ends, first=first, every=every, window=window, embargo=embargo)
    assert [fold.train.tolist() for fold in folds] == expected
    assert np.concatenate([fold.test for fold in folds]).tolist() == list(range(first, len(rows)))
    assert all(len(fold.test) == every for fold in folds[:-1])
    assert not any(meet(starts, ends, i, j) for fold in folds for i in fold.train for j in fold.test)


@settings(max_examples=50, deadline=None)
@given(INTERVALS, st.integers(2, 5), st.integers(0, 4))
def test_folds_test_every_row_once_and_train_on_none_that_meets_it(
    rows: list[tuple[int, int]], number: int, embargo: int
) -> None:
    starts, ends = spans([(gap + 3, length) for gap, length in rows])
    try:
        folds = purged_k_fold(starts, ends, folds=number, embargo=embargo)
    except InputError:
        return
    assert np.concatenate([fold.test for fold in folds]).tolist() == list(range(len(rows)))
    for fold in folds:
        assert fold.train.tolist() == kept(starts, ends, set(fold.test.tolist()), embargo)


@settings(max_examples=50, deadline=None)
@given(st.integers(3, 7), st.integers(1, 3), st.integers(0, 3), st.integers(20, 45))
def test_every_path_has_every_row_once_from_a_model_that_never_met_it(
    groups: int, tested: int, embargo: int, number: int
) -> None:
    if tested >= groups:
        tested = groups - 1
    starts = np.arange(number, dtype=np.int64) * 10
    ends = starts + 5
    found = combinatorial(starts, ends, groups=groups, tested=tested, embargo=embargo)
    assert len(found.folds) == comb(groups, tested)
    assert len(found.paths) == comb(groups - 1, tested - 1) == tested * comb(groups, tested) // groups
    predictions = [k * 1000.0 + fold.test for k, fold in enumerate(found.folds)]
    paths = found.reassemble(predictions)
    assert (paths % 1000 == np.arange(number)).all()
    source = paths // 1000
    for row in range(number):
        assert sorted(source[:, row].tolist()) == [k for k, fold in enumerate(found.folds) if row in fold.test]
        assert all(row not in found.folds[int(k)].train for k in source[:, row])
    for fold in found.folds:
        assert fold.train.tolist() == kept(starts, ends, set(fold.test.tolist()), embargo)


def test_a_shuffled_split_of_overlapping_labels_is_caught_and_a_purged_one_is_not() -> None:
    starts = np.arange(200, dtype=np.int64)
    ends = starts + 10
    shuffled = np.random.default_rng(1).permutation(200)
    naive = breaches(starts, ends, Fold(np.sort(shuffled[40:]), np.sort(shuffled[:40])))
    assert len(naive.overlaps) > 150
    unpurged = Fold(np.arange(0, 150), np.arange(150, 200))
    assert breaches(starts, ends, unpurged).overlaps.tolist() == list(range(140, 150))
    for fold in (*purged_k_fold(starts, ends, folds=5, embargo=7), *walk_forward(starts, ends, first=100, every=20)):
        found = breaches(starts, ends, fold)
        assert (len(found.overlaps), len(found.embargoed)) == (0, 0)


def test_a_neglected_embargo_is_caught() -> None:
    starts = np.arange(100, dtype=np.int64)
    fold = split(starts, starts + 2, np.arange(40, 60))
    assert fold.train.tolist() == [*range(38), *range(62, 100)]
    assert breaches(starts, starts + 2, fold, embargo=5).embargoed.tolist() == [62, 63, 64, 65, 66]


S = np.arange(10, dtype=np.int64)


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("starts", lambda: purged_k_fold(S[::-1].copy(), S[::-1].copy(), folds=2)),
        ("starts", lambda: purged_k_fold(S[:0], S[:0], folds=2)),
        ("ends", lambda: purged_k_fold(S, S - 1, folds=2)),
        ("ends", lambda: purged_k_fold(S, S * 1.0, folds=2)),  # type: ignore[arg-type]
        ("ends", lambda: purged_k_fold(S, np.full(10, NEVER), folds=2)),
        ("embargo", lambda: purged_k_fold(S, S, folds=2, embargo=-1)),
        ("embargo", lambda: purged_k_fold(S, S, folds=2, embargo=NEVER)),
        ("folds", lambda: purged_k_fold(S, S, folds=11)),
        ("folds", lambda: purged_k_fold(S, S, folds=1)),
        ("test", lambda: split(S, S, S)),
        ("test", lambda: split(S, S, np.array([11]))),
        ("test", lambda: split(S, S, S[:0])),
        ("first", lambda: walk_forward(S, S + 5, first=2, every=2)),
        ("first, every, window", lambda: walk_forward(S, S, first=0, every=2)),
        ("first, every, window", lambda: walk_forward(S, S, first=10, every=2)),
        ("groups, tested", lambda: combinatorial(S, S, groups=2, tested=2)),
        ("groups", lambda: combinatorial(np.arange(60), np.arange(60), groups=40, tested=10)),
        ("predictions", lambda: combinatorial(S, S, groups=5).reassemble([])),
        ("predictions", lambda: combinatorial(S, S, groups=5).reassemble([np.ones(1)] * 10)),
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field
