"""Book synchronisation by Binance's rules, at their boundaries and over random streams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotewright.market.sync import DepthSync, SyncRule, Verdict

APPLY, WAIT, OLD, DUPLICATE, GAP = Verdict.APPLY, Verdict.WAIT, Verdict.OLD, Verdict.DUPLICATE, Verdict.GAP


@pytest.mark.parametrize(
    ("rule", "first", "last", "previous", "verdict"),
    [
        (SyncRule.SPOT, 95, 99, 0, OLD),
        (SyncRule.SPOT, 95, 100, 0, OLD),
        (SyncRule.SPOT, 95, 101, 0, APPLY),
        (SyncRule.SPOT, 101, 101, 0, APPLY),
        (SyncRule.SPOT, 101, 110, 0, APPLY),
        (SyncRule.SPOT, 102, 110, 0, GAP),
        (SyncRule.FUTURES, 95, 99, 90, OLD),
        (SyncRule.FUTURES, 95, 100, 90, APPLY),
        (SyncRule.FUTURES, 100, 110, 98, APPLY),
        (SyncRule.FUTURES, 105, 110, 100, APPLY),
        (SyncRule.FUTURES, 105, 110, 101, GAP),
    ],
)
def test_the_first_difference_must_cover_the_snapshot(
    rule: SyncRule, first: int, last: int, previous: int, verdict: Verdict
) -> None:
    sync = DepthSync(rule)
    assert sync.diff(first, last, previous, 0) is WAIT
    assert sync.snapshot(100)
    assert sync.diff(first, last, previous, 0) is verdict
    assert sync.synced is (verdict is not GAP)


@pytest.mark.parametrize(
    ("rule", "first", "last", "previous", "verdict"),
    [
        (SyncRule.SPOT, 111, 115, 0, APPLY),
        (SyncRule.SPOT, 108, 115, 0, APPLY),  # overlaps: quantities are absolute
        (SyncRule.SPOT, 112, 115, 0, GAP),
        (SyncRule.SPOT, 101, 110, 0, DUPLICATE),
        (SyncRule.FUTURES, 140, 150, 110, APPLY),  # ids between updates belong to other symbols
        (SyncRule.FUTURES, 111, 150, 109, GAP),
        (SyncRule.FUTURES, 111, 150, 111, GAP),
        (SyncRule.FUTURES, 101, 110, 99, DUPLICATE),
    ],
)
def test_every_later_difference_must_follow_the_one_before(
    rule: SyncRule, first: int, last: int, previous: int, verdict: Verdict
) -> None:
    sync = DepthSync(rule)
    sync.snapshot(100)
    assert sync.diff(99, 110, 98, 5) is APPLY
    assert sync.diff(first, last, previous, 5) is verdict


def test_after_a_gap_everything_waits_for_a_new_snapshot() -> None:
    sync = DepthSync(SyncRule.FUTURES)
    sync.snapshot(100)
    assert sync.diff(99, 110, 98, 0) is APPLY
    assert sync.diff(130, 140, 120, 0) is GAP
    assert sync.diff(141, 150, 140, 0) is WAIT
    assert sync.snapshot(145)
    assert sync.diff(130, 140, 120, 0) is OLD
    assert sync.diff(141, 150, 140, 0) is APPLY


def test_a_snapshot_older_than_a_book_in_sync_is_not_taken() -> None:
    sync = DepthSync(SyncRule.SPOT)
    sync.snapshot(100)
    sync.diff(101, 110, 0, 0)
    assert not sync.snapshot(109)
    assert sync.diff(111, 112, 0, 0) is APPLY
    assert sync.snapshot(120)
    assert sync.diff(113, 120, 0, 0) is OLD
    assert sync.diff(121, 125, 0, 0) is APPLY


def test_a_second_snapshot_at_an_applied_difference_joins_the_next_one() -> None:
    sync = DepthSync(SyncRule.FUTURES)
    sync.snapshot(100)
    assert sync.diff(99, 110, 98, 0) is APPLY
    assert sync.snapshot(110)
    assert sync.diff(140, 150, 110, 0) is APPLY


def test_ids_that_start_again_are_a_gap_not_a_stream_of_duplicates() -> None:
    sync = DepthSync(SyncRule.SPOT)
    sync.snapshot(100)
    assert sync.diff(101, 110, 0, 1_000) is APPLY
    assert sync.diff(101, 110, 0, 1_000) is DUPLICATE
    assert sync.diff(1, 5, 0, 1_001) is GAP


@given(
    st.sampled_from(SyncRule),
    st.lists(st.integers(1, 5), min_size=1, max_size=30),
    st.data(),
)
def test_a_whole_stream_applies_and_a_hole_in_it_is_found_at_once(
    rule: SyncRule, lengths: list[int], data: st.DataObject
) -> None:
    messages: list[tuple[int, int, int]] = []
    last = 1000
    for length in lengths:
        messages.append((last + 1, last + length, last))
        last += length
    taken_at = data.draw(st.integers(1000, last))
    missing = data.draw(st.sampled_from([None, *range(len(messages))]))
    sync = DepthSync(rule)
    sync.snapshot(taken_at)
    covers = (lambda m: m[1] > taken_at) if rule is SyncRule.SPOT else (lambda m: m[1] >= taken_at)
    verdicts = [(number, sync.diff(*message, number)) for number, message in enumerate(messages) if number != missing]
    wanted = [number for number, message in enumerate(messages) if covers(message)]
    needed = missing in wanted and messages[missing or 0][1] > taken_at
    if not needed or missing == wanted[-1]:
        assert [n for n, verdict in verdicts if verdict is APPLY] == [n for n in wanted if n != missing]
        assert GAP not in [verdict for _, verdict in verdicts]
    else:
        after = [number for number, _ in verdicts if number > missing]
        assert dict(verdicts)[after[0]] is GAP
        assert all(dict(verdicts)[number] is WAIT for number in after[1:])
