"""Labels of level changes: nothing lost, nothing from the future, one by one as all at once, and the rule by hand."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.domain.events import ADD, ASK, BID, CLEAR, LAST, LEVEL, TRADE, EventArray, empty_events
from quotewright.signals.delta_labels import Labeller, label
from quotewright.signals.deltas import (
    CANCEL,
    CHANGES,
    DEAL,
    EXACT,
    NEAR,
    PASSED,
    POST,
    QUIET,
    REST,
    SHORT,
    SPLIT,
    THROUGH,
    UNSEEN,
)

Row = tuple[int, int, int, int, int, int]  # kind, side, price, lots, venue time, receipt


def events_of(rows: list[Row]) -> EventArray:
    """Each row an update of its own, but for the snapshot: 10 lots at 96 … 99 and 101 … 104, at 1000."""
    levels = [(LEVEL, BID, p, 10) for p in range(96, 100)] + [(LEVEL, ASK, p, 10) for p in range(101, 105)]
    first = [(*row, 1000, 1000, 0) for row in [(CLEAR, 0, 0, 0), *levels]]
    every = [*first[:-1], (*first[-1][:6], LAST), *((*row, LAST) for row in rows)]
    events = empty_events(len(every))
    for i, (kind, side, price, qty, exch, local, flags) in enumerate(every):
        events[i] = (exch, local, 0, 0, price, qty, kind, side, flags, 7)
    return events


def told(rows: list[Row], **options: bool) -> list[tuple[int, int, int, int, int, int]]:
    """(kind, price, lots, evidence, number, time) with a skew of 5 and a wait of 100."""
    deltas = label(events_of(rows), 5, 100, **options)
    assert (deltas["instrument"] == 7).all()
    names = ("kind", "price", "lots", "evidence", "number", "time")
    return list(zip(*(deltas[name].tolist() for name in names), strict=True))


STEPS = st.lists(
    st.tuples(
        st.sampled_from([LEVEL, LEVEL, TRADE]),
        st.sampled_from([BID, ASK]),
        st.integers(0, 4),
        st.integers(0, 12),
        st.integers(-12, 40),
        st.integers(0, 40),
    ),
    max_size=60,
)


def stream(steps: list[tuple[int, int, int, int, int, int]]) -> list[Row]:
    """Rows of two clocks near the touch, in order of receipt."""
    rows: list[Row] = []
    now = 1000
    for kind, side, depth, lots, early, later in steps:
        now += later
        hit = -side if kind == TRADE else side
        price = 100 - depth if hit == BID else 100 + depth
        rows.append((kind, side, price, lots + (kind == TRADE), now - early, now))
    return rows


@given(STEPS, st.booleans(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_every_lot_has_one_label_and_every_print_is_accounted_for(steps: list, merged: bool, receipt: bool) -> None:
    rows = stream(steps)
    deltas = label(events_of(rows), 5, 100, merged_sweeps=merged, by_receipt=receipt)
    book = {(s, p): 10 for s, prices in ((BID, range(96, 100)), (ASK, range(101, 105))) for p in prices}
    changes, printed = [], 0
    for kind, side, price, lots, _, _ in rows:
        if kind == TRADE:
            printed += lots
        elif lots != book.get((side, price), 0):
            changes.append((side, price, lots - book.get((side, price), 0)))
            book[side, price] = lots
    for number, (side, price, change) in enumerate(changes):
        of = deltas[deltas["number"] == number]
        assert set(zip(of["side"].tolist(), of["price"].tolist(), strict=True)) == {(side, price)}
        assert set(of["kind"].tolist()) <= ({POST} if change > 0 else {CANCEL, DEAL})
        assert (of["lots"] > 0).all()
        assert of["lots"].sum() == abs(change)
    assert deltas["lots"][np.isin(deltas["kind"], (DEAL, UNSEEN))].sum() == printed
    assert (np.diff(deltas["time"]) >= 0).all()
    assert ((deltas["confidence"] >= 0) & (deltas["confidence"] <= 1)).all()


@given(STEPS, st.integers(0, 60))
@settings(max_examples=80, deadline=None)
def test_one_by_one_as_all_at_once_and_never_with_what_comes_later(steps: list, cut: int) -> None:
    events = events_of(stream(steps))
    whole = label(events, 5, 100)
    labeller = Labeller(5, 100)
    parts = [labeller.label(events[i : i + 1]) for i in range(len(events))]
    for i, part in enumerate(parts):
        assert (part["time"] == events["local_ts"][i]).all()
    assert np.concatenate([*parts, labeller.finish()]).tobytes() == whole.tobytes()
    early = Labeller(5, 100).label(events[: 9 + cut])
    assert early.tobytes() == whole[: len(early)].tobytes()


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_no_label_waits_longer_than_allowed(steps: list) -> None:
    """Told at the first event, or the first look at the clock, after the wait."""
    events, labeller = events_of(stream(steps)), Labeller(5, 100)
    open_since: dict[int, int] = {}
    for i in range(len(events)):
        before = int(labeller.state["changed"][0])
        found = labeller.label(events[i : i + 1])
        now = int(events["local_ts"][i])
        if int(labeller.state["changed"][0]) > before:
            open_since[before] = now
        state = labeller.state[0]
        for number in found["number"].tolist():
            waits = state["number"][np.arange(state["first"], state["last"]) % CHANGES]
            if number in open_since and number not in waits:
                del open_since[number]
        assert all(now - since < 100 for since in open_since.values())
    assert len(labeller.pass_time(int(events["local_ts"][-1]) + 100)) == len(label(events, 5, 100)) - len(
        Labeller(5, 100).label(events)
    )


def test_a_print_before_and_a_print_after_the_change() -> None:
    before = [(TRADE, BID, 101, 4, 1010, 1012), (LEVEL, ASK, 101, 6, 1020, 1021)]
    assert told(before) == [(DEAL, 101, 4, EXACT, 0, 1021)]
    after = [(LEVEL, ASK, 101, 6, 1020, 1021), (TRADE, BID, 101, 4, 1010, 1030)]
    assert told(after) == [(DEAL, 101, 4, EXACT, 0, 1030)]


def test_a_larger_decrement_is_split_when_the_tape_has_passed_it() -> None:
    rows = [(TRADE, BID, 101, 4, 1010, 1012), (LEVEL, ASK, 101, 3, 1020, 1021), (TRADE, BID, 102, 1, 1026, 1027)]
    found = told(rows)
    assert found[:2] == [(DEAL, 101, 4, SPLIT, 0, 1021), (CANCEL, 101, 3, REST, 0, 1027)]
    assert [row[:2] for row in found[2:]] == [(UNSEEN, 102)]


def test_a_smaller_decrement_was_refilled_and_the_rest_of_the_print_is_unseen() -> None:
    rows = [(TRADE, ASK, 99, 8, 1010, 1012), (LEVEL, BID, 99, 7, 1020, 1021)]
    assert told(rows) == [(DEAL, 99, 3, SHORT, 0, 1021), (UNSEEN, 99, 5, 9, -1, 1021)]


def test_makers_of_one_level_are_summed_and_each_print_goes_to_its_own_size_first() -> None:
    rows = [(TRADE, BID, 101, q, 1010, 1012) for q in (2, 3)]
    assert told([*rows, (LEVEL, ASK, 101, 5, 1020, 1021)]) == [
        (DEAL, 101, 2, EXACT, 0, 1021),
        (DEAL, 101, 3, EXACT, 0, 1021),
    ]
    apart = [(LEVEL, ASK, 101, 9, 1010, 1011), (LEVEL, ASK, 101, 6, 1012, 1013), (TRADE, BID, 101, 3, 1011, 1020)]
    found = told(apart)
    assert (DEAL, 101, 3, EXACT, 1) in [row[:5] for row in found]
    assert (CANCEL, 101, 1, PASSED, 0) in [row[:5] for row in found]


def test_clocks_may_differ_by_the_skew_and_no_more() -> None:
    for late, kind in ((5, DEAL), (6, CANCEL)):
        rows = [
            (LEVEL, ASK, 101, 6, 1020, 1021),
            (TRADE, BID, 101, 4, 1020 + late, 1030),
            (LEVEL, BID, 90, 1, 1040, 1041),
        ]
        found = [row for row in told(rows) if row[4] == 0]
        assert [row[0] for row in found] == [kind]
        if kind == DEAL:
            assert found[0][3] == NEAR


def test_a_print_that_comes_after_the_wait_is_unseen() -> None:
    rows = [(LEVEL, ASK, 101, 6, 1020, 1021), (LEVEL, BID, 90, 1, 1090, 1121), (TRADE, BID, 101, 4, 1019, 1122)]
    assert told(rows) == [
        (POST, 90, 1, 0, 1, 1121),
        (CANCEL, 101, 4, QUIET, 0, 1121),
        (UNSEEN, 101, 4, 9, -1, 1122),
    ]


def test_one_print_for_a_sweep_takes_every_better_level() -> None:
    rows = [
        (TRADE, BID, 103, 25, 1010, 1012),
        (LEVEL, ASK, 103, 5, 1020, 1021),
        (LEVEL, ASK, 101, 0, 1020, 1021),
        (LEVEL, ASK, 102, 0, 1020, 1021),
        (LEVEL, ASK, 104, 0, 1020, 1021),
    ]
    events = events_of(rows)
    events["flags"][-4:-1] = 0
    deltas = label(events, 5, 100, merged_sweeps=True)
    assert [(d["kind"], d["price"], d["lots"], d["evidence"]) for d in deltas] == [
        (DEAL, 101, 10, THROUGH),
        (DEAL, 102, 10, THROUGH),
        (DEAL, 103, 5, EXACT),
        (CANCEL, 104, 10, QUIET),
    ]
    assert {d["price"]: d["kind"] for d in label(events, 5, 100)} == {
        101: CANCEL,
        102: CANCEL,
        103: UNSEEN,
        104: CANCEL,
    }


def test_a_snapshot_is_nobody_s_doing_and_depth_is_from_the_touch_before() -> None:
    events = events_of(
        [(LEVEL, BID, 97, 4, 1010, 1010), (LEVEL, BID, 100, 4, 1020, 1020), (LEVEL, ASK, 103, 9, 1030, 1030)]
    )
    again = np.concatenate([events, events_of([])])
    deltas = label(again, 5, 100)
    assert sorted((d["price"], d["depth"], d["lots"]) for d in deltas) == [(97, 2, 6), (100, -1, 4), (103, 2, 1)]


def test_a_full_ledger_decides_its_oldest_early() -> None:
    prices = 10_000 + np.arange(CHANGES + 50)
    events = empty_events(1 + 2 * len(prices))
    events["kind"], events["side"] = LEVEL, ASK
    events["kind"][0], events["side"][0] = CLEAR, 0
    events["price"][1:] = np.concatenate([prices, prices])
    events["qty"][1 : 1 + len(prices)] = 3
    events["flags"][len(prices) :] = LAST
    events["exch_ts"] = events["local_ts"] = 1_000
    labeller = Labeller(0, 10**9)
    found = np.concatenate([labeller.label(events), labeller.finish()])
    assert int(labeller.state["early"][0]) == 50
    assert sorted(found["price"].tolist()) == prices.tolist()
    assert (found["kind"] == CANCEL).all()
    assert (found["lots"] == 3).all()


def test_refusals() -> None:
    with pytest.raises(InputError):
        Labeller(-1)
    with pytest.raises(InputError):
        Labeller(confidence=(2.0,) * 10)
    order = empty_events(1)
    order["kind"] = ADD
    with pytest.raises(InputError, match="order"):
        label(order)
    two = empty_events(2)
    two["instrument"] = [0, 1]
    with pytest.raises(InputError, match="instrument"):
        label(two)


PROGRAM = """
import hashlib
import numpy as np
from quotewright.domain.events import *
from quotewright.signals.delta_flow import delta_flow, delta_flow_state
from quotewright.signals.delta_labels import label
rng = np.random.default_rng(3)
n = 800
events = empty_events(n)
events["kind"] = rng.choice([LEVEL, LEVEL, TRADE], n)
events["kind"][0] = CLEAR
events["side"] = rng.choice([BID, ASK], n)
hit = np.where(events["kind"] == TRADE, -events["side"], events["side"])
events["price"] = 100 - hit * rng.integers(0, 4, n)
events["qty"] = rng.integers(0, 6, n)
events["flags"] = LAST
events["local_ts"] = 1000 + np.cumsum(rng.integers(0, 20, n))
events["exch_ts"] = events["local_ts"] - rng.integers(0, 15, n)
deltas = label(events, 5, 100)
flows = delta_flow(delta_flow_state(50), deltas)
text = hashlib.sha256(deltas.tobytes() + flows[0].tobytes() + flows[1].tobytes()).hexdigest() + f" {len(deltas)}"
"""


def test_compiled_and_interpreted_agree_to_the_last_bit() -> None:
    names: dict[str, str] = {}
    exec(PROGRAM, names)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + "\nprint(text)"],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == names["text"]
