"""The shared history: every file loads with the rows it is known to have, and its known defects are found."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from quotewright.datasets import cleaning
from quotewright.datasets.agreement import agreement, best_shift
from quotewright.datasets.as_of import as_of
from quotewright.datasets.checks import check
from quotewright.datasets.dataset import Dataset
from quotewright.datasets.described import Description, parse_descriptions, published, read_dataset
from quotewright.domain.errors import InputError
from quotewright.importers.ohlcv import parse_time

Shared = Callable[[str], Dataset]
Findings = Callable[..., list[Any]]
HOUR, DAY = 3_600 * 10**9, 86_400 * 10**9

# rows, first and last stamp as the publishers' pages state them
KNOWN = {
    "btcusd-1d-merged": (4_714, "2013-01-01", "2025-11-27"),
    "bitstamp-btcusd-1d": (4_018, "2014-11-28", "2025-11-27"),
    "bitstamp-btcusd-1h": (37_387, "2018-05-15T06:00:00Z", "2022-08-20"),
    "kraken-xbtusd-1h": (50_378, "2013-10-06T21:00:00Z", "2020-09-30T23:00:00Z"),
    "binance-btcusdt-1h": (55_597, "2017-08-17T04:00:00Z", "2023-12-20T16:00:00Z"),
    "binance-btcusdt-1d": (2_542, "2019-01-01", "2025-12-16"),
    "binance-btcusdt-4h": (15_244, "2019-01-01", "2025-12-16T08:00:00Z"),
    "gemini-btcusd-1h": (12_528, "2022-07-01", "2024-02-14T23:00:00Z"),
    "coinmarketcap-btc-1d": (2_862, "2013-04-29", "2021-02-27"),
    "coinbase-spot-1d": (45_169, "2020-01-01", "2025-10-25"),
    "bybit-btc-8h-funding": (5_618, "2018-11-15T08:00:00Z", "2023-12-31T16:00:00Z"),
    "binance-btc-8h-funding": (3_713, "2020-08-11T08:00:00Z", "2023-12-31T16:00:00Z"),
    "funding-prints-2022": (19, "2020-12-29", "2022-12-13T16:00:00Z"),
    "coinalyze-open-interest-1d": (13_047, "2021-09-15", "2025-10-26"),
    "coinalyze-funding-1d": (8_384, "2025-07-28", "2025-10-25"),
    "coinmetrics-btc-1d": (3_943, "2009-01-03", "2019-10-20"),
    "coinmetrics-eth-1d": (1_544, "2015-07-30", "2019-10-20"),
    "blockchain-com-btc": (10_124, "2009-01-03", "2024-04-28"),
    "fear-greed-1d": (2_872, "2018-02-01", "2025-12-16"),
    "attention-btc-1d": (731, "2020-01-01", "2021-12-31"),
    "xvenue-1m-2023": (318_626, "2023-01-01", "2023-03-31T23:59:00Z"),
    "xvenue-quotes-1m-2022": (5_761, "2022-12-13", "2022-12-13T23:59:00Z"),
    "coinbase-quotes-1m-2018": (11_514, "2018-04-04", "2018-04-05T23:59:00Z"),
    "coinbase-btcusd-1s": (7_516, "2016-10-07T00:00:04Z", "2016-10-08T23:59:58Z"),
    "binance-btcusdt-prints-2022": (451_466, "2022-01-15", "2022-01-15T23:59:30.134Z"),
    "binance-prints-2024": (55_270, "2024-08-08T23:54:13.500Z", "2024-08-08T23:59:59.999Z"),
}


def test_every_file_of_history_is_described(shared_data: Path) -> None:
    folders = ("ohlcv", "derivs", "onchain", "sentiment", "minute")
    there = {f"{folder}/{path.name}" for folder in folders for path in (shared_data / folder).iterdir()}
    described = {one.path for one in published().values()}
    no_series = {"onchain/btc_address_labels.parquet", "onchain/btc_block_702861.raw.gz"}
    assert there - described == no_series
    assert set(KNOWN) == set(published())


@pytest.mark.parametrize("name", KNOWN)
def test_it_loads_whole(shared: Shared, name: str) -> None:
    manifest = shared(name).manifest
    rows, first, last = KNOWN[name]
    assert manifest.rows == rows
    if name != "binance-prints-2024":  # its stream of prints begins a moment after the recording
        description = published()[name]
        shift = manifest.period if description.stamps == "start" else 0
        assert (manifest.first - shift, manifest.last - shift) == (parse_time(first), parse_time(last))
    assert manifest.source is not None
    assert len(manifest.source.sha256) == 64
    assert manifest.licence


def test_long_decimals_are_read_as_python_reads_them(shared_data: Path, shared: Shared) -> None:
    with gzip.open(shared_data / "onchain" / "coinmetrics_btc_1d.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))[-800:]
    frame = shared("coinmetrics-btc-1d").frame.tail(800)
    for name in ("FeeMeanNtv", "CapRealUSD", "VtyDayRet30d", "PriceUSD", "TxTfrValAdjNtv"):
        assert frame[name].to_list() == [float(row[name]) for row in rows]


# What the publishers' rows are stamped with is measured, not believed: against hourly opens of Binance spot.


def hourly(shared: Shared) -> tuple[Any, Any]:
    frame = shared("binance-btcusdt-1h").frame
    return frame["time"].to_numpy() - HOUR, frame["open"].to_numpy()


def series(dataset: Dataset, column: str, **keys: str) -> tuple[Any, Any]:
    frame = dataset.rows(**keys).drop_nulls(column)
    return frame["time"].to_numpy() - dataset.manifest.period, frame[column].to_numpy()


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("binance-btcusdt-1d", {}),
        ("binance-btcusdt-4h", {}),
        ("bitstamp-btcusd-1d", {}),
        ("bitstamp-btcusd-1h", {}),
        ("kraken-xbtusd-1h", {}),
        ("gemini-btcusd-1h", {}),
        ("coinmarketcap-btc-1d", {}),
        ("btcusd-1d-merged", {}),
        ("coinbase-spot-1d", {"symbol": "BTC/USD"}),
        ("bybit-btc-8h-funding", {}),
        ("binance-btc-8h-funding", {}),
    ],
)
def test_a_bar_opens_where_its_declared_period_begins(shared: Shared, name: str, keys: dict[str, str]) -> None:
    dataset = shared(name)
    column = "open_spot" if "8h" in name else "open"
    step = dataset.manifest.period
    shifts = sorted({-step, step, -HOUR, 0, HOUR, -8 * HOUR, 8 * HOUR})
    closest = best_shift(*hourly(shared), *series(dataset, column, **keys), shifts)
    assert closest[0].shift == 0
    assert closest[0].distance < 40  # bp
    assert closest[1].distance > 1.2 * closest[0].distance


def test_prices_of_the_chain_are_of_the_day_s_end_or_its_beginning(shared: Shared) -> None:
    end = best_shift(
        *hourly(shared), *series(shared("coinmetrics-btc-1d"), "PriceUSD"), range(-DAY, 2 * DAY, 12 * HOUR)
    )
    assert end[0].shift == DAY
    keys = {"metric": "market_price_usd", "sampling": "daily"}
    begin = best_shift(
        *hourly(shared), *series(shared("blockchain-com-btc"), "value", **keys), range(-DAY, 2 * DAY, 12 * HOUR)
    )
    assert begin[0].shift == 0  # taken as of the day's end and a day: late, never early


def test_early_spot_prices_of_bybit_are_another_venue_s(shared: Shared) -> None:
    time, price = series(shared("bybit-btc-8h-funding"), "open_spot")
    opened = parse_time("2021-01-01")
    before = agreement(*hourly(shared), time[time < opened], price[time < opened])
    after = agreement(*hourly(shared), time[time > parse_time("2022-01-01")], price[time > parse_time("2022-01-01")])
    assert before.identical > 0.99
    assert after.identical < 0.02


# Known defects, each found by the check that is meant to find it.


def test_exchanged_volumes_are_found_and_put_right(shared: Shared, findings: Findings) -> None:
    for name, count in (("bitstamp-btcusd-1d", 1_180), ("bitstamp-btcusd-1h", 20_143)):
        dataset = shared(name)
        assert [one.count for one in findings(name, "flagged")] == [count]
        assert not findings(name, "swapped_volumes")
        flag = pl.col("vol_cols_swapped_in_source")
        as_published = dataset.stepped(
            dataset.frame.with_columns(
                volume_btc=pl.when(flag).then("volume_usd").otherwise("volume_btc"),
                volume_usd=pl.when(flag).then("volume_btc").otherwise("volume_usd"),
            ),
            "as_published",
            count,
        )
        idle = dataset.frame.filter(flag & (pl.col("volume_btc") == 0)).height  # nothing to tell them by
        found = [one for one in check(as_published) if one.check == "swapped_volumes"]
        assert [one.count for one in found] == [count - idle]
        right = cleaning.with_volumes_put_right(as_published, base="volume_btc", quote="volume_usd")
        assert right.frame.equals(dataset.frame)
        assert right.manifest.steps[-1].changed == count - idle


def test_interpolated_bars_are_found_without_their_flag(shared: Shared, findings: Findings) -> None:
    assert [one.count for one in findings("binance-btcusdt-1h", "interpolated")] == [128]
    assert [one.count for one in findings("binance-btcusdt-1h", "flagged")] == [128]
    clean = cleaning.without_flagged(shared("binance-btcusdt-1h"), "is_interpolated")
    assert clean.manifest.rows == 55_597 - 128
    assert not [one for one in check(clean) if one.check in ("interpolated", "flagged")]
    for name in ("btcusd-1d-merged", "bitstamp-btcusd-1h", "kraken-xbtusd-1h", "coinbase-spot-1d", "xvenue-1m-2023"):
        assert sum(one.count for one in findings(name, "interpolated")) <= 1


@pytest.mark.parametrize(
    ("name", "series", "count", "detail"),
    [
        ("kraken-xbtusd-1h", "", 3_250, "longest step is 2.375 d"),
        ("binance-btcusdt-4h", "", 4, "5 rows of 4 h are missing"),
        ("gemini-btcusd-1h", "", 1, "longest step is 72.0417 d"),
        ("fear-greed-1d", "", 2, "4 rows of 1 d are missing"),
        ("blockchain-com-btc", "hash_rate_th_s daily", 1, "longest step is 485 d"),
        ("xvenue-1m-2023", "coinbase BTC/USD", 11, "longest step is 4.63333 h"),
        ("xvenue-1m-2023", "kraken BTC/USD", 47, "longest step is 13 min"),
        ("coinbase-btcusd-1s", "", 7_110, "rows of 1 s are missing"),
    ],
)
def test_gaps(findings: Findings, name: str, series: str, count: int, detail: str) -> None:
    (found,) = [one for one in findings(name, "gaps") if one.series == series]
    assert found.count == count
    assert detail in found.detail


@pytest.mark.parametrize(
    "name", ["btcusd-1d-merged", "bitstamp-btcusd-1d", "bitstamp-btcusd-1h", "binance-btcusdt-1h", "coinbase-spot-1d"]
)
def test_complete_grids_have_no_gaps(findings: Findings, name: str) -> None:
    for kind in ("gaps", "duplicates", "out_of_order", "impossible_bar", "not_positive"):
        assert not findings(name, kind)


def test_the_missing_days_of_fear_and_greed(findings: Findings) -> None:
    assert findings("fear-greed-1d", "gaps")[0].first == parse_time("2018-04-13") + DAY  # the last one before


def test_splices(findings: Findings) -> None:
    first, second = findings("btcusd-1d-merged", "splice")
    assert (first.first, second.first) == (parse_time("2013-04-29") + DAY, parse_time("2014-11-28") + DAY)
    assert "-1.66%" in second.detail
    assert "times the usual" in second.detail
    assert "times the usual" not in first.detail
    (level,) = findings("btcusd-1d-merged", "splice_level")
    assert level.column == "volume_usd"
    missing = {one.column: one.count for one in findings("btcusd-1d-merged", "missing")}
    assert missing == {"open, high, low": 118, "volume_usd": 360}


def test_unknown_volumes(shared: Shared, findings: Findings) -> None:
    (unknown,) = findings("coinmarketcap-btc-1d", "unknown_volume")
    (idle,) = findings("coinmarketcap-btc-1d", "no_trade")
    assert unknown.count + idle.count == 242
    emptied = cleaning.with_zeros_empty(shared("coinmarketcap-btc-1d"), "volume_usd")
    assert emptied.manifest.steps[-1].changed == unknown.count


def test_minutes_without_trades_and_real_spikes(shared: Shared, findings: Findings) -> None:
    idle = {one.series: one.count for one in findings("xvenue-1m-2023", "no_trade")}
    assert idle["binanceus BTC/USDC"] == 12_971
    assert idle["binanceus USDC/USDT"] == 25_056
    for symbol, spike in (("USDC/USDT", pl.col("low") < 0.83), ("BTC/USDC", pl.col("high") >= 31_000)):
        one = cleaning.only(shared("xvenue-1m-2023"), venue="binanceus", symbol=symbol)
        marked = cleaning.with_outliers_flagged(one)
        spikes = marked.frame.filter(spike)
        assert spikes.height
        assert spikes["is_outlier"].all()
        assert marked.manifest.rows == 30_240  # flagged, not removed
    covered = [one.series for one in findings("xvenue-1m-2023", "coverage")]
    assert len(covered) == 9  # the tenth series is three months long


def test_two_venues_agree_to_a_few_basis_points(shared: Shared) -> None:
    panel = shared("xvenue-1m-2023")
    kraken = series(panel, "close", venue="kraken", symbol="BTC/USD")
    coinbase = series(panel, "close", venue="coinbase", symbol="BTC/USD")
    found = agreement(*coinbase, *kraken)
    assert (round(found.basis, 1), round(found.low), round(found.high)) == (-0.7, -16, 5)


def test_quotes_that_are_empty_where_nothing_changed(shared: Shared, findings: Findings) -> None:
    missing = findings("xvenue-quotes-1m-2022", "missing")
    of = {one.series: one for one in missing if "bid_open" in one.column}
    assert of["binance spot BTCBUSD"].detail == "the whole column is empty"
    assert of["binance inverse_perp BTCUSD"].count == 335
    assert "719 after the last" in of["bybit spot BTCUSDT"].detail  # from 12:00 on
    short = {one.series for one in findings("xvenue-quotes-1m-2022", "coverage")}
    assert short == {"bybit inverse_perp BTCUSD", "bybit linear_perp BTCUSDT"}
    filled = cleaning.carried_forward(shared("xvenue-quotes-1m-2022"), "bid_close", "ask_close")
    assert filled.rows(venue="binance", product="inverse_perp", symbol="BTCUSD")["bid_close"].null_count() == 0
    assert filled.rows(venue="binance", product="spot", symbol="BTCBUSD")["bid_close"].null_count() == 1_440
    assert not findings("xvenue-quotes-1m-2022", "crossed_quotes")


def test_hours_of_quotes_without_trades(findings: Findings) -> None:
    silent = [one for one in findings("coinbase-quotes-1m-2018", "missing") if one.column.startswith("open")]
    assert len(silent) == 4
    assert all("in between, at most 4" in one.detail for one in silent)  # 420 to 431 minutes, then until 07:00


def test_a_percentage_called_a_fraction(shared: Shared, findings: Findings) -> None:
    units = findings("coinalyze-funding-1d", "funding_unit")
    btc = [one.column for one in units if one.series == "BTCUSD_PERP.A"]
    assert btc == ["funding_rate_pct"]
    ratios = [one for one in findings("coinalyze-funding-1d", "proportional") if one.column == "funding_rate_pct"]
    assert len(ratios) > 80
    assert all("is 100 × funding_rate" in one.detail for one in ratios)
    mistaken = cleaning.rescaled(shared("coinalyze-funding-1d"), "funding_rate", 1.0, "fraction per 8 h")
    only = cleaning.only(mistaken, symbol="BTCUSD_PERP.A")
    assert {one.column for one in check(only) if one.check == "funding_unit"} == {"funding_rate", "funding_rate_pct"}
    right = cleaning.only(
        cleaning.rescaled(shared("coinalyze-funding-1d"), "funding_rate", 0.01, "fraction per 8 h"),
        symbol="BTCUSD_PERP.A",
    )
    assert "funding_rate" not in {one.column for one in check(right) if one.check == "funding_unit"}
    for name in ("bybit-btc-8h-funding", "binance-btc-8h-funding"):
        assert not findings(name, "funding_unit")


def test_a_strategy_s_column_cannot_be_recomputed(findings: Findings) -> None:
    for name in ("bybit-btc-8h-funding", "binance-btc-8h-funding"):
        assert [one.column for one in findings(name, "derived")] == ["ma120"]
        assert [one.column for one in findings(name, "held")] == ["ma120"]


def test_universes_of_survivors(findings: Findings) -> None:
    assert findings("coinbase-spot-1d", "survivors")[0].count == 102
    cut = findings("coinbase-spot-1d", "cut_together")
    assert sum(one.count for one in cut) == 61  # not the publisher's defect, but its collector's: pages of 300 days
    assert len(cut) == 5


def test_one_measure_told_in_two_samplings(findings: Findings) -> None:
    twice = {one.series: one for one in findings("blockchain-com-btc", "told_twice")}
    assert twice["hash_rate_th_s 3-day sampled"].count == 244
    assert {one.series for one in findings("blockchain-com-btc", "sampling")} == {
        "hash_rate_th_s 3-day sampled",
        "market_price_usd 3-day sampled",
        "n_transactions 3-day sampled",
    }


def test_an_index_beyond_its_hundred(findings: Findings) -> None:
    (beyond,) = findings("attention-btc-1d", "out_of_bounds")
    assert beyond.column == "google_search_bitcoin"
    assert "as far as 200" in beyond.detail
    (none,) = findings("attention-btc-1d", "missing")
    assert (none.column, none.count) == ("musk_crypto_tweets", 731 - 23)


def test_the_recorder_s_clock_and_silence(shared: Shared, findings: Findings) -> None:
    behind = findings("binance-prints-2024", "clock_behind")
    assert sum(one.count for one in behind) == 55_270
    assert all("-1.2" in one.detail for one in behind)
    with pytest.raises(InputError, match="recorder's clock"):
        shared("binance-prints-2024").series("price", venue="binance_spot", symbol="BTCUSDT")
    moved = cleaning.with_clock_moved(shared("binance-prints-2024"), 1_300_000_000)
    assert not [one for one in check(moved) if one.check == "clock_behind"]
    (quiet,) = findings("binance-btcusdt-prints-2022", "silence")
    assert "5.2446 min" in quiet.detail  # 314.7 s
    assert findings("binance-btcusdt-prints-2022", "nudged_times")
    assert not findings("binance-prints-2024", "nudged_times")


def test_a_daily_figure_is_not_known_on_its_day(shared: Shared) -> None:
    """The fear and greed of a day is read first when the day is over, on-chain figures a day after that."""
    day = parse_time("2019-06-01")
    mood = shared("fear-greed-1d")
    at = np.array([day + DAY - 1, day + DAY], np.int64)
    before, then = as_of(at, mood.series("value"))
    raw = dict(zip(mood.frame["time"].to_list(), mood.frame["value"].to_list(), strict=True))
    assert (before, then) == (raw[day], raw[day + DAY])
    chain = shared("coinmetrics-btc-1d").series("TxCnt")
    row = shared("coinmetrics-btc-1d").frame.filter(pl.col("time") == day + DAY)["TxCnt"][0]
    assert as_of(np.array([day + 2 * DAY], np.int64), chain)[0] == row
    assert as_of(np.array([day + 2 * DAY - 1], np.int64), chain)[0] != row


def test_descriptions_say_what_is_wrong_with_them() -> None:
    with pytest.raises(InputError, match="description"):
        parse_descriptions("[[file]]\npath = 1")
    with pytest.raises(InputError, match="description"):
        parse_descriptions("[[file")
    one = '[[file]]\npath="a"\nname="x"\nkind="bars"\nstamp="t"\nlicence="l"\n'
    with pytest.raises(InputError, match="more than one"):
        parse_descriptions(one + one)
    with pytest.raises(InputError, match="not columns"):
        parse_descriptions(one + 'delays={y="1d"}\n')["x"].columns()


def test_a_column_has_one_type_and_one_name(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("t,close,c\n2020-01-01,1,2\n")
    base: dict[str, Any] = {"path": "x.csv", "name": "x", "kind": "bars", "stamp": "t", "licence": "l"}
    with pytest.raises(InputError, match="two types"):
        read_dataset(tmp_path, Description(**base, floats={"close": "USD"}, integers={"close": "count"}))
    with pytest.raises(InputError, match="one name"):
        read_dataset(tmp_path, Description(**base, floats={"close": "USD"}, rename={"c": "close"}))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a file"):
        read_dataset(tmp_path, Description(path="none.csv", name="x", kind="bars", stamp="t", licence="l"))
