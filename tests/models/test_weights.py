"""Uniqueness bar by bar as in the book, and the odds of the sequential bootstrap by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.models.fitting import Spans
from quotewright.models.weights import average_uniqueness, sequential_bootstrap


def spans(*pairs: tuple[int, int]) -> Spans:
    ordered = sorted(pairs)
    return Spans(np.array([a for a, _ in ordered]), np.array([b for _, b in ordered]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), min_size=1, max_size=25))
def test_uniqueness_is_the_mean_over_bars(labels: list[tuple[int, int]]) -> None:
    given_spans = spans(*((start, start + length) for start, length in labels))
    bars = np.zeros((60, len(labels)))
    for k, (start, end) in enumerate(zip(*given_spans, strict=True)):
        bars[start:end, k] = 1
    alive = bars.sum(axis=1)
    by_bar = [np.mean(1 / alive[bars[:, k] > 0]) for k in range(len(labels))]
    np.testing.assert_allclose(average_uniqueness(given_spans), by_bar)


def test_nanoseconds_and_bars_agree() -> None:
    bars = spans((0, 3), (2, 4), (4, 6))
    np.testing.assert_allclose(average_uniqueness(bars), [5 / 6, 3 / 4, 1])  # the book's example, section 4.5.3
    scale = 86_400_000_000_000
    times = Spans(1_700_000_000_000_000_000 + bars.starts * scale, 1_700_000_000_000_000_000 + bars.ends * scale)
    np.testing.assert_allclose(average_uniqueness(times), average_uniqueness(bars))


def test_the_second_draw_has_the_books_odds() -> None:
    """After label 2 the odds are 5/14, 3/14, 6/14 (section 4.5.3)."""
    seconds = [
        pair[1]
        for seed in range(3_000)
        if (pair := sequential_bootstrap(spans((0, 3), (2, 4), (4, 6)), 2, seed))[0] == 1
    ]
    shares = np.bincount(seconds, minlength=3) / len(seconds)
    odds = np.array([5, 3, 6]) / 14
    assert (np.abs(shares - odds) < 3.5 * np.sqrt(odds * (1 - odds) / len(seconds))).all()


def test_its_draws_are_more_unique_than_independent_ones() -> None:
    rng = np.random.default_rng(1)
    starts = np.sort(rng.integers(0, 100, 60))
    labels = Spans(starts, starts + rng.integers(1, 12, 60))
    ours, plain = [], []
    for seed in range(60):
        for into, drawn in (
            (ours, sequential_bootstrap(labels, 60, seed)),
            (plain, np.random.default_rng(seed).integers(0, 60, 60)),
        ):
            chosen = np.sort(drawn)
            into.append(average_uniqueness(Spans(labels.starts[chosen], labels.ends[chosen])).mean())
    gap = np.array(ours) - np.array(plain)
    assert gap.mean() > 5 * gap.std(ddof=1) / np.sqrt(60)


def test_refusals() -> None:
    assert len(average_uniqueness(Spans(np.empty(0, np.int64), np.empty(0, np.int64)))) == 0
    with pytest.raises(InputError, match="spans"):
        average_uniqueness(Spans(np.array([3]), np.array([3])))
    with pytest.raises(InputError, match="draws"):
        sequential_bootstrap(spans((0, 1)), 0, 1)
