"""Calibration from bare arrays of real best prices and prints, without store, importer or book in between."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quotewright.research.calibration import Calibration, calibrate

# Venue, symbol, tick in the quote currency.
STREAMS = [
    ("binance_usdm", "BTCUSDT", 0.1),
    ("binance_usdm", "ETHUSDT", 0.01),
    ("binance_cm", "BTCUSD_PERP", 0.1),
    ("binance_cm", "ETHUSD_PERP", 0.01),
]


def ticks(prices: pl.Series, tick: float) -> np.ndarray:
    return np.round(prices.to_numpy() / tick).astype(np.int64)


def calibration_of(table: pl.DataFrame, venue: str, symbol: str, tick: float) -> Calibration:
    mine = table.filter((pl.col("venue") == venue) & (pl.col("symbol") == symbol)).sort(
        "exch_ts_ms", maintain_order=True
    )
    touch, prints = mine.filter(pl.col("kind") == "bbo"), mine.filter(pl.col("kind") == "trade")
    assert not touch["exch_ts_ms"].has_nulls()
    return calibrate(
        touch["exch_ts_ms"].to_numpy() * 1_000_000,
        ticks(touch["bid_px"], tick) + ticks(touch["ask_px"], tick),
        prints["exch_ts_ms"].to_numpy() * 1_000_000,
        ticks(prints["trade_px"], tick),
        np.where(prints["buyer_is_maker"].to_numpy(), -1, 1),
        tick=tick,
    )


@pytest.fixture(scope="module")
def table(shared_data: Path) -> pl.DataFrame:
    return pl.read_parquet(shared_data / "tick" / "binance_bbo_trades_20240808.parquet")


@pytest.mark.parametrize(("venue", "symbol", "tick"), STREAMS, ids=[f"{s[0]}-{s[1]}" for s in STREAMS])
def test_real_best_prices_and_prints_give_falling_rates_and_finite_intervals(
    table: pl.DataFrame, venue: str, symbol: str, tick: float
) -> None:
    found = calibration_of(table, venue, symbol, tick)
    assert (np.diff(found.rates) <= 0).all()
    assert found.rates[0] > 3 * found.rates[-1] > 0
    for estimate in (found.sigma, found.k, found.A):
        assert math.isfinite(estimate.high)
        assert 0 < estimate.low < estimate.value < estimate.high
    assert found.fitted_rate(1.0) == pytest.approx(found.A.value * math.exp(-found.k.value))
    for depth, rate in zip(found.depths[1:], found.rates[1:], strict=True):
        assert found.fitted_rate(depth) == pytest.approx(rate, rel=1.0)  # within a factor of two at every depth


def test_sigma_agrees_with_the_spread_of_one_second_log_returns(table: pl.DataFrame) -> None:
    found = calibration_of(table, "binance_usdm", "BTCUSDT", 0.1)
    mine = table.filter(
        (pl.col("venue") == "binance_usdm") & (pl.col("symbol") == "BTCUSDT") & (pl.col("kind") == "bbo")
    )
    closes = (
        mine.sort("exch_ts_ms", maintain_order=True)
        .group_by(pl.col("exch_ts_ms") // 1_000, maintain_order=True)
        .agg(((pl.col("bid_px") + pl.col("ask_px")) / 2).last().alias("mid"))
    )
    returns = 1e4 * np.diff(np.log(closes["mid"].to_numpy()))
    # seconds cut at other phases: the same figure up to sampling
    assert found.sigma.value == pytest.approx(math.sqrt(float((returns**2).mean())), rel=0.1)
    assert found.sigma.low < math.sqrt(float((returns**2).mean())) < found.sigma.high
