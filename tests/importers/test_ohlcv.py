"""OHLCV files: every shared one, column names, time forms, intervals, gaps and damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quotewright.domain.errors import DataError, InputError, ParseError
from quotewright.domain.events import FROM_BARS, LAST, TRADE, EventArray
from quotewright.domain.instrument import Instrument
from quotewright.importers.ohlcv import Ohlcv, parse_time

BTCUSD = Instrument("any", "BTCUSD", "spot", "BTC", "USD", "0.01", "0.00000001")
FINE = Instrument("any", "ABTUSD", "linear", "ABT", "USD", "0.0000001", "1")  # prices of seven decimals, no volume
ABTUSD = Instrument("any", "ABTUSD", "linear", "ABT", "USD", "0.0001", "0.0001")
HOUR = 3_600 * 10**9


def run(paths: list[Path], instrument: Instrument = BTCUSD) -> tuple[EventArray, Ohlcv]:
    importer = Ohlcv(paths, instrument)
    events = np.concatenate(list(importer.chunks()))
    refused = sum(entry.count for entry in importer.refused.values())
    assert importer.tally.read == importer.tally.accepted + refused + sum(importer.tally.dropped.values())
    return events, importer


@pytest.mark.parametrize(
    ("name", "instrument", "rows", "refused", "dropped", "missing"),
    [
        ("binance_btcusdt_1d_2019-2025", BTCUSD, 2_542, 0, 0, 0),
        ("binance_btcusdt_1h_2017-2023", BTCUSD, 55_597, 1, 128, 128),
        ("binance_btcusdt_4h_2019-2025", BTCUSD, 15_244, 0, 0, 5),
        ("bitstamp_btcusd_1d_2014-2025", BTCUSD, 4_018, 0, 0, 0),
        ("bitstamp_btcusd_1h_2018-2022", BTCUSD, 37_387, 0, 0, 0),
        ("gemini_btcusd_1h_2022-2024", BTCUSD, 12_528, 0, 0, 1_728),
        ("kraken_xbtusd_1h_2013-2020", BTCUSD, 50_378, 20_528, 0, 10_849),  # early prices have five decimals
        ("btcusd_1d_merged_2013-2025", FINE, 4_714, 157, 0, 0),  # 118 rows have a close only
        ("coinmarketcap_btc_1d_2013-2021", FINE, 2_862, 39, 0, 0),  # some prices have eight decimals
        ("coinbase_spot_1d_2020-2025", ABTUSD, 45_169, 0, 45_069, 0),
    ],
)
def test_every_shared_file_imports(
    shared_data: Path, name: str, instrument: Instrument, rows: int, refused: int, dropped: int, missing: int
) -> None:
    events, importer = run([shared_data / "ohlcv" / f"{name}.csv.gz"], instrument)
    assert importer.tally.read == rows
    assert sum(entry.count for entry in importer.refused.values()) == refused
    assert sum(importer.tally.dropped.values()) == dropped
    assert len(events) == 4 * (rows - refused - dropped)
    assert any(note.endswith(f"{missing:,} bars missing in between") for note in importer.notes)
    bars = events.reshape(-1, 4)
    assert (bars["price"][:, 1] == bars["price"].max(axis=1)).all()
    assert (bars["price"][:, 2] == bars["price"].min(axis=1)).all()
    assert (np.diff(bars["exch_ts"][:, 0]) > 0).all()
    assert (events["kind"] == TRADE).all()


def saved(folder: Path, text: str, name: str = "bars.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_a_bar_is_four_prints_when_it_is_complete(tmp_path: Path) -> None:
    text = (
        "Date,Open,High,Low,Close,Volume_BTC\n"
        "2024-08-08 00:00:00,100.00,110,90.5,105,1e-05\n"
        "2024-08-08 01:00:00,105,105,105,105,0\n"
        "2024-08-08 04:00:00,105,106,104,104,2\n"
        "2024-08-08 05:00:00,104,106,104,104,2\n"
    )
    events, importer = run([saved(tmp_path, text)])
    start = parse_time("2024-08-08")
    assert events["price"][:4].tolist() == [10000, 11000, 9050, 10500]
    assert events["qty"][:4].tolist() == [0, 0, 0, 1000]
    assert events["flags"][:4].tolist() == [FROM_BARS, FROM_BARS, FROM_BARS, FROM_BARS | LAST]
    assert ((events["exch_ts"][::4] - start) // HOUR).tolist() == [1, 2, 5, 6]
    assert (events["exch_ts"] == events["local_ts"]).all()
    assert "bar interval 3600 s; 2 bars missing in between" in importer.notes


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2024-01-02,1,2,1,,3", "price is empty; write a plain decimal such as 61837.63"),
        ("2024-01-02,1,2,1,NaN,3", "price is not a number; write a plain decimal such as 61837.63"),
        ("2024-01-02,1,2,1,-1,3", "price must not be negative"),
        ("2024-01-02,1,2,1,0,3", "price must be above zero"),
        ("2024-01-02,1,2,1,1.001,3", "price is not a multiple of the step 0.01"),
        ("2024-01-02,1,2,1,3,3", "high and low do not enclose open and close"),
        ("2024-01-02,1,2,1,1,0.000000001", "qty is not a multiple of the step 0.00000001"),
        ("2023-01-02,1,2,1,1,3", "time goes back; the recording is not in order"),
        ("yesterday,1,2,1,1,3", "time is not ISO 8601 such as 2024-08-08T00:00:00Z"),
        ("2024-01-02,1,2,1,1", "the row has not as many cells as the header"),
    ],
)
def test_a_damaged_bar_is_refused_and_the_rest_goes_on(tmp_path: Path, row: str, reason: str) -> None:
    text = f"ts,open,high,low,close,volume\n2024-01-01,1,2,1,1,3\n{row}\n2024-01-03,1,2,1,1,3\n"
    events, importer = run([saved(tmp_path, text)])
    assert {name: entry.count for name, entry in importer.refused.items()} == {reason: 1}
    assert len(events) == 8


def test_bars_twice_files_in_order_and_files_that_are_no_bars(tmp_path: Path) -> None:
    head = "ts,open,high,low,close,volume\n"
    first = saved(tmp_path, head + "2024-01-01,1,1,1,1,1\n2024-01-02,1,1,1,1,1\n", "a.csv")
    second = saved(tmp_path, head + "2024-01-02,1,1,1,1,1\n2024-01-04,1,1,1,1,1\n", "b.csv")
    _, importer = run([first, second])
    assert importer.tally.dropped == {"bars received twice": 1}
    with pytest.raises(InputError, match="oldest first"):
        run([second, first])
    with pytest.raises(DataError, match="no column close"):
        run([saved(tmp_path, "ts,open,high,low\n1,1,1,1\n", "c.csv")])
    with pytest.raises(DataError, match="no usable record"):
        run([saved(tmp_path, head, "d.csv")])
    alone, _ = run([saved(tmp_path, head + "2024-01-01,1,1,1,1,1\n", "e.csv")])
    assert int(alone["exch_ts"][0]) == parse_time("2024-01-01")


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1723075200", 1723075200 * 10**9),
        ("1723075200000", 1723075200 * 10**9),
        ("1723075200000001", 1723075200000001 * 10**3),
        ("1723075200000000001", 1723075200000000001),
        ("2024-08-08", 1723075200 * 10**9),
        ("2024-08-08T00:00:00Z", 1723075200 * 10**9),
        ("2024-08-08T02:00:00+02:00", 1723075200 * 10**9),
        ("2024-08-08 00:00:00.000001", 1723075200 * 10**9 + 1000),
    ],
)
def test_times(text: str, nanoseconds: int) -> None:
    assert parse_time(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "1969-12-31", "9999-01-01", "9999999999999999999", "99999999999999999999", "-5"])
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(ParseError):
        parse_time(text)
