"""Labels against plain loops over the same prices: values, when they are known, and what they refuse."""

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
from quotewright.validation.labels import NEVER, Labels, directions, forward_returns, returns_after

PRICES = st.lists(st.floats(1, 100) | st.just(math.nan), min_size=1, max_size=30)
GAPS = st.lists(st.integers(0, 5), min_size=30, max_size=30)


def series(prices: list[float], gaps: list[int]) -> tuple[Any, Any]:
    return np.cumsum(np.array(gaps[: len(prices)], np.int64)), np.array(prices)


def net(before: float, later: float, cost: float, side: str) -> float:
    move = later / before - 1
    if side == "better" and not math.isnan(move):
        return move - cost if move > cost else move + cost if move < -cost else 0.0
    return (move if side == "long" else -move) - cost


def the_same(found: Labels, expected: list[tuple[float, int]]) -> None:
    np.testing.assert_allclose(found.values, [value for value, _ in expected], rtol=1e-12, atol=1e-15)
    assert found.ends.tolist() == [end for _, end in expected]
    assert (np.isnan(found.values) == ~found.known).all()


@settings(max_examples=50, deadline=None)
@given(PRICES, GAPS, st.integers(1, 8), st.sampled_from([0.0, 0.01, 0.3]), st.sampled_from(["long", "short", "better"]))
def test_returns_over_bars(prices: list[float], gaps: list[int], bars: int, cost: float, side: Any) -> None:
    times, closes = series(prices, gaps)
    expected = []
    for i in range(len(closes)):
        value = net(closes[i], closes[i + bars], cost, side) if i + bars < len(closes) else math.nan
        expected.append((value, NEVER if math.isnan(value) else int(times[i + bars])))
    the_same(forward_returns(times, closes, bars, cost=cost, side=side), expected)


@settings(max_examples=50, deadline=None)
@given(PRICES, GAPS, st.integers(1, 12))
def test_returns_over_time(prices: list[float], gaps: list[int], horizon: int) -> None:
    times, closes = series(prices, gaps)
    expected = []
    for i, now in enumerate(times):
        last = [k for k in range(len(times)) if times[k] <= now + horizon][-1]
        value = net(closes[i], closes[last], 0.0, "better") if now + horizon <= times[-1] else math.nan
        expected.append((value, NEVER if math.isnan(value) else int(now + horizon)))
    the_same(returns_after(times, closes, horizon), expected)


@settings(max_examples=50, deadline=None)
@given(PRICES, GAPS, st.integers(1, 5), st.integers(1, 30))
def test_a_label_known_by_then_needs_nothing_later(prices: list[float], gaps: list[int], bars: int, cut: int) -> None:
    times, closes = series(prices, gaps)
    whole = forward_returns(times, closes, bars)
    part = forward_returns(times[:cut], closes[:cut], bars)
    assert (part.ends[part.known] <= times[:cut][-1]).all()
    by_row = np.arange(len(times)) + bars < cut
    np.testing.assert_array_equal(part.values[by_row[: len(part.values)]], whole.values[by_row])


def test_directions_by_hand() -> None:
    times = np.arange(6, dtype=np.int64)
    labels = Labels(np.array([0.02, -0.02, 0.01, -0.005, 0.0, np.nan]), times, times + 1)
    assert directions(labels, 0.01).values.tolist()[:5] == [1, -1, 0, 0, 0]
    moving = directions(labels, np.array([0.03, 0.01, 0.0, np.nan, 0.0, 0.0]))
    np.testing.assert_array_equal(moving.values, [0, -1, 1, np.nan, 0, np.nan])
    assert moving.ends.tolist() == [1, 2, 3, NEVER, 5, NEVER]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20), st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_wider_band_decides_less(values: list[float], band: float, more: float) -> None:
    times = np.arange(len(values), dtype=np.int64)
    labels = Labels(np.array(values), times, times)
    narrow, wide = directions(labels, band).values, directions(labels, band + more).values
    assert (np.abs(wide) <= np.abs(narrow)).all()
    assert (narrow * np.array(values) >= 0).all()


def test_daily_bitcoin_has_a_label_a_day_but_for_the_last(shared_data: Path) -> None:
    frame = pl.read_csv(shared_data / "ohlcv/btcusd_1d_merged_2013-2025.csv.gz", try_parse_dates=True)
    times = frame["date"].cast(pl.Datetime("ns")).dt.epoch("ns").to_numpy()
    labels = forward_returns(times, frame["close"].to_numpy(), 7, cost=0.002)
    assert (~labels.known).sum() == 7
    logs = frame.select(pl.col("close").log().diff(7).shift(-7))["close"].to_numpy()[:-7]
    kept = np.abs(np.expm1(logs)) > 0.002
    np.testing.assert_allclose(
        labels.values[:-7][kept], (np.expm1(logs) - 0.002 * np.sign(logs))[kept], rtol=1e-9, atol=1e-12
    )
    assert (labels.values[:-7][~kept] == 0).all()


T = np.arange(5, dtype=np.int64)
P = np.ones(5)


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("times", lambda: forward_returns(T[::-1].copy(), P, 1)),
        ("times", lambda: forward_returns(T.astype(float), P, 1)),  # type: ignore[arg-type]
        ("times", lambda: forward_returns(T[:0], P[:0], 1)),
        ("prices", lambda: forward_returns(T, P[:3], 1)),
        ("prices", lambda: forward_returns(T, P * 0, 1)),
        ("prices", lambda: forward_returns(T, P * np.inf, 1)),
        ("bars", lambda: forward_returns(T, P, 0)),
        ("cost", lambda: forward_returns(T, P, 1, cost=-0.1)),
        ("cost", lambda: forward_returns(T, P, 1, cost=math.nan)),
        ("side", lambda: forward_returns(T, P, 1, side="worse")),  # type: ignore[arg-type]
        ("horizon", lambda: returns_after(T, P, 0)),
        ("band", lambda: directions(Labels(P, T, T), -1)),
        ("band", lambda: directions(Labels(P, T, T), P[:2])),
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field
