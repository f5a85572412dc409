"""Datasets into windows: their events merged, by venue time and by home time, clocks put right.

`timeline` states the clock rules; the store keeps what was recorded. An update's venue time may lie well before its
home time, so a window is only complete when no unread update can still belong to it. How far that is comes from the
manifest: no update of a file lies further behind the newest local time read than the file's `lag`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from quotewright.domain.events import EVENT, EventArray
from quotewright.storage.buffers import Buffers
from quotewright.storage.feed_source import NEVER, Due, Source
from quotewright.storage.run_kernels import gather
from quotewright.storage.runs import write_rows
from quotewright.storage.store import Dataset
from quotewright.storage.window import Window

_Item = TypeVar("_Item")
_Whole = npt.NDArray[np.int64]


def packed_windows(datasets: Sequence[Dataset], rows: int = 250_000) -> Iterator[Window]:
    """The events of all datasets, merged, in windows of at most `rows` events by home time.

    Only one home time shared by more rows makes a window larger. Memory holds two windows (the next is read in
    the background) and what looking ahead takes, whatever the length of the recordings. Raises DataError for a
    damaged file.
    """
    return _one_ahead(_windows(datasets, max(1, rows)))


def _windows(datasets: Sequence[Dataset], rows: int) -> Iterator[Window]:
    sources = [Source(dataset, index) for index, dataset in enumerate(datasets)]
    buffers = Buffers()
    after = -1
    while not all(source.used_up for source in sources):
        limit = _read_enough(sources, rows)
        until = _choose_until(sources, limit, rows)
        exch, local, one_order = _merge(sources, after, until, buffers)
        if len(exch) or len(local):
            yield Window(exch, local, until, tuple(source.adjusted() for source in sources), one_order)
        after = until


def _read_enough(sources: list[Source], rows: int) -> int:
    """Read until `rows` rows can be handed out; returns the time before which nothing is unread."""
    while True:
        slowest = min(sources, key=lambda source: source.horizon)
        limit = slowest.horizon
        if limit == NEVER or _ready(sources, limit) >= rows:
            return limit
        slowest.read()


def _ready(sources: list[Source], limit: int) -> int:
    return sum(source.ready(limit) for source in sources)


def _choose_until(sources: list[Source], limit: int, rows: int) -> int:
    """The end of a window of at most `rows` rows by home time, or of one home time if that has more."""
    if _ready(sources, limit) <= rows:
        return limit if limit < NEVER else max(source.home_time for source in sources) + 1
    first = min(source.next_home for source in sources)
    if len(sources) == 1:
        time = sources[0].home_time_of(rows)
        return time if time > first else time + 1
    low, high = first, min(limit, max(source.home_time for source in sources) + 1)
    while low + 1 < high:  # at most `rows` rows are due before `low`, more before `high`
        middle = (low + high) // 2
        if _ready(sources, middle) <= rows:
            low = middle
        else:
            high = middle
    return low if low > first else low + 1


def _merge(sources: list[Source], after: int, until: int, buffers: Buffers) -> tuple[EventArray, EventArray, bool]:
    """The sources' rows in one, by venue time and by home time; at equal times in the order of the sources.

    Also whether that is one order.
    """
    dues = [source.take(after, until) for source in sources]
    rows = buffers.rows(sum(due.rows for due in dues))
    at = 0
    for source, due in zip(sources, dues, strict=True):
        for runs, start, stop in due.stretches:
            at = write_rows(runs, start, stop, source.index, rows, at)
    if len(dues) == 1 and dues[0].venue_rows is not None:
        low, high = dues[0].venue_rows
        local = _events(rows[: dues[0].home_rows])
        return (local if (low, high) == (0, dues[0].home_rows) else _events(rows[low:high])), local, True
    return _reorder(_RunTable(dues), rows, after, until, buffers)


class _RunTable:
    """Of every run of some datasets: times, place and number of rows, and whether it is due at home."""

    def __init__(self, dues: list[Due]) -> None:
        parts = [stretch for due in dues for stretch in due.stretches]
        self.exch_ts = _joined([runs.exch_ts[start:stop] for runs, start, stop in parts])
        self.local_ts = _joined([runs.local_ts[start:stop] for runs, start, stop in parts])
        self.count = _joined([runs.counts(start, stop) for runs, start, stop in parts])
        self.first = np.cumsum(self.count) - self.count
        lengths = [sum(stop - start for _, start, stop in due.stretches) for due in dues]
        starts = np.cumsum([0, *lengths[:-1]])
        self.home = _joined([np.arange(at, at + due.home_runs) for at, due in zip(starts, dues, strict=True)])


def _reorder(
    table: _RunTable, rows: _Whole, after: int, until: int, buffers: Buffers
) -> tuple[EventArray, EventArray, bool]:
    by_home = table.home[np.argsort(table.local_ts[table.home], kind="stable")]
    due = np.flatnonzero((table.exch_ts >= after) & (table.exch_ts < until))
    by_venue = due[np.argsort(table.exch_ts[due], kind="stable")]
    local = _gathered(table, rows, by_home, buffers)
    if np.array_equal(by_venue, by_home):
        return local, local, len(by_home) == int((table.exch_ts < until).sum())  # none is overtaken by the window
    return _gathered(table, rows, by_venue, buffers), local, False


def _gathered(table: _RunTable, rows: _Whole, order: _Whole, buffers: Buffers) -> EventArray:
    """The rows of the runs in an order; a view if they stand like that."""
    first, count = table.first[order], table.count[order]
    size = int(count.sum())
    if len(order) == 0 or (int(order[-1]) - int(order[0]) + 1 == len(order) and bool((np.diff(order) == 1).all())):
        start = int(first[0]) if len(order) else 0
        return _events(rows[start : start + size])
    out = buffers.rows(size)
    gather(rows, first, count, out)
    return _events(out)


def _events(rows: _Whole) -> EventArray:
    return rows.reshape(-1).view(EVENT)


def _joined(parts: list[_Whole]) -> _Whole:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _one_ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """The same items, each made while the one before is in use."""
    with ThreadPoolExecutor(1, thread_name_prefix="feed") as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
