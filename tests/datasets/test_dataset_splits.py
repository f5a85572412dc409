"""Splits: what belongs where, what is purged and embargoed, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.datasets.splits import PAPER_41, Interval, Split, find_split
from quotewright.domain.errors import InputError

DAY = 86_400 * 10**9


def ns(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 10**9


def test_the_study_s_split_is_the_one_published() -> None:
    assert find_split("paper-41") is PAPER_41
    assert tuple(PAPER_41.train) == (ns(2013, 1, 1), ns(2023, 2, 1))
    assert tuple(PAPER_41.backtest) == (ns(2023, 2, 1), ns(2023, 8, 1))
    assert tuple(PAPER_41.forward) == (ns(2023, 8, 1), ns(2023, 11, 1))
    days = np.arange(ns(2013, 1, 1), ns(2023, 12, 1), DAY, dtype=np.int64)
    parts = PAPER_41.parts(days, days + DAY)
    # every day's return, from its beginning to its end, in the month it belongs to
    assert [int(mask.sum()) for mask in parts[:3]] == [3_683, 28 + 31 + 30 + 31 + 30 + 31, 31 + 30 + 31]
    assert not parts.purged.any()


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(1, 30), min_size=6, max_size=6),
    st.integers(0, 40),
    st.lists(st.tuples(st.integers(-5, 200), st.integers(0, 20)), min_size=1, max_size=60),
)
def test_no_row_reaches_from_one_part_into_another(widths: list[int], embargo: int, rows: Any) -> None:
    edges = np.cumsum(widths).tolist()
    spans = Interval(edges[0], edges[1]), Interval(edges[2], edges[3]), Interval(edges[4], edges[5])
    if any(before.end + embargo >= span.end for before, span in pairwise(spans)):
        with pytest.raises(InputError, match="embargo"):
            Split("s", *spans, embargo)
        return
    split = Split("s", *spans, embargo)
    decisions = np.array([at for at, _ in rows], np.int64)
    ends = decisions + np.array([length for _, length in rows], np.int64)
    parts = split.parts(decisions, ends)
    assert (np.sum(parts, axis=0) <= 1).all()
    for place, (at, end) in enumerate(zip(decisions.tolist(), ends.tolist(), strict=True)):
        for part, span in enumerate(spans):
            free = span.start if part == 0 else max(span.start, spans[part - 1].end + embargo)
            assert parts[part][place] == (free <= at < span.end and end <= span.end)
        inside = [span for span in spans if span.start <= at < span.end]
        assert (parts.purged[place] or parts.embargoed[place] or any(mask[place] for mask in parts[:3])) == bool(inside)


def test_parts_that_overlap_are_refused() -> None:
    with pytest.raises(InputError, match="overlaps"):
        Split("s", Interval(0, 10), Interval(9, 20), Interval(20, 30))
    with pytest.raises(InputError, match="overlaps"):
        Split("s", Interval(20, 30), Interval(0, 10), Interval(30, 40))
    with pytest.raises(InputError, match="start before it ends"):
        Split("s", Interval(10, 10), Interval(10, 20), Interval(20, 30))
    with pytest.raises(InputError, match="leaves nothing of backtest"):
        Split("s", Interval(0, 10), Interval(10, 20), Interval(20, 30), embargo=10)
    with pytest.raises(InputError, match="ends before its decision"):
        PAPER_41.parts(np.array([5], np.int64), np.array([4], np.int64))


def test_a_label_over_the_edge_is_purged_and_the_rows_after_it_embargoed() -> None:
    split = Split("s", Interval(0, 10), Interval(10, 20), Interval(20, 30), embargo=3)
    decisions = np.arange(30, dtype=np.int64)
    parts = split.parts(decisions, decisions + 2)
    assert np.flatnonzero(parts.train).tolist() == list(range(9))
    assert np.flatnonzero(parts.backtest).tolist() == list(range(13, 19))
    assert np.flatnonzero(parts.forward).tolist() == list(range(23, 29))
    assert np.flatnonzero(parts.purged).tolist() == [9, 19, 29]
    assert np.flatnonzero(parts.embargoed).tolist() == [10, 11, 12, 20, 21, 22]


def test_splits_are_written_and_read() -> None:
    assert Split.from_dict(PAPER_41.to_dict()) == PAPER_41
    by_hand = {
        "name": "mine",
        "train": ["2020-01-01", "2021-01-01"],
        "backtest": ["2021-01-01", "2021-07-01T12:00:00Z"],
        "forward": ["2021-08-01", "2022-01-01"],
        "embargo": "1d",
    }
    split = Split.from_dict(by_hand)
    assert (split.embargo, split.train.start) == (DAY, ns(2020, 1, 1))
    for broken in ({**by_hand, "train": ["2020-01-01"]}, {"name": "x"}):
        with pytest.raises(InputError):
            Split.from_dict(broken)
    with pytest.raises(InputError, match="paper-41"):
        find_split("other")


def test_a_span_is_cut_by_shares() -> None:
    split = Split.by_share("s", Interval(0, 1_000), 0.6, 0.2, embargo=5)
    assert (split.train, split.backtest, split.forward) == (Interval(0, 600), Interval(600, 800), Interval(800, 1_000))
    with pytest.raises(InputError, match="leave a share"):
        Split.by_share("s", Interval(0, 1_000), 0.6, 0.4)
