"""What is written is what is read: rows, days, hashes, and nothing that no event can be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import DataError, InputError
from quotewright.domain.events import ASK, BEST, BID, CLEAR, EVENT, LAST, LEVEL, EventArray
from quotewright.storage import day_file
from quotewright.storage.clock import auto_offset, choose_offset
from quotewright.storage.manifest import DAY
from quotewright.storage.store import Dataset, Store
from quotewright.storage.writer import StoreWriter

from .conftest import KINDS, make_events, make_instrument

MIDNIGHT = DAY * 20_000  # 2024-10-04

wide = st.integers(-(2**63), 2**63 - 1)
updates = st.lists(
    st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, 10**9), st.integers(-DAY // 2, DAY)),
    min_size=1,
    max_size=30,
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stores")


def write(folder: Path, events: EventArray, cuts: list[int], offset: int = 0) -> Dataset:
    """Write with chunks cut at the given updates (by number)."""
    ends = np.flatnonzero(events["flags"] & 1) + 1
    places = sorted({int(ends[cut % len(ends)]) for cut in cuts} - {len(events)})
    with StoreWriter(folder, make_instrument()) as store_writer:
        for part in np.split(events, places):
            store_writer.append(part)
        store_writer.commit(offset, {"format": "by hand"})
    return Store(folder).dataset("venue-a:BTCUSDT")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(updates, st.lists(st.integers(0, 99), max_size=5), st.lists(st.integers(0, 99), max_size=5), st.data())
def test_rows_come_back_as_they_were_and_their_hash_does_not_depend_on_how_they_came(
    scratch: Path,
    drawn: list[tuple[str, int, int]],
    cuts: list[int],
    other_cuts: list[int],
    data: st.DataObject,
) -> None:
    local = MIDNIGHT
    timed: list[tuple[str, int, int]] = []
    for form, exch, step in drawn:
        local = max(local + step, 0)
        timed.append((form, exch, local))
    events = make_events(timed)
    for field in ("seq", "order_id", "price", "qty"):
        events[field] = data.draw(st.lists(wide, min_size=len(events), max_size=len(events)))
    numbered = events.copy()
    numbered["instrument"] = 7
    dataset = write(scratch / "a", events, cuts)
    other = write(scratch / "b", numbered, other_cuts)
    assert dataset.read().tobytes() == events.tobytes()
    assert np.concatenate(list(other.chunks())).tobytes() == events.tobytes()
    assert dataset.hash == other.hash
    assert [entry["parts"] for entry in dataset.files] == [entry["parts"] for entry in other.files]
    dataset.verify()
    days = [entry["day"] for entry in dataset.files]
    assert days == sorted(set(days))
    assert sum(len(dataset.read(day, day)) for day in days) == len(events)


def test_the_hash_covers_rows_order_instrument_and_clock_offset(tmp_path: Path) -> None:
    events = make_events([("depth", 5, 10), ("trade", 6, 11), ("trade", 6, 11)])
    known = write(tmp_path, events, []).hash
    assert write(tmp_path, events, [1]).hash == known
    assert write(tmp_path, events, [], offset=1).hash != known
    assert write(tmp_path, events[[0, 2, 1]], []).hash != known
    for field in set(EVENT.names or ()) - {"instrument", "kind", "flags", "side"}:
        changed = events.copy()
        changed[field][1] += 1
        assert write(tmp_path, changed, []).hash != known, field
    with StoreWriter(tmp_path, make_instrument(maker_rate="-0.00005")) as store_writer:
        store_writer.append(events)
        assert store_writer.commit(0, {}) != known


def test_days_are_cut_at_midnight_utc_of_local_time_and_never_go_back(tmp_path: Path) -> None:
    late = [
        ("depth", 1, MIDNIGHT - 1),
        ("snapshot", 1, MIDNIGHT),
        ("trade", 1, MIDNIGHT - 5),
        ("best", 1, MIDNIGHT + 1),
    ]
    dataset = write(tmp_path, make_events([*late, ("note", 1, MIDNIGHT + 3 * DAY)]), [])
    assert [(entry["day"], entry["rows"]) for entry in dataset.files] == [
        ("2024-10-03", 1),
        ("2024-10-04", 5),
        ("2024-10-07", 1),
    ]
    assert dataset.rows == 7
    assert len(dataset.read("2024-10-04")) == 6
    assert len(dataset.read(last_day="2024-10-03")) == 1
    with pytest.raises(InputError, match="must be a day such as"):
        dataset.read("4.10.2024")


def test_row_groups_are_whole_updates_of_one_size_whatever_the_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_file, "ROW_GROUP", 10)
    dataset = write(tmp_path, make_events([("mixed", i, i) for i in range(11)]), [1, 2, 7])
    for form, sizes in (("rows", [12, 12, 9]), ("runs", [12, 12, 9])):
        (path,) = tmp_path.glob(f"*/*/*/*.{form}.parquet")
        file = pq.ParquetFile(path)
        assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == sizes
    assert [len(chunk) for chunk in dataset.chunks()] == [12, 12, 9]


def test_other_tools_can_read_the_files(tmp_path: Path) -> None:
    """As the store's page says: runs, and the prices and quantities of their rows in the same order."""
    events = make_events([("snapshot", 3, 4), ("best", 5, 6)])
    events["seq"] = 9
    events["side"] = [0, BID, BID, ASK]
    write(tmp_path, events, [])
    (runs,) = tmp_path.glob("*/*/*/*.runs.parquet")
    (rows,) = tmp_path.glob("*/*/*/*.rows.parquet")
    shared = {"seq": 9, "order_id": 0}
    assert pq.read_table(runs).to_pylist() == [
        {"exch_ts": 3, "local_ts": 4, **shared, "kind": CLEAR, "flags": 0, "bids": 0, "asks": 0},
        {"exch_ts": 3, "local_ts": 4, **shared, "kind": LEVEL, "flags": LAST, "bids": 1, "asks": 0},
        {"exch_ts": 5, "local_ts": 6, **shared, "kind": BEST, "flags": LAST, "bids": 1, "asks": 1},
    ]
    assert pq.read_table(rows).to_pylist() == [{"price": 1000 + i, "qty": 5} for i in range(4)]


def test_an_import_replaces_its_own_symbol_and_no_other(save: Callable[..., Dataset], tmp_path: Path) -> None:
    save(make_events([("depth", 1, MIDNIGHT - 1), ("depth", 1, MIDNIGHT + 1)]))
    other = save(make_events([("depth", 2, 2)]), "ETHUSDT")
    new = save(make_events([("trade", 3, MIDNIGHT + 3)]))
    store = Store(tmp_path / "store")
    assert [(d.name, d.rows) for d in store.datasets()] == [("venue-a:BTCUSDT", 1), ("venue-a:ETHUSDT", 1)]
    assert store.dataset("venue-a:BTCUSDT") == new
    assert store.dataset("venue-a:ETHUSDT") == other
    assert len(list(new.folder.iterdir())) == 2


def test_the_manifest_keeps_the_details_but_its_own_figures_win(tmp_path: Path) -> None:
    events = make_events([("trade", 3, 4)])
    with StoreWriter(tmp_path, make_instrument()) as store_writer:
        store_writer.append(events)
        store_writer.commit(5, {"quality": {"gaps": 0}, "rows": 99, "clock_offset_chosen": "given"})
    manifest = json.loads((tmp_path / "venue-a" / "BTCUSDT" / "manifest.json").read_text())
    assert (manifest["rows"], manifest["quality"], manifest["clock_offset"]) == (1, {"gaps": 0}, 5)
    assert Store(tmp_path).dataset("venue-a:BTCUSDT").instrument == make_instrument()


def impossible_arrays() -> list[tuple[str, EventArray]]:
    good = make_events([("snapshot", 1, 2), ("trade", 3, 4)])
    found: list[tuple[str, EventArray]] = [("is not an array of events", np.zeros(3))]
    found.append(("is not an array of events", np.zeros(3, EVENT.descr[:3])))
    found.append(("has no last row", good[:1]))
    values = {"kind": [0, 11, 255], "side": [-2, 2], "exch_ts": [-1, 2**62 + 1], "local_ts": [-1, 2**63 - 1]}
    for field, bad in values.items():
        for value in bad:
            changed = good.copy()
            changed[field][2] = value
            found.append(("no event can be", changed))
    for field in ("exch_ts", "local_ts"):
        uneven = good.copy()
        uneven[field][1] += 1
        found.append(("differ in time", uneven))
    return found


@pytest.mark.parametrize(("reason", "events"), impossible_arrays())
def test_what_no_event_can_be_is_refused_and_the_store_stays_as_it_was(
    tmp_path: Path, reason: str, events: EventArray
) -> None:
    before = write(tmp_path, make_events([("trade", 3, 4)]), [])
    with StoreWriter(tmp_path, make_instrument()) as store_writer:
        store_writer.append(make_events([("depth", 1, 2)]))
        with pytest.raises(DataError, match=reason):
            store_writer.append(events)
    assert Store(tmp_path).datasets() == [before]
    assert len(before.read()) == 1


def test_an_import_without_events_is_refused(tmp_path: Path) -> None:
    with StoreWriter(tmp_path, make_instrument()) as store_writer:
        store_writer.append(make_events([]))
        with pytest.raises(DataError, match="nothing to store"):
            store_writer.commit(0, {})
    assert Store(tmp_path).datasets() == []


def test_two_imports_of_one_symbol_at_once_are_refused_of_two_symbols_not(tmp_path: Path) -> None:
    events = make_events([("trade", 3, 4)])
    with StoreWriter(tmp_path, make_instrument()) as first:
        first.append(events)
        with pytest.raises(InputError, match="being imported"), StoreWriter(tmp_path, make_instrument()):
            pass
        with StoreWriter(tmp_path, make_instrument("ETHUSDT")) as second:
            second.append(events)
            second.commit(0, {})
        first.commit(0, {})
    assert [dataset.name for dataset in Store(tmp_path).datasets()] == ["venue-a:BTCUSDT", "venue-a:ETHUSDT"]


@pytest.mark.parametrize("name", ["..", ".", ".hidden", "a\x00b"])
def test_names_that_would_leave_the_store_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be a folder's name"):
        StoreWriter(tmp_path, make_instrument(venue=name))
    with pytest.raises(InputError, match="cannot be a folder's name"):
        Store(tmp_path).dataset(f"venue-a:{name}")


def test_a_store_that_is_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(InputError, match="is not a folder"), StoreWriter(path, make_instrument()):
        pass
    with pytest.raises(InputError, match="data import"):
        Store(path)


def test_what_a_store_holds_is_told_when_asked_for_something_else(save: Callable[..., Dataset], tmp_path: Path) -> None:
    save(make_events([("trade", 3, 4)]), "ETHUSDT")
    with pytest.raises(InputError, match="it holds venue-a:ETHUSDT"):
        Store(tmp_path / "store").dataset("venue-a:BTCUSDT")
    with pytest.raises(InputError, match="must be VENUE:SYMBOL"):
        Store(tmp_path / "store").dataset("BTCUSDT")


def test_the_offset_moves_only_a_clock_that_was_behind() -> None:
    assert auto_offset(-1_270_000_000) == 1_271_000_000
    assert auto_offset(1_000_000) == 0
    assert auto_offset(70_000_000) == 0
    assert choose_offset("auto", -5) == (1_000_005, "auto")
    assert choose_offset("none", -5) == (0, "none")
    assert choose_offset("-1.27s", -5) == (-1_270_000_000, "given")
    for text in ("1.27", "soon", "400d", ""):
        with pytest.raises(InputError, match="clock-offset"):
            choose_offset(text, 0)
