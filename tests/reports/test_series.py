"""Thinning keeps what matters; packing loses nothing; resting orders against a walk of each order by itself."""

from __future__ import annotations

import base64
from collections import Counter
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_builder import LINEAR, SECOND, T0, RunBuilder, agent, random_run

from quotewright.accounting.runs import load_run
from quotewright.domain.journal import Record
from quotewright.reports.numbers import moment, percent, places_for, rounded, span
from quotewright.reports.quotes import resting
from quotewright.reports.series import Packed, evenly, extremes, line_limit


@given(st.lists(st.integers(-1000, 1000), max_size=300), st.integers(4, 60))
def test_thinning_keeps_ends_and_extremes(values: list[int], most: int) -> None:
    array = np.array(values, dtype=np.float64)
    kept = extremes(array, most)
    assert len(kept) <= max(most, 4)
    assert list(kept) == sorted(set(kept.tolist()))
    if values:
        assert kept[0] == 0
        assert kept[-1] == len(values) - 1
        assert {array[kept].min(), array[kept].max()} == {array.min(), array.max()}


@given(st.integers(0, 500), st.integers(2, 60))
def test_even_thinning(count: int, most: int) -> None:
    kept = evenly(count, most)
    assert len(kept) == min(count, most)
    assert kept.tolist() == sorted(set(kept.tolist()))


def test_a_page_of_many_legs_stays_readable() -> None:
    assert line_limit(1) == 20_000
    assert line_limit(18) * 18 <= 120_000
    assert line_limit(10_000) == 1_000


@given(st.lists(st.floats(allow_nan=False), max_size=20))
def test_packing_is_exact_and_stores_equal_arrays_once(values: list[float]) -> None:
    packed = Packed()
    assert packed.add(values) == packed.add(list(values)) == "@0"
    (stored,) = packed.arrays
    assert np.frombuffer(base64.b64decode(stored["bdata"]), "<f8").tolist() == values


@given(st.integers(0, 4 * 10**18))
def test_packed_times_are_right_to_a_microsecond(ns: int) -> None:
    packed = Packed()
    packed.times([ns])
    (ms,) = np.frombuffer(base64.b64decode(packed.arrays[0]["bdata"]), "<f8")
    assert abs(Decimal(float(ms)) - Decimal(ns) / 10**6) < Decimal("0.001")


def test_resting_orders_against_a_walk_of_each_order(tmp_path: Path) -> None:
    run = load_run(random_run(5, [LINEAR], [agent("one", [0])], 60).write(tmp_path))
    leg = run.leg(0, 0)
    expected: dict[int, Counter[tuple[int, int, int]]] = {1: Counter(), -1: Counter()}
    for place in leg.of(Record.PLACE):
        mine = leg.rows[leg.rows["order"] == place["order"]]
        accepted = mine[mine["kind"] == Record.ACCEPTED]
        if not len(accepted):
            continue
        gone = (mine["kind"] == Record.CANCELED) | ((mine["kind"] == Record.FILL) & (mine["leaves"] == 0))
        gone &= mine["seq"] > accepted["seq"][0]
        until = mine["ts"][gone][0] if gone.any() else leg.end["ts"]
        expected[int(place["side"])][int(accepted["ts"][0]), int(until), int(accepted["price"][0])] += 1
    for side, found in resting(leg).items():
        drawn = Counter(zip(found.since.tolist(), found.until.tolist(), found.price.tolist(), strict=True))
        assert drawn == expected[side]
        assert len(found.since) > 20


def test_a_partly_filled_order_still_rests_and_a_repriced_one_rests_at_its_new_price(tmp_path: Path) -> None:
    built = RunBuilder([LINEAR], [agent("one", [0])])
    built.state(Record.RUN_START, T0, 0, 0, 1_200_001)
    built.add(Record.PLACE, T0 + 1, 0, 0, order=7, side=-1, price=600_001, qty=10)
    built.add(Record.ACCEPTED, T0 + 2, 0, 0, order=7, price=600_002, qty=10)
    built.fill(T0 + 3, 0, 0, -1, 4, 600_002, 1_200_001, order=7, leaves=6)
    built.state(Record.RUN_END, T0 + SECOND, 0, 0, 1_200_001)
    found = resting(load_run(built.write(tmp_path)).leg(0, 0))[-1]
    assert (found.since.tolist(), found.until.tolist(), found.price.tolist()) == ([T0 + 2], [T0 + SECOND], [600_002])


@pytest.mark.parametrize(
    ("exact", "places", "shown"),
    [("1234.565", 2, "1,234.56"), ("-0.004", 2, "0.00"), ("-0.006", 2, "-0.01"), ("0.00000001", 8, "0.00000001")],
)
def test_rounding_for_the_eye(exact: str, places: int, shown: str) -> None:
    assert rounded(exact, places) == shown


def test_numbers_for_people() -> None:
    assert places_for(["0", "0.0"]) == 2
    assert places_for(["-14.7", "0.3"]) == 3
    assert places_for(["0.00001"]) == 8
    assert percent(None) == "–"
    assert percent(0.12345) == "12.35 %"
    assert span(90 * SECOND) == "1 min 30 s"
    assert span(100_000_000) == "0.1 s"
    assert span(25 * 3600 * SECOND) == "1 d 1 h"
    assert moment(T0 + 5_999_999) == "2024-08-09 00:00:00.005 UTC"
