"""Splits of time-ordered samples that keep what a label looks into out of the training set.

M. López de Prado, "Advances in Financial Machine Learning" (Wiley, 2018), chapter 7: a training sample is purged if its
label's interval meets that of a test sample (section 7.4.1), and an embargo lengthens the test intervals, because what
follows a test still resembles it (section 7.4.2). Intervals are closed: one that ends when another starts meets it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from quotewright.domain.errors import InputError
from quotewright.validation.labels import NEVER, Booleans, Integers, checked_times


class Fold(NamedTuple):
    """Rows to train on and rows to test on, both ascending."""

    train: Integers
    test: Integers


def walk_forward(
    starts: Integers, ends: Integers, *, first: int, every: int, window: int | None = None, embargo: int = 0
) -> list[Fold]:
    """Train on the past, test on the next `every` rows, refit, and go on to the last row.

    The first test begins at row `first`. The training set is all that came before, or the last `window` rows of it,
    less those whose label is not known more than `embargo` ns before the first test starts; so every fold could have
    been fitted at that time. Raises InputError for intervals that are not in order, or folds without anything to train
    on.
    """
    _check_intervals(starts, ends, embargo)
    n = len(starts)
    if not 0 < first < n or every < 1 or (window is not None and window < 1):
        raise InputError("first, every, window", (first, every, window), f"give 1 to {n - 1}, and at least 1")
    folds: list[Fold] = []
    for begin in range(first, n, every):
        oldest = 0 if window is None else max(0, begin - window)
        past = np.arange(oldest, begin, dtype=np.int64)
        known = past[ends[past] < starts[begin] - embargo]
        if len(known) == 0:
            raise InputError("first", first, f"no label is known before row {begin}: begin later or widen the window")
        folds.append(Fold(known, np.arange(begin, min(begin + every, n), dtype=np.int64)))
    return folds


def purged_k_fold(starts: Integers, ends: Integers, *, folds: int, embargo: int = 0) -> list[Fold]:
    """`folds` blocks of neighbouring rows, each tested once against the purged rest, before it and after it."""
    _check_intervals(starts, ends, embargo)
    if not 2 <= folds <= len(starts):
        raise InputError("folds", folds, f"give 2 to {len(starts)}")
    blocks = np.array_split(np.arange(len(starts), dtype=np.int64), folds)
    return [split(starts, ends, block, embargo=embargo) for block in blocks]


def split(starts: Integers, ends: Integers, test: Integers, *, embargo: int = 0) -> Fold:
    """The fold that tests these rows and trains on all others that purging and the embargo leave.

    Raises InputError if they leave nothing.
    """
    _check_intervals(starts, ends, embargo)
    chosen = np.unique(test)
    if len(chosen) == 0 or chosen[0] < 0 or chosen[-1] >= len(starts):
        raise InputError("test", len(chosen), f"give rows of 0 to {len(starts) - 1}, at least one")
    meets = overlapping(starts, ends, starts[chosen], ends[chosen] + embargo)
    meets[chosen] = True
    train = np.flatnonzero(~meets)
    if len(train) == 0:
        raise InputError("test", len(chosen), "nothing is left to train on: use fewer folds, or shorter labels")
    return Fold(train, chosen)


def overlapping(starts: Integers, ends: Integers, other_starts: Integers, other_ends: Integers) -> Booleans:
    """Which closed intervals meet any of the others."""
    order = np.argsort(other_starts, kind="stable")
    begun = np.searchsorted(other_starts[order], ends, side="right")  # others that start by each end
    furthest = np.maximum.accumulate(other_ends[order])
    return (begun > 0) & (furthest[np.maximum(begun - 1, 0)] >= starts)


class Breach(NamedTuple):
    """What is wrong with a fold: training rows that meet a test interval, or start within the embargo after one."""

    overlaps: Integers
    embargoed: Integers


def breaches(starts: Integers, ends: Integers, fold: Fold, *, embargo: int = 0) -> Breach:
    """Training rows of any split, ours or another's, that share time with its test rows; both empty if it is clean."""
    _check_intervals(starts, ends, embargo)
    mine, tested = fold
    meets = overlapping(starts[mine], ends[mine], starts[tested], ends[tested])
    meets |= np.isin(mine, tested)
    soon = overlapping(starts[mine], ends[mine], starts[tested], ends[tested] + embargo)
    return Breach(mine[meets], mine[soon & ~meets])


def _check_intervals(starts: Integers, ends: Integers, embargo: int) -> None:
    checked_times("starts", starts)
    if ends.shape != starts.shape or ends.dtype != np.int64:
        raise InputError("ends", (ends.dtype, ends.shape), f"give int64 ns, one for each of {len(starts)} starts")
    if (ends == NEVER).any():
        raise InputError("ends", NEVER, "leave out the rows whose label is not known: labels.rows(labels.known)")
    if (ends < starts).any():
        raise InputError("ends", int(ends[ends < starts][0]), "is before its start")
    if not 0 <= embargo < NEVER - int(ends.max()):
        raise InputError("embargo", embargo, "give 0 ns or more, and no centuries")
