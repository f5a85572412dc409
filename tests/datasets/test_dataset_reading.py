"""Reading described files: types, times, what is left out, and what is refused with its place."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from quotewright.datasets.dataset import Dataset
from quotewright.datasets.described import Description, read_dataset
from quotewright.domain.errors import DataError, InputError

DAY = 86_400 * 10**9
BASE: dict[str, Any] = {
    "path": "f.csv",
    "name": "f",
    "kind": "bars",
    "stamp": "date",
    "stamps": "start",
    "period": "1d",
    "floats": {"close": "USD", "volume": "BTC"},
    "licence": "ours",
}
TEXT = "date,close,volume,extra,ok\n1970-01-02,1.5,,x,true\n1970-01-03,2e1,0.25,y,0\n"


def read(tmp_path: Path, text: str | bytes, **changed: Any) -> Dataset:
    data = text.encode() if isinstance(text, str) else text
    (tmp_path / "f.csv").write_bytes(data)
    return read_dataset(tmp_path, Description(**{**BASE, **changed}))


def test_columns_times_and_what_is_left_out(tmp_path: Path) -> None:
    dataset = read(tmp_path, TEXT, flags={"ok": "a mark"}, delays={"volume": "2d"})
    assert dataset.frame.to_dict(as_series=False) == {
        "time": [2 * DAY, 3 * DAY],
        "close": [1.5, 20.0],
        "volume": [None, 0.25],
        "ok": [True, False],
    }
    (step,) = dataset.manifest.steps
    assert (step.name, step.settings) == ("columns_left_out", {"columns": ["extra"]})
    assert dataset.series("volume").known.tolist() == [5 * DAY]
    assert dataset.series("close").known.tolist() == [2 * DAY, 3 * DAY]


def test_stamps_of_the_end_and_of_instants(tmp_path: Path) -> None:
    assert read(tmp_path, TEXT, stamps="end").frame["time"].to_list() == [DAY, 2 * DAY]
    assert read(tmp_path, TEXT, stamps="instant", period="0s").manifest.period == 0
    for stamps, period in (("middle", "1d"), ("start", "0s"), ("instant", "1d")):
        with pytest.raises(InputError, match="stamps"):
            read(tmp_path, TEXT, stamps=stamps, period=period)


def test_packed_files_and_parquet_read_alike(tmp_path: Path) -> None:
    plain = read(tmp_path, TEXT)
    packed = read(tmp_path, gzip.compress(TEXT.encode()))
    assert plain.manifest.hash == packed.manifest.hash
    assert plain.manifest.source != packed.manifest.source
    frame = pl.read_csv(TEXT.encode(), try_parse_dates=True).with_columns(pl.col("volume").cast(pl.Float32))
    frame.write_parquet(tmp_path / "f.csv")
    typed = read_dataset(tmp_path, Description(**BASE))
    assert typed.frame.equals(plain.frame)


@pytest.mark.parametrize("stamp", ["86400", "86400000", "1970-01-02T00:00:00Z", "1970-01-02T01:00:00+01:00"])
def test_times_in_every_form(tmp_path: Path, stamp: str) -> None:
    if stamp == "86400000":  # milliseconds are told from seconds by their size: of today's dates, not of 1970's
        stamp = "1700000000000"
    got = read(tmp_path, f"date,close,volume\n{stamp},1,1\n", stamps="end").frame["time"][0]
    assert got == (1_700_000_000 * 10**9 if stamp == "1700000000000" else DAY)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("date,close,volume\n1970-01-02,1,1\n1970-01-03,1.2.3,1\n", r"close in row 2 is '1\.2\.3', no float"),
        ("date,close\n1970-01-02,1\n", "no column volume; it has date, close"),
        ("date,close,volume\nyesterday,1,1\n", "yesterday"),
        ("date,close,volume\n,1,1\n", "date in row 1 is empty"),
        ("date,close,volume\n", "not one row"),
        ("", "cannot be read"),
    ],
)
def test_files_that_cannot_be_read_are_refused_with_the_place(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(DataError, match=match):
        read(tmp_path, text)


def test_whole_numbers_and_marks_must_be_such(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"volume in row 2 is '0\.25', no integer"):
        read(tmp_path, TEXT, floats={"close": "USD"}, integers={"volume": "count"})
    with pytest.raises(DataError, match="extra in row 1 is 'x', no flag"):
        read(tmp_path, TEXT, flags={"extra": "a mark"})
    pl.DataFrame({"date": ["1970-01-02"], "close": [1.0], "volume": [0.5]}).write_parquet(tmp_path / "f.csv")
    with pytest.raises(DataError, match="no integer"):
        read_dataset(tmp_path, Description(**{**BASE, "floats": {"close": "USD"}, "integers": {"volume": "count"}}))


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="damaged or truncated"):
        read(tmp_path, gzip.compress(TEXT.encode() * 50)[:-12])


def test_only_some_rows(tmp_path: Path) -> None:
    chosen = read(tmp_path, TEXT, only={"extra": "y"})
    assert chosen.frame["close"].to_list() == [20.0]
    assert (chosen.manifest.steps[0].name, chosen.manifest.steps[0].changed) == ("other_rows_left_out", 1)
    with pytest.raises(DataError, match="not one row with"):
        read(tmp_path, TEXT, only={"extra": "z"})
