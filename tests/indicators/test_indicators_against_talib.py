"""Every indicator that TA-Lib has, at every window it accepts: on real daily bars, on walks, on bars full of ties."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.indicators.catalogue import WINDOWS, feature
from quotewright.indicators.stream import compute

Floats = npt.NDArray[np.float64]
Bars = dict[str, Floats]
FAMILIES = (
    *("ad_line", "ad", "cmf", "mfi", "bollinger_upper", "bollinger_middle", "bollinger_lower", "bollinger_width"),
    *("bollinger_place", "keltner_width", "sar", "sar_distance", "log_return", "momentum", "roc", "volatility", "rsi"),
    *("atr", "close:change", "close:zscore", "close:rank"),
)
REFUSED_AT_ONE = {"cmf", "mfi", "volatility", "rsi", "keltner_width", "close:zscore", "close:rank"}
REFUSED_AT_ONE |= {f"bollinger_{part}" for part in ("upper", "middle", "lower", "width", "place")}
UNWINDOWED = {"ad_line", "sar", "sar_distance"}
CASES = [(f, w) for f in FAMILIES for w in WINDOWS if not (w == 1 and f in REFUSED_AT_ONE)]


def walk(seed: int, count: int, digits: int = 15) -> Bars:
    """Bars of a random walk; few digits make ties, flat bars and bars without volume."""
    rng = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.02, count))), digits)
    high = np.round(close * np.exp(np.abs(rng.normal(0, 0.01, count))), digits)
    low = np.round(close * np.exp(-np.abs(rng.normal(0, 0.01, count))), digits)
    volume = np.round(rng.lognormal(0, 1, count), digits)
    return {"high": np.maximum(high, close), "low": np.minimum(low, close), "close": close, "volume": volume}


def expected(family: str, window: int, bars: Bars) -> Floats:
    """What TA-Lib gives, or what its functions give put together."""
    high, low, close, volume = (bars[name] for name in ("high", "low", "close", "volume"))
    with np.errstate(divide="ignore", invalid="ignore"):
        if family.startswith("bollinger"):
            upper, middle, lower = talib.BBANDS(close, window, 2.0, 2.0)
            parts = {"upper": upper, "middle": middle, "lower": lower, "width": (upper - lower) / middle}
            parts["place"] = np.where(upper == lower, 0.5, (close - lower) / (upper - lower))
            return parts[family.removeprefix("bollinger_")]
        if family == "ad":
            line = np.concatenate([[0.0], talib.AD(high, low, close, volume)])
            return np.concatenate([np.full(window - 1, math.nan), line[window:] - line[:-window]])
        if family == "keltner_width":
            upper, middle, lower = talib.KC(high, low, close, window, window, 2.0)
            return (upper - lower) / middle
        if family == "volatility":
            return np.concatenate([[math.nan], talib.STDDEV(np.diff(np.log(close)), window)])
        if family == "close:zscore":
            spread = talib.STDDEV(close, window)
            return np.where(spread == 0, 0.0, (close - talib.SMA(close, window)) / spread)
        found: dict[str, Any] = {
            "ad_line": lambda: talib.AD(high, low, close, volume),
            "cmf": lambda: talib.CMF(high, low, close, volume, window),
            "mfi": lambda: talib.MFI(high, low, close, volume, window),
            "sar": lambda: talib.SAR(high, low),
            "sar_distance": lambda: (close - talib.SAR(high, low)) / close,
            "log_return": lambda: np.log1p(talib.ROCP(close, window)),
            "momentum": lambda: talib.MOM(close, window),
            "roc": lambda: talib.ROC(close, window),
            "rsi": lambda: talib.RSI(close, window),
            "atr": lambda: talib.ATR(high, low, close, window),
            "close:change": lambda: talib.MOM(close, window),
            "close:rank": lambda: talib.PERCENTRANK(close, window) / 100,
        }
        return np.asarray(found[family](), np.float64)


def slack(family: str, window: int, bars: Bars) -> Any:
    """The absolute error allowed where a value cancels to nearly nothing, or where what TA-Lib gives must be."""
    if family in ("ad_line", "ad"):
        return 1e-12 * np.abs(talib.AD(*(bars[name] for name in ("high", "low", "close", "volume")))).max()
    if family in ("momentum", "close:change"):
        return 1e-12 * bars["close"].max()
    if family in ("bollinger_place", "close:zscore"):  # put together from prices rounded without regard to their spread
        rounding = 8 * np.finfo(np.float64).eps * bars["close"] / np.fmax(talib.STDDEV(bars["close"], window), 1e-300)
        least = 5e-10 if family == "bollinger_place" else 1e-12  # ½ + z/4: the half is no part of what is uncertain
        return np.where(rounding < 1, np.fmax(rounding, least), least)
    return {"rsi": 1e-10, "mfi": 1e-10, "roc": 1e-10}.get(family, 1e-12)


def assert_equal(family: str, window: int, bars: Bars, found: Floats | None = None) -> None:
    name = family if family in UNWINDOWED else f"{family}_{window}"
    found = compute(bars, [name])[:, 0] if found is None else found
    wanted = expected(family, window, bars)
    near = np.isclose(found, wanted, rtol=1e-9, atol=slack(family, window, bars), equal_nan=True)
    far = np.flatnonzero(~near)
    assert not len(far), f"{name} at bars {far[:5]}: {found[far[:5]]}, TA-Lib {wanted[far[:5]]}"


@pytest.fixture(scope="module")
def all_days(shared_data: Path) -> Bars:
    """4,714 days; closes alone before 2013-04-29, no volume before 2013-12-27."""
    with gzip.open(shared_data / "ohlcv/btcusd_1d_merged_2013-2025.csv.gz") as file:
        table = pl.read_csv(file.read(), infer_schema_length=None).rename({"volume_usd": "volume"})
    return {name: table[name].to_numpy() for name in ("high", "low", "close", "volume")}


@pytest.fixture(scope="module")
def daily(all_days: Bars) -> Bars:
    whole = np.isfinite(np.array(list(all_days.values()))).all(axis=0)
    assert whole.sum() > 4_300
    return {name: values[whole] for name, values in all_days.items()}


@pytest.mark.parametrize(("family", "window"), CASES)
def test_real_days(daily: Bars, family: str, window: int) -> None:
    assert_equal(family, window, daily)


@pytest.mark.parametrize(("family", "window"), [(f, w) for f, w in CASES if w in (1, 14)])
def test_real_days_that_lack_numbers_at_first(all_days: Bars, family: str, window: int) -> None:
    """Each feature begins with its own inputs, as if history did; the day before lends what there is of it."""
    name = family if family in UNWINDOWED else f"{family}_{window}"
    needs = feature(name).inputs
    first = int(np.isfinite(np.array([all_days[column] for column in needs])).all(axis=0).argmax())
    assert first == (361 - 1 if "volume" in needs else 118 if "high" in needs else 0)
    before = first - 1 if family in ("mfi", "atr", "keltner_width") else first
    since = {column: values[before:].copy() for column, values in all_days.items()}
    for column in ("high", "low", "volume"):  # of the day before TA-Lib takes the close, and the typical price alone
        since[column][0] = since["close"][0] if math.isnan(since[column][0]) else since[column][0]
    found = compute(all_days, [name])[:, 0]
    assert np.isnan(found[:before]).all()
    filled = {column: np.nan_to_num(values) for column, values in since.items()}
    assert_equal(family, window, filled, found[before:])


@pytest.mark.parametrize(("family", "window"), CASES + [(f, w) for f in FAMILIES for w in (2, 90, 1024)])
def test_walks(family: str, window: int) -> None:
    assert_equal(family, window, walk(5, 3_000))


@given(st.integers(0, 2**32 - 1), st.sampled_from(FAMILIES), st.sampled_from(WINDOWS[1:]), st.integers(-2, 0))
@settings(max_examples=150, deadline=None)
def test_ties_flat_bars_and_no_volume(seed: int, family: str, window: int, digits: int) -> None:
    assert_equal(family, window, walk(seed, 90, digits))


@pytest.mark.parametrize("family", sorted(REFUSED_AT_ONE))
def test_talib_refuses_these_at_one(family: str) -> None:
    with pytest.raises(Exception, match="Bad Parameter"):
        expected(family, 1, walk(1, 50))


def test_older_definitions_of_the_keltner_channel_agree_after_warm_up() -> None:
    """From EMA and ATR apart: their first means begin a bar apart, which has faded after some twenty windows."""
    bars = walk(6, 2_000)
    high, low, close = bars["high"], bars["low"], bars["close"]
    for window in WINDOWS[1:]:
        wanted = 4 * talib.ATR(high, low, close, window) / talib.EMA((high + low + close) / 3, window)
        found = compute(bars, [f"keltner_width_{window}"])[:, 0]
        np.testing.assert_allclose(found[20 * window :], wanted[20 * window :], rtol=1e-9)
