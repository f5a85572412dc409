"""The feed against a naive one: plain lists, `sorted`, no windows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quotewright.domain.errors import DataError
from quotewright.domain.events import BEST, FUNDING, LAST, TRADE, EventArray
from quotewright.storage import day_file
from quotewright.storage.feed import windows
from quotewright.storage.manifest import DAY
from quotewright.storage.store import Dataset, Store
from quotewright.storage.unpacked import unpack
from quotewright.storage.window import Window
from quotewright.storage.writer import StoreWriter

from .conftest import KINDS, chunks_of, make_events, make_instrument

Row = tuple[int, ...]


def naive_orders(recordings: list[tuple[EventArray, int]]) -> tuple[list[Row], list[Row]]:
    """Rows by venue time and by home time, from the rules as they are written."""
    merged: list[tuple[int, int, int, Row]] = []  # venue time, home time, position, row
    for index, (events, offset) in enumerate(recordings):
        newest: dict[str, int] = {}
        home = 0
        update: list[Any] = []
        for row in events.tolist():
            update.append(row)
            if not row[8] & LAST:
                continue
            streams = [{TRADE: "trade", BEST: "best", FUNDING: "funding"}.get(r[6], "depth") for r in update]
            venue = max([row[0]] + [newest.get(stream, 0) for stream in streams])
            newest |= dict.fromkeys(streams, venue)
            home = max(home, venue, row[1] + offset)
            for r in update:
                merged.append((venue, home, len(merged), (venue, home, *r[2:9], index)))
            update = []
    by_venue = [entry[3] for entry in sorted(merged, key=lambda entry: (entry[0], entry[2]))]
    by_home = [entry[3] for entry in sorted(merged, key=lambda entry: (entry[1], entry[2]))]
    return by_venue, by_home


def check(found: list[Window], recordings: list[tuple[EventArray, int]], rows: int) -> None:
    by_venue, by_home = naive_orders(recordings)
    assert [row for window in found for row in window.exch.tolist()] == by_venue
    assert [row for window in found for row in window.local.tolist()] == by_home
    after = -1
    for window in found:
        assert len(window.exch) or len(window.local)
        for times in (window.exch["exch_ts"], window.local["local_ts"]):
            assert ((times >= after) & (times < window.until)).all()
        assert len(window.local) <= rows or len(np.unique(window.local["local_ts"])) == 1
        after = window.until
    check_one_order(found)


def check_one_order(found: list[Window]) -> None:
    """Where windows say so, what happens in them comes home in that order, behind all that happened before."""
    home = {row: place for place, row in enumerate(row for window in found for row in window.local.tolist())}
    furthest = -1
    for window in found:
        places = [home[row] for row in window.exch.tolist()]
        if window.one_order and places:
            assert places == sorted(places)
            assert places[0] > furthest
        furthest = max([furthest, *places])


BASE = DAY * 20_000 - 40  # forty nanoseconds before a midnight

recordings_of_many = st.lists(
    st.tuples(
        st.lists(
            st.tuples(st.sampled_from(sorted(KINDS)), st.integers(-30, 60), st.integers(-15, 25)),
            min_size=1,
            max_size=40,
        ),
        st.integers(-40, 40),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(recordings_of_many, st.integers(1, 60), st.integers(1, 9), st.booleans())
def test_windows_of_any_size_are_the_naive_merge(
    given_recordings: list[tuple[list[tuple[str, int, int]], int]], rows: int, group: int, forward: bool
) -> None:
    """Times going back, clocks ahead and behind, days that change under way, updates over row groups."""
    recordings: list[tuple[EventArray, int]] = []
    for updates, offset in given_recordings:
        local = BASE
        timed: list[tuple[str, int, int]] = []
        for form, lead, step in updates:
            local = max(local + step, BASE) if forward else BASE + 15 + step
            timed.append((form, local + lead, local))
        recordings.append((make_events(timed), offset))
    with tempfile.TemporaryDirectory() as folder, patch.object(day_file, "ROW_GROUP", group):
        datasets: list[Dataset] = []
        for i, (events, offset) in enumerate(recordings):
            instrument = make_instrument(f"S{i}")
            with StoreWriter(Path(folder), instrument) as store_writer:
                for chunk in chunks_of(events, 7):
                    store_writer.append(chunk)
                store_writer.commit(offset, {})
            datasets.append(Store(Path(folder)).dataset(instrument.name))
        check(list(windows(datasets, rows)), recordings, rows)
        packed = list(windows(datasets[:1]))
        unpack(datasets[0])
        for was, now in zip(packed, windows(datasets[:1]), strict=True):
            assert (was.until, was.adjusted, was.one_order) == (now.until, now.adjusted, now.one_order)
            assert was.exch.tolist() == now.exch.tolist()
            assert was.local.tolist() == now.local.tolist()


def test_one_array_serves_both_orders_where_they_agree(save: Callable[..., Dataset]) -> None:
    events = make_events([("snapshot", 10, 15), ("trade", 20, 25), ("best", 30, 31), ("mixed", 40, 41)])
    (window,) = windows([save(events)])
    assert window.exch is window.local
    assert window.until == 42
    other = make_events([("depth", 11, 16), ("depth", 21, 26)])
    (both,) = windows([save(events), save(other, "ETHUSDT")])
    assert both.exch is both.local
    assert both.local["instrument"].tolist() == [0, 0, 1, 0, 1, 0, 0, 0, 0, 0]


def test_orders_that_differ_are_two_arrays(save: Callable[..., Dataset]) -> None:
    (window,) = windows([save(make_events([("trade", 30, 40), ("best", 20, 41)]))])
    assert window.exch["exch_ts"].tolist() == [20, 20, 30]
    assert window.local["exch_ts"].tolist() == [30, 20, 20]


def test_moved_times_are_counted(save: Callable[..., Dataset]) -> None:
    events = make_events(
        [
            ("depth", 100, 50),  # home before venue: clamped to 100
            ("trade", 90, 60),  # clamped to 90, then raised to 100
            ("depth", 95, 300),  # venue went back: raised to 100
            ("trade", 95, 200),  # home went back: raised to 310
        ]
    )
    (window,) = windows([save(events, offset=10)])
    assert window.local["local_ts"].tolist() == [100, 100, 310, 310]
    assert window.local["exch_ts"].tolist() == [100, 90, 100, 95]
    assert window.adjusted[0]._asdict() == {"updates": 4, "venue_raised": 1, "home_clamped": 2, "home_raised": 2}


def test_no_datasets_no_windows() -> None:
    assert list(windows([])) == []


def test_memory_is_bounded_by_the_window_not_by_the_recording(
    save: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking ahead never holds more than the rows that the largest latency spans, plus a row group."""
    monkeypatch.setattr(day_file, "ROW_GROUP", 500)
    held: list[int] = []
    times = [(form, 1000 * i, 1000 * i + 20_000) for i, form in enumerate(["depth", "trade"] * 20_000)]
    dataset = save(make_events(times))
    for window in windows([dataset], 1000):
        held.append(max(len(window.exch), len(window.local)))
        assert window.local.base is None or window.local.base.nbytes < 5000 * 56
    assert sum(held) >= dataset.rows
    assert max(held) < 2000


def test_a_manifest_that_hides_the_lag_is_caught(save: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_file, "ROW_GROUP", 2)
    events = make_events([("depth", 100, 110), ("depth", 200, 210), ("trade", 20, 300), ("depth", 300, 310)])
    dataset = save(events)
    dataset.manifest["files"][0]["lag"] = 10
    with pytest.raises(DataError, match="further back than its manifest says"):
        list(windows([dataset], 1))


def test_a_reader_may_stop_early(save: Callable[..., Dataset]) -> None:
    dataset = save(make_events([("depth", i, i) for i in range(1000)]))
    feed = windows([dataset], 10)
    assert len(next(feed).local) == 10
    feed.close()  # type: ignore[attr-defined]
