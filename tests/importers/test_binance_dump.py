"""Binance's public files, built in the documented column order: with and without header, ms and us, zip, gz and csv."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import ASK, BID, FROM_BARS, LAST, TRADE, EventArray
from quotewright.importers.binance_dump import BinanceDump

SPOT = find_instrument("binance-spot", "BTCUSDT")
USDM = find_instrument("binance-usdm", "BTCUSDT")
COINM = find_instrument("binance-coinm", "BTCUSD_PERP")
MS = 1_735_689_600_010  # 2025-01-01
SPOT_TRADES = (
    f"4300000001,93500.01000000,0.00012000,11.22000120,{MS}866,True,True\n"
    f"4300000002,93500.02000000,1.00000000,93500.02,{MS}867,False,True\n"
)


def run(paths: list[Path], instrument: object = SPOT) -> tuple[EventArray, BinanceDump]:
    importer = BinanceDump(paths, instrument)  # type: ignore[arg-type]
    events = np.concatenate(list(importer.chunks()))
    refused = sum(entry.count for entry in importer.refused.values())
    assert importer.tally.read == importer.tally.accepted + refused + sum(importer.tally.dropped.values())
    return events, importer


def saved(folder: Path, text: str, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_spot_trades_without_header_in_microseconds(tmp_path: Path) -> None:
    events, importer = run([saved(tmp_path, SPOT_TRADES)])
    rows = [tuple(int(e[f]) for f in ("kind", "side", "price", "qty", "seq", "flags", "exch_ts")) for e in events]
    assert rows == [
        (TRADE, ASK, 9350001, 120, 4300000001, LAST, MS * 10**6 + 866_000),
        (TRADE, BID, 9350002, 1_000_000, 4300000002, LAST, MS * 10**6 + 867_000),
    ]
    assert (events["local_ts"] == events["exch_ts"]).all()
    assert importer.notes == ["the files have no receive time: local time is exchange time, the feed latency is 0"]


def test_zip_and_gzip_hold_the_same(tmp_path: Path) -> None:
    plain, _ = run([saved(tmp_path, SPOT_TRADES)])
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("BTCUSDT-trades-2025-01-01.csv", SPOT_TRADES)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(SPOT_TRADES.encode()))
    for name in ("a.zip", "a.csv.gz"):
        events, importer = run([tmp_path / name])
        assert (events == plain).all()
        assert importer.sources[0].bytes == (tmp_path / name).stat().st_size
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", SPOT_TRADES)
        archive.writestr("b.csv", SPOT_TRADES)
    with pytest.raises(InputError, match="exactly one file"):
        run([tmp_path / "two.zip"])
    packed = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match="cannot be read"):
        run([tmp_path / "cut.zip"])


@pytest.mark.parametrize(
    ("instrument", "text"),
    [
        (USDM, f"id,price,qty,quote_qty,time,is_buyer_maker\n7,93500.1,0.002,187.0,{MS},true\n"),
        (USDM, f"7,93500.1,0.002,187.0,{MS},true\n"),
        (USDM, f"agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
               f"7,93500.1,0.002,90,91,{MS},true\n"),
        (USDM, f"7,93500.1,0.002,90,91,{MS},true\n"),
        (COINM, f"id,price,qty,base_qty,time,is_buyer_maker\n7,93500.1,2,0.00213,{MS},true\n"),
        (SPOT, f"7,93500.10000000,0.00000200,90,91,{MS}000,True,True\n"),
    ],
)  # fmt: skip
def test_every_layout_of_trades(tmp_path: Path, instrument: object, text: str) -> None:
    events, importer = run([saved(tmp_path, text)], instrument)
    assert len(events) == 1
    assert int(events["qty"][0]) == 2
    assert int(events["side"][0]) == ASK
    assert int(events["seq"][0]) == 7
    assert int(events["exch_ts"][0]) == MS * 10**6
    assert importer.refused == {}


KLINES = (
    "1735689600000000,93500.00,93510.01,93490.00,93505.50,12.345678,1735689659999999,1154000.1,100,6.1,570000.2,0\n"
    "1735689660000000,93505.50,93505.50,93505.50,93505.50,0.00000,1735689719999999,0,0,0,0,0\n"
)


def test_klines_are_prints_from_bars_at_their_close(tmp_path: Path) -> None:
    header = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    header += "taker_buy_quote_volume,ignore\n"
    for text in (KLINES, header + KLINES):
        events, importer = run([saved(tmp_path, text)])
        assert events["price"].tolist() == [9350000, 9351001, 9349000, 9350550] + [9350550] * 4
        assert events["qty"].tolist() == [0, 0, 0, 12_345_678, 0, 0, 0, 0]
        assert events["flags"].tolist() == [FROM_BARS, FROM_BARS, FROM_BARS, FROM_BARS | LAST] * 2
        assert (events["side"] == 0).all()
        assert int(events["exch_ts"][0]) == 1735689659999999000
        assert any("cannot be market-made" in note for note in importer.notes)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"8,93500.005,1,1,{MS}900,True,True", "price is not a multiple of the step 0.01"),
        (f"8,93500.00,0.0,1,{MS}900,True,True", "qty must be above zero"),
        (f"8,nan,1,1,{MS}900,True,True", "price is not a number; write a plain decimal such as 61837.63"),
        (f"8,1,1,1,{MS}900,yes,True", "buyer is maker is not one of true, false"),
        ("4300000009,1,1,1,1000,True,True", "time goes back; the recording is not in order"),
        (f"8x,1,1,1,{MS}900,True,True", "id is not a whole number"),
        (f"4300000009,1,1,1,{MS}900000,True,True", "time is neither milliseconds nor microseconds since 1970"),
        ("4300000009,1,1,1,17356879600011000,True,True", "time does not fit 64 bits"),
        ("8,1,1", "the row has not as many cells as the header"),
    ],
)
def test_a_damaged_row_is_refused_and_the_rest_goes_on(tmp_path: Path, row: str, reason: str) -> None:
    last = f"4300000009,1.00,1,1,{MS}999,True,True\n"
    events, importer = run([saved(tmp_path, SPOT_TRADES + row + "\n" + last)])
    assert {name: entry.count for name, entry in importer.refused.items()} == {reason: 1}
    assert importer.refused[reason].example.startswith("data.csv:3")
    assert len(events) == 3


def test_bars_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    bad = "1735689600000000,93500.00,93400.00,93490.00,93505.50,1,1735689659999999,1,1,1,1,0\n"
    _, importer = run([saved(tmp_path, bad + KLINES)])
    assert list(importer.refused) == ["high and low do not enclose open and close"]


def test_files_that_overlap_mix_or_are_something_else(tmp_path: Path) -> None:
    trades, klines = saved(tmp_path, SPOT_TRADES), saved(tmp_path, KLINES, "k.csv")
    with pytest.raises(DataError, match="klines and trades in one import"):
        run([trades, klines])
    events, importer = run([trades, saved(tmp_path, SPOT_TRADES.splitlines()[1] + "\n", "again.csv")])
    assert len(events) == 2
    assert sum(importer.tally.dropped.values()) == 1
    for text in ("a,b,c\n1,2,3\n", "1,2,3\n"):
        with pytest.raises(DataError, match="not trades, aggTrades or klines"):
            run([saved(tmp_path, text, "other.csv")])
    with pytest.raises(DataError, match="empty"):
        run([saved(tmp_path, "", "empty.csv")])
