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
from quotewright.domain.events import EventArray, empty_events
from quotewright.domain.kernel import as_records, records
from quotewright.market.streams import STREAM_OF_KIND
from quotewright.storage.rows import join, pick
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
        exch, local = _merge([source.take(after, until) for source in sources])
        if len(exch) or len(local):
            yield Window(exch, local, until, tuple(source.adjusted() for source in sources))
        after = until


class _Source:
    """One dataset: the updates that are read but not yet due at home, in recorded order."""

    def __init__(self, dataset: Dataset, index: int) -> None:
        self.horizon = -1  # no unread update has a venue time before it, nor thus a home time; NEVER: all is read
        self.home_time = -1  # of the last update read
        self._name = dataset.name
        self._offset = dataset.clock_offset
        self._index = index
        self._lags = _lags(dataset)
        self._timelines = records(1, TIMELINE)
        self._held: list[EventArray] = []
        self._rest = empty_events(0)  # rows of an update that straddles two chunks
        self._newest = 0  # local time in the file, as recorded
        self._chunks = self._read(dataset)

    @property
    def used_up(self) -> bool:
        return self.horizon == NEVER and not self._held

    def read(self) -> None:
        """Take in the next chunk and move the horizon."""
        found = next(self._chunks, None)
        if found is None:
            if len(self._rest):
                raise DataError(f"{self._name}: the last update has no last row: import it again")
            self.horizon = NEVER
            return
        number, chunk = found
        self._newest = max(self._newest, int(chunk["local_ts"].max()))
        events = self._put_in_order(join([self._rest, chunk]) if len(self._rest) else chunk)
        if len(events):
            if int(events["exch_ts"].min()) < self.horizon:
                raise DataError(f"{self._name}: venue times lie further back than its manifest says: import it again")
            events["instrument"] = self._index
            self._held.append(events)
            self.home_time = int(events["local_ts"][-1])
        lag, later = self._lags[number]
        self.horizon = max(self.horizon, min(self._newest - lag, later))

    def ready(self, limit: int) -> list[npt.NDArray[np.int64]]:
        """The home times before `limit` of the updates held."""
        times = [events["local_ts"] for events in self._held]
        return [part if part[-1] < limit else part[: _before(part, limit)] for part in times]

    def take(self, after: int, until: int) -> tuple[EventArray, EventArray]:
        """The rows of [after, until) by venue time, sorted, and by home time; the latter are let go of.

        A row that went home before has a venue time before that, so it needs no more holding.
        """
        events = join(self._held)
        end = _before(events["local_ts"], until)
        local = events[:end]
        self._held = [events[end:]] if end < len(events) else []
        times = events["exch_ts"]
        chosen = (times >= after) & (times < until)
        if chosen[:end].all() and not chosen[end:].any() and (times[1:end] >= times[: max(end - 1, 0)]).all():
            return local, local
        found = np.flatnonzero(chosen)
        return pick(events, found[np.argsort(times[found], kind="stable")]), local

    def adjusted(self) -> Adjusted:
        line = self._timelines[0]
        return Adjusted(*(int(line[name]) for name in Adjusted._fields))

    def _put_in_order(self, events: EventArray) -> EventArray:
        """Whole updates with their times in order; what is left of the events waits for the next chunk."""
        whole = put_in_order(as_records(events), self._timelines, STREAM_OF_KIND, self._offset)
        if self._timelines[0]["uneven"]:
            raise DataError(f"{self._name}: rows of one update differ in time: import it again")
        self._rest = events[whole:].copy()
        return events[:whole]

    def _read(self, dataset: Dataset) -> Iterator[tuple[int, EventArray]]:
        for number, entry in enumerate(dataset.files):
            self._newest = int(entry["first_ts"])
            for chunk in dataset.file_chunks(entry):
                yield number, chunk


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
        if limit == NEVER or sum(len(part) for source in sources for part in source.ready(limit)) >= rows:
            return limit
        slowest.read()


def _choose_until(sources: list[_Source], limit: int, rows: int) -> int:
    """The end of a window of at most `rows` rows by home time, or of one home time if that has more."""
    times = np.concatenate([part for source in sources for part in source.ready(limit)] or [np.zeros(0, np.int64)])
    if len(times) > rows:
        next_time = int(np.partition(times, rows)[rows])
        return next_time if int(times.min()) < next_time else next_time + 1
    return limit if limit < NEVER else max(source.home_time for source in sources) + 1


def _merge(parts: list[tuple[EventArray, EventArray]]) -> tuple[EventArray, EventArray]:
    """The sources' rows in one, by venue time and by home time; at equal times in the order of the sources."""
    if len(parts) == 1:
        return parts[0]
    local = join([part for _, part in parts])
    by_home = np.argsort(local["local_ts"], kind="stable")
    if all(by_venue is by_local for by_venue, by_local in parts):
        by_venue = np.argsort(local["exch_ts"], kind="stable")
        in_home_order = pick(local, by_home)
        return (in_home_order if np.array_equal(by_venue, by_home) else pick(local, by_venue)), in_home_order
    exch = join([part for part, _ in parts])
    return pick(exch, np.argsort(exch["exch_ts"], kind="stable")), pick(local, by_home)


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
