"""What TA-Lib does not say: our rules at window 1, at missing bars, at still prices; and that nothing drifts."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.indicators.catalogue import FEATURES, feature, series_features
from quotewright.indicators.stream import compute

Floats = npt.NDArray[np.float64]
Bars = dict[str, Floats]
NAMES = (*FEATURES, *series_features("funding"))
BETWEEN_ENDS = {"log_return", "momentum", "roc", "change"}  # ask for nothing in between
CARRIED = {name for name in NAMES if name == "ad_line" or ":ewm" in name}  # go on over a missing bar


def walk(seed: int, count: int, level: float = 100.0) -> Bars:
    rng = np.random.default_rng(seed)
    close = level + np.cumsum(rng.normal(0, 1, count))
    spread = rng.uniform(0, 1, (2, count))
    volume = rng.lognormal(0, 1, count)
    funding = rng.normal(0, 1e-4, count)
    return {"high": close + spread[0], "low": close - spread[1], "close": close, "volume": volume, "funding": funding}


def values_of(bars: Bars, name: str) -> Floats:
    return compute(bars, [name])[:, 0]


def test_window_one_by_hand() -> None:
    bars = {
        "high": np.array([11.0, 13.0, 12.0, 12.0]),
        "low": np.array([9.0, 11.0, 10.0, 12.0]),
        "close": np.array([10.0, 12.5, 10.5, 12.0]),
        "volume": np.array([5.0, 8.0, 0.0, 4.0]),
    }
    nan = math.nan
    wanted = {
        "ad_1": [0, 8 * (1.5 - 0.5) / 2, 0, 0],  # no volume; then a flat bar
        "cmf_1": [0, 0.5, 0, 0],
        "mfi_1": [nan, 100, 50, 100],  # a fall without volume is no flow
        "bollinger_upper_1": bars["close"],
        "bollinger_middle_1": bars["close"],
        "bollinger_lower_1": bars["close"],
        "bollinger_width_1": [0, 0, 0, 0],
        "bollinger_place_1": [0.5] * 4,
        "atr_1": [nan, 3, 2.5, 1.5],
        "keltner_width_1": [nan, 4 * 3 / (36.5 / 3), 4 * 2.5 / (32.5 / 3), 4 * 1.5 / 12],
        "log_return_1": [nan, math.log(1.25), math.log(10.5 / 12.5), math.log(12 / 10.5)],
        "volatility_1": [nan, math.log(1.25), math.log(12.5 / 10.5), math.log(12 / 10.5)],
        "momentum_1": [nan, 2.5, -2, 1.5],
        "roc_1": [nan, 25, -16, 100 * 1.5 / 10.5],
        "rsi_1": [nan, 100, 0, 100],
        "close:zscore_1": [0, 0, 0, 0],
        "close:rank_1": [nan, 1, 0, 1],
        "close:ewm_1": [10, (12.5 + 5) / 1.5, (10.5 + 6.25 + 2.5) / 1.75, (12 + 5.25 + 3.125 + 1.25) / 1.875],
    }
    for name, values in wanted.items():
        np.testing.assert_allclose(values_of(bars, name), np.array(values, np.float64), rtol=1e-14, err_msg=name)


def test_a_still_market_is_neither_missing_nor_divided_by() -> None:
    still = {name: np.full(60, 7.0) for name in ("high", "low", "close", "volume", "funding")}
    last = dict(zip(NAMES, compute(still, NAMES)[-1], strict=True))
    assert not [name for name, value in last.items() if not math.isfinite(value)]
    assert {last[f"rsi_{w}"] for w in (7, 28)} | {last[f"mfi_{w}"] for w in (7, 28)} == {0.0}  # as TA-Lib
    assert last["rsi_1"] == last["mfi_1"] == 50
    assert last["bollinger_place_14"] == 0.5
    assert last["funding:zscore_14"] == 0


def test_rounding_is_no_move_and_no_spread() -> None:
    high, low, close = np.tile([0.3, 0.35], 20), np.tile([0.1, 0.05], 20), np.tile([0.2, 0.2], 20)
    typical = (high + low + close) / 3
    assert 0 < abs(typical[1] - typical[0]) < 1e-15
    bars = {"high": high, "low": low, "close": close, "volume": np.ones(40)}
    assert values_of(bars, "mfi_7")[-1] == talib.MFI(high, low, close, bars["volume"], 7)[-1] == 0
    assert values_of(bars, "mfi_1")[-1] == 50
    wobble = {"x": np.tile([0.1 + 0.2, 0.3], 20)}
    assert wobble["x"][0] != wobble["x"][1]
    assert values_of(wobble, "x:zscore_7")[-1] == 0
    assert values_of({"close": wobble["x"]}, "bollinger_width_7")[-1] == 0


@given(st.integers(0, 2**32 - 1), st.integers(1, 80), st.sampled_from(["high", "low", "close", "volume", "funding"]))
@settings(max_examples=50, deadline=None)
def test_a_missing_bar_is_forgotten(seed: int, gap: int, column: str) -> None:
    """NaN at the gap; before it and beside it nothing changes; after it all is as if history had begun there."""
    bars = walk(seed, 120)
    holed = bars | {column: np.where(np.arange(120) == gap, math.nan, bars[column])}
    anew = compute({name: values[gap:] for name, values in holed.items()}, NAMES)
    found, whole = compute(holed, NAMES), compute(bars, NAMES)
    assert found[:gap].tobytes() == whole[:gap].tobytes()
    for k, name in enumerate(NAMES):
        needs = FEATURES[name].inputs if name in FEATURES else ("funding",)
        if column not in needs:
            assert found[:, k].tobytes() == whole[:, k].tobytes(), name
            continue
        assert math.isnan(found[gap, k]), name
        assert np.isfinite(found[gap + 30 :, k]).all(), f"{name} is poisoned"
        if (name, column) == ("sar_distance", "close"):  # the stop itself asks for no close
            assert found[gap + 1 :, k].tobytes() == whole[gap + 1 :, k].tobytes()
        elif (chosen := feature(name)).family in BETWEEN_ENDS:
            expected = whole[:, k].copy()
            expected[[gap, gap + chosen.window]] = math.nan
            assert np.array_equal(found[:, k], expected, equal_nan=True), name
        elif name not in CARRIED:
            assert found[gap:, k].tobytes() == anew[:, k].tobytes(), name


def test_the_accumulation_line_goes_on_from_where_it_stood() -> None:
    bars = walk(3, 40)
    kept = np.arange(40) != 17
    holed = bars | {"volume": np.where(kept, bars["volume"], math.nan)}
    without = {name: values[kept] for name, values in bars.items()}
    assert np.array_equal(values_of(holed, "ad_line")[kept], values_of(without, "ad_line"))


@pytest.mark.parametrize("half_life", [1, 7, 28])
def test_the_fading_mean_is_polars(half_life: int) -> None:
    values = walk(4, 300)["funding"]
    values[[0, 40, 41, 250]] = math.nan
    series = pl.Series(values).fill_nan(None)
    wanted = series.ewm_mean(half_life=half_life, adjust=True, ignore_nulls=False).to_numpy()
    found = values_of({"funding": values}, f"funding:ewm_{half_life}")
    assert np.isnan(found[[0, 40, 41, 250]]).all()
    known = ~np.isnan(found)
    np.testing.assert_allclose(found[known], wanted[known], rtol=1e-12)


@given(st.lists(st.sampled_from([0.0, 1.0, 1.5, -2.0, math.nan]), min_size=1, max_size=40), st.integers(1, 6))
@settings(max_examples=80, deadline=None)
def test_features_of_a_series_by_brute_force(values: list[float], window: int) -> None:
    found = compute({"x": np.array(values)}, [f"x:{family}_{window}" for family in ("change", "zscore", "rank", "ewm")])
    for i, now in enumerate(values):
        last, before = values[max(0, i + 1 - window) : i + 1], values[max(0, i - window) : i]
        full = len(last) == window and not any(map(math.isnan, last))
        spread = float(np.std(last)) if full else math.nan
        score = 0.0 if spread == 0 else (now - float(np.mean(last))) / spread
        below = len(before) == window and not any(map(math.isnan, [now, *before]))
        weights = [(0.5 ** ((i - j) / window), x) for j, x in enumerate(values[: i + 1]) if not math.isnan(x)]
        mean = math.fsum(w * x for w, x in weights) / math.fsum(w for w, _ in weights) if weights else math.nan
        wanted = (
            now - values[i - window] if i >= window else math.nan,
            score if full else math.nan,
            sum(x < now for x in before) / window if below else math.nan,
            math.nan if math.isnan(now) else mean,
        )
        np.testing.assert_allclose(found[i], wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, 1e101])
def test_numbers_beyond_all_measure_count_as_missing(bad: float) -> None:
    bars = walk(5, 90)
    holed = bars | {"close": np.where(np.arange(90) == 30, bad, bars["close"])}
    missing = bars | {"close": np.where(np.arange(90) == 30, math.nan, bars["close"])}
    assert np.array_equal(compute(holed, NAMES), compute(missing, NAMES), equal_nan=True)


def test_prices_without_a_logarithm_are_unknown_for_a_while_only() -> None:
    bars = walk(6, 90)
    bars["close"][40] = 0.0
    bars["low"][40] = 0.0
    for name in ("log_return_7", "volatility_7", "roc_7"):
        assert math.isnan(values_of(bars, name)[47 if name == "roc_7" else 40]), name
        assert np.isfinite(values_of(bars, name)[48:]).all(), name


def test_a_million_bars_with_a_great_offset_do_not_drift() -> None:
    """At the end of 10⁶ bars around 10⁹ each value is that of exact arithmetic on what it is made of."""
    count, window = 1_000_000, 28
    rng = np.random.default_rng(8)
    close = np.round(1e9 + 1e3 * rng.normal(size=count), 2)
    close[: count // 2] += 1e12  # what a running sum would carry for ever
    bars = {"high": close + 1, "low": close - 2, "close": close, "volume": rng.lognormal(10, 2, count)}
    names = [
        "bollinger_middle_28",
        "bollinger_width_28",
        "ad_28",
        "ad_line",
        "atr_28",
        "close:zscore_28",
        "close:ewm_28",
    ]
    found = dict(zip(names, compute(bars, names)[-1], strict=True))

    last = [Fraction(x) for x in close[-window:].tolist()]
    mean = sum(last) / window
    spread = math.sqrt(sum((x - mean) ** 2 for x in last) / window)
    flow = ((close - bars["low"]) - (bars["high"] - close)) / (bars["high"] - bars["low"]) * bars["volume"]
    assert found["bollinger_middle_28"] == pytest.approx(float(mean), rel=1e-15)
    assert found["bollinger_width_28"] == pytest.approx(4 * spread / float(mean), rel=1e-9)
    assert found["close:zscore_28"] == pytest.approx(float(last[-1] - mean) / spread, rel=1e-9)
    assert found["ad_28"] == pytest.approx(math.fsum(flow[-window:]), rel=1e-12)
    assert found["ad_line"] == pytest.approx(math.fsum(flow), rel=1e-15)
    weights = 0.5 ** (np.arange(2_000)[::-1] / 28)
    assert found["close:ewm_28"] == pytest.approx(float(weights @ close[-2_000:] / weights.sum()), rel=1e-12)
    average = 0.0
    ranges = np.maximum(3.0, np.maximum(abs(bars["high"][1:] - close[:-1]), abs(bars["low"][1:] - close[:-1])))
    for value in ranges[-2_000:].tolist():
        average += (value - average) / 28
    assert found["atr_28"] == pytest.approx(average, rel=1e-9)
