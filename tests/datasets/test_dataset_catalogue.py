"""Content hashes and the folder of datasets: what changes a hash, what is refused, and what survives a round trip."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotewright.datasets import cleaning
from quotewright.datasets.catalogue import Catalogue
from quotewright.datasets.dataset import Dataset, make_dataset, rows_digest
from quotewright.datasets.manifest import Column, decode, encode
from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import DataError, InputError

COLUMNS = [
    Column("symbol", "text", "pair"),
    Column("close", "float", "USD"),
    Column("trades", "integer", "count"),
    Column("flag", "flag", "a mark"),
]


def sample(**changed: Any) -> Dataset:
    values: dict[str, Any] = {
        "time": [3, 1, 2, 2],
        "symbol": ["a", "b", "a", "b"],
        "close": [1.5, None, math.nan, -0.0],
        "trades": [1, None, 0, 7],
        "flag": [True, None, False, True],
        **changed,
    }
    types = {"time": pl.Int64, "symbol": pl.String, "close": pl.Float64, "trades": pl.Int64, "flag": pl.Boolean}
    frame = pl.DataFrame(values, schema=types)
    return make_dataset(frame, "sample", "bars", COLUMNS, keys=["symbol"], period=1, licence="ours")


def test_any_cell_changes_the_hash() -> None:
    base = sample().manifest.hash
    others = [
        sample(time=[3, 1, 2, 4]),
        sample(symbol=["a", "b", "a", "ab"]),
        sample(close=[1.5, None, math.nan, 0.0]),
        sample(close=[1.5, 0.0, math.nan, -0.0]),
        sample(close=[1.5, math.nan, None, -0.0]),
        sample(close=[math.nextafter(1.5, 2), None, math.nan, -0.0]),
        sample(trades=[1, 0, 0, 7]),
        sample(flag=[True, False, False, True]),
    ]
    assert len({base, *(other.manifest.hash for other in others)}) == 1 + len(others)
    assert sample().manifest.hash == base


def test_text_cannot_move_from_one_cell_to_the_next() -> None:
    frame = pl.DataFrame({"time": [1, 2], "t": ["ab", "c"]})
    assert rows_digest(frame) != rows_digest(frame.with_columns(t=pl.Series(["a", "bc"])))


def test_the_hash_is_of_the_content_not_of_how_it_lies_in_memory() -> None:
    frame = sample().frame
    chunked = pl.concat([frame[:1], frame[1:]], rechunk=False)
    other_nan = np.array([0x7FF8_0000_0000_0001], np.uint64).view(np.float64)
    rewritten = frame.with_columns(
        close=pl.Series("close", [frame["close"][0], None, float(other_nan[0]), -0.0], dtype=pl.Float64)
    )
    assert rows_digest(frame) == rows_digest(chunked) == rows_digest(rewritten)


@pytest.mark.parametrize(
    "change", [{"unit": "EUR"}, {"delay": 5}, {"bounds": (0.0, 1.0)}], ids=["unit", "delay", "bounds"]
)
def test_what_a_column_means_is_part_of_the_content(change: dict[str, Any]) -> None:
    columns = [Column("close", "float", "USD", **change) if "unit" not in change else Column("close", "float", "EUR")]
    plain = [Column("close", "float", "USD")]
    frame = pl.DataFrame({"time": [1], "close": [1.0]})
    a = make_dataset(frame, "x", "bars", plain, licence="ours").manifest
    b = make_dataset(frame, "x", "bars", columns, licence="ours").manifest
    assert a.hash != b.hash
    assert a.rows_digest == b.rows_digest


def test_name_and_licence_are_not() -> None:
    frame = pl.DataFrame({"time": [1], "close": [1.0]})
    columns = [Column("close", "float", "USD")]
    a = make_dataset(frame, "x", "bars", columns, licence="ours").manifest
    b = make_dataset(frame, "y", "bars", columns, licence="none stated", notes=["n"]).manifest
    assert a.hash == b.hash


def test_steps_that_changed_nothing_still_make_another_version() -> None:
    ordered = cleaning.in_order(cleaning.in_order(sample()))
    assert [(step.name, step.changed) for step in ordered.manifest.steps] == [("in_order", 1), ("in_order", 0)]
    assert ordered.manifest.parent == cleaning.in_order(sample()).manifest.hash
    assert len({sample().manifest.hash, ordered.manifest.parent, ordered.manifest.hash}) == 3


def test_a_dataset_comes_back_as_it_was(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "data")
    saved = catalogue.save(sample())
    got = catalogue.get(saved.reference)
    assert got.frame.equals(sample().frame)
    assert got.manifest == saved
    assert saved.findings  # the checks have run
    assert catalogue.save(got) == saved
    assert len(list((tmp_path / "data").iterdir())) == 2


def test_versions_stand_side_by_side_and_must_be_told_apart(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    raw = catalogue.save(sample())
    clean = catalogue.save(cleaning.in_order(sample()))
    assert [one.reference for one in catalogue.manifests()] == [raw.reference, clean.reference]
    with pytest.raises(InputError, match="say which"):
        catalogue.get("sample")
    assert catalogue.get(f"sample@{clean.hash[:6]}").manifest == clean
    assert catalogue.get(f"sample@{clean.hash}").manifest == clean
    assert [one.hash for one in catalogue.lineage(clean.reference)] == [clean.hash, raw.hash]
    for unknown in ("sample@0000", "other", "../x", ""):
        with pytest.raises(InputError):
            catalogue.get(unknown)


def test_two_workers_may_save_one_dataset_at_one_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue, write = Catalogue(tmp_path), pl.DataFrame.write_parquet

    def slowly(frame: pl.DataFrame, path: Path, **options: Any) -> None:
        write(frame, path, **options)
        monkeypatch.setattr(pl.DataFrame, "write_parquet", write)
        other = threading.Thread(target=catalogue.save, args=(sample(),))
        other.start()
        other.join()

    monkeypatch.setattr(pl.DataFrame, "write_parquet", slowly)
    saved = catalogue.save(sample())
    assert catalogue.get("sample").manifest == saved
    assert len(list(tmp_path.iterdir())) == 2


def test_damage_is_found(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    saved = catalogue.save(sample())
    rows = tmp_path / f"{saved.reference}.parquet"
    whole = rows.read_bytes()
    sample(trades=[1, None, 0, 8]).frame.write_parquet(rows)
    with pytest.raises(DataError, match="not those of"):
        catalogue.get("sample")
    for broken in (whole[: len(whole) // 2], b""):
        rows.write_bytes(broken)
        with pytest.raises(DataError, match="damaged"):
            catalogue.get("sample")
    rows.unlink()
    with pytest.raises(DataError, match="gone"):
        catalogue.get("sample")


@pytest.mark.parametrize(
    ("field", "value"),
    [("licence", "public domain"), ("rows", 5), ("findings", []), ("rows_digest", "0" * 64), ("schema", 99)],
)
def test_an_edited_manifest_is_found(tmp_path: Path, field: str, value: Any) -> None:
    catalogue = Catalogue(tmp_path)
    path = tmp_path / f"{catalogue.save(sample()).reference}.json"
    fields = json.loads(path.read_bytes())
    path.write_bytes(json.dumps({**fields, field: value}).encode())
    with pytest.raises(DataError, match=r"edited|schema"):
        catalogue.get("sample")


@pytest.mark.parametrize("broken", [b"", b"[]", b'{"schema": 1}', b"\xff\xfe", b"null"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, broken: bytes) -> None:
    with pytest.raises(DataError):
        decode(broken, "m.json")


def test_the_venue_s_terms_are_kept_and_count(tmp_path: Path) -> None:
    instrument = find_instrument("binance-spot", "BTCUSDT")
    frame = pl.DataFrame({"time": [1], "close": [1.0]})
    made = make_dataset(frame, "x", "bars", [Column("close", "float", "U")], licence="ours", instrument=instrument)
    plain = make_dataset(frame, "x", "bars", [Column("close", "float", "U")], licence="ours")
    assert made.manifest.hash != plain.manifest.hash
    Catalogue(tmp_path).save(made)
    kept = Catalogue(tmp_path).get("x").manifest.instrument
    assert kept is not None
    assert (kept["tick"], kept["taker_rate"]) == (instrument.tick, instrument.taker_rate)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 2**62), st.none() | st.floats()), min_size=1, max_size=20), st.text())
def test_manifests_survive_their_file(rows: Any, note: str) -> None:
    frame = pl.DataFrame(
        {"time": [at for at, _ in rows], "close": [value for _, value in rows]},
        schema={"time": pl.Int64, "close": pl.Float64},
    )
    made = make_dataset(frame, "x", "bars", [Column("close", "float", "U")], licence="ours", notes=[note]).manifest
    assert decode(encode(made), "m") == made


@pytest.mark.parametrize(
    ("frame", "match"),
    [
        (pl.DataFrame({"time": [1], "close": [1]}), "declared float"),
        (pl.DataFrame({"time": [1.0], "close": [1.0]}), "whole ns"),
        (pl.DataFrame({"time": [1, None], "close": [1.0, 2.0]}), "whole ns"),
        (pl.DataFrame({"close": [1.0]}), "must be time"),
        (pl.DataFrame({"time": [1], "close": [1.0], "more": [1.0]}), "must be time"),
    ],
)
def test_a_frame_that_is_not_as_declared_is_refused(frame: pl.DataFrame, match: str) -> None:
    with pytest.raises(InputError, match=match):
        make_dataset(frame, "x", "bars", [Column("close", "float", "U")], licence="ours")


def test_empty_datasets_and_missing_columns_are_refused() -> None:
    empty = pl.DataFrame(schema={"time": pl.Int64, "close": pl.Float64})
    with pytest.raises(DataError, match="without a single row"):
        make_dataset(empty, "x", "bars", [Column("close", "float", "U")], licence="ours")
    with pytest.raises(InputError, match="prints need price"):
        make_dataset(
            pl.DataFrame({"time": [1], "close": [1.0]}), "x", "prints", [Column("close", "float", "U")], licence="ours"
        )
    with pytest.raises(InputError, match="licence"):
        make_dataset(
            pl.DataFrame({"time": [1], "close": [1.0]}), "x", "bars", [Column("close", "float", "U")], licence=""
        )


def test_names_that_leave_the_folder_are_refused(tmp_path: Path) -> None:
    frame = pl.DataFrame({"time": [1], "close": [1.0]})
    for name in ("../x", "", "A", "a b", "a@b"):
        with pytest.raises(InputError, match="name"):
            Catalogue(tmp_path).save(make_dataset(frame, name, "bars", [Column("close", "float", "U")], licence="ours"))


def test_series_of_a_panel_are_named_by_every_key() -> None:
    dataset = sample(close=[1.5, 3.0, 2.5, 9.0])
    assert dataset.members() == [{"symbol": "a"}, {"symbol": "b"}]
    assert sorted(dataset.series("close", symbol="a").value.tolist()) == [1.5, 2.5]
    for keys in ({}, {"symbol": "c"}, {"pair": "a"}):
        with pytest.raises(InputError):
            dataset.series("close", **keys)
    with pytest.raises(InputError, match="column"):
        dataset.series("symbol", symbol="a")
