"""Datasets as the feed of a session: windows of events by venue time and by home time, clocks put right.

`timeline` states the clock rules; the store keeps what was recorded. An update's venue time may lie well before its
home time, so a window is only complete when no unread update can still belong to it. How far that is comes from the
manifest: no update of a file lies further behind the newest local time read than the file's `lag`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from quotewright.domain.errors import DataError
from quotewright.domain.events import EventArray
from quotewright.domain.kernel import records
from quotewright.market.streams import STREAM_OF_KIND
from quotewright.storage.runs import Runs, join_runs, to_events
from quotewright.storage.store import Dataset
from quotewright.storage.timeline import TIMELINE, put_in_order

_Item = TypeVar("_Item")

NEVER = 2**63 - 1


class Adjusted(NamedTuple):
    """How many updates of a dataset, of those loaded so far, had their times moved (beyond the clock offset)."""

    updates: int
    venue_raised: int  # venue time went back in its stream
    home_clamped: int  # home time would have been before venue time
    home_raised: int  # home time would have been before the update ahead


class _Part(NamedTuple):
    """What one dataset gives to a window: runs, and which of them by venue time and by home time, in order."""

    runs: Runs
    by_venue: npt.NDArray[np.int64]
    by_home: npt.NDArray[np.int64]


class Window(NamedTuple):
    """All events before `until` (ns) and not in a window before it, in both orders.

    `exch` is sorted by venue time, `local` by home time; both stably by dataset and recorded order, so that
    updates stay whole. The instrument index is the dataset's position. They are one array where both orders agree.
    """

    exch: EventArray
    local: EventArray
    until: int
    adjusted: tuple[Adjusted, ...]


def windows(datasets: Sequence[Dataset], rows: int = 500_000) -> Iterator[Window]:
    """The events of all datasets, merged, in windows of at most `rows` events by home time.

    Only one home time shared by more rows makes a window larger. Memory holds two windows (the next is read in
    the background) and what looking ahead takes, whatever the length of the recordings. Raises DataError for a
    damaged file.
    """
    return _one_ahead(_windows(datasets, max(1, rows)))


def _windows(datasets: Sequence[Dataset], rows: int) -> Iterator[Window]:
    sources = [_Source(dataset, index) for index, dataset in enumerate(datasets)]
    after = -1
    while not all(source.used_up for source in sources):
        limit = _read_enough(sources, rows)
        until = _choose_until(sources, limit, rows)
        exch, local = _merge(sources, [source.take(after, until) for source in sources])
        if len(exch) or len(local):
            yield Window(exch, local, until, tuple(source.adjusted() for source in sources))
        after = until


class _Source:
    """One dataset: the updates that are read but not yet due at home, in recorded order, as runs."""

    def __init__(self, dataset: Dataset, index: int) -> None:
        self.horizon = -1  # no unread update has a venue time before it, nor thus a home time; NEVER: all is read
        self.home_time = -1  # of the last update read
        self.index = index
        self._name = dataset.name
        self._offset = dataset.clock_offset
        self._lags = _lags(dataset)
        self._timelines = records(1, TIMELINE)
        self._held: list[Runs] = []
        self._newest = 0  # local time in the file, as recorded
        self._groups = self._read(dataset)

    @property
    def used_up(self) -> bool:
        return self.horizon == NEVER and not self._held

    def read(self) -> None:
        """Take in the next row group and move the horizon."""
        found = next(self._groups, None)
        if found is None:
            self.horizon = NEVER
            return
        number, read = found
        self._newest = max(self._newest, int(read.local_ts.max()))
        runs = self._put_in_order(read)
        if int(runs.exch_ts.min()) < self.horizon:
            raise DataError(f"{self._name}: venue times lie further back than its manifest says: import it again")
        self._held.append(runs)
        self.home_time = int(runs.local_ts[-1])
        lag, later = self._lags[number]
        self.horizon = max(self.horizon, min(self._newest - lag, later))

    def ready(self, limit: int) -> int:
        """The rows held that are due at home before `limit`."""
        return sum(runs.rows_before(_before(runs.local_ts, limit)) for runs in self._held)

    def ready_runs(self, limit: int) -> tuple[list[npt.NDArray[np.int64]], list[npt.NDArray[np.int64]]]:
        """Home times and numbers of rows of the runs held that are due at home before `limit`."""
        ends = [_before(runs.local_ts, limit) for runs in self._held]
        times = [runs.local_ts[:end] for runs, end in zip(self._held, ends, strict=True)]
        return times, [np.diff(runs.first, append=runs.rows)[:end] for runs, end in zip(self._held, ends, strict=True)]

    def take(self, after: int, until: int) -> _Part:
        """The runs of [after, until) by venue time, in its order, and by home time; the latter are let go of.

        A run that went home before has a venue time before that, so it needs no more holding.
        """
        runs = join_runs(self._held)
        end = _before(runs.local_ts, until)
        self._held = [runs.part(end, len(runs.first))] if end < len(runs.first) else []
        times = runs.exch_ts
        if (times[1:] >= times[:-1]).all():
            by_venue = np.arange(_before(times, after), _before(times, until))
        else:
            found = np.flatnonzero((times >= after) & (times < until))
            by_venue = found[np.argsort(times[found], kind="stable")]
        return _Part(runs, by_venue, np.arange(end))

    def adjusted(self) -> Adjusted:
        line = self._timelines[0]
        return Adjusted(*(int(line[name]) for name in Adjusted._fields))

    def _put_in_order(self, read: Runs) -> Runs:
        """The same runs, with their times in order."""
        runs = read._replace(exch_ts=read.exch_ts.copy(), local_ts=read.local_ts.copy())
        whole = put_in_order(
            runs.exch_ts, runs.local_ts, runs.kind, runs.flags, self._timelines, STREAM_OF_KIND, self._offset
        )
        if self._timelines[0]["uneven"]:
            raise DataError(f"{self._name}: rows of one update differ in time: import it again")
        if whole < len(runs.first):
            raise DataError(f"{self._name}: the last update has no last row: import it again")
        return runs

    def _read(self, dataset: Dataset) -> Iterator[tuple[int, Runs]]:
        for number, entry in enumerate(dataset.files):
            self._newest = int(entry["first_ts"])
            for runs in dataset.file_runs(entry):
                yield number, runs


def _lags(dataset: Dataset) -> list[tuple[int, int]]:
    """For each file its lag, and a time that no venue time in any later file is before."""
    found: list[tuple[int, int]] = []
    later = NEVER
    for entry in reversed(dataset.files):
        found.append((entry["lag"], later))
        later = min(later, entry["first_ts"] - entry["lag"])
    return found[::-1]


def _read_enough(sources: list[_Source], rows: int) -> int:
    """Read until `rows` rows can be handed out; returns the time before which nothing is unread."""
    while True:
        slowest = min(sources, key=lambda source: source.horizon)
        limit = slowest.horizon
        if limit == NEVER or sum(source.ready(limit) for source in sources) >= rows:
            return limit
        slowest.read()


def _choose_until(sources: list[_Source], limit: int, rows: int) -> int:
    """The end of a window of at most `rows` rows by home time, or of one home time if that has more."""
    if sum(source.ready(limit) for source in sources) <= rows:
        return limit if limit < NEVER else max(source.home_time for source in sources) + 1
    ready = [source.ready_runs(limit) for source in sources]
    times = np.concatenate([part for parts, _ in ready for part in parts])
    counts = np.concatenate([part for _, parts in ready for part in parts])
    if len(sources) > 1:
        order = np.argsort(times, kind="stable")
        times, counts = times[order], counts[order]
    next_time = int(times[np.searchsorted(np.cumsum(counts), rows, side="right")])
    return next_time if int(times[0]) < next_time else next_time + 1


def _merge(sources: list[_Source], parts: list[_Part]) -> tuple[EventArray, EventArray]:
    """The sources' rows in one, by venue time and by home time; at equal times in the order of the sources."""
    runs = join_runs([part.runs for part in parts])
    starts = np.cumsum([0, *(len(part.runs.first) for part in parts[:-1])])
    by_venue = np.concatenate([part.by_venue + start for part, start in zip(parts, starts, strict=True)])
    by_home = np.concatenate([part.by_home + start for part, start in zip(parts, starts, strict=True)])
    lengths = [len(part.runs.first) for part in parts]
    instrument = np.repeat(np.array([source.index for source in sources], np.int32), lengths)
    if len(parts) > 1:
        by_venue = by_venue[np.argsort(runs.exch_ts[by_venue], kind="stable")]
        by_home = by_home[np.argsort(runs.local_ts[by_home], kind="stable")]
    if np.array_equal(by_venue, by_home):
        events = to_events(runs, by_home, instrument)
        return events, events
    if _is_range(by_venue) and _is_range(by_home):
        return _two_views(runs, by_venue, by_home, instrument)
    return to_events(runs, by_venue, instrument), to_events(runs, by_home, instrument)


def _two_views(
    runs: Runs, by_venue: npt.NDArray[np.int64], by_home: npt.NDArray[np.int64], instrument: npt.NDArray[np.int32]
) -> tuple[EventArray, EventArray]:
    """Both orders out of one array, as each of them is a stretch of the recorded order."""
    start = min(int(order[0]) for order in (by_venue, by_home) if len(order))
    stop = max(int(order[-1]) for order in (by_venue, by_home) if len(order)) + 1
    events = to_events(runs, np.arange(start, stop), instrument)
    skipped = runs.rows_before(start)

    def view(order: npt.NDArray[np.int64]) -> EventArray:
        if len(order) == 0:
            return events[:0]
        return events[runs.rows_before(int(order[0])) - skipped : runs.rows_before(int(order[-1]) + 1) - skipped]

    return view(by_venue), view(by_home)


def _is_range(order: npt.NDArray[np.int64]) -> bool:
    return len(order) == 0 or bool((np.diff(order) == 1).all())


def _before(times: npt.NDArray[Any], limit: int) -> int:
    """How many of sorted times are before `limit`."""
    return int(np.searchsorted(times, limit))


def _one_ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """The same items, each made while the one before is in use."""
    with ThreadPoolExecutor(1, thread_name_prefix="feed") as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
