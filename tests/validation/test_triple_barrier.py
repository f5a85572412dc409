"""The triple barrier against a plain walk along each path, and by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import InputError
from quotewright.validation.labels import NEVER
from quotewright.validation.triple_barrier import STOP, TAKE, UNKNOWN, VERTICAL, Barriers, triple_barrier


def walk(
    i: int, bars: list[tuple[float, float, float, float]], side: int, take: float, stop: float, most: int, cost: float
) -> tuple[int, float, int]:
    """(what was touched, net return, bar of the exit) of one entry; bars are open, high, low, close."""
    entry = bars[i][3]
    if side == 0 or math.isnan(entry):
        return UNKNOWN, math.nan, -1
    for j in range(i + 1, len(bars)):
        open_, high, low, close = bars[j]
        if math.isnan(close):
            return UNKNOWN, math.nan, -1
        gain = [side * (price / entry - 1) for price in (open_, high, low, close)]
        if math.isnan(high):
            stopped, taken, loss, profit = gain[3] <= -stop, gain[3] >= take, gain[3], gain[3]
        else:
            stopped, taken = min(gain[1:3]) <= -stop, max(gain[1:3]) >= take
            loss, profit = min(-stop, gain[0]) if not math.isnan(open_) else -stop, take
        if stopped:
            return STOP, loss - cost, j
        if taken:
            return TAKE, profit - cost, j
        if j == i + most:
            return VERTICAL, gain[3] - cost, j
    return UNKNOWN, math.nan, -1


@st.composite
def markets(draw: st.DrawFn) -> list[tuple[float, float, float, float]]:
    """Bars that hold together, some without extremes, some without a close."""
    found = []
    for _ in range(draw(st.integers(1, 25))):
        open_, close = draw(st.floats(80, 125)), draw(st.floats(80, 125))
        high = max(open_, close) + draw(st.floats(0, 5))
        low = min(open_, close) - draw(st.floats(0, 5))
        kind = draw(st.sampled_from(["whole"] * 6 + ["close", "none"]))
        nan = math.nan
        found.append({"whole": (open_, high, low, close), "close": (nan, nan, nan, close), "none": (nan,) * 4}[kind])
    return found


@settings(max_examples=40, deadline=None)
@given(
    markets(),
    st.floats(0.011, 0.2),
    st.floats(0.011, 0.2),
    st.integers(1, 6),
    st.lists(st.sampled_from([-1, 0, 1]), min_size=25, max_size=25),
    st.booleans(),
)
def test_every_entry_as_by_a_plain_walk(
    bars: list[tuple[float, float, float, float]], take: float, stop: float, most: int, sides: list[int], gaps: bool
) -> None:
    opens, highs, lows, closes = (np.array(column) for column in zip(*bars, strict=True))
    times = np.arange(len(bars), dtype=np.int64) * 10
    if not gaps:
        bars = [(math.nan, *bar[1:]) for bar in bars]
    found = triple_barrier(
        times,
        closes,
        take=take,
        stop=stop,
        bars=most,
        highs=highs,
        lows=lows,
        opens=opens if gaps else None,
        sides=np.array(sides[: len(bars)]),
        cost=0.001,
    )
    expected = [walk(i, bars, sides[i], take, stop, most, 0.001) for i in range(len(bars))]
    assert found.touched.tolist() == [touched for touched, _, _ in expected]
    np.testing.assert_allclose(found.returns, [paid for _, paid, _ in expected], rtol=1e-9, atol=1e-12)
    assert found.ends.tolist() == [NEVER if j < 0 else int(times[j]) for _, _, j in expected]


def barriers(closes: list[float], **options: Any) -> Barriers:
    return triple_barrier(np.arange(len(closes), dtype=np.int64), np.array(closes), **options)


def test_a_bar_that_touches_both_is_the_stop() -> None:
    highs, lows = np.array([100, 120.0]), np.array([100, 80.0])
    for side in (1, -1):
        found = barriers([100, 100], take=0.1, stop=0.1, bars=1, highs=highs, lows=lows, sides=np.array([side, side]))
        assert (found.touched[0], found.returns[0]) == (STOP, pytest.approx(-0.1))


def test_a_stop_is_not_filled_better_than_the_open() -> None:
    ohl = {"opens": np.array([100, 85.0]), "highs": np.array([100, 88.0]), "lows": np.array([100, 84.0])}
    assert barriers([100, 87], take=0.1, stop=0.1, bars=1, **ohl).returns[0] == pytest.approx(-0.15)


def test_widths_scale_the_barriers_and_labels_read_them() -> None:
    widths = np.array([0.01, 0.05, 0.05, np.nan, 0.01])
    found = barriers([100, 102, 103, 97, 98], take=1, stop=1, bars=2, widths=widths)
    assert found.touched.tolist() == [TAKE, VERTICAL, STOP, UNKNOWN, UNKNOWN]
    np.testing.assert_array_equal(found.labels().values, [1, 0, -1, np.nan, np.nan])
    np.testing.assert_array_equal(found.labels(deadline="sign").values, [1, -1, -1, np.nan, np.nan])
    np.testing.assert_array_equal(found.meta_labels().values, [1, 0, 0, np.nan, np.nan])
    assert found.labels().ends.tolist() == [1, 3, 3, NEVER, NEVER]


def test_without_barriers_only_the_deadline_is_left() -> None:
    closes = [100.0, 300, 10, 50, 60]
    found = barriers(closes, take=0, stop=0, bars=2)
    assert found.touched.tolist() == [0, 0, 0, UNKNOWN, UNKNOWN]
    np.testing.assert_allclose(found.returns[:3], [-0.9, 50 / 300 - 1, 5])


def test_daily_bitcoin_agrees_with_the_walk(shared_data: Path) -> None:
    frame = pl.read_csv(shared_data / "ohlcv/btcusd_1d_merged_2013-2025.csv.gz", try_parse_dates=True).tail(800)
    opens, highs, lows, closes = (frame[name].cast(pl.Float64).to_numpy() for name in ("open", "high", "low", "close"))
    times = frame["date"].cast(pl.Datetime("ns")).dt.epoch("ns").to_numpy()
    found = triple_barrier(times, closes, take=0.06, stop=0.04, bars=7, highs=highs, lows=lows, opens=opens, cost=0.001)
    bars = list(zip(opens.tolist(), highs.tolist(), lows.tolist(), closes.tolist(), strict=True))
    expected = [walk(i, bars, 1, 0.06, 0.04, 7, 0.001) for i in range(len(bars))]
    assert found.touched.tolist() == [each[0] for each in expected]
    np.testing.assert_allclose(found.returns, [each[1] for each in expected], rtol=1e-9)
    assert all((found.touched == kind).sum() > 50 for kind in (TAKE, STOP, VERTICAL))


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("take, stop, bars, cost", lambda: barriers([1, 2], take=-1, stop=1, bars=1)),
        ("take, stop, bars, cost", lambda: barriers([1, 2], take=1, stop=math.nan, bars=1)),
        ("take, stop, bars, cost", lambda: barriers([1, 2], take=1, stop=1, bars=0)),
        ("highs, lows", lambda: barriers([1, 2], take=1, stop=1, bars=1, highs=np.ones(2))),
        ("highs", lambda: barriers([1, 2], take=1, stop=1, bars=1, highs=np.ones(2), lows=np.ones(2) * 2)),
        ("sides", lambda: barriers([1, 2], take=1, stop=1, bars=1, sides=np.array([1, 2]))),
        ("widths", lambda: barriers([1, 2], take=1, stop=1, bars=1, widths=np.array([1.0, -1]))),
        ("widths", lambda: barriers([1, 2], take=1, stop=1, bars=1, widths=np.ones(3))),
        ("highs", lambda: barriers([1, 2], take=1, stop=1, bars=1, highs=np.array(["9", "8"]), lows=np.ones(2))),
        ("deadline", lambda: barriers([1, 2], take=1, stop=1, bars=1).labels(deadline="x")),  # type: ignore[arg-type]
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field
