"""A later import is added to the dataset of its symbol; one that overlaps is refused; --replace replaces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quotewright.domain.catalogue import find_instrument
from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import LAST, STATUS, TRADE, Status
from quotewright.sessions.importing import import_recording
from quotewright.storage.store import Dataset, Store

BTC = find_instrument("binance-usdm", "BTCUSDT")
DAY = 86_400 * 10**9
NOON = 20_000 * DAY + DAY // 2
MS = 10**6


def recording(path: Path, start: int, trades: int, step: int = 10**9, *, lag: int = 5 * MS, first: int = 1) -> Path:
    """A snapshot, then a trade each `step` ns."""
    lines = [f'{start} {{"lastUpdateId":{first},"bids":[["99.90","1"]],"asks":[["100.10","1"]]}}']
    for i in range(trades):
        local = start + (i + 1) * step
        data = {"s": "BTCUSDT", "t": first + i, "p": "100.00", "q": "0.5", "T": (local - lag) // MS, "m": True}
        lines.append(f"{local} {json.dumps({'stream': 'btcusdt@trade', 'data': data}, separators=(',', ':'))}")
    path.write_text("\n".join(lines) + "\n")
    return path


def add(store: Path, path: Path, *, replace: bool = False, instrument: Any = BTC, offset: str = "auto") -> Dataset:
    import_recording(store, "binance-ws", [path], instrument, offset, replace=replace)
    return Store(store).dataset(instrument.name)


def test_a_later_recording_follows_behind_a_gap(tmp_path: Path) -> None:
    one = add(tmp_path / "a", recording(tmp_path / "one", NOON, 50))
    recorded = one.read()
    two = add(tmp_path / "b", recording(tmp_path / "two", NOON + 3600 * 10**9, 70, first=1000))
    both = add(tmp_path / "a", tmp_path / "two")
    events = both.read()
    assert events[: one.rows].tobytes() == recorded.tobytes()
    assert events[one.rows + 1 :].tobytes() == two.read().tobytes()
    seam = events[one.rows]
    assert (seam["kind"], seam["price"], seam["flags"] & LAST) == (STATUS, Status.BOOK_GAP, LAST)
    assert seam["local_ts"] == NOON + 3600 * 10**9
    assert [entry["day"] for entry in both.files] == ["2024-10-04"], "a day that goes on is one file"
    both.verify()
    quality = both.manifest["quality"]
    assert (quality["rows"], quality["gaps"], quality["rows_by_kind"]["TRADE"]) == (both.rows, 1, 120)
    assert [source["name"] for source in both.manifest["sources"]] == ["one", "two"]
    assert any("from 2024-10-04 12:00:50 on: another import" in note for note in both.manifest["notes"])
    assert len(list(both.folder.iterdir())) == 2, "the manifest and one folder"


def test_days_that_are_complete_are_kept_as_they_are(tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = add(store, recording(tmp_path / "one", NOON, 10))
    kept = {path: path.stat().st_ino for path in first.folder.glob("*/*.parquet")}
    for number in range(1, 4):
        dataset = add(store, recording(tmp_path / str(number), NOON + number * DAY, 10, first=1000 * number))
    assert [entry["day"] for entry in dataset.files] == [f"2024-10-0{day}" for day in range(4, 8)]
    assert {path: path.stat().st_ino for path in kept} == kept
    assert len({entry["folder"] for entry in dataset.files}) == 4
    assert (np.diff(dataset.read()["local_ts"]) >= 0).all()
    dataset.verify()
    going_on = add(store, recording(tmp_path / "more", NOON + 3 * DAY + DAY // 4, 10, first=9000))
    assert len(going_on.files) == 4
    assert going_on.read("2024-10-07")["kind"].tolist().count(TRADE) == 20
    assert [path.name for path in going_on.folder.glob(f"{dataset.files[-1]['folder']}/*")] == []
    assert add(store, tmp_path / "one", replace=True).hash == first.hash
    assert len(list(first.folder.iterdir())) == 2


def test_the_same_days_have_the_same_hash_however_they_came(tmp_path: Path) -> None:
    """Added in any cut, as long as the seams are the same."""
    parts = [recording(tmp_path / str(i), NOON + i * DAY // 4, 10, first=1000 * (i + 1)) for i in range(3)]
    for part in parts:
        one_by_one = add(tmp_path / "a", part)
    for part in parts[:2]:
        add(tmp_path / "b", part)
    assert add(tmp_path / "b", parts[2]).hash == one_by_one.hash


@pytest.mark.parametrize("start", [NOON - DAY, NOON, NOON + 5 * 10**9, NOON + 10 * 10**9])
def test_what_overlaps_is_refused_and_changes_nothing(tmp_path: Path, start: int) -> None:
    store = tmp_path / "store"
    before = add(store, recording(tmp_path / "one", NOON, 10))
    with pytest.raises(InputError, match=r"begins before the end of what is stored \(2024-10-04 12:00:10\).*--replace"):
        add(store, recording(tmp_path / "two", start, 3, first=500))
    assert Store(store).dataset(BTC.name) == before
    before.verify()


def test_another_definition_of_the_instrument_is_refused(tmp_path: Path) -> None:
    add(tmp_path / "store", recording(tmp_path / "one", NOON, 10))
    other = type(BTC)(**{**BTC.to_dict(), "tick": "0.01"})
    with pytest.raises(InputError, match="not defined as in the dataset that is stored: --replace"):
        add(tmp_path / "store", recording(tmp_path / "two", NOON + DAY, 10, first=500), instrument=other)


def test_the_clock_offset_is_of_the_whole(tmp_path: Path) -> None:
    add(tmp_path / "store", recording(tmp_path / "one", NOON, 10))
    late = recording(tmp_path / "two", NOON + DAY, 10, lag=-200 * MS, first=500)
    assert add(tmp_path / "store", late).clock_offset == 201 * MS


def test_a_damaged_dataset_is_told_or_replaced(tmp_path: Path) -> None:
    """Its files are read again for the figures; a manifest that cannot be read leaves nothing to follow."""
    store = tmp_path / "store"
    first = add(store, recording(tmp_path / "one", NOON, 10))
    (path,) = first.folder.glob("*/*.rows.parquet")
    sound = path.read_bytes()
    path.write_bytes(sound[:-1])
    with pytest.raises(DataError, match="import it again"):
        add(store, recording(tmp_path / "two", NOON + DAY, 10, first=500))
    path.write_bytes(sound)
    (first.folder / "manifest.json").write_text("{")
    assert add(store, tmp_path / "two").rows == 13


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "nothing.txt").write_text("")
    with pytest.raises(DataError, match=r"nothing\.txt: no usable record in the input: it is empty"):
        add(tmp_path / "store", tmp_path / "nothing.txt")
