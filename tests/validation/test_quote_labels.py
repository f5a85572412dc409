"""Markouts and fills of quotes against plain loops over the tape, on drawn tapes and on a real one."""

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
from quotewright.validation.quote_labels import fill_labels, markouts, toxic

PRINTS = st.lists(
    st.tuples(
        st.integers(0, 4), st.sampled_from([98.0, 99.0, 100.0, 101.0]), st.sampled_from([-1, 1]), st.integers(1, 3)
    ),
    min_size=1,
    max_size=30,
)
QUOTES = st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from([-1, 1]), st.sampled_from([99.0, 100.0]), st.integers(0, 4)),
    min_size=1,
    max_size=10,
)


def columns(rows: list[tuple[Any, ...]]) -> list[Any]:
    first, *rest = (np.array(column) for column in zip(*rows, strict=True))
    return [np.cumsum(first), *rest]


def fill_of(quote: Any, tape: Any, horizon: int, rule: str, takers: bool, latency: int) -> tuple[float, int]:
    at, side, price, ahead = quote
    begin, end, taken = at + latency, at + latency + horizon, 0
    for time, printed, taker, lots in tape:
        if not begin < time <= end or (takers and taker == side):
            continue
        if (printed < price) if side == 1 else (printed > price):
            return 1.0, time
        taken += lots if printed == price else 0
        if rule == "queue" and printed == price and taken >= ahead + 2:
            return 1.0, time
    return (0.0, end) if tape[-1][0] >= end else (math.nan, NEVER)


@settings(max_examples=40, deadline=None)
@given(PRINTS, QUOTES, st.integers(1, 12), st.sampled_from(["through", "queue"]), st.booleans(), st.integers(0, 3))
def test_fills_as_by_a_plain_loop(
    prints: list[Any], quotes: list[Any], horizon: int, rule: Any, takers: bool, latency: int
) -> None:
    times, printed, sides, lots = columns(prints)
    at, side, price, ahead = columns(quotes)
    found = fill_labels(
        at,
        side,
        price,
        times,
        printed,
        horizon,
        rule=rule,
        print_takers=sides if takers else None,
        print_sizes=lots.astype(float),
        ahead=ahead.astype(float),
        size=2.0,
        latency=latency,
    )
    tape = list(zip(times.tolist(), printed.tolist(), sides.tolist(), lots.tolist(), strict=True))
    expected = [
        fill_of(quote, tape, horizon, rule, takers, latency)
        for quote in zip(at.tolist(), side.tolist(), price.tolist(), ahead.tolist(), strict=True)
    ]
    np.testing.assert_array_equal(found.values, [value for value, _ in expected])
    assert found.ends.tolist() == [end for _, end in expected]


@settings(max_examples=50, deadline=None)
@given(PRINTS, QUOTES, st.integers(1, 12))
def test_who_waits_in_the_queue_is_filled_no_less_than_by_prints_through(
    prints: list[Any], quotes: list[Any], horizon: int
) -> None:
    times, printed, _, lots = columns(prints)
    at, side, price, ahead = columns(quotes)
    through = fill_labels(at, side, price, times, printed, horizon)
    queued = fill_labels(
        at, side, price, times, printed, horizon, rule="queue", print_sizes=lots * 1.0, ahead=ahead * 1.0, size=1
    )
    assert (queued.values[through.values == 1] == 1).all()
    assert (queued.ends[through.values == 1] <= through.ends[through.values == 1]).all()


@settings(max_examples=50, deadline=None)
@given(PRINTS, QUOTES, st.integers(0, 12))
def test_markouts_as_by_a_plain_loop(mids: list[Any], fills: list[Any], horizon: int) -> None:
    mid_times, mid, _, _ = columns(mids)
    at, side, price, _ = columns(fills)
    found = markouts(at, side, price, mid_times, mid, horizon, fee_bp=1.5)
    for i in range(len(at)):
        due = at[i] + horizon
        before = [k for k in range(len(mid)) if mid_times[k] <= due]
        if not before or due > mid_times[-1]:
            assert math.isnan(found.values[i])
            assert found.ends[i] == NEVER
            continue
        later = mid[before[-1]]
        paid = (later - price[i]) if side[i] == 1 else (price[i] - later)
        assert found.values[i] == pytest.approx(paid / price[i] * 1e4 - 1.5, abs=1e-9)
        assert found.ends[i] == due
    lost = toxic(found, tolerance_bp=2)
    np.testing.assert_array_equal(lost.values == 1, found.values < -2)
    np.testing.assert_array_equal(np.isnan(lost.values), np.isnan(found.values))


def test_on_a_real_tape_deeper_quotes_fill_less_and_fills_lose_with_time(shared_data: Path) -> None:
    """BTCUSDT perpetual: a bid and an ask each second, at the touch and deeper; 1.5 s of waiting."""
    frame = pl.read_parquet(shared_data / "tick/binance_bbo_trades_20240808.parquet").filter(
        pl.col("venue").cast(str) == "binance_usdm", pl.col("symbol").cast(str) == "BTCUSDT"
    )
    bbo, prints = frame.filter(pl.col("bid_px").is_not_null()), frame.filter(pl.col("trade_px").is_not_null())
    seconds = bbo.group_by((pl.col("local_ts_ns") // 10**9).alias("second"), maintain_order=True).last()
    times = seconds["local_ts_ns"].to_numpy()
    takers = np.where(prints["buyer_is_maker"].to_numpy(), -1, 1)
    shares = []
    for depth in (0.0, 1.0, 5.0, 20.0):
        for side, touch in ((1, "bid_px"), (-1, "ask_px")):
            found = fill_labels(
                times,
                np.full(len(times), side),
                seconds[touch].to_numpy() - side * depth,
                prints["local_ts_ns"].to_numpy(),
                prints["trade_px"].to_numpy(),
                1_500_000_000,
                print_takers=takers,
            )
            shares.append(found.values[found.known].mean())
    bids, asks = shares[::2], shares[1::2]
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks, reverse=True)
    assert 0.02 < bids[-1] + asks[-1] < bids[0] + asks[0] < 1.9
    mids = ((bbo["bid_px"] + bbo["ask_px"]) / 2).to_numpy()
    filled = (
        prints["local_ts_ns"].to_numpy(),
        -takers,
        prints["trade_px"].to_numpy(),
        bbo["local_ts_ns"].to_numpy(),
        mids,
    )
    now, later = (markouts(*filled, horizon).values for horizon in (0, 5_000_000_000))
    assert np.nanmean(now) > np.nanmean(later)  # who rests is picked off on average


Q = np.arange(3, dtype=np.int64)
ONES = np.ones(3)
BIDS = np.ones(3, np.int64)


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("sides, prices", lambda: markouts(Q, BIDS[:2], ONES, Q, ONES, 1)),
        ("sides", lambda: markouts(Q, BIDS * 0, ONES, Q, ONES, 1)),
        ("prices", lambda: markouts(Q, BIDS, ONES * math.nan, Q, ONES, 1)),
        ("fill_times", lambda: markouts(Q[::-1].copy(), BIDS, ONES, Q, ONES, 1)),
        ("mids", lambda: markouts(Q, BIDS, ONES, Q, ONES[:2], 1)),
        ("horizon", lambda: markouts(Q, BIDS, ONES, Q, ONES, -1)),
        ("tolerance_bp", lambda: toxic(markouts(Q, BIDS, ONES, Q, ONES, 0), tolerance_bp=-1)),
        ("rule", lambda: fill_labels(Q, BIDS, ONES, Q, ONES, 1, rule="at")),  # type: ignore[arg-type]
        ("rule", lambda: fill_labels(Q, BIDS, ONES, Q, ONES, 1, rule="queue")),
        ("horizon, latency", lambda: fill_labels(Q, BIDS, ONES, Q, ONES, 0)),
        ("print_prices", lambda: fill_labels(Q, BIDS, ONES, Q, ONES[:2], 1)),
        ("print_times", lambda: fill_labels(Q, BIDS, ONES, Q[:0], ONES[:0], 1)),
    ],
)
def test_wrong_input_is_refused(field: str, make: Callable[[], Any]) -> None:
    with pytest.raises(InputError) as refused:
        make()
    assert refused.value.field == field
